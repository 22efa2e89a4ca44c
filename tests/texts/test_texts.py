"""Words for people: every text has its Russian one, says the same, and every code of the core has its words."""

import dataclasses
import re
from collections.abc import Iterator
from datetime import UTC, datetime
from functools import partial
from string import Formatter
from typing import Any

import pytest
from babel.messages.catalog import Catalog, Message

from bot.delivery.client_notices import CLIENT_NOTICES, client_notice
from bot.delivery.staff_notices import STAFF_NOTICES, staff_notice
from bot.demo.captions import CAPTIONS
from bot.demo.dialogues import CASTS
from bot.demo.playground_texts import TEXTS
from bot.handling.incoming import SPOKEN
from bot.sandbox.page.captions import CAPTIONS as PAGE
from bot.texts import LANGUAGES, catalogue, translator
from bot.texts.phrases import kind_name, percent, why_nobody, why_not_kept
from bot.texts.refusals import REFUSALS, refusal
from bot.texts.translator import CATALOGUES
from crm_core import errors
from crm_core.delivery.claimed_rows import CardData
from crm_core.errors import CrmError
from crm_core.routing.choose import Exclusion
from tests.support.source_scan import ERRORS, announced, labels, raised

TOAST_LONGEST = 200  # answerCallbackQuery
LABEL_LONGEST = 20  # two buttons stand beside each other on a phone
CYRILLIC = re.compile("[а-яё]", re.IGNORECASE)

RU = translator("ru")
KEPT = catalogue.read("ru")
ENTRIES = [message for message in KEPT if message.id]
PLURALS = [message for message in ENTRIES if message.pluralizable]


def ids(message: Message) -> tuple[str, ...]:
    """The English text of an entry, or its two forms."""
    return (message.id,) if isinstance(message.id, str) else tuple(message.id)


def named(message: Message) -> str:
    """An entry as pytest names it."""
    return ids(message)[0]


# --- the catalogue and the code ---------------------------------------------------------------------------------------


def test_catalogue_contains_exactly_the_texts_in_code() -> None:
    """`python -m bot.texts.catalogue` brings it there; what it adds is to be translated."""

    def texts(of: Catalog) -> set[tuple[str, ...]]:
        return {ids(message) for message in of if message.id}

    said, kept = texts(catalogue.extracted()), texts(KEPT)
    assert len(said) > 200
    assert {"missing": said - kept, "unused": kept - said} == {"missing": set(), "unused": set()}


def test_updating_the_catalogue_again_changes_nothing() -> None:
    path = CATALOGUES / "ru.po"
    assert catalogue.as_file(catalogue.updated("ru")) == path.read_bytes()


def test_catalogue_header_names_no_person_or_date() -> None:
    text = (CATALOGUES / "ru.po").read_text(encoding="utf-8")
    head = text.partition("\n\n")[0]
    assert '"Project-Id-Version: Mini-CRM\\n"' in head
    assert "nplurals=3" in head
    assert not re.search(r"@|Date|YEAR|FULL NAME", head)


def test_every_text_is_translated() -> None:
    assert [ids(message) for message in catalogue.untranslated(KEPT)] == []
    assert [ids(message) for message in KEPT if message.fuzzy] == []


def test_languages_match_the_catalogues() -> None:
    assert {*LANGUAGES} == {"en", *(path.stem for path in CATALOGUES.glob("*.po"))}


# --- a translation says the same --------------------------------------------------------------------------------------


def fields(text: str) -> set[str]:
    """The values that a text has places for."""
    return {name for _, name, _, _ in Formatter().parse(text) if name is not None}


def test_translation_uses_the_same_placeholders() -> None:
    wrong = {}
    for message in ENTRIES:
        wanted = set().union(*map(fields, ids(message)))
        if [fields(form) for form in catalogue.forms(message)] != [wanted] * (3 if message.pluralizable else 1):
            wrong[named(message)] = message.string
    assert wrong == {}


def written(language: str) -> Iterator[str]:
    """Everything that is written in a language for people to read."""
    for message in ENTRIES:
        yield from ids(message) if language == "en" else catalogue.forms(message)
    for texts in (TEXTS, CAPTIONS):
        yield from texts[language].values()
    yield from PAGE[language].texts.values()
    for dialogue in CASTS[language].dialogues:
        yield from (said for _, said in dialogue.turns if isinstance(said, str))
    yield percent(0.6, translator(language))
    yield TEXTS[language]["percent"].format(count=60)


@pytest.mark.parametrize(("language", "wrong"), [("en", r"\s%"), ("ru", r"(?<!\N{NO-BREAK SPACE})%")])
def test_percentages_are_written_as_the_language_does(language: str, wrong: str) -> None:
    assert [text for text in written(language) if re.search(wrong, text)] == []


COMMAND = re.compile(r"(?<![\w/])/[a-z]+")
SIGN = re.compile(r"[^\w\s{(/#,«]+ ")  # an emoji or a bullet at the beginning
END = re.compile(r"[.:?!…]?$")  # what follows is joined to it


def frame(text: str) -> tuple[object, ...]:
    """What a text has besides words: commands, the sign before it, the end, lines."""
    sign, end = SIGN.match(text), END.search(text)
    return tuple(sorted(COMMAND.findall(text))), sign and sign[0], end and end[0], text.count("\n")


def test_no_translation_says_everything_twice() -> None:
    found = [form for message in ENTRIES for form in catalogue.forms(message) if len(form) > 20]
    assert [form for form in found if form[: len(form) // 2] == form[len(form) // 2 :]] == []


def test_translation_keeps_commands_signs_and_lines() -> None:
    wrong = {}
    for message in ENTRIES:
        if {frame(form) for form in catalogue.forms(message)} != {frame(ids(message)[0])}:
            wrong[named(message)] = message.string
    assert wrong == {}


# Which form a number asks for, as a Russian says it; the catalogue's own rule is not asked.
FORM_AT = {0: 2, 1: 0, 2: 1, 5: 2, 11: 2, 12: 2, 21: 0, 22: 1, 25: 2, 101: 0, 111: 2, 112: 2, 122: 1}
# The words that agree with a number; a new text with another such word adds it here.
AGREEING = {
    forms[0]: forms
    for forms in [
        ("обращение", "обращения", "обращений"),
        ("открытое", "открытых", "открытых"),
        ("прошлое", "прошлых", "прошлых"),
        ("новое", "новых", "новых"),
        ("ждёт", "ждут", "ждут"),
        ("вернётся", "вернутся", "вернутся"),
        ("уйдёт", "уйдут", "уйдут"),
        ("источник", "источника", "источников"),
        ("строка", "строки", "строк"),
        ("сообщение", "сообщения", "сообщений"),
    ]
}


@pytest.mark.parametrize("message", PLURALS, ids=named)
@pytest.mark.parametrize(("n", "form"), FORM_AT.items())
def test_russian_words_agree_with_their_number(message: Message, n: int, form: int) -> None:
    one, (single, several) = catalogue.forms(message)[0], ids(message)
    bent = re.sub(r"\w+", lambda word: AGREEING.get(word[0], (word[0],) * 3)[form], one)
    assert set(re.findall(r"\w+", one)) & AGREEING.keys()
    assert RU.plural(single, several, n).format(n=n, id=15) == bent.format(n=n, id=15)


def test_russian_numbers_use_the_right_plural_form() -> None:
    said = [RU.plural("{n} request", "{n} requests", n).format(n=n) for n in (1, 2, 5, 11, 21, 22, 25, 101, 111)]
    assert said == [
        "1 обращение",
        "2 обращения",
        "5 обращений",
        "11 обращений",
        "21 обращение",
        "22 обращения",
        "25 обращений",
        "101 обращение",
        "111 обращений",
    ]


# --- buttons ----------------------------------------------------------------------------------------------------------


def test_translated_labels_fit_their_buttons(subtests: pytest.Subtests) -> None:
    for label in sorted(labels()):
        with subtests.test(label):
            words = RU(label)
            assert words != label
            assert len(re.sub(r"\{\w+\}", "", words)) <= LABEL_LONGEST


def test_button_labels_are_found_in_code() -> None:
    assert {"✋ Take", "✔️ Close", "📞 Share my phone", "No, keep"} <= labels()


# --- refusals ---------------------------------------------------------------------------------------------------------

SAMPLES: dict[str, Any] = {
    "bot": "shop_bot", "close": ["Анна", "Анна Мария"], "contact": 15,
    "field": "limit", "kind": "photo", "maximum": 64, "minimum": 0, "name": "Ана", "operator": "Анна", "role": "admin",
    "slug": "vk", "source": "shop_bot", "version": 3, "why": "full+offline",
}  # fmt: skip


def variants(name: str, given: tuple[str, ...]) -> Iterator[CrmError]:
    """An error as it may be made: with the values that ask for other words, too."""
    values = {one: SAMPLES.get(one, 7) for one in given}
    yield ERRORS[name](**values)
    if name == "ContactHeld":
        yield ERRORS[name](**{**values, "operator": None})
    if "close" in given:
        yield ERRORS[name](**{**values, "close": []})
    if "field" in given:
        yield from (ERRORS[name](**{**values, "field": field}) for field in ("weight", "description", "anything"))


def test_every_error_has_exactly_one_refusal_text() -> None:
    codes = [kind.code for kind in ERRORS.values()]
    assert len(codes) == len(set(codes))
    assert REFUSALS.keys() == set(codes)


def test_refusal_text_can_be_built_in_both_languages(subtests: pytest.Subtests) -> None:
    for error in (error for name, given in raised() for error in variants(name, given)):
        with subtests.test(type(error).__name__, **error.fields):
            english, russian = (refusal(error, translator(language)) for language in ("en", "ru"))
            assert CYRILLIC.search(russian)
            assert english != russian
            for text in (english, russian):
                assert 5 < len(text) <= TOAST_LONGEST  # pressed buttons are answered with it
                assert "{" not in text
                assert "None" not in text


def test_refusal_suggests_similar_names() -> None:
    error = errors.OperatorNotFound(name="Ана", close=["Анна", "Яна"])
    assert refusal(error, RU) == "Оператора «Ана» нет. Список: /operators. Может быть, «Анна», «Яна»?"


# --- notices ----------------------------------------------------------------------------------------------------------

CONTACT = CardData(
    id=15,
    version=1,
    status="new",
    source="shop_bot",
    bot_id=700001,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    taken_at=None,
    closed_at=None,
    operator="Анна",
    operator_chat=7,
    lead_name="Иван",
    lead_username=None,
    lead_language="ru",
    phone=None,
    email=None,
    email_hint=None,
    first_kind="text",
    first_text="Привет",
    first_entities=None,
    earlier=0,
    last_operator=None,
)
NOTICED: dict[str, Any] = {
    **SAMPLES, "client": "Ivan", "contact": 15, "error": "KeyError", "inbox": 9, "language": "ru", "limit": 5,
    "load": 5, "reply_to": 77, "returned": 3, "said": [{"kind": "voice", "text": None}],
    "value": "+7 999 000-30-01", "why": "full", "zone": "Europe/Moscow", "contacts": [4, 5],
    "sources": ["shop_bot"], "username": "anna", "calendar": {"zone": "Europe/Moscow", "week": [["09:00-18:00"]]},
    "requests": [{"contact": 15, "name": "Ivan", "operator": "Anna", "since": 0.0, "unanswered": 1}],
    "is_held": True, "forwarded_from": "Petra", "about": None,
    "late": [{"contact": 15, "name": "Ivan", "operator": "Anna", "source": "shop_bot", "measure": "next_reply"}],
}  # fmt: skip


def test_notice_codes_are_found_in_code() -> None:
    found = {code: is_for_clients for code, is_for_clients, _ in announced()}
    expected = {"registered": True, "taken": True, "closed": True, "slowed": True, "contact_waits": False}
    expected |= {"bot_refused": False, "delivery_failed": False, "maybe_doubled": False, "update_dead": False}
    assert expected.items() <= found.items()


WITHOUT_WORDS = {"went_to"}  # an arrow, a number and a name


def said(code: str, *, payload: dict[str, Any], language: str, is_for_clients: bool) -> str | None:
    """What a notice of a code says in a language."""
    _ = translator(language)
    if not is_for_clients:
        return staff_notice({**payload, "code": code, "now": 60.0}, _)
    notice = client_notice(code, None if code == "slowed" else CONTACT, payload, _)
    return notice.text if notice else None


def test_every_notice_has_its_own_text_in_both_languages(subtests: pytest.Subtests) -> None:
    for code, is_for_clients, given in announced():
        if code in WITHOUT_WORDS:
            continue
        with subtests.test(code, is_for_clients=is_for_clients):
            payload = {"code": code, **{one: NOTICED.get(one, 7) for one in given}}
            say = partial(said, payload=payload, is_for_clients=is_for_clients)
            english, russian = say(code, language="en"), say(code, language="ru")
            assert english
            assert russian
            assert english != russian
            assert CYRILLIC.search(russian)
            for text in (english, russian):
                assert "{" not in text
                assert "None" not in text
                assert text != code
            assert say("no such code", language="en") != english


def test_notice_tables_contain_exactly_the_codes_in_code() -> None:
    found = {code: is_for_clients for code, is_for_clients, _ in announced()}
    assert CLIENT_NOTICES.keys() == {code for code, is_for_clients in found.items() if is_for_clients}
    assert STAFF_NOTICES.keys() - {"not_copyable"} == {code for code, is_for in found.items() if not is_for}


@pytest.mark.parametrize("place", [1, 2, 5])
def test_waiting_client_notice_shows_queue_position(place: int) -> None:
    waiting = dataclasses.replace(CONTACT, operator=None, operator_chat=None, queue_position=place)
    notice = client_notice("registered", waiting, {"code": "registered"}, RU)
    assert notice is not None
    assert ("следующая" in notice.text) if place == 1 else notice.text.endswith(f": {place}.")


# --- codes within other texts -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", sorted(kind.value for kind in SPOKEN))
def test_every_message_kind_has_a_name(kind: str) -> None:
    assert CYRILLIC.search(kind_name(kind, RU))


@pytest.mark.parametrize("why", ["no_space", "no_folder", "not_writable", "not_made", "not_readable", "foreign"])
def test_every_reason_of_a_failed_backup_is_said_in_words(why: str) -> None:
    assert CYRILLIC.search(why_not_kept(why, RU))


@pytest.mark.parametrize("why", [*Exclusion, "no_operators", "source_off", "source_closed"])
def test_every_exclusion_reason_has_a_text(why: str) -> None:
    assert CYRILLIC.search(why_nobody(why, RU))
    assert why_nobody(f"{why}+full", RU).endswith(", лимит исчерпан")

"""Whatever people are called and write: a card can be sent, says it literally, and no sign of theirs steers it."""

import dataclasses
from datetime import UTC, datetime, timedelta
from typing import Any
from unicodedata import category
from zoneinfo import ZoneInfo

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from bot.delivery.cards import card
from bot.texts import translator
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.delivery.claimed_rows import CardData
from crm_core.messaging.messages import CARD_TEXT_LIMIT, Original, fits_card, fits_units, utf16_units
from crm_core.names import shows_something
from tests.stories.operators.test_cards import HOSTILE

ZONE = ZoneInfo("UTC")
NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
MESSAGE_LONGEST = 4096  # sendMessage, in UTF-16 units
PLAIN = CardData(
    id=15,
    version=3,
    status="new",
    source="shop_bot",
    bot_id=700001,
    created_at=NOW,
    taken_at=None,
    closed_at=None,
    operator="Anna",
    operator_chat=7,
    lead_name="Ivan",
    lead_username="ivan",
    lead_language="en",
    phone=None,
    email=None,
    email_hint=None,
    first_kind="text",
    first_text="Hello",
    first_entities=None,
    earlier=0,
    last_operator=None,
)

# Characters beyond the first plane, joiners, marks that turn the direction of writing, markup of every kind.
ODD = st.sampled_from(
    [
        "😀",
        "👨‍👩‍👧‍👦",
        "\u200b",
        "\u202e",
        "\u2066",
        "é",
        "مرحبا",
        "<b>",
        "</a>",
        "*",
        "_",
        "`",
        "[x](tg://user?id=1)",
        "\n",
    ]
)
WORDS = st.lists(st.one_of(st.text(alphabet=st.characters(codec="utf-8"), max_size=40), ODD), max_size=60).map("".join)
NAMES = st.one_of(st.sampled_from(HOSTILE), WORDS).map(lambda name: fits_units(name, 128))
STYLES = st.sampled_from(["bold", "italic", "underline", "spoiler", "code"])
LONG_AGO = NOW - timedelta(days=800)
MOMENTS = st.sampled_from([None, NOW, NOW - timedelta(hours=1), LONG_AGO])
SKILLS = ",".join(f"{number:02}{'ш' * 30}=10080" for number in range(20))
MANY = [{"type": "bold", "offset": 2 * number, "length": 1} for number in range(150)]


@st.composite
def formatted(draw: st.DrawFn) -> tuple[str, list[dict[str, Any]]]:
    """A message as Telegram brings it: parts in some style, up to the longest that it takes."""
    parts = draw(st.lists(st.tuples(st.one_of(WORDS, ODD), st.one_of(st.none(), STYLES)), max_size=130))
    times = draw(st.sampled_from([1, 1, 1, 40, 400]))
    text, entities = "", list[dict[str, Any]]()
    for part, style in parts * times:
        end = utf16_units(text) + utf16_units(part)
        if end > MESSAGE_LONGEST:
            break
        if style is not None and part.strip():
            entities.append({"type": style, "offset": end - utf16_units(part), "length": utf16_units(part)})
        text += part
    return text, entities


@pytest.mark.further
@pytest.mark.fault("F46", "F76")
@settings(max_examples=150, deadline=None)
@given(
    name=NAMES,
    source=NAMES.filter(bool),
    words=formatted(),
    language=st.sampled_from(["ru", "en"]),
    status=st.sampled_from(["new", "in_progress"]),
    note=st.one_of(st.none(), NAMES.filter(bool)),
    needed=st.one_of(st.none(), st.builds(Needed, MOMENTS, st.integers(0, 1_000), MOMENTS, MOMENTS)),
    skills=st.sampled_from([None, "german,vip=30", SKILLS]),
    last=st.sampled_from([None, NOW - timedelta(days=400)]),
)
@example(
    name="x", source="s", words=("a" * 4096, []), language="ru", status="new", note="😀" * 250, needed=None,
    skills=SKILLS, last=NOW - timedelta(days=400),
)  # fmt: skip
@example(
    name="x", source="s", words=("😀" * 2048, []), language="ru", status="new", note="😀" * 250,
    needed=Needed(LONG_AGO, 1_000, LONG_AGO, LONG_AGO), skills=SKILLS, last=None,
)  # fmt: skip
@example(
    name="x", source="s", words=("a " * 1500, MANY), language="en", status="in_progress", note=None,
    needed=Needed(LONG_AGO, 3, None, LONG_AGO), skills=None, last=None,
)  # fmt: skip
def test_any_name_and_text_make_a_valid_card(
    name: str,
    source: str,
    words: tuple[str, list[dict[str, Any]]],
    language: str,
    status: str,
    note: str | None,
    needed: Needed | None,
    skills: str | None,
    last: datetime | None,
) -> None:
    text, entities = words
    contact = dataclasses.replace(
        PLAIN,
        lead_name=name,
        source=source,
        first_text=text,
        first_entities=entities,
        status=status,
        note=note,
        note_by=name,
        own_skills=skills,
        earlier=1_000,
        last_id=2**31 - 1,
        last_operator=name or None,
        last_closed_at=last,
    )
    said = [Said(NOW, who, "text", text) for who in (None, name, None, name, None)]
    brief = card(contact, chat_id=7, _=translator(language), now=NOW, zone=ZONE, latest=said, needed=needed)
    assert utf16_units(brief.text) <= MESSAGE_LONGEST
    new = needed.new if needed is not None and needed.looked_at is not None else 0
    assert ("🔔" in brief.text.replace(text, "")) is bool(new) or "🔔" in text + name + source + (note or "")
    made = card(contact, chat_id=7, _=translator(language), now=NOW, zone=ZONE)
    shown, units = made.text, made.text.encode("utf-16-le")
    assert utf16_units(shown) <= MESSAGE_LONGEST
    whole = text if utf16_units(text) <= CARD_TEXT_LIMIT else fits_units(text, CARD_TEXT_LIMIT)
    assert (whole if shows_something(text) else "[") in shown
    for one in made.entities:
        first, end = one["offset"], one["offset"] + one["length"]
        assert 0 <= first < end <= len(units) // 2
        for edge in (first, end):  # no character is cut in two
            units[: edge * 2].decode("utf-16-le")
    # What is marked is our own, and what the client marked in the message.
    assert {one["type"] for one in made.entities} <= {"bold", "italic", *(one["type"] for one in entities)}
    assert made.entities[0]["offset"] == 0
    assert shown.startswith("#15 ")
    assert made.keyboard is not None
    pressed = {button["callback_data"] for row in made.keyboard["inline_keyboard"] for button in row}
    assert pressed <= {"take:15:3", "close:15:3", "more:15"}
    # The name is one line, whatever is in it.
    name_line, source_line = shown.splitlines()[:2]
    assert source_line.startswith("📥 ")
    if shows_something(name):  # otherwise it is said that there is none
        assert " ".join("".join(" " if category(sign) == "Cc" else sign for sign in name).split()) in name_line


@pytest.mark.fault("F112")
@pytest.mark.parametrize("sign", ["\x00", "\x07", "\x1b", "\x7f", "\x85", "\x9b", "\n", "\r", "\u2028"])
def test_no_control_character_of_a_name_phone_or_address_reaches_the_card(sign: str) -> None:
    odd = f"+7 999{sign}1"
    shown = dataclasses.replace(PLAIN, status="in_progress", lead_name=odd, phone=odd, email=odd, email_hint=odd)
    plain = dataclasses.replace(shown, lead_name="x", phone="x", email="x", email_hint="x")
    text = card(shown, chat_id=7, _=translator("en"), now=NOW, zone=ZONE).text
    assert sign not in text.replace("\n", "")
    assert text.count("+7 999 1") == 4
    assert text.count("\n") == card(plain, chat_id=7, _=translator("en"), now=NOW, zone=ZONE).text.count("\n")


@pytest.mark.fault("F139", "F140")
@pytest.mark.parametrize("language", ["ru", "en"])
def test_longest_origin_and_longest_fields_make_a_valid_card(language: str) -> None:
    links = [
        {"type": "text_link", "offset": at, "length": 1, "url": "https://x.example/" + str(at) * 200} for at in range(5)
    ]
    about = {
        "elsewhere": True,
        "kind": "unique_gift",
        "from": "ш" * 500,
        "link": "l" * 500,
        "quote": {"text": "q" * 4096},
    }
    contact = dataclasses.replace(
        PLAIN, lead_name="😀" * 64, lead_username="u" * 32, source="S" * 64, status="in_progress", phone="+" + "7" * 20,
        last_id=2**31 - 1, last_closed_at=LONG_AGO, own_skills=SKILLS,
        email="e" * 254, email_hint="h" * 254, earlier=100, last_operator="A" * 64, first_text="x" * 2_200,
        first_entities=links, first_forwarded_from="ع" * 500, first_about=about,
    )  # fmt: skip
    assert fits_card(Original(1, "text", contact.first_text, can_copy=True, has_origin=True))
    made = card(contact, chat_id=7, _=translator(language), now=NOW, zone=ZONE)
    assert "x" * 2_200 in made.text
    assert utf16_units(made.text) <= MESSAGE_LONGEST

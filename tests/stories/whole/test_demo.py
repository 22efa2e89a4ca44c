"""`make demo` as a newcomer sees it, and the count behind its "0 lost, 0 doubled"."""

import os
import re
from pathlib import Path
from typing import Any

import pytest

from bot.demo.audit import audit
from bot.demo.captions import CAPTIONS
from bot.demo.dialogues import CASTS, CLIENT, OPERATOR, Said
from bot.demo.screen import cells, cut, fit
from bot.demo.show import RUSH
from bot.demo.slips import SAID_BY_CLIENTS, SAID_BY_OPERATORS, SLIPS
from tests.support.processes import command, fresh_command

SHOP, ANNA, IVAN = 700001, 11, 22
NAMES = {ANNA: "Anna", IVAN: "Ivan Petrov"}


def messages_in(said: Said) -> int:
    return 1 if isinstance(said, str) else len(said.wire().get("items", [None]))


@pytest.mark.parametrize("language", ["ru", "en"])
async def test_demo_runs_without_token_and_reports_no_losses_or_duplicates(language: str, tmp_path: Path) -> None:
    """It needs no token and takes none from around it, ends by itself, leaves nothing behind, and tells the truth."""
    start = fresh_command if language == "ru" else command  # as a newcomer does, and without importing all of it again
    ended = await start(
        "demo",
        "--fast",
        folder=tmp_path,
        DEFAULT_LANGUAGE=language,
        BOT_TOKENS="1234567:real-token-of-a-real-bot",
        COLUMNS="100",
        TMPDIR=str(tmp_path),
        TELEGRAM_API_URL="http://127.0.0.1:1",
    )
    assert ended.status == 0, ended.out + ended.err
    assert ended.err == ""
    assert os.listdir(tmp_path) == []
    cast, captions = CASTS[language], CAPTIONS[language]
    everything = re.sub(r"\s+", " ", ended.out)
    for name in (*cast.operators, cast.admin):
        assert name in everything
    for dialogue in cast.dialogues:
        assert f"{dialogue.first_name} → @{cast.bots[dialogue.bot][0]}" in everything
    assert captions["queued"] in everything  # the limits are small enough that somebody waits
    assert captions["from_queue"] in everything
    planned = re.findall(rf"({'|'.join(cast.operators)}) +(\d+) ?% +\d+ ?% +\d+", ended.out)
    assert sorted(planned) == sorted(2 * list(zip(cast.operators, ("30", "10", "60"), strict=True)))
    told = re.escape(captions["sent"]).replace(r"\{clients\}", r"(\d+)").replace(r"\{operators\}", r"(\d+)")
    told = told.replace(r"\{lost\}", "0").replace(r"\{doubled\}", "0")
    found = re.search("✓ " + told, ended.out)
    assert found is not None
    quick = sum(RUSH.values())
    turns = [who for dialogue in cast.dialogues for who, said in dialogue.turns for _ in range(messages_in(said))]
    assert (int(found[1]), int(found[2])) == (
        turns.count(CLIENT) + SAID_BY_CLIENTS + quick,
        turns.count(OPERATOR) + SAID_BY_OPERATORS + quick,
    )
    slip = SLIPS[language]
    for words in (slip.unquoted, slip.thanks, slip.mistake, slip.instead, slip.news):
        assert words in everything
    assert captions["quoting"].format(quoted=slip.quoted, words=slip.doubt) in everything
    assert f"✏️ {slip.corrected}" in everything
    assert captions["album"] in everything
    assert all(cells(line) <= 99 for line in ended.out.splitlines() if line.startswith(("  ", " ")) and "#" in line)


def test_demo_dialogues_have_the_same_shape_in_both_languages() -> None:
    assert set(CAPTIONS["ru"]) == set(CAPTIONS["en"])
    shapes = {
        language: [(one.bot, [who for who, _ in one.turns]) for one in cast.dialogues]
        for language, cast in CASTS.items()
    }
    assert shapes["ru"] == shapes["en"]
    for cast in CASTS.values():
        assert len({f"{one.first_name} {one.last_name}" for one in cast.dialogues}) >= 12
        assert len(cast.passers_by) == len(set(cast.passers_by)) == 20


# --- the count -----------------------------------------------------------------------------------------------------


def said(message_id: int, who: int, text: str) -> dict[str, Any]:
    return entry(message_id, who, who, text)


def copied(message_id: int, to: int, *, of: tuple[int, int], text: str = "…") -> dict[str, Any]:
    return entry(message_id, to, SHOP, text, copied_from=list(of))


def card(message_id: int, number: int, words: str, name: str = "Ivan Petrov") -> dict[str, Any]:
    return entry(message_id, ANNA, SHOP, f"#{number} {name} @ivan\n📥 shop_bot\n\n{words}\n\n🆕 New since 14:05")


def entry(message_id: int, chat: int, sender: int, text: str, **more: Any) -> dict[str, Any]:
    plain = {"event": "new", "bot": SHOP, "kind": "text", "copied_from": None}
    return {**plain, "message_id": message_id, "chat": chat, "sender": sender, "text": text, **more}


WELL = [
    said(1, IVAN, "/start"),
    said(2, IVAN, "Hello"),
    card(1, 1, "Hello"),
    said(3, IVAN, "Anybody there?"),
    copied(2, ANNA, of=(IVAN, 3)),
    said(3, ANNA, "Yes"),
    copied(4, IVAN, of=(ANNA, 3)),
]


def count(entries: list[dict[str, Any]]) -> tuple[int, int, list[str], int, int]:
    found = audit(entries, operators=[ANNA], names=NAMES)
    return found.clients, found.operators, [what for _, what in found.lost], found.doubled, found.cards


def test_audit_of_complete_delivery_finds_no_errors() -> None:
    assert count(WELL) == (2, 1, [], 0, 1)


@pytest.mark.parametrize(("gone", "what"), [(2, "Hello"), (4, "Anybody there?"), (6, "Yes")])
def test_audit_reports_an_undelivered_message_as_lost(gone: int, what: str) -> None:
    assert count(WELL[:gone] + WELL[gone + 1 :])[2] == [what]


@pytest.mark.parametrize("again", [4, 6])
def test_audit_counts_a_second_copy_as_a_duplicate(again: int) -> None:
    assert count([*WELL, {**WELL[again], "message_id": 99}])[2:4] == ([], 1)


def test_audit_counts_a_second_card_as_a_duplicate() -> None:
    assert count([*WELL, {**WELL[2], "message_id": 99}])[3] == 2  # the card, and the words on it


def test_audit_separates_contacts_with_the_same_first_message() -> None:
    again = [said(5, IVAN, "Hello"), card(6, 2, "Hello")]
    assert count([*WELL, *again]) == (3, 1, [], 0, 2)
    assert count([*WELL, *again[:1]])[2] == ["Hello"]


def test_audit_does_not_count_an_edited_card_as_a_duplicate() -> None:
    assert count([*WELL, {**WELL[2], "event": "edited"}])[3] == 0


def test_audit_counts_a_message_on_another_clients_card_as_lost() -> None:
    assert count([*WELL[:2], card(1, 1, "Hello", name="Pyotr"), *WELL[3:]])[2] == ["Hello"]


# --- columns -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("text", ["plain", "Кириллица", "🎤 voice", "漢字", "e\u0301", "👍🏽", "", "a  b\nc"])
@pytest.mark.parametrize("width", [4, 7, 30])
def test_demo_text_is_fitted_to_the_column_width(text: str, width: int) -> None:
    assert cells(fit(text, width)) == width
    assert cells(cut(text, width)) <= width

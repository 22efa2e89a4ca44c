"""Clients who write without end: their operator goes on seeing everybody else, and nothing is lost."""

import pytest

from bot.delivery.chat_lanes import COPIES_AT_MOST
from bot.sandbox import Person, Sandbox
from tests.stories.arranging import closes, shut_chat, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

WAIT = 60  # seconds for which Telegram takes nothing for the operator's chat


async def open_chat(crm: RunningApp, clock: MovableClock) -> None:
    clock.forward(seconds=WAIT + 1)
    await crm.app.supervisor.look_again()
    await crm.settled()


def shown(crm: RunningApp, anna: Person, after: int) -> list[str]:
    """What the bot has said to Anna since, message by message; that something is pinned has no words."""
    since = (seen for seen in anna.chat(crm.shop) if seen.sender != anna.id and seen.id > after)
    return [seen.text for seen in since if seen.text]


async def until_written(crm: RunningApp, words: str) -> None:
    await until(crm, f"SELECT count(*) > 0 FROM messages WHERE text = '{words}'", True)  # noqa: S608


@pytest.mark.postgres_too
@pytest.mark.fault("F117")
async def test_card_and_answers_overtake_three_flooding_clients(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    flooders = [crm.client(name) for name in ("Ivan", "Petra", "Maria")]
    for one in flooders:
        await one.says(f"{one.first_name} begins", to=crm.shop)
        await anna.sees(f"{one.first_name} begins", bot=crm.shop)
    await crm.settled()
    last = anna.chat(crm.shop)[-1].id
    await shut_chat(crm, anna, flooders[0], "first", seconds=WAIT)
    for one in flooders:
        for number in range(10):
            await one.says(f"{one.first_name} {number}", to=crm.shop)
        await until_written(crm, f"{one.first_name} 9")
    await anna.says("/my", to=crm.shop)
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'my' AND state = 'pending'", 1)
    sonja = crm.client("Sonja")
    await sonja.says("Where is my order?", to=crm.shop)
    await sonja.sees("#4", bot=crm.shop)
    await open_chat(crm, clock)
    told = shown(crm, anna, last)
    assert ["Where is my order?" in text or "waiting" in text for text in told[:2]] == [True, True]
    turns = [text.split()[0] for text in told[2:]]
    for start in range(1, 25, 3):  # "first" of Ivan apart, they take turns, a message each
        assert set(turns[start : start + 3]) == {"Ivan", "Petra", "Maria"}


@pytest.mark.postgres_too
@pytest.mark.fault("F152")
async def test_card_is_redrawn_before_the_words_that_wait(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Ivan begins", to=crm.shop)
    card = await anna.sees("Ivan begins", bot=crm.shop)
    await crm.settled()
    await shut_chat(crm, anna, ivan, "first", seconds=WAIT)
    for number in range(8):
        await ivan.says(f"word {number}", to=crm.shop)
    await until_written(crm, "word 7")
    await anna.presses(card, "Take")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'card_edit' AND state = 'pending'", 1)
    await open_chat(crm, clock)
    redrawn, *words = (seen.request_id or 0 for seen in anna.chat(crm.shop) if seen.id >= card.id)
    assert len(words) == 9
    assert redrawn < min(words)


@pytest.mark.postgres_too
@pytest.mark.fault("F117")
async def test_messages_beyond_twenty_become_one_line_and_stay_in_the_history(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris", weight=0)
    ivan = crm.client("Ivan")
    await ivan.says("Ivan begins", to=crm.shop)
    await anna.sees("Ivan begins", bot=crm.shop)
    await crm.settled()
    last = anna.chat(crm.shop)[-1].id
    await shut_chat(crm, anna, ivan, "first", seconds=WAIT)
    for number in range(COPIES_AT_MOST + 6):
        await ivan.says(f"word {number}", to=crm.shop)
    await until_written(crm, f"word {COPIES_AT_MOST + 5}")
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'collapsed'", 7)
    await open_chat(crm, clock)
    told = shown(crm, anna, last)
    assert told == ["first", *(f"word {number}" for number in range(19)), "… and 7 more messages in #1: /history #1"]
    await anna.says("/history #1")
    history = await anna.sees("Ivan: word 25", bot=crm.shop)
    assert history.text.startswith("#1 Ivan\n")
    assert [f"word {number}" in history.text for number in range(26)] == [True] * 26

    await boris.says("/history 1", to=crm.shop)
    await boris.sees("There is no request #1", bot=crm.shop)
    await crm.olga.says("/History@shop_bot #1", to=crm.shop)
    await crm.olga.sees("Ivan: word 25", bot=crm.shop)
    await boris.says("/history", to=crm.shop)
    await boris.sees("Add the number of the request: /history #42", bot=crm.shop)


@pytest.mark.postgres_too
@pytest.mark.fault("F117")
async def test_edited_message_of_the_line_shows_in_the_history_alone(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Ivan begins", to=crm.shop)
    await anna.sees("Ivan begins", bot=crm.shop)
    await crm.settled()
    await shut_chat(crm, anna, ivan, "first", seconds=WAIT)
    said = [await ivan.says(f"word {number}", to=crm.shop) for number in range(COPIES_AT_MOST + 2)]
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'collapsed'", 3)
    await ivan.edits(said[-2], "the last but one, mended while it waits")
    await until_written(crm, "the last but one, mended while it waits")
    await open_chat(crm, clock)
    line = await anna.sees("… and 3 more messages in #1: /history #1", bot=crm.shop)
    await ivan.says("one more thing", to=crm.shop)
    await anna.sees("one more thing", bot=crm.shop)
    await ivan.edits(said[-1], "the last one, mended afterwards")
    await crm.settled()
    assert shown(crm, anna, line.id) == ["one more thing"]
    await anna.says("/history #1")
    history = await anna.sees("Ivan: the last one, mended afterwards", bot=crm.shop)
    assert "Ivan: the last but one, mended while it waits" in history.text


@pytest.mark.fault("F117")
async def test_close_drops_what_waits_and_says_how_much(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Ivan begins", to=crm.shop)
    card = await anna.sees("Ivan begins", bot=crm.shop)
    await crm.settled()
    await shut_chat(crm, anna, ivan, "first", seconds=WAIT)
    for number in range(COPIES_AT_MOST + 4):
        await ivan.says(f"word {number}", to=crm.shop)
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'collapsed'", 5)
    last = anna.chat(crm.shop)[-1].id
    await closes(anna, card)
    await ivan.sees("closed", bot=crm.shop)
    await open_chat(crm, clock)
    assert shown(crm, anna, last) == ["… and 25 more messages in #1: /history #1"]


async def test_long_history_shows_the_newest_messages(crm: RunningApp, sandbox: Sandbox) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    for number in range(12):
        await ivan.says(f"{number} " + "ж" * 900, to=crm.shop)
    card = await anna.sees("0 жжж", bot=crm.shop)
    await anna.sees("11 жжж", bot=crm.shop)
    await anna.replies(card, "Anna answers")
    await ivan.sees("Anna answers", bot=crm.shop)
    await anna.says("/history #1")
    history = await anna.sees("Anna: Anna answers", bot=crm.shop)
    assert "earlier messages" in history.text
    assert "Ivan: 11 ж" in history.text
    assert sandbox.strictness_violations == []

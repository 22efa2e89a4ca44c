"""A card that is shown again at the end of the chat: the one live card, short, and with what was said last."""

import re

import pytest

from bot.sandbox import Person, SeenMessage
from bot.sandbox.world import content
from tests.stories.arranging import ask, count, give, now, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

LISTED = re.compile("^(🔴 1 waiting|🟢 1 in progress)")  # the overview of one request


async def shows(crm: RunningApp, anna: Person, number: int = 1) -> SeenMessage:
    """The card that a button of /my puts at the end of the chat."""
    asked = await anna.says("/my", to=crm.shop)
    mine = await anna.sees(LISTED, after=asked)
    await anna.presses(mine, f"#{number}")
    shown = await anna.sees(lambda seen: bool(seen.labels) and "📥" in seen.text, after=mine)
    await crm.settled()
    return now(anna, shown)


@pytest.mark.fault("F164")
async def test_shown_card_is_the_only_live_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    card = await anna.sees("Do you have bicycles?", bot=crm.shop)
    await crm.settled()
    first = await shows(crm, anna)
    assert first.labels == ["✋ Take", "✔️ Close", "⋯"]
    assert (now(anna, card).text, now(anna, card).labels) == ("#1 Ivan · ⤵️ below", [])
    second = await shows(crm, anna)
    assert (now(anna, first).text, now(anna, first).labels) == ("#1 Ivan · ⤵️ below", [])
    # The next steps change the newest alone; replies to every one of them reach the client.
    await anna.presses(second, "Take")
    await anna.sees("In progress", after=first)
    await crm.settled()
    assert now(anna, second).labels == ["✔️ Close", "⋯"]
    assert now(anna, first).labels == now(anna, card).labels == []
    await anna.replies(card, "Yes, red ones")
    await ivan.sees("Yes, red ones")
    await ivan.says("How much?")
    copy = await anna.sees("How much?")
    assert copy.reply_to == second.id


async def test_shown_card_has_the_words_under_a_first_photo(crm: RunningApp) -> None:
    """The photo itself may be far above by now."""
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.sends(content.photo(caption="It arrived with a crack"), to=crm.shop)
    card = await anna.sees("[photo]", bot=crm.shop)
    await crm.settled()
    assert "crack" not in now(anna, card).text  # it stands right below, under the photo
    shown = await shows(crm, anna)
    assert "[photo] It arrived with a crack" in shown.text.splitlines()


async def test_shown_card_has_the_last_words_of_both_sides(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    long = "A very long story. " * 100
    await ivan.says(long, to=crm.shop)
    card = await anna.sees("A very long story", bot=crm.shop)
    await crm.settled()
    for minute, (words, answer) in enumerate([("One?", "Yes, one"), ("Two?", "Yes, two"), ("Three?", "Yes, three")]):
        clock.goes_to(12, minute)
        await ivan.says(words)
        await anna.replies(await anna.sees(words), answer)
        await ivan.sees(answer)
    clock.goes_to(12, 30)
    await ivan.says("And four?")
    await anna.sees("And four?")
    await crm.settled()
    shown = await shows(crm, anna)
    said = [
        "12:01 Ivan: Two?",
        "12:01 Anna: Yes, two",
        "12:02 Ivan: Three?",
        "12:02 Anna: Yes, three",
        "🔹 12:30 Ivan: And four?",
    ]
    assert "\n".join(said) in shown.text
    assert len(shown.text) < 600
    assert long[:290] in shown.text
    await anna.presses(shown, "Close")
    await anna.sees(lambda seen: seen.id == shown.id and "closed" in seen.text)
    assert now(anna, card).labels == []


async def test_edits_leave_a_shown_card_short(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("A very long story. " * 100, to=crm.shop)
    await anna.sees("A very long story", bot=crm.shop)
    await crm.settled()
    shown = await shows(crm, anna)
    await anna.presses(shown, "Close")  # nobody has taken it, so the card asks
    asking = await anna.sees("Close it anyway?")
    assert (asking.id, len(asking.text) < 600) == (shown.id, True)
    await anna.presses(asking, "No")
    await crm.settled()
    await anna.presses(now(anna, shown), "Take")
    await anna.sees("In progress")
    await crm.settled()
    assert len(now(anna, shown).text) < 600


async def test_card_that_comes_back_from_a_colleague_is_the_only_live_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    card = await anna.sees("Do you have bicycles?", bot=crm.shop)
    await crm.settled()
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await boris.sees("Do you have bicycles?", bot=crm.shop)
    await crm.settled()
    await give(crm, 1, anna)
    again = await anna.sees("Do you have bicycles?", after=card)
    await crm.settled()
    assert now(anna, again).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert now(anna, card).labels == []


@pytest.mark.postgres_too
async def test_card_stays_live_until_the_newer_one_has_arrived(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    card = await anna.sees("Do you have bicycles?", bot=crm.shop)
    await crm.settled()
    await anna.says("/my")
    mine = await anna.sees(LISTED)
    crm.sandbox.fail(method="sendMessage", kind="error", code=400, text="Bad Request: no", times=2)
    await anna.presses(mine, "#1")
    await crm.settled()
    assert now(anna, card).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert await count(crm, "posted", "is_card AND NOT is_brief") == 1


@pytest.mark.postgres_too
@pytest.mark.fault("F164")
async def test_card_asked_for_while_one_waits_comes_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    await crm.settled()
    await anna.says("/my")
    mine = await anna.sees(LISTED)
    await crm.settled()
    crm.sandbox.fail(kind="flood", retry_after=1, method="copyMessage", chat=anna)
    await ivan.says("Red ones, perhaps?")
    await until(crm, "SELECT count(*) FROM gates", 1)
    for _ in range(3):  # nothing comes at once, so Anna presses again
        await anna.presses(mine, "#1")
    await anna.sees(lambda seen: bool(seen.labels) and "📥" in seen.text, after=mine)
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'card'") == 2


@pytest.mark.parametrize("label", ["Close", "⋯"])
async def test_press_on_a_card_that_was_shown_again_makes_it_no_live_one(crm: RunningApp, label: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await ask(crm, ivan, anna, "Ivan asks")
    await anna.says("#1")
    await crm.settled()
    assert now(anna, card).labels == []
    await (await anna.presses(card, label, stale=True)).answer()  # the screen is slow
    await crm.settled()
    assert (now(anna, card).text, now(anna, card).labels) == ("#1 Ivan · ⤵️ below", [])

"""/my: who waits for the operator's answer, since when, and with which words; a button for each card."""

from datetime import timedelta

import pytest

from bot.sandbox.world import content
from tests.stories.arranging import give
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


def clock_at(clock: MovableClock) -> str:
    """What `/my` calls this moment (the installation's time zone is UTC)."""
    return f"{clock():%H:%M}"


@pytest.mark.fault("F163")
async def test_my_command_puts_who_waits_first_with_their_last_words(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    ivan, maria, leo = crm.client("Ivan"), crm.client("Maria"), crm.client("Leo")
    for client, words in ((ivan, "Do you have bicycles?"), (maria, "And skis?"), (leo, "Is it open today?")):
        await client.says(words, to=crm.shop)
        await anna.sees(words, bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=5)
    for words in ("And skis?", "Do you have bicycles?"):
        await anna.replies(await anna.sees(words), f"Yes: {words}")
    await crm.settled()
    answered = clock_at(clock)
    clock.forward(minutes=7)
    await maria.sends(content.photo(), to=crm.shop)
    await crm.settled()
    clock.forward(minutes=30)
    await anna.says("/my")
    mine = await anna.sees("3 open requests")
    assert mine.text.splitlines() == [
        "3 open requests, 2 wait for your answer",
        "🔴 #3 Leo · 🆕 since 12:00 · Is it open today?",
        "🔴 #2 Maria · since 12:12 · [photo]",
        f"🟢 #1 Ivan · you answered: {answered}",
    ]
    assert mine.labels == ["#3 Leo", "#2 Maria", "#1 Ivan"]


async def test_my_command_says_that_nobody_waits(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await anna.replies(await anna.sees("Hello", bot=crm.shop), "Good day")
    await ivan.sees("Good day")
    await anna.says("/my")
    assert "1 open request, nobody waits for your answer" in (await anna.sees("1 open request")).text


async def test_my_command_knows_how_long_a_client_has_waited_whoever_held_them(
    crm: RunningApp, clock: MovableClock
) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    boris = await crm.operator("Boris")
    clock.ahead += timedelta(hours=2)
    await give(crm, 1, boris)
    await boris.says("/my")
    assert "🔴 #1 Ivan · 🆕 since 12:00 · Do you have bicycles?" in (await boris.sees("1 open request")).text


async def test_colleagues_answer_is_not_called_ones_own(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    await anna.replies(await anna.sees("Do you have bicycles?", bot=crm.shop), "Yes")
    await ivan.sees("Yes")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await boris.says("/my")
    assert "🟢 #1 Ivan · answered: " in (await boris.sees("1 open request")).text

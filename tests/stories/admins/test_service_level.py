"""Targets of the service level: who is reminded when, and what the report says of those that were not kept."""

import pytest

from bot.sandbox import Person
from tests.stories.admins.test_working_hours import monday, turn
from tests.stories.arranging import ask
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def watch(crm: RunningApp) -> None:
    """What happens every ten seconds."""
    await crm.app.schedule.run("watch_service")
    await crm.settled()


def told(who: Person, words: str) -> list[str]:
    return [seen.text for seen in who.chat() if words in seen.text]


@pytest.mark.parametrize("way", ["command", "button"])
async def test_targets_are_set_and_taken_away_by_command_and_by_button(crm: RunningApp, way: str) -> None:
    if way == "command":
        screen = await types(crm, crm.olga, "/sources sla shop_bot first 15 next 30 resolve 8h")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "🎯 Targets")
        assert "no targets" in screen.text
        screen = await types(crm, crm.olga, "first 15, next 30, resolve 8 h")
    assert "Targets: first reply 15 min, next reply 30 min, resolution 8 h" in screen.text
    for wrong in (
        "/sources sla shop_bot soon",
        "/sources sla shop_bot first 0",
        "/sources sla",
        "/sources sla no first 5",
    ):
        await types(crm, crm.olga, wrong)
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "Targets: first reply 15 min" in screen.text
    screen = await presses(crm, crm.olga, await presses(crm, crm.olga, screen, "🎯 Targets"), "No targets")
    assert "Targets:" not in screen.text


@pytest.mark.fault("F191")
async def test_operator_is_reminded_at_70_percent_and_admins_at_100_once_each(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 10)
    await types(crm, crm.olga, "/sources sla shop_bot first 10 next 20")
    ivan = crm.client("Ivan")
    await ask(crm, ivan, anna)
    await watch(crm)
    clock.forward(minutes=6)
    await watch(crm)
    assert told(anna, "🎯") == told(crm.olga, "🎯 Over") == []
    clock.forward(minutes=1, seconds=5)
    for _ in range(3):
        await watch(crm)
    assert told(anna, "🎯") == ["🎯 #1 Ivan: first reply is due in 2 min"]
    clock.forward(minutes=3)
    for _ in range(3):
        await watch(crm)
        clock.forward(minutes=2)
    assert told(crm.olga, "🎯 Over") == ["🎯 Over their target:\n#1 Ivan · shop_bot · first reply · Anna"]
    assert len(told(anna, "🎯 #1")) == 1

    card = next(seen for seen in anna.chat(crm.shop) if seen.buttons)
    await anna.says("Here I am", to=crm.shop, reply_to=card)
    await ivan.sees("Here I am")
    clock.forward(minutes=60)  # the client is waited for
    await watch(crm)
    await ivan.says("And another thing", to=crm.shop)
    await anna.sees("And another thing", bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=15)
    await watch(crm)
    assert told(anna, "next reply") == ["🎯 #1 Ivan: next reply is due in 4 min"]
    assert len(told(crm.olga, "🎯 Over")) == 1


async def test_bots_own_notices_are_no_reply_and_nights_do_not_count(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 17, 50)
    await types(crm, crm.olga, "/sources hours shop_bot mon-fri 9-18")
    await types(crm, crm.olga, "/sources sla shop_bot first 20")
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")
    await watch(crm)
    clock.forward(hours=15)
    await turn(crm)
    await watch(crm)
    assert told(anna, "🎯") == []
    clock.forward(minutes=15)
    await watch(crm)
    assert len(told(anna, "🎯 #1 Ivan: first reply is due in 4 min")) == 1
    clock.forward(minutes=5, seconds=1)
    await watch(crm)
    assert len(told(crm.olga, "🎯 Over")) == 1


async def test_answer_in_time_is_told_to_nobody(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/sources sla shop_bot first 10 resolve 1h")
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await watch(crm)
    clock.forward(minutes=5)
    await anna.says("Here I am", to=crm.shop, reply_to=card)
    await ivan.sees("Here I am")
    await crm.settled()
    clock.forward(hours=20)
    await watch(crm)
    assert told(anna, "🎯") == told(crm.olga, "🎯 Over") == []


async def test_admins_hear_of_targets_of_requests_in_the_queue(crm: RunningApp, clock: MovableClock) -> None:
    await types(crm, crm.olga, "/sources sla shop_bot first 10")
    for name in ("Ivan", "Kira"):
        await crm.client(name).says("Is anybody there?", to=crm.shop)
        await crm.settled()
    await watch(crm)
    clock.forward(minutes=11)
    await watch(crm)
    [said] = told(crm.olga, "🎯 Over")
    assert said.endswith(
        "#1 Ivan · shop_bot · first reply · in the queue\n#2 Kira · shop_bot · first reply · in the queue"
    )
    clock.forward(hours=2)
    await watch(crm)
    assert len(told(crm.olga, "🎯 Over")) == 1

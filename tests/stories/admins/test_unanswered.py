"""An operator leaves clients without an answer: admins are told, once for each wait, and seldom."""

import asyncio

import pytest

from bot.sandbox import Sandbox
from crm_core.conversation import unanswered
from tests.stories.arranging import asks, closes, told, until
from tests.stories.steering import invites, presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def ticks(crm: RunningApp) -> None:
    """The periodic job looks, and what it queued is sent."""
    await crm.app.schedule.run("tell_of_unanswered")
    await crm.settled()


@pytest.mark.fault("F169")
async def test_admins_hear_of_unanswered_requests_once_and_together(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", anna)
    clock.forward(minutes=5)
    await asks(crm, "Maria", anna)
    clock.forward(minutes=14)
    await ticks(crm)
    assert told(crm.olga, "⏰") == 0
    clock.forward(minutes=6)
    await ticks(crm)
    alert = await crm.olga.sees("⏰ Unanswered for 20 min or longer:")
    assert alert.text.splitlines()[1:] == [
        "#1 Ivan · Anna · 25 min",
        "#2 Maria · Anna · 20 min",
        "",
        "/history #1 shows what was said, /assign #1 assigns it to somebody else.",
    ]
    await asks(crm, "Kira", anna)
    clock.forward(minutes=9)
    await ticks(crm)
    clock.forward(hours=2)
    await ticks(crm)
    await ticks(crm)
    assert told(crm.olga, "⏰") == 2
    assert "#1" not in (await crm.olga.sees("Kira")).text
    # After an answer the next wait is another one.
    await anna.replies(await anna.sees("Ivan asks"), "Yes")
    await ivan.sees("Yes")
    await ivan.says("And on Sunday?")
    await anna.sees("And on Sunday?")
    clock.forward(minutes=21)
    await ticks(crm)
    assert told(crm.olga, "⏰") == 3
    assert "#1 Ivan · Anna · 21 min" in (await crm.olga.sees("#1 Ivan · Anna · 21")).text


@pytest.mark.fault("F169")
async def test_answered_closed_and_waiting_in_the_queue_are_not_told(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", limit=2)
    ivan = await asks(crm, "Ivan", anna)
    await anna.replies(await anna.sees("Ivan asks"), "Yes")
    await ivan.sees("Yes")
    await asks(crm, "Maria", anna)
    await closes(anna, await anna.sees("Maria asks"))
    await anna.says("/offline")
    await anna.sees("You are offline")
    await crm.client("Kira").says("Kira asks", to=crm.shop)
    await crm.settled()
    clock.forward(hours=1)
    await ticks(crm)
    assert told(crm.olga, "⏰") == 0


async def test_admin_who_answers_is_not_told_of_their_own_but_other_admins_are(
    crm: RunningApp, clock: MovableClock
) -> None:
    await presses(crm, crm.olga, await types(crm, crm.olga, "/start"), "I'll answer myself")
    petra = crm.sandbox.person("Petra", language_code="ru")
    await petra.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await asks(crm, "Иван", crm.olga)
    clock.forward(minutes=20)
    await ticks(crm)
    assert "#1 Иван · Olga · 20 мин" in (await petra.sees("⏰ Без ответа 20 мин и дольше:")).text
    assert told(crm.olga, "⏰ Unanswered") == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F169")
async def test_two_processes_tell_of_unanswered_requests_once(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    clock.forward(minutes=20)
    await asyncio.gather(*(crm.db.write(unanswered.tell, minutes=20, now=crm.clock()) for _ in range(2)))
    await crm.app.supervisor.look_again()
    await crm.olga.sees("⏰ Unanswered")
    await crm.settled()
    assert told(crm.olga, "⏰") == 1


@pytest.mark.postgres_too
@pytest.mark.fault("F169")
async def test_alert_that_was_held_up_names_only_who_still_waits(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", anna)
    await asks(crm, "Maria", anna)
    clock.forward(minutes=20)
    crm.sandbox.fail(kind="flood", method="sendMessage", retry_after=60, chat=crm.olga, times=1)
    await crm.olga.says("/queue")  # it meets the flood wait; the alert waits behind it
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'answer' AND attempts > 0 AND state = 'pending'", 1)
    await crm.app.schedule.run("tell_of_unanswered")
    await anna.replies(await anna.sees("Ivan asks"), "Yes")
    await ivan.sees("Yes")
    clock.forward(seconds=61)
    await crm.app.supervisor.look_again()
    alert = await crm.olga.sees("⏰ Unanswered")
    assert "Ivan" not in alert.text
    assert "#2 Maria · Anna · 21 min" in alert.text


async def test_zero_minutes_switch_it_off(sandbox: Sandbox, database_url: str, clock: MovableClock) -> None:
    settings = {"remind_admins_after": 0}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings) as crm:
        await asks(crm, "Ivan", await crm.operator("Anna"))
        clock.forward(hours=5)
        await ticks(crm)
        assert told(crm.olga, "⏰") == 0

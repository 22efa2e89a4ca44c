"""A client waits for an answer: their operator is reminded after 5 and after 15 minutes, once each."""

import asyncio
import random

import pytest

from bot.sandbox import Person, Sandbox
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import reminders
from tests.stories.arranging import give, told, until, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def ticks(crm: RunningApp) -> None:
    """The periodic job looks, and what it queued is sent."""
    await crm.app.schedule.run("remind")
    await crm.settled()


async def asks(crm: RunningApp, anna: Person, words: str = "Are you open?") -> Person:
    """A client's request that Anna has taken and answered, and then their further question."""
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.replies(await anna.sees("Hello", bot=crm.shop), "Good day")
    await ivan.sees("Good day")
    await ivan.says(words)
    await anna.sees(words)
    await crm.settled()
    return ivan


@pytest.mark.fault("F165")
async def test_operator_is_reminded_of_a_waiting_client_once_for_each_time_set(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, anna)
    copy = await anna.sees("Are you open?")
    await ticks(crm)
    clock.forward(minutes=4)
    await ticks(crm)
    assert told(anna, "⏰") == 0
    clock.forward(minutes=1, seconds=5)
    await ticks(crm)
    await ticks(crm)
    reminder = await anna.sees("⏰ #1 Ivan has been waiting for 5 min")
    assert (reminder.reply_to, told(anna, "⏰")) == (copy.id, 1)
    clock.forward(minutes=10)
    await ticks(crm)
    await anna.sees("⏰ #1 Ivan has been waiting for 15 min")
    clock.forward(hours=3)
    await ticks(crm)
    assert told(anna, "⏰") == 2
    # A reply to the reminder is an answer. The next wait is reminded of anew.
    await anna.replies(reminder, "Yes, till eight")
    await ivan.sees("Yes, till eight")
    clock.forward(minutes=20)
    await ticks(crm)
    await ivan.says("And on Sunday?")
    await anna.sees("And on Sunday?")
    clock.forward(minutes=6)
    await ticks(crm)
    assert told(anna, "⏰") == 3


@pytest.mark.postgres_too
async def test_untaken_request_is_reminded_of_at_its_card(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", language="ru")
    await crm.client("Глеб").says("Здравствуйте", to=crm.shop)
    card = await anna.sees("Здравствуйте", bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=16)
    await ticks(crm)
    assert (await anna.sees("⏰ #1 Глеб: ждёт ответа 16 мин")).reply_to == card.id
    clock.forward(minutes=60)
    await ticks(crm)
    assert told(anna, "⏰") == 1


@pytest.mark.parametrize("how", ["answer", "close", "transfer"])
async def test_nothing_is_reminded_of_after_an_answer_a_close_or_a_transfer(
    crm: RunningApp, clock: MovableClock, how: str
) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, anna)
    copy, card = await anna.sees("Are you open?"), await anna.sees("Hello")
    boris = await crm.operator("Boris")
    match how:
        case "answer":
            await anna.replies(copy, "Yes")
            await ivan.sees("Yes")
        case "close":
            await anna.presses(card, "Close")
            await ivan.sees("closed")
        case _transfer:
            clock.forward(minutes=4)
            await give(crm, 1, boris)
            await boris.sees("Are you open?", bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=4)
    await ticks(crm)
    assert told(boris, "⏰") == 0
    clock.forward(minutes=30)
    await ticks(crm)
    assert told(anna, "⏰") == 0
    assert told(boris, "⏰") == (how == "transfer")  # the client still waits, now for Boris: from the hand-over on


@pytest.mark.postgres_too
async def test_reminder_that_comes_too_late_is_not_sent(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, anna)
    clock.forward(minutes=6)
    crm.sandbox.fail(method="sendMessage", kind="flood", retry_after=30, chat=anna, times=1)
    await crm.app.schedule.run("remind")
    await until(crm, "SELECT count(*) FROM outbox WHERE contact_id = 1 AND state = 'pending'", 1)
    await anna.replies(await anna.sees("Are you open?"), "Yes")
    await ivan.sees("Yes")
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert told(anna, "⏰") == 0
    assert (
        await value(crm, "SELECT outcome FROM outbox WHERE kind = 'staff_notice' AND contact_id = 1")
        == "nothing_to_send"
    )


async def test_offline_operator_is_reminded_when_they_are_back(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, anna)
    await anna.says("/offline")
    await anna.sees("You are offline")
    clock.forward(minutes=20)
    await ticks(crm)
    assert told(anna, "⏰") == 0
    await anna.says("/online")
    await anna.sees("You are online")
    await ticks(crm)
    await ticks(crm)
    assert told(anna, "⏰ #1 Ivan has been waiting for 20 min") == told(anna, "⏰") == 1


async def test_two_processes_remind_once(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, anna)
    clock.forward(minutes=6)
    due = await crm.db.read(reminders.due, after=[5, 15], now=clock())
    assert due == [1]
    reminded = await asyncio.gather(
        *(crm.db.write(reminders.remind, contact_id=1, after=[5, 15], now=clock()) for _ in range(5))
    )
    await crm.settled()
    assert (sum(reminded), told(anna, "⏰")) == (1, 1)


@pytest.mark.postgres_too
async def test_restart_repeats_no_reminder(sandbox: Sandbox, database_url: str, clock: MovableClock) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna = await crm.operator("Anna")
        await asks(crm, anna)
        clock.forward(minutes=6)
        await ticks(crm)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await ticks(crm)
        assert told(anna, "⏰") == 1
        clock.forward(minutes=10)
        await ticks(crm)
        assert told(anna, "⏰") == 2


async def test_reminders_can_be_switched_off(sandbox: Sandbox, database_url: str, clock: MovableClock) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings={"remind_after": "0"}) as crm:
        anna = await crm.operator("Anna")
        await asks(crm, anna)
        clock.forward(hours=2)
        await ticks(crm)
        assert told(anna, "⏰") == 0


@pytest.mark.postgres_too
async def test_client_of_a_form_waits_until_somebody_takes_their_request(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await crm.db.write(
        lifecycle.register,
        source_id=await crm.source_id(),
        lead=LeadFacts(full_name="Maria"),
        content=None,
        now=clock(),
        rng=random.random,
    )
    card = await anna.sees("Maria", bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=6)
    await ticks(crm)
    assert (await anna.sees("⏰ #1 Maria has been waiting for 6 min")).reply_to == card.id
    await anna.presses(card, "Take")
    await crm.settled()
    clock.forward(minutes=60)
    await ticks(crm)
    assert told(anna, "⏰") == 1

"""Replies while Telegram is slow: they wait for what they are to, not for ever, and are never lost."""

import asyncio
from datetime import timedelta

import pytest

from bot.delivery import attempts as sending_attempts
from bot.receiving import attempts
from tests.stories.arranging import count, until, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


@pytest.mark.slow
@pytest.mark.fault("F108")
@pytest.mark.parametrize("ahead", [0, 3600, -3600], ids=["right clock", "clock set ahead", "clock set back"])
async def test_operator_reply_to_unknown_message_is_asked_about_during_slow_copies(
    crm: RunningApp, clock: MovableClock, ahead: int
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.presses(await anna.sees("Hello", bot=crm.shop), "Take")
    await anna.says("/help")
    help_text = await anna.sees("Each request arrives as a card")
    await crm.settled()
    crm.sandbox.fail(kind="slow", method="copyMessage", chat=anna, delay=0.3, every=1)
    for number in range(8):
        await ivan.says(f"number {number}")
    await anna.sees("number 0")  # shown, and not answered to us: at every look one of them is on its way
    reply = await anna.replies(help_text, "Seventy")
    clock.ahead += timedelta(seconds=ahead)
    question = await anna.sees("Who is this for?")
    assert question.reply_to == reply.id
    crm.sandbox.clear_fault()
    await anna.presses(question, "#1")
    await ivan.sees("Seventy")
    await crm.settled()
    assert await count(crm, "inbox", "state <> 'done' OR attempts > 0") == 0


@pytest.mark.fault("F108")
async def test_reply_to_a_message_on_its_way_reaches_its_client(crm: RunningApp) -> None:
    anna, ivan, maria = await crm.operator("Anna"), crm.client(), crm.client("Maria")
    for client in (ivan, maria):
        await client.says(f"{client.first_name} asks", to=crm.shop)
        await anna.presses(await anna.sees(f"{client.first_name} asks", bot=crm.shop), "Take")
    await crm.settled()
    crm.sandbox.fail(kind="slow", method="copyMessage", chat=anna, delay=0.5, times=1)
    await maria.says("And skis?")
    await anna.replies(await anna.sees("And skis?"), "Yes, skis too")
    await maria.sees("Yes, skis too")
    await crm.settled()
    assert await count(crm, "inbox", "state <> 'done' OR attempts > 0") == 0


@pytest.mark.fault("F108")
async def test_replies_are_not_kept_waiting_by_an_answer_that_never_comes(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(attempts, "REPLY_LONGEST", 0.2)
    monkeypatch.setattr(sending_attempts, "REQUEST_TIMEOUT", 60.0)  # all the time the copies are on their way
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.starts(crm.shop)
    greeting = await ivan.sees()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    await anna.presses(card, "Take")
    await anna.says("/help")
    help_text = await anna.sees("Each request arrives as a card")
    await crm.settled()
    crm.sandbox.fail(kind="slow", method="copyMessage", delay=40, every=1)
    async with asyncio.timeout(10):
        await ivan.says("Are you there?")
        await anna.sees("Are you there?")
        await anna.replies(help_text, "Seventy")
        # It is asked whom that is for; shown it is when the copy before it in that chat has its answer.
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'staff_notice' AND state = 'pending'", 1)
        await anna.replies(card, "Here I am")
        await ivan.sees("Here I am")
        said = await ivan.replies(greeting, "Good")
        await _until_stored(crm, said.id)
        assert await count(crm, "outbox", "kind IN ('to_operator', 'to_client') AND state = 'sending'") == 2
    crm.sandbox.cut_all()
    assert await count(crm, "inbox", "state = 'dead'") == 0


async def _until_stored(crm: RunningApp, message_id: int) -> None:
    await until(crm, f"SELECT count(*) FROM messages WHERE author = 'client' AND message_id = {message_id}", 1)  # noqa: S608 - our own number
    assert await value(crm, "SELECT count(*) FROM contacts") == 1

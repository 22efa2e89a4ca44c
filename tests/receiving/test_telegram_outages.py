"""Telegram cannot be reached for an hour, or for longer than it keeps messages; the way to it changes."""

import asyncio
from collections.abc import AsyncIterator
from typing import cast

import pytest
from aiogram import Bot
from aiogram.methods import GetMe
from aiogram.types import User

from bot.delivery import attempts as delivery_attempts
from bot.delivery.backoff import RetryDelays
from bot.receiving import polling, webhook_setting
from bot.sandbox import Person, Sandbox
from bot.telegram import reach
from crm_core.access.actors import telegram
from crm_core.conversation import sending_to_client
from tests.stories.arranging import until, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.relay import Relay
from tests.support.waiting import until_committed

HASTY = RetryDelays(outage=(0.02, 0.05), connect=0.05)


@pytest.fixture
async def relay(sandbox: Sandbox) -> AsyncIterator[Relay]:
    """A way to Telegram that can be cut."""
    async with Relay(sandbox.url) as opened:
        yield opened


def times(person: Person, crm: RunningApp, words: str) -> int:
    return sum(words in seen.text for seen in person.chat(crm.shop) if seen.sender != person.id)


async def answer_in_the_outage(crm: RunningApp, anna: Person) -> None:
    """Words to the client of contact 1, through the API, of which it is known that they were tried in vain."""
    await crm.db.write(
        sending_to_client.reply_via_api,
        contact_id=1,
        text="One moment",
        operator_id=1,
        actor=telegram(anna.id),
        now=crm.clock(),
    )
    tried = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts > 0 AND outcome = 'no_connection'"

    async def was_tried() -> bool:
        await crm.app.supervisor.look_again()
        return bool(await value(crm, tried))

    await until_committed(crm.db, was_tried)


@pytest.mark.fault("F113")
async def test_new_question_is_asked_after_each_pause_however_many_hang() -> None:
    me, asked = User(id=1, is_bot=True, first_name="Shop"), 0

    async def bot(method: GetMe, request_timeout: float) -> User:
        nonlocal asked
        asked += 1
        if asked <= 30:  # there was no route when it began
            await asyncio.Event().wait()
        return me

    async with asyncio.timeout(10):
        assert await reach.until_telegram_answers(cast(Bot, bot), pause=lambda: 0.001) is me


@pytest.mark.fault("F27", "F81")
async def test_one_hour_telegram_outage_loses_and_duplicates_nothing(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock
) -> None:
    settings = {"telegram_api_url": relay.url}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, retry_delays=HASTY) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("My question", to=crm.shop)
        card = await anna.sees("My question", bot=crm.shop)
        await anna.presses(card, "Take")
        await ivan.sees("Anna is now taking care")
        await crm.settled()

        await relay.down()
        await answer_in_the_outage(crm, anna)
        await anna.replies(card, "I shall look")
        await ivan.says("Are you there?")
        clock.forward(hours=1)
        await relay.up()
        await anna.sees("Are you there?")
        await ivan.sees("One moment")
        await ivan.sees("I shall look")
        await crm.settled()
        # What was refused a connection surely did not arrive: it is sent again, and nobody is told of a doubt.
        assert times(ivan, crm, "One moment") == times(ivan, crm, "I shall look") == 1
        assert times(anna, crm, "Are you there?") == 1
        assert times(anna, crm, "arrived") == times(crm.olga, crm, "may be lost") == 0


@pytest.mark.fault("F81")
async def test_restart_after_24h_without_updates_alerts_admins_once(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        olga = crm.olga
    clock.forward(hours=23)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await crm.client("Ivan").says("in time", to=crm.shop)
        await crm.settled()
        assert times(olga, crm, "may be lost") == 0
    clock.forward(hours=25, minutes=30)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await crm.client("Petra").says("too late?", to=crm.shop)
        told = await olga.sees("may be lost", bot=crm.shop)
        assert told.text == (
            "📭 @shop_bot received nothing for 25 hours, and Telegram keeps messages for only 24. "
            "Messages that clients sent earlier may be lost."
        )
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await crm.client("Maria").says("again", to=crm.shop)
        await crm.settled()
        assert times(olga, crm, "may be lost") == 1


@pytest.mark.fault("F81")
async def test_running_process_without_updates_for_30h_alerts_admins(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock
) -> None:
    settings = {"telegram_api_url": relay.url}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, retry_delays=HASTY) as crm:
        await crm.olga.starts(crm.shop)
        await crm.settled()
        await relay.down()
        clock.forward(hours=30)
        await crm.client().says("Anybody there?", to=crm.shop)
        await relay.up()
        await crm.olga.sees("@shop_bot received nothing for 30 hours", bot=crm.shop)


@pytest.mark.fault("F81")
async def test_webhook_outage_over_24h_alerts_admins(
    sandbox: Sandbox, database_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setattr(webhook_setting, "WATCH_EVERY", 0.05)
    sandbox.configure(webhook_second=0.02)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    settings = {"webhook_url": address, "webhook_secret": "a-secret-of-the-webhook", "http_port": unused_tcp_port}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings) as crm:
        olga = crm.olga
        await until(crm, "SELECT heard_at IS NOT NULL FROM bots", True)
    clock.forward(hours=26)
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as crm:
        await olga.sees("@shop_bot received nothing for 26 hours", bot=crm.shop)


@pytest.mark.fault("F82")
@pytest.mark.parametrize("change", ["proxy", "address"])
async def test_pending_messages_are_sent_through_new_proxy_or_api_url(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock, change: str
) -> None:
    """The proxy falls over, or the Bot API server moves: what is to be said waits, and goes the new way."""
    old = {"telegram_proxy": relay.url} if change == "proxy" else {"telegram_api_url": relay.url}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=old, retry_delays=HASTY) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("My question", to=crm.shop)
        card = await anna.sees("My question", bot=crm.shop)
        await crm.settled()
        assert relay.accepted > 0
        await anna.presses(card, "Take")
        await ivan.sees("Anna is now taking care")
        await relay.down()
        await answer_in_the_outage(crm, anna)
        await ivan.says("And another")
    async with Relay(sandbox.url) as other:
        new = {"telegram_proxy": other.url} if change == "proxy" else {"telegram_api_url": other.url}
        async with await RunningApp.open(
            sandbox, database_url, clock=clock, settings=new, retry_delays=HASTY, admin=False
        ) as crm:
            await ivan.sees("One moment", bot=crm.shop)
            await anna.sees("And another")
            await crm.settled()
            assert (times(ivan, crm, "One moment"), times(anna, crm, "And another")) == (1, 1)
            assert other.accepted > 0


@pytest.mark.fault("F113")
async def test_polling_begins_anew_when_sending_finds_telegram_back(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The route is gone, and nobody is told: the long poll from before would wait for as long as it may be held."""
    monkeypatch.setattr(polling, "LONG_POLL", 60)
    monkeypatch.setattr(delivery_attempts, "REQUEST_TIMEOUT", 0.3)
    monkeypatch.setattr(reach, "ASK_TIMEOUT", 0.3)
    settings = {"telegram_api_url": relay.url}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings, retry_delays=HASTY) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("My question", to=crm.shop)
        await anna.sees("My question", bot=crm.shop)
        await crm.settled()
        relay.stall()
        await ivan.says("Are you there?")  # what the long poll answers is lost, and Telegram has it still
        await crm.db.write(
            sending_to_client.reply_via_api,
            contact_id=1,
            text="One moment",
            operator_id=1,
            actor=telegram(anna.id),
            now=crm.clock(),
        )
        (session,) = crm.app.supervisor.sessions
        while session.state != "away":
            session.settled.clear()
            await session.settled.wait()
        relay.resume()
        await ivan.sees("One moment")
        await anna.sees("Are you there?")
        assert session.state == "running"

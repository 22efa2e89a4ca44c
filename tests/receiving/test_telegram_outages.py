"""Telegram cannot be reached for an hour, or for longer than it keeps messages; the way to it changes."""

from collections.abc import AsyncIterator

import pytest

from bot.delivery.backoff import Pauses
from bot.receiving import polling
from bot.runtime import supervisor as fleet
from bot.sandbox import Person, Sandbox
from crm_core.access.actors import telegram
from crm_core.conversation import operator_messages as replies
from tests.receiving.relay import Relay
from tests.stories.arranging import value
from tests.support.people import House, MovableClock

HASTY = Pauses(retry_first=0.05, retry_last=0.1, connect=0.05)


@pytest.fixture
async def relay(sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Relay]:
    """A way to Telegram that can be cut."""
    monkeypatch.setattr(polling, "RETRY_FIRST", 0.05)
    monkeypatch.setattr(polling, "RETRY_LAST", 0.05)
    async with Relay(sandbox.url) as opened:
        yield opened


def times(person: Person, house: House, words: str) -> int:
    return sum(words in seen.text for seen in person.chat(house.shop) if seen.sender != person.id)


async def answer_in_the_outage(house: House, anna: Person) -> None:
    """Words to the client of contact 1, through the API, of which it is known that they were tried in vain."""
    await house.db.write(
        replies.write, contact_id=1, text="One moment", operator_id=1, actor=telegram(anna.id), now=house.clock()
    )
    tried = "SELECT count(*) FROM outbox WHERE state = 'pending' AND attempts > 2 AND outcome = 'no_connection'"
    while not await value(house, tried):
        await house.app.fleet.look_again()


@pytest.mark.fault("F27", "F81")
async def test_one_hour_telegram_outage_loses_and_duplicates_nothing(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock
) -> None:
    settings = {"telegram_api_url": relay.url}
    async with await House.open(sandbox, database_url, clock=clock, settings=settings, pauses=HASTY) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        await ivan.says("My question", to=house.shop)
        card = await anna.sees("My question", bot=house.shop)
        await anna.presses(card, "Take")
        await ivan.sees("Anna is with you")
        await house.settled()

        await relay.down()
        await answer_in_the_outage(house, anna)
        await anna.replies(card, "I shall look")
        await ivan.says("Are you there?")
        clock.forward(hours=1)
        await relay.up()
        await anna.sees("Are you there?")
        await ivan.sees("One moment")
        await ivan.sees("I shall look")
        await house.settled()
        # What was refused a connection surely did not arrive: it is sent again, and nobody is told of a doubt.
        assert times(ivan, house, "One moment") == times(ivan, house, "I shall look") == 1
        assert times(anna, house, "Are you there?") == 1
        assert times(anna, house, "arrived") == times(house.olga, house, "may be lost") == 0


@pytest.mark.fault("F81")
async def test_restart_after_24h_without_updates_alerts_admins_once(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await House.open(sandbox, database_url, clock=clock) as house:
        olga = house.olga
    clock.forward(hours=23)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as house:
        await house.client("Ivan").says("in time", to=house.shop)
        await house.settled()
        assert times(olga, house, "may be lost") == 0
    clock.forward(hours=25, minutes=30)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as house:
        await house.client("Petra").says("too late?", to=house.shop)
        told = await olga.sees("may be lost", bot=house.shop)
        assert told.text == (
            "📭 @shop_bot received nothing for 25 hours, and Telegram keeps messages for 24. "
            "What clients wrote earlier than that may be lost."
        )
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as house:
        await house.client("Maria").says("again", to=house.shop)
        await house.settled()
        assert times(olga, house, "may be lost") == 1


@pytest.mark.fault("F81")
async def test_running_process_without_updates_for_30h_alerts_admins(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock
) -> None:
    settings = {"telegram_api_url": relay.url}
    async with await House.open(sandbox, database_url, clock=clock, settings=settings, pauses=HASTY) as house:
        await relay.down()
        clock.forward(hours=30)
        await house.client().says("Anybody there?", to=house.shop)
        await relay.up()
        await house.olga.sees("@shop_bot received nothing for 30 hours", bot=house.shop)


@pytest.mark.fault("F81")
async def test_webhook_outage_over_24h_alerts_admins(
    sandbox: Sandbox, database_url: str, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, unused_tcp_port: int
) -> None:
    monkeypatch.setattr(fleet, "WATCH_EVERY", 0.05)
    sandbox.configure(webhook_second=0.02)
    address = f"http://127.0.0.1:{unused_tcp_port}"
    settings = {"webhook_url": address, "webhook_secret": "a-secret-of-the-webhook", "http_port": unused_tcp_port}
    async with await House.open(sandbox, database_url, clock=clock, settings=settings) as house:
        olga = house.olga
        while await value(house, "SELECT heard_at FROM bots") is None:
            continue
    clock.forward(hours=26)
    async with await House.open(sandbox, database_url, clock=clock, settings=settings, admin=False) as house:
        await olga.sees("@shop_bot received nothing for 26 hours", bot=house.shop)


@pytest.mark.fault("F82")
@pytest.mark.parametrize("change", ["proxy", "address"])
async def test_pending_messages_are_sent_through_new_proxy_or_api_url(
    sandbox: Sandbox, relay: Relay, database_url: str, clock: MovableClock, change: str
) -> None:
    """The proxy falls over, or the Bot API server moves: what is to be said waits, and goes the new way."""
    old = {"telegram_proxy": relay.url} if change == "proxy" else {"telegram_api_url": relay.url}
    async with await House.open(sandbox, database_url, clock=clock, settings=old, pauses=HASTY) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        await ivan.says("My question", to=house.shop)
        card = await anna.sees("My question", bot=house.shop)
        await house.settled()
        assert relay.accepted > 0
        await anna.presses(card, "Take")
        await ivan.sees("Anna is with you")
        await relay.down()
        await answer_in_the_outage(house, anna)
        await ivan.says("And another")
    async with Relay(sandbox.url) as other:
        new = {"telegram_proxy": other.url} if change == "proxy" else {"telegram_api_url": other.url}
        async with await House.open(
            sandbox, database_url, clock=clock, settings=new, pauses=HASTY, admin=False
        ) as house:
            await ivan.sees("One moment", bot=house.shop)
            await anna.sees("And another")
            await house.settled()
            assert (times(ivan, house, "One moment"), times(anna, house, "And another")) == (1, 1)
            assert other.accepted > 0

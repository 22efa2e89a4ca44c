"""A secret is exchanged by the steps of docs/operations.md: nothing is lost, and everything works with the new one."""

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox
from tests.receiving.test_webhook import HEADER, message, post
from tests.stories.arranging import count, until
from tests.support.people import TOKEN, RunningApp

NEW_TOKEN = f"{TOKEN.partition(':')[0]}:{'anew' * 9}"
OLD_SECRET, NEW_SECRET = "the-secret-of-last-year", "the-secret-of-this-year"
HASTY = RetryDelays(outage=(0.02, 0.05), connect=0.05)


def times(person: Person, crm: RunningApp, words: str) -> int:
    return sum(seen.text == words for seen in person.chat(crm.shop) if seen.sender != person.id)


async def talk(crm: RunningApp) -> tuple[Person, Person]:
    """An operator who has a client's request."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Do you have bicycles?", to=crm.shop)
    await anna.presses(await anna.sees("Do you have bicycles?", bot=crm.shop), "Take")
    await ivan.sees("Anna is now taking care", bot=crm.shop)
    await crm.settled()
    return anna, ivan


async def goes_on(crm: RunningApp, anna: Person, ivan: Person) -> None:
    """What was written meanwhile has come, once; both go on talking about the same request, and others begin one."""
    await anna.replies(await anna.sees("Are you there?", bot=crm.shop), "We have two")
    await ivan.sees("We have two", bot=crm.shop)
    maria = crm.client("Maria")
    await maria.says("And lamps?", to=crm.shop)
    await anna.sees("And lamps?", bot=crm.shop)
    await crm.settled()
    assert (times(anna, crm, "Are you there?"), times(ivan, crm, "We have two")) == (1, 1)
    assert await count(crm, "contacts", "1 = 1") == 2
    assert await count(crm, "sources", "1 = 1") == 1
    assert await count(crm, "outbox", "state <> 'sent'") == 0


@pytest.mark.fault("F181")
async def test_exchange_of_a_bots_token_loses_nothing(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=HASTY) as crm:
        anna, ivan = await talk(crm)
        sandbox.fail(kind="http_500", method="copyMessage", probability=1.0)
        await anna.replies(await anna.sees("Do you have bicycles?", bot=crm.shop), "One moment")
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client' AND ambiguous > 0", 1)
        sandbox.revoke(crm.shop)
        sandbox.clear_fault()
        await until(crm, "SELECT count(*) FROM bots WHERE state = 'refused'", 1)  # by whichever call was the first
        await ivan.says("Are you there?", to=crm.shop)
    new = {NEW_TOKEN: "shop_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=new, retry_delays=HASTY, admin=False) as crm:
        await ivan.sees("One moment", bot=crm.shop)
        await goes_on(crm, anna, ivan)
        assert times(ivan, crm, "One moment") == 1
        assert [session.state for session in crm.app.supervisor.sessions] == ["running"]


@pytest.mark.fault("F181")
async def test_exchange_of_the_webhook_secret_loses_nothing(
    sandbox: Sandbox, database_url: str, unused_tcp_port: int
) -> None:
    sandbox.configure(webhook_second=0.02)
    settings = {"webhook_url": f"http://127.0.0.1:{unused_tcp_port}", "http_port": unused_tcp_port}
    old, new = {**settings, "webhook_secret": OLD_SECRET}, {**settings, "webhook_secret": NEW_SECRET}
    async with await RunningApp.open(sandbox, database_url, settings=old) as crm:
        anna, ivan = await talk(crm)
        await ivan.says("Are you there?", to=crm.shop)
    async with await RunningApp.open(sandbox, database_url, settings=new, admin=False) as crm:
        await goes_on(crm, anna, ivan)
        assert await post(crm, message(7, "With the old one"), headers={HEADER: OLD_SECRET}) == 401
        assert await post(crm, message(8, "With the new one"), headers={HEADER: NEW_SECRET}) == 200
        await anna.sees("With the new one", bot=crm.shop)
        assert await count(crm, "messages", "text = 'With the old one'") == 0

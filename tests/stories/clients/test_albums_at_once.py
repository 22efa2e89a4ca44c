"""An album that comes whole is one change: all its parts or none, whatever becomes of one of them."""

from functools import wraps
from typing import Any

import pytest

from bot.sandbox.world import content
from crm_core.conversation import client_messages
from crm_core.messaging.inbox import IncomingUpdate
from crm_core.messaging.messages import MessageContent
from crm_core.team import departure
from tests.stories.arranging import ask, until, value
from tests.support.people import RunningApp

pytestmark = pytest.mark.postgres_too

CAPTIONS = [str(number) for number in range(10)]
TEN = content.album(*(content.photo(caption=caption) for caption in CAPTIONS))
REACHED = "SELECT count(*) FROM events WHERE reason = 'reached'"
DONE = "SELECT count(*) FROM inbox WHERE state = 'done'"


def arrived(crm: RunningApp, anna: Any) -> list[list[str]]:
    """The captions that an operator sees, album by album."""
    found: dict[str, list[str]] = {}
    for seen in anna.chat(crm.shop):
        if seen.copied_from:
            found.setdefault(seen.raw["media_group_id"], []).append(seen.raw["caption"])
    return list(found.values())


async def test_parts_that_come_together_are_one_change_and_one_request(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)

    async def alone(row: IncomingUpdate) -> None:
        raise AssertionError(f"handled by itself: {row.raw}")

    crm.app.worker.handle = alone
    await ivan.sends_all(TEN, to=crm.shop)
    await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=crm.shop)
    await crm.settled()
    assert arrived(crm, anna) == [CAPTIONS]
    assert crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]["copyMessages"] == 1


@pytest.mark.fault("F43")
@pytest.mark.parametrize("failing", [0, 4, 9])
async def test_album_of_which_one_part_fails_arrives_whole_and_once(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch, failing: int
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    receive, failures = client_messages.receive, list[str]()

    @wraps(receive)  # whoever calls it looks at what it takes
    def fails_once(s: Any, *, content: MessageContent, **inputs: Any) -> Any:
        received = receive(s, content=content, **inputs)
        if not failures and any(one.text == str(failing) for one in (content, *inputs["further"])):
            failures.append(str(failing))
            raise LookupError("the change cannot be made")
        return received

    done = await value(crm, DONE)
    monkeypatch.setattr(client_messages, "receive", fails_once)
    await ivan.sends_all(TEN, to=crm.shop)
    await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=crm.shop)
    await crm.settled()
    assert failures
    assert arrived(crm, anna) == [CAPTIONS]
    assert await value(crm, DONE) == done + 10


async def test_album_that_came_before_is_taken_in_but_not_sent_again(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    items = await ivan.sends_all(TEN, to=crm.shop)
    await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=crm.shop)
    for item in items:  # after Telegram has begun to count anew
        crm.sandbox.inject_raw(crm.shop, {"message": item.raw})
    await crm.settled()
    assert arrived(crm, anna) == [CAPTIONS]
    assert await value(crm, "SELECT count(*) FROM inbox WHERE state <> 'done'") == 0


@pytest.mark.fault("F228")
async def test_operator_who_comes_back_with_an_album_is_noted_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    who = {"telegram_id": anna.id, "bot_id": crm.shop.id}
    await crm.db.write(departure.mark_unreachable, **who, now=crm.clock(), rng=crm.app.rng)
    before = await value(crm, REACHED)
    await anna.sends_all(TEN, to=crm.shop)
    await until(crm, DONE, 11)
    await crm.settled()
    assert await value(crm, REACHED) == before + 1
    assert await value(crm, "SELECT count(*) FROM contacts WHERE operator_id IS NOT NULL") == 1

"""An update that comes alone is stored in the transaction of its effect, and loses no promise by that."""

import asyncio
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.receiving import worker as workers
from bot.sandbox import Sandbox
from crm_core.messaging.inbox import Fresh, Received, Stored
from crm_core.storage.tables import Contact, InboxRow
from tests.support.people import House


async def inbox_rows(house: House) -> list[Any]:
    query = select(InboxRow.update_id, InboxRow.state, InboxRow.raw).order_by(InboxRow.id)
    return await house.db.read(lambda s: list(s.execute(query)))


async def contacts(house: House) -> int:
    return await house.db.read(lambda s: s.execute(select(func.count(Contact.id))).scalar_one())


def watch(house: House) -> list[type]:
    """Notes how updates come to the handler."""
    handle, seen = house.app.worker._handle, list[type]()

    async def watched(row: Received) -> None:
        seen.append(type(row))
        await handle(row)

    house.app.worker._handle = watched
    return seen


@pytest.mark.fault("F10")
async def test_single_update_is_stored_with_its_effect_and_applied_once(house: House) -> None:
    anna, ivan = await house.operator("Anna"), house.client()
    await house.settled()
    seen = watch(house)
    await ivan.says("Hello", to=house.shop)
    await anna.sees("Hello", bot=house.shop)
    await house.settled()
    assert seen == [Fresh]
    row = (await inbox_rows(house))[-1]
    assert row.state == "done"
    assert "Hello" in row.raw
    again = Fresh(house.shop.id, row.update_id, f"{house.shop.id}:{ivan.id}", {"update_id": row.update_id})
    assert not await house.app.worker.at_once(again)
    assert await contacts(house) == 1


async def test_failed_fast_path_stores_the_update_and_retries_it(house: House) -> None:
    anna, ivan = await house.operator("Anna"), house.client()
    await house.settled()
    handle, seen = house.app.worker._handle, list[type]()

    async def fails_first(row: Received) -> None:
        seen.append(type(row))
        if isinstance(row, Fresh):
            raise LookupError
        assert "new" in [one.state for one in await inbox_rows(house)]
        await handle(row)

    house.app.worker._handle = fails_first
    await ivan.says("Hello", to=house.shop)
    await anna.sees("Hello", bot=house.shop)
    await house.settled()
    assert seen == [Fresh, Stored]
    assert {one.state for one in await inbox_rows(house)} == {"done"}


async def test_slow_fast_path_does_not_block_other_clients_and_is_applied_once(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ivan, petra = await house.operator("Anna"), house.client("Ivan"), house.client("Petra")
    await house.settled()
    monkeypatch.setattr(workers, "AT_ONCE_WITHIN", 0.01)
    handle, go_on, seen = house.app.worker._handle, asyncio.Event(), list[type]()

    async def hesitates(row: Received) -> None:
        seen.append(type(row))
        if row.conversation.endswith(f":{ivan.id}") and isinstance(row, Fresh):
            await go_on.wait()
        await handle(row)

    house.app.worker._handle = hesitates
    await ivan.says("slow", to=house.shop)
    await petra.says("quick", to=house.shop)
    await anna.sees("quick", bot=house.shop)  # though Ivan's words are not worked on yet
    go_on.set()
    await anna.sees("slow", bot=house.shop)
    await house.settled()
    assert await contacts(house) == 2
    assert seen.count(Stored) >= 1  # what was stored meanwhile was worked on, and the first attempt undone
    assert {one.state for one in await inbox_rows(house)} == {"done"}


async def test_messages_of_one_client_stay_in_order_on_both_paths(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        await ivan.says("0", to=house.shop)
        for number in range(1, 25):
            await ivan.says(str(number))
            if number % 3 == 0:
                await anna.sees(str(number), bot=house.shop)
        await anna.sees("24", bot=house.shop)
        texts = [seen.text for seen in anna.chat(house.shop) if seen.text.isdecimal()]
        assert texts == [str(number) for number in range(1, 25)]

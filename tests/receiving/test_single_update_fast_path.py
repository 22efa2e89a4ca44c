"""An update that comes alone is stored in the transaction of its effect, and loses no promise by that."""

import asyncio
import re
from typing import Any

import pytest
from sqlalchemy import func, select

from bot.receiving import worker
from bot.sandbox import Sandbox
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate, UnstoredUpdate
from crm_core.storage.tables import Contact, InboxRow
from tests.support.people import RunningApp


async def inbox_rows(crm: RunningApp) -> list[Any]:
    query = select(InboxRow.update_id, InboxRow.state, InboxRow.raw).order_by(InboxRow.id)
    return await crm.db.read(lambda s: list(s.execute(query)))


async def contacts(crm: RunningApp) -> int:
    return await crm.db.read(lambda s: s.execute(select(func.count(Contact.id))).scalar_one())


def watch(crm: RunningApp) -> list[type]:
    """Notes how updates come to the handler."""
    handle, seen = crm.app.worker.handle, list[type]()

    async def watched(row: IncomingUpdate) -> None:
        seen.append(type(row))
        await handle(row)

    crm.app.worker.handle = watched
    return seen


@pytest.mark.fault("F10")
async def test_single_update_is_stored_with_its_effect_and_applied_once(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AT_ONCE_WITHIN", 20)  # however busy the machine is
    anna, ivan = await crm.operator("Anna"), crm.client()
    await crm.settled()
    seen = watch(crm)
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    await crm.settled()
    assert seen == [UnstoredUpdate]
    row = (await inbox_rows(crm))[-1]
    assert row.state == "done"
    assert "Hello" in row.raw
    again = UnstoredUpdate(crm.shop.id, row.update_id, f"{crm.shop.id}:{ivan.id}", {"update_id": row.update_id})
    assert not await crm.app.worker.at_once([again])
    assert await contacts(crm) == 1


async def test_failed_fast_path_stores_the_update_and_retries_it(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await crm.settled()
    handle, seen = crm.app.worker.handle, list[type]()

    async def fails_first(row: IncomingUpdate) -> None:
        seen.append(type(row))
        if isinstance(row, UnstoredUpdate):
            raise LookupError
        assert "new" in [one.state for one in await inbox_rows(crm)]
        await handle(row)

    crm.app.worker.handle = fails_first
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    await crm.settled()
    assert seen == [UnstoredUpdate, StoredUpdate]
    assert {one.state for one in await inbox_rows(crm)} == {"done"}


async def test_slow_fast_path_does_not_block_other_clients_and_is_applied_once(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await crm.settled()
    monkeypatch.setattr(worker, "AT_ONCE_WITHIN", 0.01)
    handle, go_on, seen = crm.app.worker.handle, asyncio.Event(), list[type]()

    async def hesitates(row: IncomingUpdate) -> None:
        seen.append(type(row))
        if row.conversation.endswith(f":{ivan.id}") and isinstance(row, UnstoredUpdate):
            await go_on.wait()
        await handle(row)

    crm.app.worker.handle = hesitates
    await ivan.says("slow", to=crm.shop)
    await petra.says("quick", to=crm.shop)
    await anna.sees("quick", bot=crm.shop)  # though Ivan's words are not worked on yet
    go_on.set()
    await anna.sees("slow", bot=crm.shop)
    await crm.settled()
    assert await contacts(crm) == 2
    assert seen.count(StoredUpdate) >= 1  # what was stored meanwhile was worked on, and the first attempt undone
    assert {one.state for one in await inbox_rows(crm)} == {"done"}


async def test_messages_of_one_client_stay_in_order_on_both_paths(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("0", to=crm.shop)
        for number in range(1, 25):
            await ivan.says(str(number))
            if number % 3 == 0:  # nothing but the number, which the card's time may contain
                await anna.sees(re.compile(rf"^{number}$"), bot=crm.shop)
        texts = [seen.text for seen in anna.chat(crm.shop) if seen.text.isdecimal()]
        assert texts == [str(number) for number in range(1, 25)]

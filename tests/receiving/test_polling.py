"""Polling: nothing is confirmed that is not stored, whatever Telegram's numbers do, and no more is taken than fits."""

import asyncio
from collections.abc import Sequence

import pytest
from sqlalchemy import func, select

from bot.receiving import attempts, conversation_queue, worker
from bot.sandbox import Sandbox
from crm_core.messaging.inbox import IncomingUpdate, StoredUpdate
from crm_core.storage.tables import Contact, InboxRow
from tests.receiving.outage import outage, until_away
from tests.support.people import RunningApp


@pytest.mark.further
@pytest.mark.fault("F16")
async def test_backlog_is_fetched_only_as_fast_as_it_is_processed(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conversation_queue, "HELD_ALL", 150)
    monkeypatch.setattr(worker, "BATCH", 100)  # what finds no room is read from the inbox, as much at once
    crm = await RunningApp.open(sandbox, database_url, admin=False)
    people = sandbox.preload(crm.shop, people=300, each=3)
    is_full, most = asyncio.Event(), 0
    async with crm:
        working = crm.app.worker
        handle, add = working.handle, working.add

        def taken(rows: Sequence[StoredUpdate]) -> None:
            nonlocal most
            add(rows)
            most = max(most, working.held)
            if working.held >= 150:
                is_full.set()

        async def patient(row: IncomingUpdate) -> None:
            await is_full.wait()  # however quickly this machine works
            await handle(row)

        working.add, working.handle = taken, patient  # type: ignore[method-assign]
        await sandbox.settles(timeout=60)
        assert 150 <= most < 150 + 100  # what was held when the last batch was asked for, and that batch
        opened = await crm.db.read(lambda s: s.execute(select(func.count(Contact.id))).scalar_one())
        assert opened == len(people)


@pytest.mark.fault("F11", "F13")
async def test_update_ids_that_restart_lower_lose_no_message(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("before", to=crm.shop)
        await anna.sees("before", bot=crm.shop)
        await crm.settled()
        sandbox.jump(crm.shop, 1000)
        await ivan.says("after the jump")
        await anna.sees("after the jump")
        await crm.settled()  # numbers restart only after a week of silence, when Telegram keeps nothing any more
    sandbox.jump(crm.shop, 10)
    await ivan.says("after another, while nobody was there")
    async with await RunningApp.open(sandbox, database_url, admin=False) as again:
        await anna.sees("after another, while nobody was there", bot=again.shop)
        await again.settled()
        copies = [seen.text for seen in anna.chat(again.shop) if seen.text in ("before", "after the jump")]
        assert copies == ["after the jump"]  # (the first words are in the card)


@pytest.mark.fault("F62")
async def test_database_outage_confirms_no_update_and_creates_no_dead_letter(
    crm: RunningApp, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await crm.settled()
    monkeypatch.setattr(attempts, "DATABASE_DELAY", 0.05)
    confirmed = len(crm.sandbox.confirmed_ids(crm.shop))
    async with outage(database_url, monkeypatch):
        await until_away(crm.db)
        sent = await ivan.says("Are you there?", to=crm.shop)
        await until_away(crm.db)
        assert len(crm.sandbox.confirmed_ids(crm.shop)) == confirmed
    await anna.sees("Are you there?", bot=crm.shop, timeout=20)
    await ivan.says("Good")
    await anna.sees("Good")
    await crm.settled()
    states = select(InboxRow.state).distinct()
    assert await crm.db.read(lambda s: list(s.execute(states).scalars())) == ["done"]
    assert sent.text in anna.chat(crm.shop)[-2].text

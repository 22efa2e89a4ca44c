"""Two sessions of one bot work on the same row: only the outcome of the newer one counts."""

from datetime import UTC, datetime

import pytest

from crm_core.delivery import bots, outcomes
from crm_core.messaging import inbox, outbox, outbox_attempts
from crm_core.messaging.inbox import AlreadyFinished, StoredUpdate, Update
from crm_core.messaging.outbox import OutboxEntry
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOT, CHAT = 700001, 5


async def begin(db: Database) -> int:
    return await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)


async def test_late_outcome_of_superseded_session_is_ignored(db: Database) -> None:
    older = await begin(db)
    await db.write(outbox.add, [OutboxEntry(outbox.TO_CLIENT, BOT, CHAT)], now=NOW)
    [row] = await db.read(outbox.waiting, bot_id=BOT)
    assert await db.write(lambda s: len(outbox_attempts.claim(s, ids=[row.id], fencing_token=older))) == 1
    newer = await begin(db)
    await db.write(outcomes.recover, bot_id=BOT, fencing_token=newer, now=NOW)
    assert await db.write(lambda s: len(outbox_attempts.claim(s, ids=[row.id], fencing_token=newer))) == 1

    late = Settled(row.id, "dead", "blocked")
    assert await db.write(outbox_attempts.settle, settled=[late], fencing_token=older, now=NOW) == set()
    assert [one.id for one in await db.read(outbox.claimed, bot_id=BOT, fencing_token=newer)] == [row.id]
    arrived = Settled(row.id, "sent", "ok")
    assert await db.write(outbox_attempts.settle, settled=[arrived], fencing_token=newer, now=NOW) == {row.id}


async def test_superseded_session_does_not_recover_rows_of_its_successor(db: Database) -> None:
    older = await begin(db)
    newer = await begin(db)
    await db.write(outbox.add, [OutboxEntry(outbox.TO_CLIENT, BOT, CHAT)], now=NOW)
    [row] = await db.read(outbox.waiting, bot_id=BOT)
    assert await db.write(lambda s: len(outbox_attempts.claim(s, ids=[row.id], fencing_token=newer))) == 1
    assert await db.write(outcomes.recover, bot_id=BOT, fencing_token=older, now=NOW) == 0
    arrived = Settled(row.id, "sent", "ok")
    assert await db.write(outbox_attempts.settle, settled=[arrived], fencing_token=newer, now=NOW) == {row.id}


async def test_update_handled_by_two_sessions_is_finished_once(db: Database) -> None:
    await begin(db)
    [row] = await db.write(inbox.store, bot_id=BOT, updates=[Update(1, "5", {"update_id": 1})], now=NOW)
    assert isinstance(row, StoredUpdate)
    await db.write(inbox.finish, row, now=NOW)
    with pytest.raises(AlreadyFinished):
        await db.write(inbox.finish, row, now=NOW)

"""Old rows: deleted in batches that no time-out ends, and of every table that would grow for ever."""

from datetime import datetime, timedelta

import pytest
from sqlalchemy import Table, func, insert, select, text
from sqlalchemy.orm import Session

from bot.runtime.jobs import PURGES, purge
from crm_core.storage.database import Database
from crm_core.storage.tables import Alert, Gate, Idempotency, InboxRow, Invitation, MethodGate, OutboxRow, Prompt
from tests.domain.arranging import BOT, NOW, open_office

ROWS = 7
BATCH = 3


def _rows(number: int, at: datetime) -> list[tuple[Table, dict[str, object]]]:
    """One row of each table that ended at this moment."""
    update = {"bot_id": BOT, "digest": "d", "conversation": "c", "raw": "{}", "received_at": at, "finished_at": at}
    return [
        (InboxRow.__table__, update | {"update_id": number, "state": "done"}),
        (InboxRow.__table__, update | {"update_id": 10_000 + number, "state": "dead"}),
        (
            OutboxRow.__table__,
            {"kind": "k", "bot_id": BOT, "chat_id": 1, "payload": {}, "state": "sent"}
            | {"created_at": at, "settled_at": at},
        ),
        (
            Prompt.__table__,
            {"bot_id": BOT, "chat_id": number, "role": "client", "person_id": 1, "question": "q"}
            | {"data": {}, "created_at": at},
        ),
        (
            Idempotency.__table__,
            {"key_id": 1, "route": "r", "idempotency_key": str(number), "digest": "d"}
            | {"status": 200, "headers": {}, "body": "", "created_at": at},
        ),
        (Alert.__table__, {"cause": f"waits:{number}", "told_at": at}),
        (Invitation.__table__, {"digest": str(number), "role": "admin", "created_at": at, "expires_at": at}),
        (Gate.__table__, {"bot_id": BOT, "chat_id": number, "not_before": at}),
        (MethodGate.__table__, {"bot_id": BOT, "method": str(number), "not_before": at}),
    ]


def _fill(s: Session, first: int, count: int, at: datetime) -> None:
    for number in range(first, first + count):
        for table, values in _rows(number, at):
            s.execute(insert(table), values)


def _counts(s: Session) -> dict[str, int]:
    tables = {table.name: table for table, _ in _rows(0, NOW)}
    return {name: s.execute(select(func.count()).select_from(table)).scalar_one() for name, table in tables.items()}


@pytest.mark.fault("F95")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
async def test_batch_has_its_size_whatever_plan_the_database_chooses(db: Database) -> None:
    """A nested loop asks for the rows of the batch again and again, and gets others each time."""

    def delete_with_a_nested_loop(s: Session) -> int:
        for way in ("hashjoin", "mergejoin", "hashagg", "sort", "material"):
            s.execute(text(f"SET LOCAL enable_{way} = off"))
        return PURGES[0](s, now=NOW, at_most=BATCH)

    await db.write(open_office, weights=[1], limit=5)
    await db.write(_fill, 200, ROWS, NOW - timedelta(days=91))
    assert await db.write(delete_with_a_nested_loop) == BATCH


@pytest.mark.fault("F95")
async def test_old_rows_of_every_table_are_deleted_in_batches_and_nothing_else(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=5)
    before = await db.read(_counts)
    await db.write(_fill, 100, 2, NOW)
    kept = await db.read(_counts)
    await db.write(_fill, 200, ROWS, NOW - timedelta(days=91))
    for delete in PURGES[:2]:
        assert await db.write(delete, now=NOW, at_most=BATCH) == BATCH  # of however many there are
    await purge(db, now=NOW, at_most=BATCH)
    assert await db.read(_counts) == kept
    await db.write(_fill, 300, 1, NOW - timedelta(days=30))
    await purge(db, now=NOW, at_most=BATCH)
    still_kept = {"inbox": 1, "invitations": 1}  # a dead update, an invitation that has ended
    assert await db.read(_counts) == {name: count + still_kept.get(name, 0) for name, count in kept.items()}
    assert {name for name in kept if kept[name] == before[name]} == set()

"""How many rows a statement changed is known on both databases, of an insert too: who won is told by it."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from crm_core.storage.database import Database
from crm_core.storage.execute import dialect_insert, execute_count
from crm_core.storage.tables import Alert


async def test_conflicting_insert_counts_as_zero_changed_rows(db: Database) -> None:
    def insert_twice(s: Session) -> tuple[int, int]:
        statement = dialect_insert(s, Alert.__table__).values(cause="limit:1", told_at=datetime.now(UTC))
        statement = statement.on_conflict_do_nothing()
        return execute_count(s, statement), execute_count(s, statement)

    assert await db.write(insert_twice) == (1, 0)

"""How PostgreSQL finds what the statistics read, where it does not know yet how much has been stored."""

import re
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.statistics import gathering
from crm_core.storage.database import Database


@pytest.mark.fault("F254")
@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
@pytest.mark.parametrize("name", ["_BY_HAND", "_TOOK"])
async def test_no_order_of_ids_leads_to_the_earlier_events_of_a_request(db: Database, name: str) -> None:
    """Of a table that was small when a statement was planned, it would read everything before each event."""

    def plan(s: Session) -> str:
        s.execute(text("DROP INDEX ix_events_contact_id"))
        s.execute(text("SET LOCAL enable_seqscan = off"))
        statement: Any = getattr(gathering, name).params(after=1, until=2)
        words = statement.compile(dialect=s.get_bind().dialect, compile_kwargs={"literal_binds": True})
        found = "\n".join(s.execute(text(f"EXPLAIN {str(words).replace(':', chr(92) + ':')}")).scalars())
        s.rollback()
        return found

    found = await db.write(plan)
    assert "on events events_1" in found
    assert re.search(r"Index Cond: .*\bid < events.id", found) is None, found

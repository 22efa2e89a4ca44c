"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have but SQLAlchemy offers only through each dialect."""

from collections.abc import Callable
from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session

from crm_core.storage.prepared import Prepared


def dialect_insert(s: Session, table: Any) -> Any:
    """Starts an INSERT of the session's own dialect, on which ``on_conflict_do_nothing`` and ``…_do_update`` exist."""
    if s.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)


def prepared_upsert(table: Any, finish: Callable[[Any], Any]) -> Prepared:
    """The same as a hot statement; `finish` adds the ``on_conflict_…`` part, which both dialects spell alike."""
    return Prepared(finish(sqlite.insert(table)), on_postgresql=finish(postgresql.insert(table)))

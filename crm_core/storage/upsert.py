"""INSERT … ON CONFLICT, which SQLite and PostgreSQL both have but SQLAlchemy offers only through each dialect."""

from typing import Any

from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.orm import Session


def upserting(s: Session, table: Any) -> Any:
    """Starts an INSERT of the session's own dialect, on which ``on_conflict_do_nothing`` and ``…_do_update`` exist."""
    if s.get_bind().dialect.name == "postgresql":
        return postgresql.insert(table)
    return sqlite.insert(table)

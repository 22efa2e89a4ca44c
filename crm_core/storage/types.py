"""Column types that mean the same on SQLite and PostgreSQL."""

from datetime import UTC, datetime, timedelta
from typing import Any

from sqlalchemy import BigInteger, Dialect, Integer, String
from sqlalchemy.types import TypeDecorator

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MILLISECOND = timedelta(milliseconds=1)

# SQLite numbers rows by itself only in a column that is declared exactly INTEGER.
RowId = BigInteger().with_variant(Integer(), "sqlite")

# Compared by code points, as SQLite does anyway: an index in a language's order finds no beginnings.
Word = String().with_variant(String(collation="C"), "postgresql")


class Instant(TypeDecorator[datetime]):
    """A moment in UTC, stored as whole milliseconds since 1970.

    Numbers subtract, compare and sort alike on both databases, so that statistics need no dialect.
    A naive datetime is refused, since its time zone would be unknown.
    """

    impl = BigInteger
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> int | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a moment needs its time zone; use datetime.now(UTC)")
        return (value - EPOCH) // MILLISECOND

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return None if value is None else EPOCH + MILLISECOND * int(value)

"""Column types that mean the same on SQLite and PostgreSQL."""

from collections.abc import Callable
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
        return _to_milliseconds(value)

    def process_result_value(self, value: Any, dialect: Dialect) -> datetime | None:
        return _to_moment(value)

    # The same without two functions of SQLAlchemy's in between, which take longer than the conversion.

    def bind_processor(self, dialect: Dialect) -> Callable[[datetime | None], int | None]:
        return _to_milliseconds

    def result_processor(self, dialect: Dialect, coltype: object) -> Callable[[int | None], datetime | None]:
        return _to_moment


def _to_milliseconds(moment: datetime | None) -> int | None:
    if moment is None:
        return None
    if moment.tzinfo is None:
        raise ValueError("a moment needs its time zone; use datetime.now(UTC)")
    return (moment - EPOCH) // MILLISECOND


def _to_moment(milliseconds: int | None) -> datetime | None:
    return None if milliseconds is None else EPOCH + MILLISECOND * int(milliseconds)

"""One cache of compiled statements for all engines of a run.

SQLAlchemy keeps what it has compiled with each engine. Every test opens engines of its own, so a sixth of the processor
time of the tests went into compiling the same statements again.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import pytest
from sqlalchemy import Engine
from sqlalchemy.dialects.postgresql.psycopg import PGDialect_psycopg, PGDialectAsync_psycopg
from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.dialects.sqlite.pysqlite import SQLiteDialect_pysqlite
from sqlalchemy.util import LRUCache

_DIALECTS = (PGDialect_psycopg, PGDialectAsync_psycopg, SQLiteDialect_aiosqlite, SQLiteDialect_pysqlite)
_KEPT = 5_000  # statements


@contextmanager
def shared_compiled_statements() -> Iterator[None]:
    """Shares what is compiled among engines of one dialect; their dialects are set up alike, so they count as equal."""
    cache: LRUCache[Any, Any] = LRUCache(_KEPT)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(
            Engine, "_compiled_cache", property(lambda engine: cache, lambda engine, own: None), raising=False
        )
        for dialect in _DIALECTS:
            patch.setattr(dialect, "__eq__", lambda one, other: type(one) is type(other), raising=False)
            patch.setattr(dialect, "__hash__", lambda one: hash(type(one)), raising=False)
        yield

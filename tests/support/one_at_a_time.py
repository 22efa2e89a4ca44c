"""PostgreSQL for a run that does one thing at a time: it waits in place, and keeps what the server has prepared.

The driver drops all that is prepared with each rollback, so with each refused move, and keeps a hundred statements at
most: the server parsed and planned nearly every statement anew. And for every answer the event loop went round twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
from psycopg import waiting
from psycopg._preparing import PrepareManager

from crm_core.storage.round_trip import Way

_INTERVAL = 0.1  # seconds after which an interruption from the keyboard is noticed
_KEPT = 10_000  # statements


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """For programs in which nothing else runs in the event loop, and that do not change the schema.

    Deadlines of connections, which need that loop, do not pass meanwhile; those that the server keeps do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.AsyncConnection, "wait", _wait)
        patch.setattr(PrepareManager, "prepared_max", _KEPT)
        patch.setattr(PrepareManager, "clear", lambda prepared: False)
        patch.setattr(Way, "forget", lambda way: None)
        yield


async def _wait(connection: psycopg.AsyncConnection, generator: Any, *_: Any, **__: Any) -> Any:
    return waiting.wait(generator, connection.pgconn.socket, _INTERVAL)

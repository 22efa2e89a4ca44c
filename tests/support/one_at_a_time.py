"""PostgreSQL for a run that does one thing at a time: it waits in place, and keeps all that the server has prepared.

The driver keeps a hundred statements at most, and such a run uses three times as many: the server parsed and planned
them again and again. And for every answer the event loop went round once or twice.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from select import select
from typing import Any

import psycopg
import pytest
from psycopg import waiting
from psycopg._preparing import PrepareManager

from crm_core.storage.arrivals import Arrivals

_INTERVAL = 0.1  # seconds after which an interruption from the keyboard is noticed
_KEPT = 10_000  # statements


@contextmanager
def one_at_a_time() -> Iterator[None]:
    """For programs in which nothing else runs in the event loop.

    Deadlines of connections, which need that loop, do not pass meanwhile; those that the server keeps do.
    """
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(psycopg.AsyncConnection, "wait", _wait)
        patch.setattr(Arrivals, "wait", _wait_for_arrival)
        patch.setattr(PrepareManager, "prepared_max", _KEPT)
        yield


async def _wait(connection: psycopg.AsyncConnection, generator: Any, *_: Any, **__: Any) -> Any:
    return waiting.wait(generator, connection.pgconn.socket, _INTERVAL)


async def _wait_for_arrival(arrivals: Arrivals) -> None:
    while not select([arrivals._socket], [], [], _INTERVAL)[0]:
        pass

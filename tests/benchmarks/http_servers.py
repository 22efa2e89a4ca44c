"""The HTTP servers that are compared, each a process: Mini-CRM, a plain version, and one that does nothing.

All get the same source and operators, by the calls of the first founding document, and the same load.
"""

import asyncio
import itertools
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tests.benchmarks.databases import OPERATORS
from tests.benchmarks.http_client import Calls, call, in_own_loop, post
from tests.benchmarks.processes import Process, running
from tests.support import processes

_POLL_SECONDS = 0.05
UNLIMITED = "UPDATE operators SET max_leads = 1000000000"  # takes the limits of all operators away
# Every other client writes again after so many requests. An odd number that is larger than the number of callers: with
# both requests in flight at once, the plain version would create the lead twice, and fail.
_REPEATED_AFTER = 101


@dataclass(frozen=True)
class Server:
    """A running server, with its database file where it has one.

    Attributes:
        lift: takes the limits of all operators away, where the API allows only so much.
    """

    port: int
    path: Path | None = None
    lift: Callable[[], None] | None = None


@asynccontextmanager
async def mini_crm(path: Path) -> AsyncIterator[Server]:
    """Mini-CRM on a SQLite file, without bots."""
    async with serving(f"sqlite:///{path}", path.parent, lift=lambda: _lift(path)) as server:
        yield replace(server, path=path)


@asynccontextmanager
async def serving(url: str, folder: Path, *, lift: Callable[[], None] | None = None) -> AsyncIterator[Server]:
    """Mini-CRM on a database, without bots."""
    settings = {"DATABASE_URL": url, "LOG_LEVEL": "ERROR"}
    async with processes.running("serve", folder=folder, **settings) as process:
        line = await process.says("The HTTP API answers at")
        yield Server(int(line.split("/api/v1")[0].rpartition(":")[2]), lift=lift)


def _lift(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute(UNLIMITED)


def plain_api(path: Path) -> AbstractAsyncContextManager[Server]:
    """The direct implementation of the first founding document, on a SQLite file."""
    return _uvicorn("tests.benchmarks.plain_api", path)


def noop_api() -> AbstractAsyncContextManager[Server]:
    """FastAPI and uvicorn alone."""
    return _uvicorn("tests.benchmarks.noop_api")


@asynccontextmanager
async def _uvicorn(module: str, path: Path | None = None) -> AsyncIterator[Server]:
    """An application served by uvicorn with its default settings, but without an access log."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    arguments = ("-m", "uvicorn", f"{module}:app", "--port", str(port), "--no-access-log", "--log-level", "critical")
    async with running(*arguments, environment={"PLAIN_API_DATABASE": str(path)}) as process:
        await _wait_listening(port, process)
        try:
            yield Server(port, path, lift=None if path is None else lambda: _lift(path))
        finally:
            process.kill()  # on SIGTERM the plain version would wait for calls that never end


async def _wait_listening(port: int, process: Process) -> None:
    while process.returncode is None:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            await asyncio.sleep(_POLL_SECONDS)
        else:
            writer.close()
            return
    raise RuntimeError("the server ended before it listened")


async def add_source(server: Server, *, max_leads: int | None = None) -> int:
    """Adds a source with ten operators of equal weight, by the document's calls; returns the source's id.

    Args:
        max_leads: limit of each operator; None for more than the API allows.
    """
    (source,) = await _call_all(server, [post("/sources/", name="Bench")])
    names = [f"HTTP operator {number}" for number in range(OPERATORS)]
    operators = await _call_all(server, [post("/operators/", name=name, max_leads=max_leads or 1000) for name in names])
    source_id = int(source["id"])
    path = f"/sources/{source_id}/assign_operator"
    await _call_all(server, [post(path, operator_id=one["id"], weight=10) for one in operators])
    if max_leads is None and server.lift is not None:
        await asyncio.to_thread(server.lift)
    return source_id


async def _call_all(server: Server, requests: Sequence[bytes]) -> list[Any]:
    """Sends one request after another; returns the JSON of each response. Raises RuntimeError unless all are 2xx."""
    calls = await call(server.port, requests)
    if len(calls.successful) < len(requests):
        raise RuntimeError(f"of {len(requests)} requests, statuses: {Counter(one.status for one in calls.responses)}")
    return [one.json() for one in calls.successful]


_numbers = itertools.count()


def registrations(source_id: int) -> Iterator[bytes]:
    """Requests that register contacts, without end."""
    for number in _numbers:
        client = number - _REPEATED_AFTER * (number % 2)
        yield post(
            "/leads/register_contact/",
            email=f"client{client}@example.com",
            source_id=source_id,
            message=f"message {number}",
            phone="+79991234567",
            full_name="Алексей Иванов",
        )


async def register(server: Server, source_id: int, *, at_once: int, seconds: float) -> Calls:
    """Registers contacts by so many callers for so long."""
    return await in_own_loop(call(server.port, registrations(source_id), at_once=at_once, seconds=seconds))

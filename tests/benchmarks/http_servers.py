"""The programs that are measured over HTTP, each a process: ours, a plain one, one that does nothing.

All have the same office, made by the calls of the first founding document, and the same callers.
"""

import asyncio
import itertools
import socket
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.benchmarks.callers import Calls, aside, call, send
from tests.benchmarks.processes import running
from tests.support import processes

OPERATORS = 10
SECONDS = 1.5  # of each measurement
AGAIN_AFTER = 101  # requests, an odd number: at once, the plain one would make the lead twice, and fail


@dataclass(frozen=True)
class Server:
    """A program that answers, with its database where it has one."""

    port: int
    path: Path | None = None


@asynccontextmanager
async def ours(path: Path) -> AsyncIterator[Server]:
    """Mini-CRM over a SQLite file, without bots."""
    async with processes.running(
        "serve", folder=path.parent, DATABASE_URL=f"sqlite:///{path}", LOG_LEVEL="ERROR"
    ) as process:
        line = await process.says("The HTTP API answers at")
        yield Server(int(line.split("/api/v1")[0].rpartition(":")[2]), path)


@asynccontextmanager
async def _other(name: str, path: Path | None = None) -> AsyncIterator[Server]:
    """One of the programs beside ours, served by uvicorn as anybody would serve it."""
    with closing(socket.create_server(("127.0.0.1", 0))) as free:
        port = free.getsockname()[1]
    arguments = (f"tests.benchmarks.{name}:app", "--port", str(port), "--no-access-log", "--log-level", "critical")
    async with running("-m", "uvicorn", *arguments, environment={"PLAIN_CRM_DATABASE": str(path)}) as process:
        while process.returncode is None:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                await asyncio.sleep(0.05)
            else:
                writer.close()
                break
        try:
            yield Server(port, path)
        finally:
            process.kill()  # asked to stop, the plain one would first wait for calls that stand still


def plain(path: Path) -> AbstractAsyncContextManager[Server]:
    """The first founding document taken at its word, over a SQLite file."""
    return _other("plain_crm", path)


def no_op() -> AbstractAsyncContextManager[Server]:
    """FastAPI and uvicorn alone."""
    return _other("noop_crm")


async def open_office(server: Server, *, limit: int | None = None) -> int:
    """A source with ten operators of equal weight, by the document's calls. Returns the source's number.

    Args:
        limit: None for more than the API would allow.
    """
    (source,) = await ask(server, [send("POST", "/sources/", name="Bench")])
    staff = await ask(
        server,
        [send("POST", "/operators/", name=f"Desk {number}", max_leads=limit or 1000) for number in range(OPERATORS)],
    )
    source_id = int(source["id"])
    await ask(
        server,
        [send("POST", f"/sources/{source_id}/assign_operator", operator_id=one["id"], weight=10) for one in staff],
    )
    if limit is None and server.path is not None:
        with closing(sqlite3.connect(server.path)) as connection, connection:
            connection.execute("UPDATE operators SET max_leads = 1000000000")
    return source_id


async def ask(server: Server, requests: Sequence[bytes]) -> list[Any]:
    """One request after another; the JSON of their answers, each of which must be a good one."""
    calls = await call(server.port, requests)
    if calls.failed or len(calls.good) < len(requests):
        raise RuntimeError(f"not answered well: {Counter(one.status for one in calls.answers)}")
    return [one.read() for one in calls.good]


_numbers = itertools.count()


def registrations(source_id: int) -> Iterator[bytes]:
    """Requests of clients, each of whom writes once more after a while."""
    for number in _numbers:
        email = f"client{number - AGAIN_AFTER * (number % 2)}@example.com"
        yield send(
            "POST",
            "/leads/register_contact/",
            email=email,
            source_id=source_id,
            message=f"message {number}",
            phone="+79991234567",
            full_name="Алексей Иванов",
        )


async def register(server: Server, source_id: int, *, at_once: int, seconds: float = SECONDS) -> Calls:
    """So many callers register contacts for so long."""
    return await aside(call(server.port, registrations(source_id), at_once=at_once, seconds=seconds))

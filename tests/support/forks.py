"""Processes of our own that are forked from one in which everything is imported already.

Importing takes two seconds of a processor, and the stories start hundreds of processes. What is about starting itself
does without (`tests.support.processes.fresh_command`).
"""

import asyncio
import multiprocessing
import os
import signal
import sys
import warnings
from collections.abc import Callable, Mapping, Sequence
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import BinaryIO

ROOT = Path(__file__).parents[2]

_forking = multiprocessing.get_context("forkserver")
_forking.set_forkserver_preload(
    [
        *(f"bot.commands.{name}" for name in ("api_keys", "backup", "doctor", "export", "invite", "restore", "run")),
        "bot.demo.product",
        "crm_core.exports.__main__",
        "bot.runtime.migrating",
        "alembic.command",
        "psycopg",
        "tests.processes.restarts",
        "tests.processes.dying_restores",
        "tests.support.warm",  # last
    ]
)


class Forked:
    """A process that was forked; what stories need of `asyncio.subprocess.Process`.

    Attributes:
        stdin: what it is told, if that was asked for.
        stdout, stderr: what it says, if that was asked for.
        returncode: its exit status, None until it has ended.
    """

    def __init__(
        self, process: BaseProcess, said: Sequence[asyncio.StreamReader], stdin: BinaryIO | None = None
    ) -> None:
        assert process.pid is not None
        self.pid = process.pid
        self.stdin = stdin
        self.stdout: asyncio.StreamReader | None
        self.stderr: asyncio.StreamReader | None
        self.stdout, self.stderr = said or (None, None)
        self.returncode: int | None = None
        self._process = process
        loop = asyncio.get_running_loop()
        self._ended: asyncio.Future[int] = loop.create_future()
        loop.add_reader(process.sentinel, self._end)

    def _end(self) -> None:
        asyncio.get_running_loop().remove_reader(self._process.sentinel)
        self._process.join()
        status = self._process.exitcode
        assert status is not None
        self._process.close()
        if self.stdin is not None:
            self.stdin.close()
        self.returncode = status
        self._ended.set_result(status)

    async def wait(self) -> int:
        """Waits for its end; returns its exit status, or below zero the signal that ended it."""
        return await asyncio.shield(self._ended)

    async def communicate(self) -> tuple[bytes, bytes]:
        """Waits for its end; returns what it said that was not read yet."""
        assert self.stdout is not None
        assert self.stderr is not None
        said = await asyncio.gather(self.stdout.read(), self.stderr.read())
        await self.wait()
        return said[0], said[1]

    def send_signal(self, how: signal.Signals) -> None:
        """Signals it; nothing happens if it has ended."""
        if self.returncode is None:
            os.kill(self.pid, how)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


async def fork(
    work: Callable[..., object],
    *args: object,
    environment: Mapping[str, str],
    folder: Path = ROOT,
    listen: bool = True,
    log: Path | None = None,
    tell: bool = False,
) -> Forked:
    """Starts a process that does some work and ends.

    Args:
        work: a function of a module; whatever it raises ends the process with 1, `SystemExit` with its status.
        environment: the whole of it.
        folder: its working directory.
        listen: whether what it says is wanted; otherwise it says it where the stories do.
        log: a file for what it says to its standard error instead.
        tell: whether its standard input is wanted.
    """
    reads, writes = _forking.Pipe(duplex=False) if tell else (None, None)
    heard = [_forking.Pipe(duplex=False) for _ in range(2)] if listen else []
    told = [writer for _, writer in heard]
    process = _forking.Process(
        target=_become, args=(work, args, folder, dict(environment), reads, told, log), daemon=True
    )
    process.start()
    if reads is not None:
        reads.close()
    for writer in told:
        writer.close()
    stdin = None if writes is None else os.fdopen(os.dup(writes.fileno()), "wb", 0)
    if writes is not None:
        writes.close()
    return Forked(process, [await reader(connection) for connection, _ in heard], stdin)


def pipe() -> tuple[Connection, Connection]:
    """A pipe, the end to read first; either end can be an argument of the work of a forked process."""
    return _forking.Pipe(duplex=False)


def default_signals() -> None:
    """Makes this process obey signals as one does that a person started, whatever its caller ignores.

    A shell starts background jobs with SIGINT ignored, and children inherit that.
    """
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
        signal.signal(number, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT})


def _become(
    work: Callable[..., object],
    args: tuple[object, ...],
    folder: Path,
    environment: dict[str, str],
    reads: Connection | None,
    told: list[Connection],
    log: Path | None,
) -> None:
    default_signals()
    if reads is not None:
        os.dup2(reads.fileno(), 0)
        sys.stdin = os.fdopen(0)  # multiprocessing has put another one there
        reads.close()
    for number, writer in enumerate(told, start=1):
        os.dup2(writer.fileno(), number)
        writer.close()
    if log is not None:
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600), 2)
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    warnings.simplefilter("error")
    work(*args)


async def reader(connection: Connection) -> asyncio.StreamReader:
    """Reads without blocking what comes out of a pipe; the connection is closed."""
    stream = asyncio.StreamReader()
    file = os.fdopen(os.dup(connection.fileno()), "rb", 0)
    connection.close()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stream), file)
    return stream

"""Mini-CRM as a process of its own, as a person at a terminal starts it."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

from bot.commands.cli import main
from tests.support.forks import ROOT, Forked, default_signals, fork

Process = asyncio.subprocess.Process | Forked

PATIENCE = 60.0  # seconds for a process to say or do something on a busy machine


@dataclass(frozen=True, slots=True)
class Ended:
    """A process that has ended: its status, and what it said."""

    status: int
    out: str
    err: str


def environment(settings: Mapping[str, str]) -> dict[str, str]:
    """A clean environment with these settings."""
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "XDG_RUNTIME_DIR") if name in os.environ}
    return {
        **kept,
        "PYTHONPATH": str(ROOT),
        "PYTHONWARNINGS": "error",
        "LC_ALL": "C.UTF-8",
        "HTTP_PORT": "0",
        **settings,
    }


async def command(*words: str, folder: Path, **settings: str) -> Ended:
    """Runs a command of ours (`python -m bot …`) in a folder to its end."""
    return await _end(await _fork(words, folder, settings))


async def fresh_command(*words: str, folder: Path, **settings: str) -> Ended:
    """The same in an interpreter of its own, as a person starts it: for stories that are about just that."""
    return await _end(await _start(words, folder, settings))


async def _end(process: Process) -> Ended:
    out, err = await asyncio.wait_for(process.communicate(), PATIENCE)
    assert process.returncode is not None
    return Ended(process.returncode, out.decode(), err.decode())


async def _start(words: tuple[str, ...], folder: Path, settings: Mapping[str, str]) -> Process:
    return await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bot",
        *words,
        cwd=folder,
        env=environment(settings),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        preexec_fn=default_signals,
    )


async def _fork(words: tuple[str, ...], folder: Path, settings: Mapping[str, str]) -> Process:
    return await fork(_obey, words, folder=folder, environment=environment(settings))


def _obey(words: tuple[str, ...]) -> None:
    main(words, prog_name="python -m bot")


class Running:
    """A process that is running."""

    def __init__(self, process: Process) -> None:
        self.process = process
        self.out = ""

    async def says(self, words: str) -> str:
        """Waits for a line that contains these words, and returns it.

        Raises AssertionError, with what it said instead, when it ends before.
        """
        assert self.process.stdout is not None
        while True:
            line = (await asyncio.wait_for(self.process.stdout.readline(), PATIENCE)).decode()
            self.out += line
            if words in line:
                return line
            if not line:
                assert self.process.stderr is not None
                raise AssertionError(
                    f"it ended without {words!r}:\n{self.out}{(await self.process.stderr.read()).decode()}"
                )

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> Ended:
        """Signals it, and waits for its end."""
        self.process.send_signal(how)
        out, err = await asyncio.wait_for(self.process.communicate(), PATIENCE)
        assert self.process.returncode is not None
        return Ended(self.process.returncode, self.out + out.decode(), err.decode())


@asynccontextmanager
async def running(*words: str, folder: Path, **settings: str) -> AsyncIterator[Running]:
    """Starts a command of ours (`python -m bot …`); it is killed in the end if the story has not stopped it."""
    async with _until_left(await _fork(words, folder, settings)) as process:
        yield process


@asynccontextmanager
async def fresh_running(*words: str, folder: Path, **settings: str) -> AsyncIterator[Running]:
    """The same in an interpreter of its own, as a person starts it: for stories that are about just that."""
    async with _until_left(await _start(words, folder, settings)) as process:
        yield process


@asynccontextmanager
async def _until_left(process: Process) -> AsyncIterator[Running]:
    try:
        yield Running(process)
    finally:
        if process.returncode is None:
            process.kill()
            await process.communicate()

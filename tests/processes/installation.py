"""An installation in processes of its own, and what its operators have seen so far."""

import asyncio
import os
import signal
from collections.abc import Callable, Collection
from pathlib import Path
from typing import Any, Self

from bot.sandbox import Sandbox
from bot.sandbox.world.transcript import NEW, Entry
from tests.processes.restarts import run_until_sigterm
from tests.support.forks import Forked, fork, pipe, reader


class Installation:
    """Starts, kills and stops an installation; see `tests.processes.restarts`."""

    def __init__(
        self,
        *,
        token: str,
        database_url: str,
        telegram_api_url: str,
        limited: bool = False,
        is_hurried: bool = True,
        log: Path | None = None,
        **more: str,
    ) -> None:
        """The first process starts with `start`.

        Args:
            token: or several, with commas between them.
            limited: whether it keeps to Telegram's limits.
            is_hurried: whether it pauses for shorter than usual before it tries something again.
            log: a file for what it logs, instead of standard error.
            more: further settings by their names.
        """
        self._environment = {
            **os.environ,
            "BOT_TOKENS": token, "DATABASE_URL": database_url, "TELEGRAM_API_URL": telegram_api_url,
            "DEFAULT_LANGUAGE": "en", "HTTP_PORT": "0", "TEST_LIMITED": "1" if limited else "",
            "TEST_HURRIED": "1" if is_hurried else "", **more,
        }  # fmt: skip
        self._log = log
        self._process: Forked | None = None
        self._obeys = asyncio.StreamReader()  # at its end when the newest process stops in order

    @property
    def process_id(self) -> int:
        """Of the newest process."""
        assert self._process is not None
        return self._process.pid

    async def start(self, *, until: str = "") -> int:
        """Starts a process and returns its id. It may be one that kills itself, see `tests.processes.crash_points`."""
        reads, writes = pipe()
        work = fork(run_until_sigterm, until, writes, environment=self._environment, listen=False, log=self._log)
        self._process = await work
        writes.close()
        self._obeys = await reader(reads)
        return self._process.pid

    async def died(self) -> int:
        """Waits until a process that kills itself has done so; returns its exit status."""
        assert self._process is not None
        try:
            return await asyncio.wait_for(self._process.wait(), 20)
        except TimeoutError:
            self._process.send_signal(signal.SIGTERM)  # it did not come to that point: the status says so
            return await self._process.wait()

    async def kill(self) -> None:
        """SIGKILL, at once; returns when the process has gone."""
        assert self._process is not None
        self._process.kill()
        assert await self._process.wait() == -signal.SIGKILL

    async def stop(self) -> int:
        """SIGTERM, as soon as the process obeys it; returns the exit status when it has ended by itself."""
        assert self._process is not None
        await self._obeys.read()
        self._process.send_signal(signal.SIGTERM)
        return await self._process.wait()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()


def words_of(entry: Entry) -> str:
    """What a client says in a card or a copy; nothing for other messages, such as an overview that quotes it."""
    text: str = entry.message.get("text", "")
    return text if entry.copied_from is not None or "\n📥 " in text else ""


class Eyes:
    """What has appeared before some people's eyes since they were opened, and waiting for more of it."""

    def __init__(self, sandbox: Sandbox, people: Collection[int]) -> None:
        self.seen: list[Entry] = []
        self._people = set(people)
        self._changed = asyncio.Event()
        sandbox.world.transcript.listeners.append(self._notice)

    def _notice(self, entry: Entry) -> None:
        if entry.chat_id in self._people and entry.event == NEW and entry.request_id is not None:
            self.seen.append(entry)
            self._changed.set()

    async def until(self, condition: Callable[[], Any], *, within: float) -> None:
        """Waits until a condition on what was seen holds, but not longer than `within` seconds."""
        async with asyncio.timeout(within):
            while not condition():
                self._changed.clear()
                await self._changed.wait()

    async def more(self, number: int, *, within: float = 60) -> None:
        """Waits until so many more messages have been seen."""
        wanted = len(self.seen) + number
        await self.until(lambda: len(self.seen) >= wanted, within=within)

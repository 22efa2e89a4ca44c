"""An installation in processes of its own, and what its operators have seen so far."""

import asyncio
import os
import signal
import sys
from collections.abc import Callable, Collection
from typing import Any, Self

from bot.sandbox import Sandbox
from bot.sandbox.transcript import NEW, Entry


class Lives:
    """Starts, kills and stops an installation; see `tests.process.lives`."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self.is_up = False
        self.process_id = 0

    @classmethod
    async def open(
        cls, *, token: str, database_url: str, telegram_api_url: str, limited: bool = False, is_hurried: bool = True,
        log: str | None = None, **more: str,
    ) -> Self:  # fmt: skip
        """Makes ready; the first life begins with `start`.

        Args:
            token: or several, with commas between them.
            limited: whether it keeps to Telegram's limits.
            is_hurried: whether it pauses for shorter than usual before it tries something again.
            log: a file for what it logs, instead of standard error.
            more: further settings by their names.
        """
        settings = {
            "BOT_TOKENS": token, "DATABASE_URL": database_url, "TELEGRAM_API_URL": telegram_api_url,
            "DEFAULT_LANGUAGE": "en", "HTTP_PORT": "0", "LIVES_LIMITED": "1" if limited else "",
            "LIVES_HURRIED": "1" if is_hurried else "", **more,
        }  # fmt: skip
        stderr = None if log is None else os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "tests.process.lives", stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE, stderr=stderr, env={**os.environ, **settings},
            )  # fmt: skip
        finally:
            if stderr is not None:
                os.close(stderr)
        return cls(process)

    async def start(self, *, until: str = "") -> int:
        """Begins a life; returns its process id. It may be one that kills itself, see `tests.process.crash_points`."""
        self.is_up = True
        self.process_id = await self._tell(f"start {until}")
        return self.process_id

    async def died(self) -> int:
        """Waits until a life that kills itself has done so; returns its exit status."""
        self.is_up = False
        told = asyncio.create_task(self._tell("wait"))
        if not (await asyncio.wait({told}, timeout=20))[0]:
            os.kill(self.process_id, signal.SIGTERM)  # it did not come to that point: the status says so
        return await told

    async def kill(self) -> None:
        """SIGKILL, at once; returns when the process has gone."""
        self.is_up = False
        assert await self._tell("kill") == -9

    async def stop(self) -> int:
        """SIGTERM; returns the exit status when the process has ended by itself."""
        self.is_up = False
        return await self._tell("stop")

    async def _tell(self, word: str) -> int:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(f"{word}\n".encode())
        await self._process.stdin.drain()
        return int(await self._process.stdout.readline())

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        if self.is_up:
            await self.kill()
        assert self._process.stdin is not None
        self._process.stdin.close()
        await self._process.wait()


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

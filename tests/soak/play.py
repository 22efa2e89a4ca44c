"""A soak from beginning to end."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox import RemoteSandbox
from tests.benchmarks.processes import resident_megabytes
from tests.processes.installation import Installation
from tests.soak import admins, ledger, result
from tests.soak.audit import Audit
from tests.soak.clients import Client
from tests.soak.operators import Operator
from tests.soak.plan import Plan
from tests.soak.result import Diary, Line
from tests.soak.setting import Setting, settle_in
from tests.soak.watching import Watcher

CHECK_EVERY = 3.0  # seconds


@dataclass(frozen=True, slots=True)
class Outcome:
    """What was reached, and a line for each thing that should not have happened."""

    lines: list[Line]
    evidence: list[str]

    @property
    def is_well(self) -> bool:
        """Whether every target was reached."""
        return all(one.is_met is not False for one in self.lines)


async def play(plan: Plan, database_url: str, *, log: Path | None = None) -> Outcome:
    """Plays it and returns what was reached.

    Args:
        database_url: of an empty database.
        log: a file for what the processes log.
    """
    async with await RemoteSandbox.launch("--limits", "--seed", str(plan.seed)) as sandbox:
        setting = await settle_in(plan, sandbox, database_url)
        installation = Installation(
            token=setting.tokens,
            database_url=database_url,
            telegram_api_url=sandbox.url,
            limited=True,
            is_hurried=plan.is_hurried,
            log=log,
            ADMIN_IDS=str(setting.admin.id),
        )
        async with installation:
            try:
                return await _Soak(setting, installation).play()
            finally:
                await setting.database.close()


class _Soak:
    def __init__(self, setting: Setting, installation: Installation) -> None:
        self._setting, self._plan, self._installation = setting, setting.plan, installation
        self._diary = Diary([], [])
        self._audit = Audit(
            clients=[one.id for one in setting.clients], operators=[one.id for one in setting.staff.values()]
        )
        self._watcher = Watcher(setting.sandbox)
        self._watcher.everything.append(self._audit.hear)
        self._operators = [
            Operator(setting, self._watcher, self._audit, number, person) for number, person in setting.staff.items()
        ]
        self._clients = [Client(setting, self._watcher, self._audit, number) for number in range(len(setting.clients))]

    async def play(self) -> Outcome:
        """Everything in its order."""
        async with _beside(self._watcher.run()):
            await self._open()
            for fault in self._plan.faults():
                self._setting.sandbox.fail(**fault)
            begun = time.monotonic()
            async with _beside(*(one.run() for one in self._operators), self._check()):
                async with _beside(*(one.run() for one in self._clients), admins.run(self._setting)):
                    await self._kill()
                self._diary.minutes = (time.monotonic() - begun) / 60
                self._setting.sandbox.clear_fault()
            await self._settle()
            await self._leave()
        self._watcher.look()
        await self._installation.stop()
        found = await result.lines(self._setting, self._audit, self._diary)
        return Outcome(found, self._diary.evidence)

    async def _open(self) -> None:
        """The first process starts, and everybody presses Start."""
        await self._installation.start()
        for bot in self._setting.bots:
            await self._setting.sandbox.online(bot, timeout=30)
            await self._setting.admin.starts(bot)
        for operator in self._operators:
            await operator.starts()
        async with asyncio.timeout(60):
            await self._until(self._is_settled)

    async def _kill(self) -> None:
        """Kills the process when its time has come, and starts the next at once."""
        rng, ends = self._setting.rng("kills"), time.monotonic() + self._plan.minutes * 60
        process = self._installation.process_id
        while (left := ends - time.monotonic()) > 0:
            await asyncio.sleep(min(left, self._plan.kill_every * rng.uniform(0.8, 1.2)))
            self._diary.memory.append(resident_megabytes(process))
            self._diary.kills.append(time.time())
            await self._installation.kill()
            process = await self._installation.start()

    async def _check(self) -> None:
        """Looks into the database all the time."""
        while True:
            self._diary.broken += await self._setting.database.read(ledger.broken)
            await asyncio.sleep(CHECK_EVERY)

    async def _settle(self) -> None:
        """Waits until operators have closed all that they hold, and nothing is left to be done."""
        begun = time.monotonic()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._plan.settle_within):
                await self._until(self._is_over)
                self._diary.settled = time.monotonic() - begun

    async def _leave(self) -> None:
        """Operators end what they are still doing, before there is no Telegram any more."""
        for one in self._operators:
            await one.leave()
            self._diary.failures += one.failures

    async def _until(self, condition: Callable[[], Awaitable[bool]]) -> None:
        while not await condition():  # noqa: ASYNC110 - what another process does is seen in its rows alone
            await asyncio.sleep(0.3)

    async def _is_over(self) -> bool:
        return await self._is_settled() and all(one.is_idle for one in self._operators)

    async def _is_settled(self) -> bool:
        bots = self._setting.sandbox.stats()["bots"].values()
        left = await self._setting.database.read(ledger.unfinished)
        return not any(bot["queued"] for bot in bots) and not any(left.values())


@asynccontextmanager
async def _beside(*work: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Has something done while the body runs, and ends it; what goes wrong there ends the body."""
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(one) for one in work]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()

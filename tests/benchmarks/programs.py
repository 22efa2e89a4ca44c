"""What is measured: Mini-CRM and a bare aiogram bot, each a process of its own against a sandbox of its own."""

import asyncio
import random
import re
import shutil
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

from bot.sandbox import BotHandle, Person, RemoteSandbox
from tests.benchmarks.processes import running

TOKEN = "800001:" + "bench" * 7
GIVE_UP = 120.0  # seconds
_WORDS = re.compile(r"message (\d+) of (\d+)")

Process = asyncio.subprocess.Process


@dataclass(frozen=True, slots=True)
class Arrival:
    """A client's message before an operator: when (Unix time), which of his, and in whose chat."""

    time: float
    number: int
    client: int
    chat: int


@dataclass
class Meeting:
    """A sandbox with a bot and its operators, who have started it, and what of clients' words has come to them.

    Attributes:
        arrived: as it came.
    """

    sandbox: RemoteSandbox
    bot: BotHandle
    operators: list[Person]
    arrived: list[Arrival] = field(default_factory=list)
    since: int = 0

    def look(self) -> int:
        """Reads on; returns how many different messages have arrived so far."""
        for entry in self.sandbox.transcript(since=self.since):
            self.since = entry["seq"]
            if entry["event"] == "new" and entry["request_id"] is not None:
                found = _WORDS.search(entry["text"] or "")
                if found:
                    self.arrived.append(Arrival(entry["time"], int(found[1]), int(found[2]), entry["chat"]))
        return self.different

    @property
    def different(self) -> int:
        """How many different messages have arrived."""
        return len({(one.number, one.client) for one in self.arrived})

    async def until(self, number: int, *, within: float = GIVE_UP) -> None:
        """Waits until so many different messages have arrived."""
        async with asyncio.timeout(within):
            while self.look() < number:  # noqa: ASYNC110 - another process sees it
                await asyncio.sleep(0.1)


Program = Callable[[Meeting], AbstractAsyncContextManager[Process]]
"""Starts a bot for a meeting; its process is terminated in the end."""


@asynccontextmanager
async def meeting(operator_ids: Sequence[int], *, with_limits: bool = False) -> AsyncIterator[Meeting]:
    """Everybody is there; the bot itself is not running yet."""
    async with await RemoteSandbox.launch("--lenient", *(["--limits"] if with_limits else [])) as sandbox:
        bot = sandbox.add_bot(TOKEN, "bench_bot")
        operators = [sandbox.person(f"Operator {one}", id=one, language_code="en") for one in operator_ids]
        for operator in operators:
            await operator.starts(bot)
        yield Meeting(sandbox, bot, operators, since=sandbox.transcript()[-1]["seq"])


@asynccontextmanager
async def bare(met: Meeting) -> AsyncIterator[Process]:
    """The bare bot, which copies everything to the first operator."""
    arguments = ("-m", "tests.benchmarks.bare_bot", met.sandbox.url, met.bot.token, str(met.operators[0].id))
    async with running(*arguments) as process:
        yield process


def ours(prepared: Path, folder: Path, *, limited: bool = False) -> Program:
    """Mini-CRM with a copy of a prepared database, the same one for every process that this starts."""
    database = folder / f"{random.getrandbits(48):x}.db"
    shutil.copy(prepared, database)
    return ours_on(database, limited=limited)


def ours_on(database: Path, *, limited: bool = False) -> Program:
    """Mini-CRM with this very database."""

    @asynccontextmanager
    async def program(met: Meeting) -> AsyncIterator[Process]:
        environment = {
            "BOT_TOKENS": met.bot.token, "DATABASE_URL": f"sqlite:///{database}", "TELEGRAM_API_URL": met.sandbox.url,
            "LOG_LEVEL": "ERROR", "HTTP_PORT": "0", "BACKUP_KEEP": "0",  # gigabytes would be copied meanwhile
        }  # fmt: skip
        options = () if limited else ("--no-limits",)
        async with running("-m", "bot", "run", *options, environment=environment) as process:
            yield process

    return program

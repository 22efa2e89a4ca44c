"""The bots that are compared: Mini-CRM and a bare aiogram bot, each a process with a sandbox of its own."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bot.sandbox import BotHandle, Person, RemoteSandbox
from tests.benchmarks.processes import Process, fork_module, running
from tests.benchmarks.sizes import Sizes

BOT_ID = 800001
TOKEN = f"{BOT_ID}:" + "bench" * 7
TIMEOUT = 120.0  # seconds
MESSAGE_TEXT = "message {number} of {person}"
_DELIVERED_TEXT = re.compile(r"message (\d+) of (\d+)")
_POLL_SECONDS = 0.1
_SANDBOX_READY = "sandbox ready "


@dataclass(frozen=True, slots=True)
class Delivery:
    """A client's message in an operator's chat.

    Attributes:
        time: when it was delivered (Unix time).
        number: which of the client's messages it is, from 1.
        client: Telegram id.
        chat: the operator's.
    """

    time: float
    number: int
    client: int
    chat: int


def has_words_of_client(entry: dict[str, Any]) -> bool:
    """Whether a message is a card or a copy, and not an overview that quotes the client's last words."""
    return entry["copied_from"] is not None or "\n📥 " in entry["text"]


@dataclass
class SandboxSetup:
    """A sandbox with a bot and the operators who have started it, and which messages of clients reached operators.

    Attributes:
        forks_bots: see `Sizes`.
        deliveries: in the order in which they were delivered.
        since: number of the last entry of the transcript that was read.
    """

    sandbox: RemoteSandbox
    bot: BotHandle
    operators: list[Person]
    forks_bots: bool
    deliveries: list[Delivery] = field(default_factory=list)
    since: int = 0

    def read_deliveries(self) -> int:
        """Reads what is new in the transcript; returns how many different messages have been delivered so far."""
        for entry in self.sandbox.transcript(since=self.since):
            self.since = entry["seq"]
            if entry["event"] == "new" and entry["request_id"] is not None and has_words_of_client(entry):
                found = _DELIVERED_TEXT.search(entry["text"] or "")
                if found:
                    delivery = Delivery(entry["time"], int(found[1]), int(found[2]), entry["chat"])
                    self.deliveries.append(delivery)
        return self.delivered

    @property
    def delivered(self) -> int:
        """How many different messages have been delivered."""
        return len({(one.number, one.client) for one in self.deliveries})

    async def wait_delivered(self, count: int, *, timeout: float = TIMEOUT) -> None:  # noqa: ASYNC109 - raises its own
        """Waits until so many different messages have been delivered. Raises TimeoutError, which says how many were."""
        try:
            async with asyncio.timeout(timeout):
                while self.read_deliveries() < count:  # noqa: ASYNC110 - the sandbox is another process
                    await asyncio.sleep(_POLL_SECONDS)
        except TimeoutError:
            raise TimeoutError(f"{self.delivered} of {count} messages delivered in {timeout:.0f} s") from None


Program = Callable[[SandboxSetup], AbstractAsyncContextManager[Process]]
"""Starts a bot that talks to a sandbox; its process is terminated in the end."""


@asynccontextmanager
async def running_sandbox(*, with_limits: bool = False) -> AsyncIterator[RemoteSandbox]:
    """Runs a sandbox in a forked process, which saves the seconds that its imports take; it is killed in the end."""
    arguments = ("--port", "0", "--lenient", *(["--limits"] if with_limits else []))
    process = await fork_module("-m", "bot.sandbox", *arguments, environment=os.environ)
    try:
        assert process.stdout is not None
        line = (await asyncio.wait_for(process.stdout.readline(), TIMEOUT)).decode()
        if not line.startswith(_SANDBOX_READY):
            raise RuntimeError(f"the sandbox did not start: {(await process.communicate())[1].decode()}")
        async with await RemoteSandbox.connect(line.removeprefix(_SANDBOX_READY).strip()) as sandbox:
            yield sandbox
    finally:
        process.kill()
        await process.wait()


@asynccontextmanager
async def sandbox_setup(
    accounts: Sequence[int], sizes: Sizes, *, with_limits: bool = False
) -> AsyncIterator[SandboxSetup]:
    """Starts a sandbox in which the operators have started the bot. The bot itself does not run yet.

    Args:
        accounts: Telegram ids of the operators.
        with_limits: whether the sandbox enforces Telegram's rate limits.
    """
    async with running_sandbox(with_limits=with_limits) as sandbox:
        bot = sandbox.add_bot(TOKEN, "bench_bot")
        operators = [sandbox.person(f"Operator {one}", id=one, language_code="en") for one in accounts]
        for operator in operators:
            await operator.starts(bot)
        yield SandboxSetup(sandbox, bot, operators, sizes.forks_bots, since=sandbox.transcript()[-1]["seq"])


@asynccontextmanager
async def bare_bot(setup: SandboxSetup) -> AsyncIterator[Process]:
    """Runs the bare bot, which copies everything to the first operator."""
    arguments = ("-m", "tests.benchmarks.bare_bot", setup.sandbox.url, setup.bot.token, str(setup.operators[0].id))
    async with running(*arguments, is_forked=setup.forks_bots) as process:
        yield process


def mini_crm(database: Path, *, with_limits: bool = False, address: str | None = None) -> Program:
    """Mini-CRM on this SQLite file, the same one for every process that the program starts.

    Args:
        with_limits: whether it keeps to Telegram's rate limits.
        address: the way to the sandbox, if it is not the sandbox's own.
    """

    @asynccontextmanager
    async def program(setup: SandboxSetup) -> AsyncIterator[Process]:
        environment = {
            "BOT_TOKENS": setup.bot.token,
            "DATABASE_URL": f"sqlite:///{database}",
            "TELEGRAM_API_URL": address or setup.sandbox.url,
            "LOG_LEVEL": "ERROR",
            "HTTP_PORT": "0",
            "BACKUP_KEEP": "0",  # a backup would copy gigabytes while something is measured
        }
        options = () if with_limits else ("--no-limits",)
        arguments = ("-m", "bot", "run", *options)
        async with running(*arguments, environment=environment, is_forked=setup.forks_bots) as process:
            yield process

    return program

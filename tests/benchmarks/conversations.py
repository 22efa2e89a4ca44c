"""Client to operator through real processes and real HTTP, beside a bare aiogram bot: latency and a backlog."""

import asyncio
import random
import re
import shutil
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bot.sandbox import BotHandle, Person, RemoteSandbox
from tests.benchmarks.processes import resident_megabytes, running
from tests.benchmarks.table import Line, median, percentile

CLIENTS, EACH = 500, 4
SINGLE = 150
GIVE_UP = 120.0  # seconds
TOKEN = "800001:" + "bench" * 7
_WORDS = re.compile(r"message (\d+) of (\d+)")


@dataclass(frozen=True)
class Backlog:
    """How a backlog went. `misplaced` counts words that came after later ones of the same client."""

    rate: float
    arrived: int
    misplaced: int
    memory: float


@dataclass(frozen=True)
class Latency:
    """Seconds from a client's message to what his operator sees."""

    median: float
    worst: float


Program = Any
"""Starts a bot against a sandbox: `program(sandbox, bot, operators)` is an async context manager of its process."""


@asynccontextmanager
async def _bare(
    sandbox: RemoteSandbox, bot: BotHandle, operators: Sequence[Person], folder: Path
) -> AsyncIterator[Any]:
    async with running("-m", "tests.benchmarks.bare_bot", sandbox.url, bot.token, str(operators[0].id)) as process:
        yield process


def _ours(prepared: Path) -> Program:
    @asynccontextmanager
    async def program(
        sandbox: RemoteSandbox, bot: BotHandle, operators: Sequence[Person], folder: Path
    ) -> AsyncIterator[Any]:
        database = folder / f"{random.getrandbits(48):x}.db"
        shutil.copy(prepared, database)
        environment = {
            "BOT_TOKENS": bot.token, "DATABASE_URL": f"sqlite:///{database}", "TELEGRAM_API_URL": sandbox.url,
            "LOG_LEVEL": "ERROR", "HTTP_PORT": "0",
        }  # fmt: skip
        async with running("-m", "bot", "run", "--no-limits", environment=environment) as process:
            yield process

    return program


async def compare(prepared: Path, folder: Path, operator_ids: Sequence[int]) -> list[Line]:
    """Measures both programs, one after the other, in the same way.

    Args:
        prepared: a database in which these accounts are operators of the bot with places enough.
    """
    ours, bare = _ours(prepared), _bare
    our_latency, bare_latency = await _latency(ours, folder, operator_ids), await _latency(bare, folder, operator_ids)
    our_backlog, bare_backlog = await _backlog(ours, folder, operator_ids), await _backlog(bare, folder, operator_ids)
    latency, total = our_latency.median / bare_latency.median, CLIENTS * EACH
    rate, arrived, misplaced = our_backlog.rate / bare_backlog.rate, our_backlog.arrived, our_backlog.misplaced
    return [
        Line(
            "client → operator, median", _ms(our_latency.median), f"bare {_ms(bare_latency.median)}",
            f"{latency:.2f}", "≤ 2", latency <= 2,
        ),
        Line(
            "client → operator, p99", _ms(our_latency.worst), f"bare {_ms(bare_latency.worst)}",
            f"{our_latency.worst / bare_latency.worst:.2f}",
        ),
        Line(
            f"backlog of {total}, limits off", f"{our_backlog.rate:,.0f}/s", f"bare {bare_backlog.rate:,.0f}/s",
            f"{rate:.2f}", "≥ 0.5", rate >= 0.5,
        ),
        Line("  arrived", str(arrived), f"bare {bare_backlog.arrived}", "", f"= {total}", arrived == total),
        Line("  out of order", str(misplaced), f"bare {bare_backlog.misplaced}", "", "= 0", misplaced == 0),
        Line(
            "memory after the backlog", f"{our_backlog.memory:.0f} MB", f"bare {bare_backlog.memory:.0f} MB", "",
            "< 260 MB", our_backlog.memory < 260,
        ),
    ]  # fmt: skip


def _ms(seconds: float) -> str:
    return f"{seconds * 1000:.1f} ms"


@asynccontextmanager
async def _meeting(
    folder: Path, operator_ids: Sequence[int]
) -> AsyncIterator[tuple[RemoteSandbox, BotHandle, list[Person]]]:
    """A sandbox with the bot and its operators, who have started it; the bot itself is not running yet."""
    sandbox = await RemoteSandbox.launch("--lenient")
    async with sandbox:
        bot = sandbox.add_bot(TOKEN, "bench_bot")
        operators = [sandbox.person(f"Operator {one}", id=one, language_code="en") for one in operator_ids]
        for operator in operators:
            await operator.starts(bot)
        yield sandbox, bot, operators


async def _latency(program: Program, folder: Path, operator_ids: Sequence[int]) -> Latency:
    async with _meeting(folder, operator_ids) as met:
        sandbox, bot, operators = met
        async with program(sandbox, bot, operators, folder):
            await sandbox.online(bot, timeout=20)
            taken = []
            since = sandbox.transcript()[-1]["seq"]
            for number in range(SINGLE + 10):
                client = sandbox.person(f"Client {number}", language_code="en")
                words = f"message 1 of {client.id}"
                await client.says(words, to=bot)
                sent, seen, since = await _wait_for(sandbox, words, since)
                taken.append(seen - sent)
            return Latency(median(taken[10:]), percentile(taken[10:], 99))


async def _wait_for(sandbox: RemoteSandbox, words: str, since: int) -> tuple[float, float, int]:
    """When the client said it, when it stood in another chat, and where to look on."""
    sent = seen = 0.0
    async with asyncio.timeout(GIVE_UP):
        while not seen:
            for entry in sandbox.transcript(since=since):
                since = entry["seq"]
                if entry["event"] == "new" and words in (entry["text"] or ""):
                    if entry["request_id"] is None:
                        sent = entry["time"]
                    else:
                        seen = entry["time"]
            if not seen:
                await asyncio.sleep(0.003)
    return sent, seen, since


async def _backlog(program: Program, folder: Path, operator_ids: Sequence[int]) -> Backlog:
    async with _meeting(folder, operator_ids) as (sandbox, bot, operators):
        sandbox.preload(bot, CLIENTS, each=EACH, text="message {number} of {person}")
        async with program(sandbox, bot, operators, folder) as process:
            arrived: list[tuple[float, int, int]] = []
            since = sandbox.transcript()[-1]["seq"]
            async with asyncio.timeout(GIVE_UP):
                while len({(number, person) for _, number, person in arrived}) < CLIENTS * EACH:
                    await asyncio.sleep(0.25)
                    since = _read(sandbox, since, arrived)
            memory = resident_megabytes(process.pid)
    begun, ended = arrived[0][0], arrived[-1][0]
    newest: dict[int, int] = {}
    misplaced = 0
    for _, number, person in arrived:
        misplaced += number < newest.get(person, 0)
        newest[person] = max(number, newest.get(person, 0))
    return Backlog(CLIENTS * EACH / (ended - begun), len({one[1:] for one in arrived}), misplaced, memory)


def _read(sandbox: RemoteSandbox, since: int, arrived: list[tuple[float, int, int]]) -> int:
    for entry in sandbox.transcript(since=since):
        since = entry["seq"]
        found = (
            _WORDS.search(entry["text"] or "") if entry["event"] == "new" and entry["request_id"] is not None else None
        )
        if found:
            arrived.append((entry["time"], int(found[1]), int(found[2])))
    return since

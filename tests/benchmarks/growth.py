"""What a contact costs in an empty database and after years, with ten operators and with five hundred.

Years are a million contacts with five million messages, the events and the numbers of all that was posted, and the
finished updates and requests of a week. Both databases are measured in turn, contact by contact.
"""

import asyncio
import random
import shutil
import sqlite3
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack, closing
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts, telegram_external_id
from crm_core.conversation import client_messages
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database, open_database
from crm_core.storage.tables import Contact, Staff
from tests.benchmarks import years
from tests.benchmarks.conversations import WARMING_UP, once
from tests.benchmarks.prepared import hire
from tests.benchmarks.programs import TOKEN, meeting, ours_on
from tests.benchmarks.table import Line, median

CONTACTS = 400
MESSAGES = 200
FEW, MANY = 10, 500
MOST = 1.25  # times what it costs in an empty database
BOT_ID = int(TOKEN.split(":", maxsplit=1)[0])


@dataclass
class Costs:
    """Milliseconds of each call."""

    register: list[float] = field(default_factory=list)
    take: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)

    @property
    def whole(self) -> float:
        """Of one contact from its first word to its end."""
        return median(self.register) + median(self.take) + median(self.close)

    def __str__(self) -> str:
        return f"{self.whole:.2f} ms ({median(self.register):.2f} + {median(self.take):.2f} + {median(self.close):.2f})"


async def compare(prepared: Path, full: Path, folder: Path, source_id: int) -> list[Line]:
    """Lets years pass in a database that has the million contacts already, and measures.

    Args:
        prepared: a database with ten operators; `full` was made of it and is changed here.
    """
    empty = folder / "empty.db"
    shutil.copy(prepared, empty)
    begun = time.perf_counter()
    size = await asyncio.to_thread(years.let_pass, full, now=int(time.time() * 1000)) / 1e9
    taken = time.perf_counter() - begun
    lines = [Line(f"{years.MESSAGES:,} messages stored", f"{size:.1f} GB in {taken:.0f} s")]
    of_few = None
    for count in (FEW, MANY):
        costs = await _costs([empty, full], source_id, operator_count=count)
        of_few = of_few or costs[0]
        lines.append(_line(f"register + take + close, {count} operators", str(costs[1]), costs[1], costs[0]))
        if count == MANY:
            ratio = costs[0].whole / of_few.whole
            lines.append(
                Line(f"  {MANY} operators beside {FEW}, both empty", str(costs[0]), str(of_few), f"{ratio:.2f}")
            )
        lines.append(await _conversation([empty, full], operator_count=count))
    return lines


def _line(what: str, shown: str, full: Costs, empty: Costs) -> Line:
    ratio = full.whole / empty.whole
    return Line(what, shown, f"empty {empty}", f"{ratio:.2f}", f"≤ {MOST}", ratio <= MOST)


async def _costs(paths: Sequence[Path], source_id: int, *, operator_count: int) -> list[Costs]:
    found = [Costs() for _ in paths]
    databases = [open_database(f"sqlite:///{path}") for path in paths]
    try:
        if operator_count > FEW:
            for db in databases:
                await hire(db, source_id, range(FEW + 1, operator_count + 1))
        for number in range(CONTACTS):
            for db, costs in zip(databases, found, strict=True):
                await _contact(db, costs, 8_000_000_000 + operator_count * CONTACTS + number)
    finally:
        for db in databases:
            await db.close()
    for path in paths:  # nobody is there to be told of any of this
        with closing(sqlite3.connect(path)) as connection:
            connection.execute("DELETE FROM outbox WHERE state = 'pending'")
            connection.commit()
    return found


async def _contact(db: Database, costs: Costs, client: int) -> None:
    """A contact of somebody new, from his first word to its end."""
    person = LeadFacts(telegram_external_id(client), full_name=f"Client {client}", language="en")
    words = MessageContent("text", "Hello, is anybody there?", bot_id=BOT_ID, chat_id=client, message_id=1)
    now = datetime.now(UTC)
    begun = time.perf_counter()
    heard = await db.write_unflushed(
        client_messages.receive, bot_id=BOT_ID, chat_id=client, person=person, content=words, now=now, rng=random.random
    )
    costs.register.append((time.perf_counter() - begun) * 1000)
    actor = telegram(await db.read(_holder, heard.contact_id))
    begun = time.perf_counter()
    await db.write_unflushed(lifecycle.take, contact_id=heard.contact_id, version=1, actor=actor, now=now)
    costs.take.append((time.perf_counter() - begun) * 1000)
    begun = time.perf_counter()
    await db.write_unflushed(
        lifecycle.close, contact_id=heard.contact_id, version=2, actor=actor, now=now, rng=random.random
    )
    costs.close.append((time.perf_counter() - begun) * 1000)


def _holder(s: Session, contact_id: int) -> int:
    query = select(Staff.telegram_id).join(Contact, Contact.operator_id == Staff.operator_id)
    return s.execute(query.where(Contact.id == contact_id)).scalar_one()


async def _conversation(paths: Sequence[Path], *, operator_count: int) -> Line:
    """Client to operator through real processes, one message at a time to the one and to the other."""
    accounts = [9_000_000 + number for number in range(1, operator_count + 1)]
    taken: list[list[float]] = [[] for _ in paths]
    async with AsyncExitStack() as stack:
        met = [await stack.enter_async_context(meeting(accounts)) for _ in paths]
        for one, path in zip(met, paths, strict=True):
            await stack.enter_async_context(ours_on(path)(one))
            await one.sandbox.online(one.bot, timeout=60)
            await one.sandbox.settles(timeout=60)
        for number in range(MESSAGES + WARMING_UP):
            for one, times in zip(met, taken, strict=True):
                # Somebody new each time: a new sandbox begins its numbers of messages anew, as Telegram never does.
                client_id = 6_000_000_000 + operator_count * 1_000 + number
                times.append(await once(one, number, client_id=client_id))
    empty, full = (median(times[WARMING_UP:]) for times in taken)
    return Line(
        f"  client → operator, {operator_count} operators",
        f"{full * 1000:.1f} ms",
        f"empty {empty * 1000:.1f} ms",
        f"{full / empty:.2f}",
        f"≤ {MOST}",
        full <= MOST * empty,
    )

"""What a contact costs in an empty database and after years of work, with ten operators and with five hundred.

Years of work are a million contacts with five million messages, the events, the ids of all that was sent, and the
finished updates and requests of a week. Both databases are measured in turn, contact by contact.
"""

import asyncio
import random
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
from tests.benchmarks.bot_programs import BOT_ID, TIMEOUT, mini_crm, sandbox_setup
from tests.benchmarks.conversations import send_and_wait
from tests.benchmarks.databases import OPERATORS, add_operators, operator_account
from tests.benchmarks.fill_history import MESSAGES_PER_CONTACT, add_history
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.percentiles import median
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

MAX_RATIO = 1.25


@dataclass
class Costs:
    """Milliseconds of each call."""

    register: list[float] = field(default_factory=list)
    take: list[float] = field(default_factory=list)
    close: list[float] = field(default_factory=list)

    @property
    def total(self) -> float:
        """Of one contact, from its first message to its end."""
        return median(self.register) + median(self.take) + median(self.close)

    def __str__(self) -> str:
        return f"{self.total:.2f} ms ({median(self.register):.2f} + {median(self.take):.2f} + {median(self.close):.2f})"


async def measure(context: Context) -> Rows:
    """Adds years of work to one of two databases, and measures both with few and with many operators."""
    sizes = context.sizes
    template = await context.databases.with_operators()
    empty = template.copy_into(context.folder)
    full = (await context.databases.with_contacts()).copy_into(context.folder)
    begun = time.perf_counter()
    gigabytes = await asyncio.to_thread(add_history, full, now=int(time.time() * 1000)) / 1e9
    messages = MESSAGES_PER_CONTACT * sizes.contacts
    yield Row(f"{messages:,} messages stored", f"{gigabytes:.1f} GB in {time.perf_counter() - begun:.0f} s")
    few, many = sizes.growth_operators
    with_few = None
    for count in (few, many):
        costs = await _costs([empty, full], template.source_id, operator_count=count, sizes=sizes)
        with_few = with_few or costs[0]
        yield _costs_row(f"register + take + close, {count} operators", costs[1], costs[0])
        if count == many:
            ratio = costs[0].total / with_few.total
            what = f"  {many} operators beside {few}, both empty"
            yield Row(what, str(costs[0]), str(with_few), f"{ratio:.2f}")
        yield await _conversation([empty, full], operator_count=count, sizes=sizes)


def _costs_row(what: str, full: Costs, empty: Costs) -> Row:
    ratio = full.total / empty.total
    return Row(what, str(full), f"empty {empty}", f"{ratio:.2f}", f"≤ {MAX_RATIO}", ratio <= MAX_RATIO)


async def _costs(paths: Sequence[Path], source_id: int, *, operator_count: int, sizes: Sizes) -> list[Costs]:
    found = [Costs() for _ in paths]
    databases = [open_database(f"sqlite:///{path}") for path in paths]
    try:
        for db in databases:
            await add_operators(db, source_id, range(OPERATORS + 1, operator_count + 1))
        for number in range(sizes.growth_contacts):
            for db, costs in zip(databases, found, strict=True):
                await _contact(db, costs, 8_000_000_000 + operator_count * sizes.growth_contacts + number)
    finally:
        for db in databases:
            await db.close()
    for path in paths:
        _delete_pending_requests(path)
    return found


def _delete_pending_requests(path: Path) -> None:
    """Deletes what would be sent about the contacts so far: the next sandbox does not know their clients."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("DELETE FROM outbox WHERE state = 'pending'")
        connection.commit()


async def _contact(db: Database, costs: Costs, client: int) -> None:
    """A new client's contact, from their first message to its end."""
    person = LeadFacts(telegram_external_id(client), full_name=f"Client {client}", language="en")
    words = MessageContent("text", "Hello, is anybody there?", bot_id=BOT_ID, chat_id=client, message_id=1)
    now = datetime.now(UTC)
    begun = time.perf_counter()
    received = await db.write_unflushed(
        client_messages.receive,
        bot_id=BOT_ID,
        chat_id=client,
        person=person,
        content=words,
        now=now,
        rng=random.random,
    )
    costs.register.append((time.perf_counter() - begun) * 1000)
    actor = telegram(await db.read(_account_of_operator, received.contact_id))
    begun = time.perf_counter()
    await db.write_unflushed(lifecycle.take, contact_id=received.contact_id, version=1, actor=actor, now=now)
    costs.take.append((time.perf_counter() - begun) * 1000)
    begun = time.perf_counter()
    await db.write_unflushed(
        lifecycle.close, contact_id=received.contact_id, version=2, actor=actor, now=now, rng=random.random
    )
    costs.close.append((time.perf_counter() - begun) * 1000)


def _account_of_operator(s: Session, contact_id: int) -> int:
    query = select(Staff.telegram_id).join(Contact, Contact.operator_id == Staff.operator_id)
    return s.execute(query.where(Contact.id == contact_id)).scalar_one()


async def _conversation(paths: Sequence[Path], *, operator_count: int, sizes: Sizes) -> Row:
    """Client to operator through real processes, one message at a time on each database in turn."""
    accounts = [operator_account(number) for number in range(1, operator_count + 1)]
    taken: list[list[float]] = [[] for _ in paths]
    async with AsyncExitStack() as stack:
        setups = [await stack.enter_async_context(sandbox_setup(accounts, sizes)) for _ in paths]
        for setup, path in zip(setups, paths, strict=True):
            await stack.enter_async_context(mini_crm(path)(setup))
        for setup in setups:  # both start at the same time
            await setup.sandbox.online(setup.bot, timeout=TIMEOUT)
            await setup.sandbox.settles(timeout=TIMEOUT)
        for number in range(sizes.growth_messages + sizes.warm_up):
            for setup, times in zip(setups, taken, strict=True):
                # A new client each time: a new sandbox counts message ids from 1 again, which Telegram never does.
                client_id = 6_000_000_000 + operator_count * 1_000 + number
                times.append(await send_and_wait(setup, number, client_id=client_id))
    empty, full = (median(times[sizes.warm_up :]) for times in taken)
    return Row(
        f"  client → operator, {operator_count} operators",
        f"{full * 1000:.1f} ms",
        f"empty {empty * 1000:.1f} ms",
        f"{full / empty:.2f}",
        f"≤ {MAX_RATIO}",
        full <= MAX_RATIO * empty,
    )

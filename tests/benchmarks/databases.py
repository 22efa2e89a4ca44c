"""Template databases that parts of the benchmark copy.

A part never writes to a template: rows that one part adds would be measured by the next one, or break it. So the
messages that `http` registers over the API have no bot, and once made the statements of `growth` fail.
"""

import asyncio
import random
import shutil
import sqlite3
import tempfile
import time
import uuid
from collections.abc import Iterable
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import sources, weight_settings
from crm_core.storage.database import Database
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from crm_core.team import accounts as staff
from crm_core.team import invitations, operators
from tests.benchmarks import fill_contacts
from tests.benchmarks.bot_programs import BOT_ID
from tests.benchmarks.sizes import Sizes

OPERATORS = 10
_MAX_LEADS = 1000


@dataclass(frozen=True)
class Template:
    """A SQLite file to copy.

    Attributes:
        source_id: the bot's source, at which all operators have the same weight.
        accounts: Telegram ids of the operators.
        folding_seconds: how long it took to fold the stored events into the statistics.
    """

    path: Path
    source_id: int
    accounts: list[int]
    folding_seconds: float = 0.0

    def copy_into(self, folder: Path) -> Path:
        """Copies the file under a new name; returns its path."""
        path = folder / f"{uuid.uuid4().hex}.db"
        shutil.copy(self.path, path)
        return path


class Databases:
    """Templates, each created when it is first asked for."""

    def __init__(self, folder: Path, sizes: Sizes) -> None:
        """
        Args:
            folder: where the templates are kept.
            sizes: how many contacts `with_contacts` stores.
        """
        self._folder = folder
        self._sizes = sizes
        self._with_operators: dict[int, Template] = {}
        self._with_contacts: Template | None = None

    async def with_operators(self, count: int = OPERATORS) -> Template:
        """One bot, and operators of equal weight who can be reached and have free places."""
        if count not in self._with_operators:
            self._with_operators[count] = await _create(self._new_path(), operator_count=count)
        return self._with_operators[count]

    async def with_contacts(self) -> Template:
        """Ten operators and a year of contacts with their events, all but the newest folded into the statistics."""
        if self._with_contacts is None:
            empty = await self.with_operators()
            path = empty.copy_into(self._new_path().parent)
            seconds = await _store_contacts(path, self._sizes)
            self._with_contacts = Template(path, empty.source_id, empty.accounts, seconds)
        return self._with_contacts

    def _new_path(self) -> Path:
        return Path(tempfile.mkdtemp(dir=self._folder)) / "template.db"


async def _create(path: Path, *, operator_count: int) -> Template:
    url = f"sqlite:///{path}"
    migrate(url)
    db = open_database(url)
    try:
        now = datetime.now(UTC)
        await db.write(bots.start, bot_id=BOT_ID, username="bench_bot", name="Bench", position=0, now=now)
        source_id = (await db.read(sources.listing))[0].id
        accounts = await add_operators(db, source_id, range(1, operator_count + 1))
    finally:
        await db.close()
    move_journal_into_file(path)
    return Template(path, source_id, accounts)


async def _store_contacts(path: Path, sizes: Sizes) -> float:
    """Returns how many seconds folding took."""
    now = datetime.now(UTC)
    await asyncio.to_thread(fill_contacts.store, path, contacts=sizes.contacts, leads=sizes.leads, now=now)
    db = open_database(f"sqlite:///{path}")
    try:
        begun = time.perf_counter()
        await fill_contacts.fold(db, leave=sizes.unfolded_events)
        seconds = time.perf_counter() - begun
    finally:
        await db.close()
    await asyncio.to_thread(move_journal_into_file, path)
    return seconds


def move_journal_into_file(path: Path) -> None:
    """Writes into the file what is still beside it, so that a copy has everything."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")


async def add_operators(db: Database, source_id: int, numbers: Iterable[int]) -> list[int]:
    """Adds operators with these numbers, who have started the bot, to a source; returns their Telegram ids."""
    now, accounts = datetime.now(UTC), []
    for number in numbers:
        name, telegram_id = f"Operator {number}", operator_account(number)
        operator_id = await db.write_unflushed(operators.add, name=name, max_leads=_MAX_LEADS, actor=SYSTEM, now=now)
        await db.write_unflushed(
            invitations.invite, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=now
        )
        account = staff.Account(telegram_id, name, None, "en")
        await db.write_unflushed(
            invitations.join, code=name, account=account, bot_id=BOT_ID, now=now, rng=random.random
        )
        await db.write_unflushed(
            weight_settings.set_weight,
            source_id=source_id,
            operator_id=operator_id,
            weight=10,
            actor=SYSTEM,
            now=now,
            rng=random.random,
        )
        accounts.append(telegram_id)
    await db.wait_flushed()
    return accounts


def operator_account(number: int) -> int:
    """The Telegram id of the operator with this number."""
    return 9_000_000 + number

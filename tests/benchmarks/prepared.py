"""The database that measurements begin with."""

import random
from collections.abc import Iterable
from datetime import UTC, datetime
from pathlib import Path

from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import sources
from crm_core.storage.database import Database, open_database
from crm_core.storage.migrate import migrate
from crm_core.team import invitations, operators
from crm_core.team.accounts import Account
from tests.benchmarks.programs import TOKEN


async def prepare(path: Path, *, operator_count: int) -> tuple[int, list[int]]:
    """A database with one bot and operators of equal weight who can be reached and have places enough.

    Returns the bot's source and the operators' accounts.
    """
    url = f"sqlite:///{path}"
    migrate(url)
    db = open_database(url)
    now, bot_id = datetime.now(UTC), int(TOKEN.split(":")[0])
    await db.write(bots.start, bot_id=bot_id, username="bench_bot", name="Bench", position=0, now=now)
    source_id = (await db.read(sources.listing))[0].id
    accounts = await hire(db, source_id, range(1, operator_count + 1))
    await db.close()
    return source_id, accounts


async def hire(db: Database, source_id: int, numbers: Iterable[int]) -> list[int]:
    """Operators of these numbers, who have pressed Start; returns their accounts."""
    now, bot_id, accounts = datetime.now(UTC), int(TOKEN.split(":")[0]), []
    for number in numbers:
        name, telegram_id = f"Operator {number}", 9_000_000 + number
        operator_id = await db.write_unflushed(operators.add, name=name, max_leads=1000, actor=SYSTEM, now=now)
        await db.write_unflushed(
            invitations.invite, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=now
        )
        account = Account(telegram_id, name, None, "en")
        await db.write_unflushed(
            invitations.join, code=name, account=account, bot_id=bot_id, now=now, rng=random.random
        )
        await db.write_unflushed(
            sources.set_weight,
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

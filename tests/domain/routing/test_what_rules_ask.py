"""Rules of distribution cost few statements: most of what they need is read and written with what is there anyway."""

import random
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

import pytest
from sqlalchemy.orm import Session

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.execute import DRIVER
from crm_core.storage.round_trip import Way
from tests.benchmarks import all_rules
from tests.domain.arranging import NOW, open_office
from tests.support.statements import counted

_WHAT = re.compile(r'(SELECT|INSERT|UPDATE|DELETE)\b(?:.*?\bFROM|\s+INTO)?\s+"?(\w+)', re.DOTALL)


def register(s: Session, *, source_id: int, name: str) -> None:
    made = lifecycle.register(
        s,
        source_id=source_id,
        lead=LeadFacts(name, full_name=name),
        content=MessageContent("text", "message"),
        now=NOW,
        rng=random.random,
    )
    assert made.operator_id is not None


def asked_by_registering(s: Session, source_id: int, name: str) -> set[str]:
    """Registers a contact. Returns what that asked SQLite: `SELECT sources`, `INSERT contacts`, …"""
    asked: list[str] = []
    raw: Any = s.info[DRIVER][0]
    raw.set_trace_callback(asked.append)
    try:
        register(s, source_id=source_id, name=name)
    finally:
        raw.set_trace_callback(None)
    return {" ".join(what.groups()) for one in asked if (what := _WHAT.match(one))}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)  # both get the same; its driver tells which
async def test_rules_read_and_write_only_credits_and_hourly_counts_of_their_own(db: Database) -> None:
    def story(s: Session) -> tuple[set[str], set[str]]:
        source_id = open_office(s, weights=[1, 1], limit=9).source_id
        without = asked_by_registering(s, source_id, "a")
        all_rules.switch_on(s, source_id=source_id)
        return without, asked_by_registering(s, source_id, "b")

    without, with_all = await db.write(story)
    assert with_all - without == {"SELECT credits", "INSERT credits", "INSERT given"}
    assert without <= with_all


@contextmanager
def counted_trips() -> Iterator[list[int]]:
    """Collects the number of statements of each round trip to PostgreSQL meanwhile."""
    trips: list[int] = []
    send = Way.send

    async def note_and_send(way: Way, commands: Any, *, commits: bool = False) -> Any:
        trips.append(len(commands))
        return await send(way, commands, commits=commits)

    with patch.object(Way, "send", note_and_send):
        yield trips


async def test_rules_cost_four_round_trips_to_postgresql(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite has none
    source_id = await db.write(lambda s: open_office(s, weights=[1, 1], limit=9).source_id)
    with counted_trips() as trips:
        await db.write(register, source_id=source_id, name="a")
        without = len(trips)
        await db.write(all_rules.switch_on, source_id=source_id)
        trips.clear()
        with counted() as statements:
            await db.write(register, source_id=source_id, name="b")
    assert without == 2
    # The lock of the ledger, what is read under it, the place, and what its operator holds here once that is taken.
    assert len(trips) == without + 4
    assert len(statements) == sum(trips)  # none goes another way

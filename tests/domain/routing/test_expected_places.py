"""On PostgreSQL a place is taken without looking, together with the commit; if it is gone by then, all is run again."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lifecycle import Registered
from crm_core.events import LIMIT_REACHED
from crm_core.storage.database import Database
from crm_core.team import operators
from tests.domain.arranging import NOW, Office, open_office
from tests.domain.invariants import check_all


def register(s: Session, office: Office, email: str, *, meanwhile: Callable[[], Any] | None = None) -> Registered:
    """Registers a request. Args: meanwhile: what happens once the operator is chosen, before their place is taken."""

    def roll() -> float:
        if meanwhile is not None:
            meanwhile()
        return 0.0

    return lifecycle.register(s, source_id=office.source_id, lead=LeadFacts(email=email), now=NOW, rng=roll)


async def register_while(db: Database, office: Office, change: Callable[[], Any]) -> tuple[Registered, int]:
    """Registers a request, and makes a change at its first run. Returns what was registered, and the number of runs."""
    runs = 0
    once = iter([change])

    def meanwhile() -> None:
        for one in once:
            await_only(one())

    def act(s: Session) -> Registered:
        nonlocal runs
        runs += 1
        return register(s, office, "first@example.com", meanwhile=meanwhile)

    return await db.write(act), runs


async def loads_and_full(db: Database) -> list[tuple[int, int]]:
    """By operator: how many contacts they have, and how often their limit was reached."""
    query = text(
        "SELECT current_leads, (SELECT count(*) FROM events WHERE kind = :kind AND operator_id = operators.id) "
        "FROM operators ORDER BY id"
    )
    return await db.read(lambda s: [tuple(row) for row in s.execute(query, {"kind": LIMIT_REACHED})])


@pytest.mark.fault("F56")
async def test_last_place_taken_after_another_was_lost_is_noticed(db: Database) -> None:
    if db.numbers_rise:
        return  # on SQLite, one transaction writes at a time
    office = await db.write(open_office, weights=[1], limit=2)
    made, runs = await register_while(db, office, lambda: db.write(register, office, "second@example.com"))
    assert (runs, made.operator_id) == (2, office.operator_ids[0])
    assert await loads_and_full(db) == [(2, 1)]
    await db.read(check_all)


@pytest.mark.fault("F56", "F97")
async def test_operator_switched_off_in_that_moment_gets_nothing(db: Database) -> None:
    if db.numbers_rise:
        return
    office = await db.write(open_office, weights=[1, 1], limit=5)
    first, second = office.operator_ids
    off = partial(operators.set_active, operator_id=first, is_active=False, actor=SYSTEM, now=NOW, rng=lambda: 0.0)
    made, runs = await register_while(db, office, lambda: db.write(off))
    assert (runs, made.operator_id) == (2, second)
    assert await loads_and_full(db) == [(0, 0), (1, 0)]
    await db.read(check_all)


async def test_action_that_fails_again_is_not_run_for_ever(db: Database) -> None:
    if db.numbers_rise:
        return
    office = await db.write(open_office, weights=[1], limit=1)
    made, runs = await register_while(db, office, lambda: db.write(register, office, "second@example.com"))
    assert (runs, made.operator_id) == (1, None)  # the last place is taken with a look at the result
    assert await loads_and_full(db) == [(1, 1)]
    await db.read(check_all)

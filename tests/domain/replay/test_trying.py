"""A change that is tried and not made: what of it a replay is told."""

import random
from datetime import timedelta
from typing import Any

from crm_core.access.actors import SYSTEM
from crm_core.replay.trying import try_change
from crm_core.storage.database import Database
from crm_core.team import operators, rates
from tests.domain.arranging import NOW, open_office, say


async def test_change_of_the_same_moment_is_no_part_of_one_that_is_tried(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=1)
    for client in (1, 2):
        await db.write(say, client)
    (anna,) = office.operator_ids
    who: dict[str, Any] = {"actor": SYSTEM, "now": NOW + timedelta(days=1)}
    chance: dict[str, Any] = {"rng": random.random}
    await db.write(operators.set_limit, operator_id=anna, max_leads=9, **who, **chance)
    of = {"operator_id": anna}
    found = await try_change(db, rates.set_rate, {"rate": 1_000, **chance}, of=of, zone="UTC", **who)
    assert (found.contacts, found.moved) == (2, 0)
    found = await try_change(db, operators.set_limit, {"max_leads": 8, **chance}, of=of, zone="UTC", **who)
    assert found.moved == 1

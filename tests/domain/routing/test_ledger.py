"""Exact shares: the ledger of a source changes with each contact, in its transaction, and its sum stays 0."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from itertools import count

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import giving_out, ledger, source_settings
from crm_core.routing.assignment import Reservation, reserve_preferred
from crm_core.routing.credits import FLOOR, UNIT
from crm_core.routing.source_facts import source_facts
from crm_core.storage.database import Database
from crm_core.team import departure, operators
from tests.domain.arranging import NOW, Office, hire, open_office, set_weight
from tests.domain.invariants import check_all

LIMIT = 100
_clients = count(1)


def exact_office(s: Session, *, weights: Sequence[int], limit: int = LIMIT) -> Office:
    """An office whose source keeps exact shares."""
    office = open_office(s, weights=list(weights), limit=limit)
    set_strategy(s, office, "exact")
    return office


def set_strategy(s: Session, office: Office, strategy: str) -> None:
    source_settings.set_strategy(s, source_id=office.source_id, strategy=strategy, actor=SYSTEM, now=NOW)


def set_online(s: Session, operator_id: int, is_online: bool) -> None:
    operators.set_columns(s, operator_id, is_online=is_online)


def register(s: Session, office: Office) -> int | None:
    """A request of a new client. Returns its operator."""
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    return lifecycle.register(s, source_id=office.source_id, lead=lead, now=NOW, rng=random.random).operator_id


async def several(db: Database, office: Office, times: int) -> list[int | None]:
    """Registers requests one after another; after each one everything holds. Returns their operators."""
    found = []
    for _ in range(times):
        found.append(await db.write(register, office))
        await db.read(check_all)
    return found


async def credits_of(db: Database, office: Office) -> dict[int, int]:
    return await db.read(lambda s: ledger.of_source(s, office.source_id))


async def test_exact_source_gives_each_operator_their_share_at_every_prefix(db: Database) -> None:
    office = await db.write(exact_office, weights=[50, 30, 20])
    found = await several(db, office, 20)
    counts = Counter[int | None]()
    for times, operator in enumerate(found, start=1):
        counts[operator] += 1
        for one, weight in zip(office.operator_ids, (50, 30, 20), strict=True):
            assert abs(100 * counts[one] - times * weight) < 100
    assert set((await credits_of(db, office)).values()) == {0}  # 20 contacts can be split exactly


async def test_random_source_leaves_its_ledger_as_it_is(db: Database) -> None:
    office = await db.write(exact_office, weights=[60, 40])
    await several(db, office, 1)
    before = await credits_of(db, office)
    assert sorted(before.values()) == [-2 * UNIT // 5, 2 * UNIT // 5]
    await db.write(set_strategy, office, "random")
    await several(db, office, 3)
    assert await credits_of(db, office) == before
    await db.write(set_strategy, office, "exact")
    assert await several(db, office, 1) == [office.operator_ids[1]]


async def test_change_of_weights_keeps_what_is_owed(db: Database) -> None:
    office = await db.write(exact_office, weights=[1, 1])
    (first,) = await several(db, office, 1)
    for operator_id in office.operator_ids:
        await db.write(set_weight, office, operator_id, 99)
    (second,) = await several(db, office, 1)
    assert {first, second} == set(office.operator_ids)


async def test_weight_of_zero_keeps_the_credit_until_they_are_back(db: Database) -> None:
    office = await db.write(exact_office, weights=[1, 1, 1])
    await several(db, office, 1)
    before = await credits_of(db, office)
    away = max(before, key=before.__getitem__)
    await db.write(set_weight, office, away, 0)
    found = await several(db, office, 4)
    assert away not in found
    assert (await credits_of(db, office))[away] == before[away]
    await db.write(set_weight, office, away, 1)
    assert (await credits_of(db, office))[away] == before[away]
    assert (await several(db, office, 3)).count(away) in (1, 2)  # a whole one, and a third that was owed


async def test_returner_gets_at_most_three_of_the_next_ten(db: Database) -> None:
    office = await db.write(exact_office, weights=[50, 30, 20])
    away = office.operator_ids[2]
    await db.write(set_online, away, False)
    for _ in range(40):
        await db.write(register, office)
    assert (await credits_of(db, office))[away] == 0
    await db.write(set_online, away, True)
    assert (await several(db, office, 10)).count(away) == 2


async def test_newcomer_starts_at_zero_and_gets_their_share(db: Database) -> None:
    office = await db.write(exact_office, weights=[1])
    await several(db, office, 5)
    newcomer = await db.write(hire, office, "New", weight=1, limit=LIMIT)
    assert (await credits_of(db, office))[newcomer] == 0
    assert (await several(db, office, 4)).count(newcomer) == 2


async def test_credits_of_a_removed_operator_go_to_the_others_equally(db: Database) -> None:
    office = await db.write(exact_office, weights=[1, 1, 1])
    (first,) = await several(db, office, 1)
    assert first is not None
    await db.write(departure.remove, operator_id=first, actor=SYSTEM, now=NOW, rng=random.random)
    await db.read(check_all)
    left = await credits_of(db, office)
    assert left.keys() == set(office.operator_ids) - {first}
    # Their contact went back to the queue, and was drawn again.
    assert sorted(left.values()) == [-UNIT // 2, UNIT // 2]


async def test_operator_removed_after_their_weight_ended_leaves_the_ledger(db: Database) -> None:
    office = await db.write(exact_office, weights=[1, 1, 1])
    await several(db, office, 1)
    before = await credits_of(db, office)
    gone = min(before, key=before.__getitem__)
    await db.write(set_weight, office, gone, 0)
    await db.write(departure.remove, operator_id=gone, actor=SYSTEM, now=NOW, rng=random.random)
    await db.read(check_all)
    assert gone not in await credits_of(db, office)


async def test_last_operator_of_a_source_takes_the_ledger_with_them(db: Database) -> None:
    office = await db.write(exact_office, weights=[1])
    await several(db, office, 2)
    await db.write(departure.remove, operator_id=office.operator_ids[0], actor=SYSTEM, now=NOW, rng=random.random)
    assert await credits_of(db, office) == {}
    await db.read(check_all)


async def test_64_clients_at_once_keep_shares_within_one_contact(db: Database) -> None:
    office = await db.write(exact_office, weights=[50, 30, 20])
    found = await asyncio.gather(*(db.write(register, office) for _ in range(64)))
    counts = Counter(found)
    for one, weight in zip(office.operator_ids, (50, 30, 20), strict=True):
        assert abs(100 * counts[one] - 64 * weight) < 100
    await db.read(check_all)


async def test_queue_that_is_given_out_at_once_follows_the_ledger(db: Database) -> None:
    office = await db.write(exact_office, weights=[50, 30, 20])
    for operator_id in office.operator_ids:
        await db.write(set_online, operator_id, False)
    assert set(await several(db, office, 10)) == {None}
    for operator_id in office.operator_ids:
        await db.write(set_online, operator_id, True)
    await db.write(sweep)
    await db.read(check_all)
    loads = await db.read(lambda s: s.execute(text("SELECT current_leads FROM operators ORDER BY id")).scalars().all())
    assert loads == [5, 3, 2]


def sweep(s: Session) -> int:
    return giving_out.sweep(s, now=NOW, rng=random.random)


@pytest.mark.parametrize("is_ahead", [False, True])
async def test_late_client_costs_their_operator_unless_too_far_ahead(db: Database, is_ahead: bool) -> None:
    office = await db.write(exact_office, weights=[1, 1])
    first, second = office.operator_ids
    credit = FLOOR if is_ahead else 0
    query = text("UPDATE credits SET credit = CASE WHEN operator_id = :first THEN :credit ELSE -:credit END")
    await db.write(lambda s: s.execute(query, {"first": first, "credit": credit}))
    await db.write(reopened_by, office, first)
    after = await credits_of(db, office)
    assert after == ({first: FLOOR, second: -FLOOR} if is_ahead else {first: -UNIT // 2, second: UNIT // 2})


def reopened_by(s: Session, office: Office, operator_id: int) -> None:
    place = reserve_preferred(s, source_facts(s, office.source_id), operator_id=operator_id)
    assert isinstance(place, Reservation)
    assert (place.operator_id, place.reason) == (operator_id, "sticky")

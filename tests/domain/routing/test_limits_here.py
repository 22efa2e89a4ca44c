"""Limits at one source: how many open contacts from there an operator holds at most."""

import asyncio
import random
from collections import Counter
from functools import partial
from itertools import count
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.errors import NoWeight
from crm_core.routing import explanations, new_sources, queue, standing, waiting_list, weight_settings
from crm_core.storage.database import Database
from tests.domain.arranging import NOW, Office, hire, open_office, set_weight
from tests.domain.invariants import check_all
from tests.support.interleaving import DEADLOCK, interleave

WHEN: dict[str, Any] = {"actor": SYSTEM, "now": NOW, "rng": random.random}
_clients = count(1)


def limit_at(s: Session, source_id: int, operator_id: int, limit: int | None) -> int:
    """Sets a limit; returns how many contacts were given out for it."""
    return weight_settings.set_limit(s, source_id=source_id, operator_id=operator_id, limit=limit, **WHEN).count


def limited_office(s: Session, *, weights: list[int], limits: list[int | None], limit: int = 50) -> Office:
    office = open_office(s, weights=weights, limit=limit)
    for operator_id, most in zip(office.operator_ids, limits, strict=True):
        limit_at(s, office.source_id, operator_id, most)
    return office


def register(s: Session, source_id: int) -> lifecycle.Registered:
    lead = LeadFacts(email=f"client{next(_clients)}@example.com")
    return lifecycle.register(s, source_id=source_id, lead=lead, now=NOW, rng=random.random)


def close(s: Session, office: Office, made: lifecycle.Registered) -> None:
    assert made.operator_id is not None
    who = telegram(office.account(made.operator_id))
    lifecycle.close(s, contact_id=made.id, version=None, actor=who, now=NOW, rng=random.random)


async def test_limit_at_a_source_leaves_room_for_the_others(db: Database) -> None:
    def story(s: Session) -> None:
        office = limited_office(s, weights=[1, 1], limits=[2, None], limit=6)
        other = new_sources.add(s, name="Site", description=None, actor=SYSTEM, now=NOW)
        first, second = office.operator_ids
        weight_settings.set_weight(s, source_id=other, operator_id=first, weight=1, **WHEN)
        assert [register(s, other).operator_id for _ in range(3)] == [first] * 3
        there = Counter(register(s, office.source_id).operator_id for _ in range(9))
        assert there == {first: 2, second: 6, None: 1}
        assert [register(s, other).operator_id for _ in range(2)] == [first, None]
        found = explanations.explain(s, contact_id=12, actor=SYSTEM)
        assert found.decided[-1].reason == "full+full_here"
        stands = {
            one.operator_id: (one.limit, one.why_not) for one in standing.of_source(s, source_id=office.source_id)
        }
        assert stands == {first: (2, "full"), second: (None, "full")}
        check_all(s)

    await db.write(story)


async def test_place_that_is_freed_at_the_source_goes_to_who_waits_there(db: Database) -> None:
    def story(s: Session) -> None:
        office = limited_office(s, weights=[1], limits=[1])
        (anna,) = office.operator_ids
        first, second, third, fourth = (register(s, office.source_id) for _ in range(4))
        assert [one.operator_id for one in (first, second, third, fourth)] == [anna, None, None, None]
        close(s, office, first)
        assert waiting_list.length(s) == 2
        check_all(s)
        assert limit_at(s, office.source_id, anna, 2) == 1
        check_all(s)
        assert limit_at(s, office.source_id, anna, None) == 1
        assert waiting_list.length(s) == 0
        check_all(s)

    await db.write(story)


async def test_lowered_limit_takes_nothing_and_weight_keeps_it(db: Database) -> None:
    def story(s: Session) -> None:
        office = limited_office(s, weights=[1], limits=[3])
        (anna,) = office.operator_ids
        for _ in range(3):
            assert register(s, office.source_id).operator_id == anna
        limit_at(s, office.source_id, anna, 1)
        set_weight(s, office, anna, 5)
        (stands,) = standing.of_source(s, source_id=office.source_id)
        assert (stands.weight, stands.limit, stands.why_not) == (5, 1, "full_here")
        set_weight(s, office, anna, 0)
        set_weight(s, office, anna, 5)  # a new weight is without the limit
        (stands,) = standing.of_source(s, source_id=office.source_id)
        assert (stands.limit, stands.why_not) == (None, None)
        check_all(s)

    await db.write(story)


async def test_limit_needs_a_weight(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=5)
    newcomer = await db.write(hire, office, "Vera", weight=0, limit=5)
    with pytest.raises(NoWeight):
        await db.write(limit_at, office.source_id, newcomer, 3)


async def test_by_hand_a_limit_at_the_source_asks_and_can_be_exceeded(db: Database) -> None:
    def story(s: Session) -> None:
        office = limited_office(s, weights=[1], limits=[1])
        (anna,) = office.operator_ids
        register(s, office.source_id)
        waiting = register(s, office.source_id)
        give = partial(transfer.assign_by_hand, s, contact_id=waiting.id, operator_id=anna, **WHEN)
        with pytest.raises(Exception, match="needs_confirmation") as asked:
            give()
        assert asked.value.fields["why"] == "full_here"  # type: ignore[attr-defined]
        give(confirmed=True)
        assert register(s, office.source_id).operator_id is None
        check_all(s)

    await db.write(story)


@pytest.mark.fault("F185")
async def test_many_clients_at_once_never_exceed_a_limit_at_a_source(db: Database) -> None:
    office = await db.write(limited_office, weights=[9, 1], limits=[3, 5], limit=50)
    made = await asyncio.gather(*(db.write(register, office.source_id) for _ in range(24)))
    first, second = office.operator_ids
    assert Counter(one.operator_id for one in made) == {first: 3, second: 5, None: 16}
    await db.read(check_all)


@pytest.mark.fault("F185")
async def test_two_contacts_beside_each_other_share_no_last_place_of_a_source(db: Database) -> None:
    office = await db.write(limited_office, weights=[1], limits=[1], limit=50)
    (anna,) = office.operator_ids
    for boundary in count(1):
        act = partial(register, source_id=office.source_id)
        outcome = await interleave(db, act, act, at=boundary)
        assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
        assert sorted(str(one.operator_id) for one in outcome.results) == sorted([str(anna), "None"])
        await db.read(check_all)
        for one in outcome.results:
            if one.operator_id is not None:
                await db.write(close, office, one)
        while await db.read(waiting_list.length):  # what waited has taken the place
            await db.write(_close_open, office)
        await db.write(_close_open, office)
        if not outcome.paused:
            break


def _close_open(s: Session, office: Office) -> None:
    for row in s.execute(queue._contact.select().where(queue.OPEN, queue._contact.c.operator_id.is_not(None))).all():
        who = telegram(office.account(row.operator_id))
        lifecycle.close(s, contact_id=row.id, version=None, actor=who, now=NOW, rng=random.random)


_EVENTS = text("SELECT id FROM events WHERE kind = :kind AND operator_id = :operator ORDER BY id DESC LIMIT 1")


def _given_and_limited(s: Session, operator_id: int) -> list[int]:
    """The newest event of each: a contact that they got, and their weight or limit."""
    kinds = ("contact_assigned", "weight_changed")
    return [s.execute(_EVENTS, {"kind": kind, "operator": operator_id}).scalar_one() for kind in kinds]


@pytest.mark.fault("F185")
async def test_contact_chosen_before_a_limit_was_set_is_chosen_again(db: Database) -> None:
    office = await db.write(open_office, weights=[], limit=50)
    for boundary in count(1):
        anna = await db.write(hire, office, f"Anna {boundary}", weight=1, limit=50)
        await db.write(register, office.source_id)
        outcome = await interleave(
            db,
            partial(register, source_id=office.source_id),
            partial(limit_at, source_id=office.source_id, operator_id=anna, limit=1),
            at=boundary,
        )
        assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
        assert [one for one in outcome.results if isinstance(one, Exception)] == []
        given, limited = await db.read(_given_and_limited, anna)
        assert given < limited, f"at statement {boundary}"
        await db.read(check_all)
        await db.write(set_weight, office, anna, 0)
        if not outcome.paused:
            break

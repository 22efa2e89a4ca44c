"""The comparison of the product with its reference model notices each kind of difference."""

import re
from contextlib import aclosing
from typing import Any

import pytest
from sqlalchemy import delete, not_, select, update
from sqlalchemy.orm import Session

from crm_core.messaging.answers import UNANSWERED
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Credit, Event, Operator
from tests.domain.arranging import NOW
from tests.domain.invariants import check_distribution
from tests.domain.routing.beside_model import compare, of_model, of_product
from tests.domain.routing.histories import one_postgres_database
from tests.support.databases import PostgresDatabases
from tests.support.one_at_a_time import one_at_a_time

SEED, MOVES = 28, 25
"""A history that ends with contacts that are closed, held and asleep, and with two in the queue."""

_contact, _operator, _credit = Contact.__table__, Operator.__table__, Credit.__table__
_ONE = _operator.c.id == 1

DIFFERENT: dict[str, Any] = {
    "contacts": update(_contact).where(_contact.c.operator_id.is_not(None)).values(operator_id=None),
    "loads": update(_operator).values(relief=_operator.c.relief + 1),
    "online": update(_operator).values(is_online=not_(_operator.c.is_online)),
    "away": update(_operator).values(away_since=NOW),
    "told": update(_contact).values(told_away_for=UNANSWERED),
    "credits": update(_credit).values(credit=_credit.c.credit + 1),
    "queue": update(_contact).values(order_at=-_contact.c.order_at),
}

BROKEN: dict[str, Any] = {
    "(operator, load, asleep, open contacts, of these asleep)": update(_operator).values(
        current_leads=_operator.c.current_leads + 1
    ),
    "(operator, relief, that of their contacts)": update(_operator).values(relief=_operator.c.relief + 1),
    "(contact) with relief that is no load": update(_contact).where(_contact.c.operator_id.is_(None)).values(relief=1),
    "(contact) asleep, and closed or only offered": update(_contact)
    .where(_contact.c.status == "closed")
    .values(wakes_at=NOW),
    "(contact, relief)": update(_contact).values(relief=_contact.c.relief + 1),
    "(source, sum of its credits)": update(_credit).where(_credit.c.operator_id == 1).values(credit=1),
    "(source, operator) without credits": delete(_credit).where(_credit.c.operator_id == 1),
    "(source, removed operator) with credits": update(_operator).where(_ONE).values(removed_at=NOW),
}


def _execute(s: Session, statement: Any) -> int:
    return s.execute(statement).rowcount  # type: ignore[attr-defined, no-any-return]


@pytest.mark.parametrize("what", DIFFERENT)
async def test_comparison_shows_what_the_product_has_and_the_model_has_not(db: Database, what: str) -> None:
    pair = await compare(db, SEED, moves=MOVES)
    assert await db.write(_execute, DIFFERENT[what])
    shown, expected = await db.read(of_product, pair), of_model(pair)
    assert what in {one for one in expected if shown[one] != expected[one]}


@pytest.mark.parametrize("rule", BROKEN)
async def test_check_of_the_distribution_names_what_is_broken(db: Database, rule: str) -> None:
    await compare(db, SEED, moves=MOVES)
    await db.read(check_distribution)
    assert await db.write(_execute, BROKEN[rule])
    with pytest.raises(AssertionError, match=re.escape(rule)):
        await db.read(check_distribution)


async def test_history_is_the_same_whatever_was_played_before_it(postgres_databases: PostgresDatabases) -> None:
    async with aclosing(one_postgres_database(postgres_databases)) as databases:

        async def play(seed: int) -> Any:
            db = await anext(databases)
            pair = await compare(db, seed, moves=MOVES)
            return pair.office, pair.contacts, await db.read(_events)

        with one_at_a_time():
            first, _, again = [await play(seed) for seed in (SEED, SEED + 1, SEED)]
    assert first == again


def _events(s: Session) -> list[Any]:
    return [tuple(row) for row in s.execute(select(*Event.__table__.c).order_by(Event.id))]

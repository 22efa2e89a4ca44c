"""Every choice of an operator is kept with its event, and made again comes to the same operator."""

import random

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM
from crm_core.contacts import lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.routing import explanations, giving_out, ledger, source_settings
from crm_core.routing.choose import Exclusion
from crm_core.routing.decisions import read
from crm_core.routing.explanations import Explanation
from crm_core.storage.database import Database
from crm_core.storage.tables import Event
from crm_core.team import departure, operators
from tests.domain.arranging import NOW, Office, open_office


def register(s: Session, office: Office, number: int, rng: random.Random) -> int | None:
    """A request of another system. Returns its operator."""
    lead = LeadFacts(email=f"client{number}@example.com")
    return lifecycle.register(s, source_id=office.source_id, lead=lead, now=NOW, rng=rng.random).operator_id


def busy_day(s: Session, office: Office, contacts: int) -> None:
    """Requests, while operators come, go and close, limits change, and the source changes how it chooses."""
    rng = random.Random(1_000)
    for number in range(contacts):
        before = ledger.of_source(s, office.source_id)
        made = register(s, office, number, rng)
        decision = read(newest_decision(s))
        assert decision.again() == made
        if decision.credits is not None:
            assert decision.credits == before
            assert decision.credits_after == ledger.of_source(s, office.source_id)
        somebody = rng.choice(office.operator_ids)
        values = rng.choice(({"is_online": rng.random() < 0.7}, {"max_leads": rng.randint(0, 400)}))
        operators.set_columns(s, somebody, **values)
        giving_out.sweep(s, now=NOW, rng=rng.random)
        if rng.random() < 0.05:
            strategy = rng.choice(("exact", "random"))
            source_settings.set_strategy(s, source_id=office.source_id, strategy=strategy, actor=SYSTEM, now=NOW)


def newest_decision(s: Session) -> str:
    kinds = (events.CONTACT_ASSIGNED, events.CONTACT_QUEUED)
    newest = select(Event.decision).where(Event.kind.in_(kinds)).order_by(Event.id.desc()).limit(1)
    return str(s.execute(newest).scalar_one())


@pytest.mark.further
@pytest.mark.sqlite_is_enough  # what is stored is read on both below: this is about what it says
async def test_thousand_kept_decisions_give_the_same_operators_again(db: Database) -> None:
    office = await db.write(open_office, weights=[50, 30, 15, 5], limit=300)
    for _ in range(10):
        await db.write(busy_day, office, 100)
    found = await db.read(
        lambda s: s.execute(
            select(Event.kind, Event.operator_id, Event.decision).where(Event.decision.is_not(None))
        ).all()
    )
    assert len(found) >= 1_000
    assert {row.kind for row in found} == {events.CONTACT_ASSIGNED, events.CONTACT_QUEUED}
    for row in found:
        assert read(row.decision).again() == row.operator_id


def told(found: Explanation) -> list[tuple[bool, str | None, str | None, bool]]:
    """Of each decision: whether an operator got it, the rule, who it was, and whether numbers were kept."""
    return [
        (one.is_assigned, one.reason, found.names.get(one.operator_id or 0), one.decision is not None)
        for one in found.decided
    ]


async def test_contact_is_explained_from_the_queue_to_its_last_operator(db: Database) -> None:
    office = await db.write(open_office, weights=[50, 30], limit=1)
    first, second = office.operator_ids
    rng = random.Random(1)

    def story(s: Session) -> Explanation:
        register(s, office, 1, rng)
        register(s, office, 2, rng)
        register(s, office, 3, rng)  # all are full
        operators.set_limit(s, operator_id=second, max_leads=2, actor=SYSTEM, now=NOW, rng=rng.random)
        transfer.assign_by_hand(
            s, contact_id=3, operator_id=first, actor=SYSTEM, confirmed=True, now=NOW, rng=rng.random
        )
        departure.remove(s, operator_id=first, actor=SYSTEM, now=NOW, rng=rng.random)
        return explanations.explain(s, contact_id=3, actor=SYSTEM)

    found = await db.write(story)
    assert told(found) == [
        (False, "full", None, True),
        (True, "random", "Operator 1", True),
        (True, "by_hand", "Operator 0", True),
        (False, "operator_removed", "Operator 0", False),  # the one before it got the free place
    ]
    waited = found.decided[0].decision
    assert waited is not None
    assert waited.excluded == {first: Exclusion.FULL, second: Exclusion.FULL}
    assert (waited.roll, waited.again()) == (None, None)

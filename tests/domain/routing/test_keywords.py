"""Keyword rules of sources: what a new contact requires by its words, and what is recorded of that."""

import random
from collections.abc import Sequence
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lifecycle import Opened
from crm_core.errors import BadKeywords, NotAllowed, SourceNotFound
from crm_core.messaging.messages import MessageContent
from crm_core.routing import explanations, keyword_settings, keywords, new_sources, source_settings, sources
from crm_core.routing.origins import Ahead, Origin, RequiredSkill
from crm_core.routing.skills import Required
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Event
from crm_core.team import operators
from tests.domain.arranging import NOW, open_office
from tests.domain.invariants import check_all

WHO: dict[str, Any] = {"actor": SYSTEM, "now": NOW}


def register(s: Session, source_id: int, said: str | None, required: Required | None = None, ahead: int = 0) -> Opened:
    content = None if said is None else MessageContent("text", text=said)
    return lifecycle.register(
        s,
        source_id=source_id,
        lead=LeadFacts(external_id="ivan"),
        content=content,
        required=required,
        head_start=ahead,
        now=NOW,
        rng=random.random,
    )


def own(s: Session, contact_id: int) -> tuple[str | None, str | None, int]:
    """What a contact requires itself, what it needs in the queue, and its own head start."""
    row = s.execute(select(Contact.skills, Contact.needs, Contact.head_start).where(Contact.id == contact_id)).one()
    return row.skills, row.needs, row.head_start


def rules_of(s: Session, source_id: int) -> list[str]:
    return [str(rule) for rule in keywords.read(sources.one(s, source_id=source_id).keywords)]


async def set_rules(db: Database, source_id: int, typed: Sequence[str]) -> None:
    for rule in typed:
        await db.write(keyword_settings.add_rule, source_id=source_id, rule=keywords.read_rule(rule), **WHO)


@pytest.mark.fault("F203")
async def test_words_add_to_what_a_contact_was_given(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=0)
    await db.write(
        source_settings.set_skills, source_id=office.source_id, required={"german": 30}, **WHO, rng=random.random
    )
    await set_rules(db, office.source_id, ["refund: billing 5, vip, +60", "urgent: billing 9, +90"])
    plain = await db.write(register, office.source_id, "Hello")
    assert await db.read(own, plain.id) == (None, "german", 0)
    assert await db.read(own, (await db.write(register, office.source_id, None)).id) == (None, "german", 0)
    both = await db.write(register, office.source_id, "URGENT refund", {"vip": 7, "site": None}, 5)
    assert await db.read(own, both.id) == ("billing=9,site,vip=7", "billing,german,site,vip", 95)
    found = await db.read(explanations.explain, contact_id=both.id, actor=SYSTEM)
    assert found.origins.skills == (
        RequiredSkill("billing", 9, Origin.KEYWORDS),
        RequiredSkill("german", 30, Origin.SOURCE),
        RequiredSkill("site", None, Origin.API),
        RequiredSkill("vip", 7, Origin.KEYWORDS),
    )
    assert found.origins.ahead == (Ahead(90, Origin.KEYWORDS), Ahead(5, Origin.API))
    assert found.origins.rules == ("refund: billing 5, vip, +60", "urgent: billing 9, +90")
    await db.read(check_all)


@pytest.mark.fault("F203")
async def test_contact_with_a_keyword_goes_only_to_who_has_its_skill(db: Database) -> None:
    office = await db.write(open_office, weights=[1, 1_000], limit=50)
    anna, boris = office.operator_ids
    await db.write(operators.set_skills, operator_id=anna, tags=["billing"], **WHO, rng=random.random)
    await set_rules(db, office.source_id, ["refund*: billing"])
    for number in range(20):
        said = "a refunded order" if number % 2 else "an order"
        made = await db.write(register, office.source_id, said)
        assert made.operator_id == anna if number % 2 else True
    assert any(one != anna for one in await db.read(lambda s: s.execute(select(Contact.operator_id)).scalars().all()))
    assert boris
    await db.read(check_all)


async def test_rules_are_added_to_all_sources_replaced_and_removed(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=3)
    other = await db.write(new_sources.add, name="Site", description=None, **WHO)
    await db.write(keyword_settings.add_rule, source_id=None, rule=keywords.read_rule("refund: vip"), **WHO)
    await set_rules(db, other, ["urgent: +5", "refund: +10"])
    assert await db.read(rules_of, office.source_id) == ["refund: vip"]
    assert await db.read(rules_of, other) == ["urgent: +5", "refund: +10"]
    rule = keywords.read_rule("urgent: +5")
    for _ in range(2):
        await db.write(keyword_settings.remove_rule, source_id=other, handle=rule.handle, **WHO)
    assert await db.read(rules_of, other) == ["refund: +10"]
    changes = await db.read(
        lambda s: (
            s.execute(
                select(Event.data)
                .where(Event.kind == events.SOURCE_CHANGED, Event.reason == "keywords")
                .order_by(Event.id)
            )
            .scalars()
            .all()
        )
    )
    assert len(changes) == 5
    assert changes[-1] == {"keywords": keywords.write([keywords.read_rule("refund: +10")])}


async def test_one_rule_too_many_changes_no_source(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=3)
    other = await db.write(new_sources.add, name="Site", description=None, **WHO)
    await set_rules(db, other, [f"word{number}: vip" for number in range(keywords.RULES_AT_MOST)])
    with pytest.raises(BadKeywords):
        await db.write(keyword_settings.add_rule, source_id=None, rule=keywords.read_rule("refund: vip"), **WHO)
    assert await db.read(rules_of, office.source_id) == []
    with pytest.raises(SourceNotFound):
        await db.write(keyword_settings.add_rule, source_id=99, rule=keywords.read_rule("refund: vip"), **WHO)


async def test_only_admins_set_rules(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=3)
    actor = telegram(office.account(office.operator_ids[0]))
    with pytest.raises(NotAllowed):
        await db.write(
            keyword_settings.add_rule,
            source_id=office.source_id,
            rule=keywords.read_rule("refund: vip"),
            actor=actor,
            now=NOW,
        )

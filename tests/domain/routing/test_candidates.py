"""Candidates as they are read: each field from its own column, and the same by every way of reading."""

from dataclasses import replace

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM
from crm_core.routing import new_sources
from crm_core.routing.candidates import candidates, eligibilities, one_candidate
from crm_core.routing.choose import OF_ONE_CONTACT, SOFT, Asked, Candidate, Exclusion, SourceExclusion, exclusion
from crm_core.routing.source_facts import source_facts
from crm_core.storage.database import Database
from crm_core.team import operators
from tests.domain.arranging import NOW, open_office, say

# What makes an otherwise eligible operator ineligible. A weight of 0 cannot be stored; it is a row that is missing.
MAKES_INELIGIBLE = {
    Exclusion.INACTIVE: "UPDATE operators SET is_active = false",
    Exclusion.UNREACHABLE: "UPDATE staff_chats SET is_reachable = false",
    Exclusion.OFFLINE: "UPDATE operators SET is_online = false",
    Exclusion.OFF_SHIFT: "UPDATE operators SET on_shift = false",
    Exclusion.FULL: "UPDATE operators SET current_leads = max_leads",
    Exclusion.CEILING: "UPDATE operators SET max_held = 3",
    Exclusion.FULL_HERE: 'UPDATE weights SET "limit" = 0',
    Exclusion.NO_SKILL: "UPDATE sources SET skills = 'german'",
    Exclusion.RATE: "UPDATE operators SET rate = 2, given_lately = 2",
}


def prepare(s: Session, change: str | None = None) -> tuple[int, int]:
    """A source with one operator whose numbers all differ. Returns their ids."""
    office = open_office(s, weights=[7], limit=9)
    s.execute(text("UPDATE operators SET current_leads = 3, reach_version = 6"))
    if change is not None:
        s.execute(text(change))
    return office.source_id, office.operator_ids[0]


async def test_candidate_has_each_field_from_its_column(db: Database) -> None:
    def story(s: Session) -> tuple[Candidate, list[Candidate], Candidate]:
        source_id, operator_id = prepare(s)
        source = source_facts(s, source_id)
        expected = Candidate(
            operator_id=operator_id,
            weight=7,
            load=3,
            limit=9,
            is_active=True,
            is_online=True,
            is_reachable=True,
            chat_id=10_000 + operator_id,
            reach_version=6,
        )
        return expected, candidates(s, source), one_candidate(s, source, operator_id=operator_id).candidate

    expected, everybody, one = await db.write(story)
    assert everybody == [expected]
    assert one == expected


@pytest.mark.parametrize("why", [None, *MAKES_INELIGIBLE])
async def test_every_way_of_reading_finds_the_same_exclusion(db: Database, why: Exclusion | None) -> None:
    def story(s: Session) -> list[Exclusion | SourceExclusion | None]:
        source_id, operator_id = prepare(s, None if why is None else MAKES_INELIGIBLE[why])
        source = source_facts(s, source_id)
        (found,), (standing,) = candidates(s, source), eligibilities(s)
        assert (standing.source_id, standing.operator_id) == (source_id, operator_id)
        chosen = one_candidate(s, source, operator_id=operator_id).candidate
        return [exclusion(found), exclusion(chosen), standing.why_not]

    assert await db.write(story) == [why] * 3


def test_every_exclusion_that_can_be_stored_is_tried() -> None:
    of_no_operator_alone = {Exclusion.NO_WEIGHT, Exclusion.RAMP, *OF_ONE_CONTACT, *SOFT}
    assert set(Exclusion) - MAKES_INELIGIBLE.keys() == of_no_operator_alone


@pytest.mark.fault("F157")
async def test_client_of_a_contact_is_excluded_from_it_alone(db: Database) -> None:
    def story(s: Session) -> list[Exclusion | None]:
        source_id, operator_id = prepare(s)
        source = source_facts(s, source_id)
        own = replace(source, client_chat=10_000 + operator_id)
        (found,), (other,) = candidates(s, own), candidates(s, replace(source, client_chat=5))
        return [exclusion(found), exclusion(one_candidate(s, own, operator_id=operator_id).candidate), exclusion(other)]

    assert await db.write(story) == [Exclusion.OWN_REQUEST, Exclusion.OWN_REQUEST, None]


async def test_switched_off_source_excludes_everybody(db: Database) -> None:
    def story(s: Session) -> list[Exclusion | SourceExclusion | None]:
        prepare(s, "UPDATE sources SET is_active = false")
        return [one.why_not for one in eligibilities(s)]

    assert await db.write(story) == [SourceExclusion.SOURCE_OFF]


async def test_operator_without_weight_or_account_can_be_chosen_by_hand_at_a_site(db: Database) -> None:
    def story(s: Session) -> tuple[Candidate, list[Candidate]]:
        prepare(s)
        operator_id = operators.add(s, name="Clara", actor=SYSTEM, now=NOW)
        source = source_facts(s, new_sources.add(s, name="Site", description=None, actor=SYSTEM, now=NOW))
        chosen = one_candidate(s, source, operator_id=operator_id)
        assert chosen.name == "Clara"
        return chosen.candidate, candidates(s, source)

    chosen, with_weight = await db.write(story)
    assert (chosen.weight, chosen.is_reachable, chosen.chat_id) == (1, True, None)
    assert exclusion(chosen) is None
    assert with_weight == []


@pytest.mark.usefixtures("new_connections")
async def test_postgresql_plans_the_query_for_candidates_once(db: Database) -> None:
    if db.numbers_rise:
        return  # SQLite has no statistics of values

    def story(s: Session) -> list[tuple[int, int]]:
        first, later = (new_sources.add(s, name=name, description=None, actor=SYSTEM, now=NOW) for name in ("A", "B"))
        for number in range(10):
            operators.add(s, name=f"Operator {number}", max_leads=1, actor=SYSTEM, now=NOW)
        give = text("INSERT INTO weights SELECT :source, id, 1 FROM operators")
        s.execute(give, {"source": first})
        s.execute(text("ANALYZE weights, operators"))  # by which the other source has nobody
        s.execute(give, {"source": later})
        source = source_facts(s, later)
        assert [len(candidates(s, source)) for _ in range(7)] == [10] * 7
        plans = (
            "SELECT custom_plans, generic_plans FROM pg_prepared_statements "
            "WHERE statement LIKE '%ORDER BY weights.operator_id'"
        )
        return [tuple(row) for row in s.execute(text(plans)).all()]

    assert await db.write(story) == [(5, 2)]  # the server plans the first five anew, whatever they are


async def test_source_has_a_line_while_a_contact_waits_there(db: Database) -> None:
    def story(s: Session) -> list[bool]:
        office = open_office(s, weights=[1], limit=1)
        found = []
        for number in (1, 2):  # the second one waits
            found.append(source_facts(s, office.source_id).has_line)
            say(s, number)
        return [*found, source_facts(s, office.source_id).has_line]

    assert await db.write(story) == [False, False, True]


async def test_who_gave_a_contact_back_does_not_get_it_while_others_are_there(db: Database) -> None:
    def story(s: Session) -> Exclusion | None:
        office = open_office(s, weights=[1, 1], limit=1)
        s.execute(text("UPDATE operators SET current_leads = 1 WHERE id = :id"), {"id": office.operator_ids[1]})
        source = replace(source_facts(s, office.source_id), asked={office.operator_ids[0]: Asked.RETURNED})
        return exclusion(candidates(s, source)[0])

    assert await db.write(story) is Exclusion.RETURNED


async def test_who_gave_a_contact_back_gets_it_again_once_others_are_gone(db: Database) -> None:
    def story(s: Session) -> Exclusion | None:
        office = open_office(s, weights=[1, 1], limit=1)
        s.execute(text("UPDATE operators SET is_online = false WHERE id = :id"), {"id": office.operator_ids[1]})
        source = replace(source_facts(s, office.source_id), asked={office.operator_ids[0]: Asked.RETURNED})
        return exclusion(candidates(s, source)[0])

    assert await db.write(story) is None

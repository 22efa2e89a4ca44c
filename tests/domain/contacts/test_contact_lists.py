"""Lists of contacts: what fits a filter, in order, found by an index however many there are."""

import random
import re
import sqlite3
from datetime import datetime, timedelta
from itertools import product
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Row, insert, select
from sqlalchemy.dialects.sqlite import dialect
from sqlalchemy.orm import Session

from crm_core.contacts import leads, lists
from crm_core.contacts.leads import LeadFacts
from crm_core.contacts.lists import COUNTED_AT_MOST, FEW, Filter, Status
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from tests.domain.arranging import BOT, NOW, Office, open_office
from tests.support.statements import counted

MINUTE = timedelta(minutes=1)


def fill(s: Session, *, number: int) -> Office:
    """Contacts of every state, of three operators, some opened in the same moment."""
    office = open_office(s, weights=[1, 1, 1], limit=1_000)
    people = [leads.create(s, LeadFacts(external_id=f"person {one}"), now=NOW) for one in range(4)]
    dice = random.Random(number)
    for one in range(number):
        status = dice.choice(["new", "in_progress", "closed", "closed"])
        operator = dice.choice(office.operator_ids)
        values = {
            "lead_id": dice.choice(people), "source_id": office.source_id, "status": status, "version": 1,
            "operator_id": None if status == "new" and dice.random() < 0.4 else operator, "bot_id": BOT,
            "created_at": NOW + MINUTE * dice.randrange(number // 2), "message": f"message {one}",
            "wakes_at": NOW if status != "closed" and dice.random() < 0.2 else None,
        }  # fmt: skip
        values["offered_at"] = NOW if status == "new" and values["operator_id"] and dice.random() < 0.3 else None
        s.execute(insert(Contact.__table__), values)
    return office


def wants(wanted: Filter, row: Row[Any]) -> bool:
    """Whether a contact fits a filter, said in Python."""
    match wanted.status:
        case Status.ACTIVE:
            fits = row.status != "closed" and row.operator_id is not None
        case Status.UNASSIGNED:
            fits = row.status != "closed" and row.operator_id is None and row.wakes_at is None
        case Status.OFFERED:
            fits = row.offered_at is not None
        case Status.SNOOZED:
            fits = row.wakes_at is not None
        case status:
            fits = status in (None, row.status)
    return (
        fits
        and wanted.source_id in (None, row.source_id)
        and wanted.operator_id in (None, row.operator_id)
        and wanted.lead_id in (None, row.lead_id)
        and (wanted.since is None or row.created_at >= wanted.since)
        and (wanted.until is None or row.created_at < wanted.until)
    )


def filters(source_id: int) -> list[Filter]:
    """Every way in which things to look at can meet; operators and leads have the ids 1 to 3."""
    moments: list[tuple[datetime | None, datetime | None]] = [(None, None), (NOW + 9 * MINUTE, NOW + 31 * MINUTE)]
    return [
        Filter(status, source, operator, lead, *span)
        for status, source, operator, lead, span in product(
            [None, *Status], [None, source_id, 99], [None, 2], [None, 3], moments
        )
    ]


@pytest.mark.further
@pytest.mark.parametrize("few", [FEW, 0], ids=["few are open", "many are open"])
async def test_every_filter_combination_returns_matching_contacts_in_order(
    db: Database, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lists, "FEW", few)
    office = await db.write(fill, number=120)
    known = await db.read(lambda s: s.execute(select(Contact.__table__)).all())
    for number, wanted in enumerate(filters(office.source_id)):
        fitting = [row for row in known if wants(wanted, row)]
        pages = ((0, 1_000), (3, 5))
        # Each filter in both orders and with both pages; which go together changes, by no one condition.
        for newest_first, (skip, limit) in zip((True, False), pages[:: (1, -1)[number % 5 % 2]], strict=True):
            fitting.sort(key=lambda row: (row.created_at, row.id), reverse=newest_first)
            expected = [row.id for row in fitting]
            found = await db.read(lists.listing, wanted=wanted, skip=skip, limit=limit, newest_first=newest_first)
            assert [row.id for row in found.rows] == expected[skip : skip + limit], wanted
            assert found.total == len(expected), wanted


async def test_list_total_stops_at_the_counting_limit(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    await db.write(fill, number=30)
    monkeypatch.setattr(lists, "COUNTED_AT_MOST", 20)
    assert (await db.read(lists.listing, wanted=Filter(), skip=0, limit=2)).total == 20


@pytest.mark.parametrize("limit", [1, 100])
async def test_contact_list_takes_three_statements_whatever_its_length(db: Database, limit: int) -> None:
    office = await db.write(fill, number=240)
    with counted() as statements:
        found = await db.read(lists.listing, wanted=Filter(source_id=office.source_id), skip=0, limit=limit)
    assert len(found.rows) == limit
    assert len(statements) == 3


# --- plans on SQLite, which has no statistics and guesses -------------------------------------------------------------

OPEN = "ix_contacts_open_of_operator"
QUEUE = "ix_contacts_queue"
LEAD = "ix_contacts_lead_id"
OFFERED = "ix_contacts_offered"
WAKING = "ix_contacts_wakes"
OPERATOR = "ix_contacts_operator_created"
SOURCE = "ix_contacts_source_created"
TIME = "ix_contacts_created_at"


def expected_index(wanted: Filter, *, are_few: bool) -> str:
    """The index that finds what is wanted with the least to walk past."""
    if wanted.lead_id is not None:
        return LEAD
    if are_few and wanted.status not in (None, Status.CLOSED):
        return {Status.UNASSIGNED: QUEUE, Status.OFFERED: OFFERED, Status.SNOOZED: WAKING}.get(wanted.status, OPEN)
    if wanted.operator_id is not None:
        return OPERATOR
    return TIME if wanted.source_id is None else SOURCE


def plan(path: Path, statement: Any) -> list[str]:
    """The steps by which SQLite executes a statement."""
    text = str(statement.compile(dialect=dialect()))
    connection = sqlite3.connect(path)
    try:
        steps = connection.execute(f"EXPLAIN QUERY PLAN {text}", [1] * text.count("?")).fetchall()
    finally:
        connection.close()
    return [step for *_, step in steps]


@pytest.mark.parametrize("are_few", [True, False], ids=["few are open", "many are open"])
def test_sqlite_finds_pages_and_totals_by_the_expected_index(migrated_file: Path, are_few: bool) -> None:
    for wanted in filters(1):
        index = expected_index(wanted, are_few=are_few)
        found = lists.finding(wanted, skip=5, limit=100, newest_first=True, total=FEW if are_few else COUNTED_AT_MOST)
        steps = plan(migrated_file, found)
        assert re.search(rf"contacts USING (COVERING )?INDEX {index}\b", steps[0]), (wanted, steps)
        is_sorted = any("ORDER BY" in step for step in steps)
        assert is_sorted == (index in (OPEN, QUEUE, LEAD, OFFERED, WAKING)), (wanted, steps)


def test_sqlite_counts_contacts_by_the_expected_index(migrated_file: Path) -> None:
    for wanted in filters(1):
        if wanted in (Filter(), Filter(Status.CLOSED)):  # nearly everything: counted wherever it stands
            continue
        steps = plan(migrated_file, lists.counting(wanted))
        index = expected_index(wanted, are_few=True)
        assert any(f"INDEX {index}" in step for step in steps), (wanted, steps)

"""Statistics: which contacts count, what shares and lengths mean, on both databases."""

import random
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from crm_core import events, statistics
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.events import NewEvent
from crm_core.routing import sources, weight_settings
from crm_core.statistics import Durations, OperatorStats, Period, SourceStats, Statistics
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact, Lead
from crm_core.team import departure, operators

ENDS = (events.CONTACT_ASSIGNED, events.CONTACT_TAKEN, events.REPLIED, events.CONTACT_CLOSED)
NOON = datetime(2026, 3, 15, 12, tzinfo=UTC)
MIDNIGHT = datetime(2026, 3, 15, tzinfo=UTC)


class Books:
    """Contacts as if they had happened: moments are seconds after their opening."""

    def __init__(self, s: Session) -> None:
        self.s = s
        bots.start(s, bot_id=7, username="shop_bot", name="Shop", position=0, now=NOON)
        self.lead: int = s.execute(insert(Lead.__table__).returning(Lead.id), {"created_at": NOON}).scalar_one()
        self.shop = sources.listing(s)[0].id

    def operator(self, name: str, weight: int) -> int:
        found = operators.add(self.s, name=name, actor=SYSTEM, now=NOON)
        self.weigh(found, weight)
        return found

    def weigh(self, operator_id: int, weight: int) -> None:
        weight_settings.set_weight(
            self.s,
            source_id=self.shop,
            operator_id=operator_id,
            weight=weight,
            actor=SYSTEM,
            now=NOON,
            rng=random.random,
        )

    def contact(
        self,
        operator_id: int | None,
        *,
        at: datetime = NOON,
        assigned: float | None = 0,
        taken: float | None = None,
        replied: float | None = None,
        closed: bool = False,
    ) -> None:
        def moment(after: float | None) -> datetime | None:
            return None if after is None else at + timedelta(seconds=after)

        moments = {
            "assigned_at": moment(assigned) if operator_id else None,
            "taken_at": moment(taken),
            "replied_at": moment(replied),
            "closed_at": at if closed else None,
        }
        contact = {
            "lead_id": self.lead, "source_id": self.shop, "operator_id": operator_id, "version": 1,
            "status": "closed" if closed else "new", "created_at": at, **moments,
        }  # fmt: skip
        number = self.s.execute(insert(Contact.__table__).returning(Contact.id), contact).scalar_one()
        self._happened(events.CONTACT_CREATED, at, number)
        for kind, ended in zip(ENDS, moments.values(), strict=True):
            if ended is not None:
                self._happened(kind, ended, number, operator_id)

    def _happened(self, kind: str, at: datetime, contact_id: int, operator_id: int | None = None) -> None:
        reason = "random" if kind == events.CONTACT_ASSIGNED else None
        event = NewEvent(
            kind, at, events.SYSTEM, contact_id=contact_id, source_id=self.shop, operator_id=operator_id, reason=reason
        )
        events.record(self.s, [event])


async def test_overview_compares_actual_shares_with_weights(db: Database) -> None:
    def story(s: Session) -> Statistics:
        books = Books(s)
        anna, boris = books.operator("Anna", 30), books.operator("Boris", 10)
        books.operator("Clara", 60)
        for _ in range(3):
            books.contact(anna, closed=True)
        books.contact(boris)
        books.contact(None)
        return statistics.overview(s, since=None)

    found = await db.write(story)
    assert (found.contacts, found.unassigned, found.waiting) == (5, 1, 1)
    assert found.unassigned_share == pytest.approx(0.2)
    assert {one.facts.name: one.contacts for one in found.operators} == {"Anna": 3, "Boris": 1, "Clara": 0}
    (shop,) = found.sources
    assert (shop.contacts, shop.waiting) == (5, 1)
    shares = {one.operator: (one.weight, one.planned, one.actual, one.contacts) for one in shop.shares}
    assert shares == {"Clara": (60, 0.6, 0.0, 0), "Anna": (30, 0.3, 0.75, 3), "Boris": (10, 0.1, 0.25, 1)}
    assert [one.operator for one in shop.shares] == ["Clara", "Anna", "Boris"]


async def test_unweighted_and_removed_operators_keep_their_past_contacts(db: Database) -> None:
    def story(s: Session) -> Statistics:
        books = Books(s)
        anna, boris = books.operator("Anna", 30), books.operator("Boris", 10)
        books.contact(anna, closed=True)
        books.contact(boris, closed=True)
        books.weigh(anna, 0)
        departure.remove(s, operator_id=boris, actor=SYSTEM, now=NOON, rng=random.random)
        return statistics.overview(s, since=None)

    found = await db.write(story)
    assert [one.facts.name for one in found.operators] == ["Anna"]
    shares = {one.operator: (one.planned, one.actual, one.is_removed) for one in found.sources[0].shares}
    assert shares == {"Anna": (None, 0.5, False), "Boris": (None, 0.5, True)}


async def test_overview_counts_contacts_of_the_period_but_all_waiting_ones(db: Database) -> None:
    def story(s: Session) -> Statistics:
        books = Books(s)
        anna = books.operator("Anna", 1)
        books.contact(anna, at=MIDNIGHT - timedelta(seconds=1), taken=5)
        books.contact(None, at=NOON - timedelta(days=3))
        books.contact(anna, at=MIDNIGHT, taken=1)
        return statistics.overview(s, since=MIDNIGHT)

    found = await db.write(story)
    assert (found.contacts, found.unassigned, found.waiting) == (1, 0, 1)
    assert found.sources[0].waiting == 1
    assert found.to_take == Durations(1, 1.0, 1.0)


@pytest.mark.parametrize(("count", "p95"), [(1, 1), (2, 2), (19, 19), (20, 19), (21, 20), (100, 95), (101, 96)])
async def test_p95_durations_use_nearest_rank(db: Database, count: int, p95: int) -> None:
    def story(s: Session) -> Statistics:
        books = Books(s)
        anna = books.operator("Anna", 1)
        seconds = list(range(1, count + 1))
        random.Random(7).shuffle(seconds)
        for one in seconds:
            books.contact(anna, assigned=one, taken=one / 10, replied=one * 100)
        return statistics.overview(s, since=None)

    found = await db.write(story)
    mean = (count + 1) / 2
    measured = ((found.to_assignment, 1), (found.to_take, 0.1), (found.to_reply, 100))
    for lengths, factor in measured:
        assert lengths.count == count
        assert lengths.mean == pytest.approx(mean * factor)
        assert p95 * factor <= (lengths.p95 or 0) + 1e-9 <= p95 * factor * 1.008


async def test_overview_of_an_empty_database_is_empty(db: Database) -> None:
    found = await db.write(lambda s: statistics.overview(s, since=None))
    nothing = Durations(0, None, None)
    assert (found.contacts, found.unassigned_share, found.operators, found.sources) == (0, None, (), ())
    assert (found.to_assignment, found.to_take, found.to_reply) == (nothing, nothing, nothing)


def test_periods_are_whole_days_of_the_time_zone() -> None:
    vladivostok = ZoneInfo("Asia/Vladivostok")  # UTC+10
    now = datetime(2026, 3, 15, 20, 30, tzinfo=UTC)  # already the 16th there
    assert statistics.beginning(Period.TODAY, now=now, zone=UTC) == datetime(2026, 3, 15, tzinfo=UTC)
    assert statistics.beginning(Period.TODAY, now=now, zone=vladivostok) == datetime(2026, 3, 15, 14, tzinfo=UTC)
    assert statistics.beginning(Period.WEEK, now=now, zone=UTC) == datetime(2026, 3, 9, tzinfo=UTC)
    assert statistics.beginning(Period.MONTH, now=now, zone=UTC) == datetime(2026, 2, 14, tzinfo=UTC)
    assert statistics.beginning(Period.ALL, now=now, zone=UTC) is None


@pytest.mark.fault("F69")
def test_period_starts_at_local_midnight_across_dst_changes() -> None:
    berlin = ZoneInfo("Europe/Berlin")  # 2026-03-29: 02:00 becomes 03:00
    now = datetime(2026, 3, 29, 10, tzinfo=UTC)
    assert statistics.beginning(Period.TODAY, now=now, zone=berlin) == datetime(2026, 3, 28, 23, tzinfo=UTC)
    assert statistics.beginning(Period.WEEK, now=now, zone=berlin) == datetime(2026, 3, 22, 23, tzinfo=UTC)


async def test_dashboard_stats_report_capacity_weights_and_contact_counts(db: Database) -> None:
    def story(s: Session) -> tuple[list[OperatorStats], list[SourceStats]]:
        books = Books(s)
        anna, boris = books.operator("Anna", 30), books.operator("Boris", 70)
        books.contact(anna, closed=True)
        books.contact(boris, closed=True)
        books.weigh(anna, 0)
        books.contact(None)
        return statistics.operator_stats(s), statistics.source_stats(s)

    staff, (shop,) = await db.write(story)
    assert [(one.operator_name, one.max_leads, one.current_leads, one.available_capacity) for one in staff] == [
        ("Anna", 10, 0, 10),
        ("Boris", 10, 0, 10),
    ]
    assert [one.total_contacts for one in staff] == [1, 1]
    assert (shop.source_name, shop.total_contacts) == ("shop_bot", 3)
    assert [(one.operator_name, one.weight, one.contacts_assigned) for one in shop.operators] == [
        ("Boris", 70, 1),
        ("Anna", 0, 1),
    ]

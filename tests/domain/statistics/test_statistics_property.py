"""Any sequence of actions: the stored sums plus the events since equal a plain recount."""

import shutil
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import invariant, rule, run_state_machine_as_test
from sqlalchemy import NullPool, create_engine, make_url

from crm_core import statistics
from crm_core.statistics import Grain
from crm_core.statistics.reading import Totals, totals
from crm_core.statistics.sums import WHOLE
from crm_core.storage.sqlite import sqlite_engine
from tests.domain.arranging import NOW
from tests.domain.contacts.test_property_contacts import SELDOM, Helpdesk, running
from tests.domain.recounting import Plain, recounted

ZONES = st.sampled_from(["UTC", "Asia/Kolkata", "America/St_Johns", "Europe/Berlin"])
DAYS = st.none() | st.integers(-1, 40)


class Counted(Helpdesk):
    """The helpdesk, with days that pass, and sums that are folded every now and then."""

    zone = "UTC"

    @rule(hours=st.sampled_from([0.1, 1, 7, 30, 24 * 20]))
    def later(self, hours: float) -> None:
        self.now += timedelta(hours=hours)

    @rule(most=st.integers(1, 30))
    def fold(self, most: int) -> None:
        before = statistics.version(self.s)
        statistics.fold(self.s, most=most)
        assert statistics.version(self.s) == before

    @rule(zone=ZONES, really=SELDOM)
    def move(self, zone: str, really: bool) -> None:
        if really:
            assert statistics.prepare(self.s, zone=zone) == (zone != self.zone)
            self.zone = zone

    @rule(first=DAYS, last=DAYS)
    def look_at_days(self, first: int | None, last: int | None) -> None:
        since, until = (self._midnight(first), None if last is None else self._midnight(last + 1))
        found = totals(self.s, since=since, until=until)
        same(found, recounted(self.s, zone=self.zone, of=lambda at: _between(since, at, until)))

    @rule(grain=st.sampled_from(Grain))
    def look_at_arrivals(self, grain: Grain) -> None:
        form = {Grain.HOUR: "%Y-%m-%d %H", Grain.DAY: "%Y-%m-%d", Grain.MONTH: "%Y-%m"}[grain]
        for one in statistics.arrivals(self.s, since=None, grain=grain):
            span = one.start.strftime(form)
            plain = recounted(self.s, zone=self.zone, of=lambda at, span=span: at.strftime(form) == span)  # type: ignore[misc]
            opened, held = sum(plain.opened.values()), sum(plain.held.values())
            assert (one.contacts, one.unassigned) == (opened, opened - held)

    @invariant()
    def the_books_are_right(self) -> None:
        if hasattr(self, "office"):
            self._look()
            same(totals(self.s, since=None), recounted(self.s, zone=self.zone))
            assert statistics.differences(self.s) == []

    def _midnight(self, day: int | None) -> datetime | None:
        if day is None:
            return None
        at = (NOW + timedelta(days=day)).date()
        return datetime(at.year, at.month, at.day, tzinfo=ZoneInfo(self.zone))


def _between(since: datetime | None, at: datetime, until: datetime | None) -> bool:
    return (since is None or at >= since) and (until is None or at < until)


def same(found: Totals, plain: Plain) -> None:
    """Both are the same: counts exactly, parts of contacts to a millionth for each draw."""
    sums = found.sums
    assert {source: one.opened for (source, who), one in sums.items() if not who and one.opened} == plain.opened
    staff = {place: one for place, one in sums.items() if place[1]}
    assert {place: one.held for place, one in staff.items() if one.held} == plain.held
    moves = {place: [one.drawn, one.given, one.lost, one.returned] for place, one in staff.items()}
    assert {place: one for place, one in moves.items() if any(one)} == plain.moves
    draws = sum(one.drawn for one in staff.values())
    for place, exact in plain.owed.items():
        one = sums[place]
        ours = [one.due, one.missed_off, one.missed_full, one.gained_off, one.gained_full, one.spread]
        assert [round(part / WHOLE, 3) for part in ours] == pytest.approx([float(part) for part in exact], abs=0.002)
        assert all(abs(part - wanted * WHOLE) <= 4 * draws for part, wanted in zip(ours, exact, strict=True))
    for kind, histogram in found.lengths.items():
        lengths = plain.lengths[kind]
        assert (sum(histogram.counts.values()), histogram.total) == (len(lengths), sum(lengths))
        assert histogram.longest == max(lengths)
    assert {kind for kind, one in found.lengths.items() if one.counts} == {k for k, v in plain.lengths.items() if v}


@pytest.mark.slow
def test_folded_sums_equal_a_recount_on_sqlite(migrated_file: Path, tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    shutil.copy(migrated_file, path)
    with running(sqlite_engine(make_url(f"sqlite:///{path}")), Counted) as machine:
        run_state_machine_as_test(machine, settings=settings(max_examples=14, stateful_step_count=40, deadline=None))


@pytest.mark.parametrize("database_url", ["postgres"], indirect=True)
def test_folded_sums_equal_a_recount_on_postgres(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with running(engine, Counted) as machine:
        run_state_machine_as_test(machine, settings=settings(max_examples=8, stateful_step_count=30, deadline=None))

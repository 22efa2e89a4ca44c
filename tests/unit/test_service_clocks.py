"""The clocks of the service level against the reference model, and targets as people write them."""

from datetime import UTC, datetime, timedelta
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.errors import BadTargets
from crm_core.routing.working_time import EVER, WorkingTime
from crm_core.service.clocks import Happened, Kind, read
from crm_core.service.targets import LONGEST, Measure, Targets, from_json, read_targets, to_json
from crm_core.service.terms import Terms
from tests.model import clocks as model
from tests.model.hours import Shifts
from tests.support.random_hours import as_model, random_calendar

START = 1_780_000_000  # seconds since 1970: a spring day of 2026
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")
KINDS = [one for one in Kind if one is not Kind.OPENED]


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[int, Kind]]:
    """What happens to a contact, in order; whether it can happen then does not matter to the arithmetic."""
    at, found = START, [(START, Kind.OPENED)]
    for kind in draw(st.lists(st.sampled_from(KINDS), max_size=14)):
        at += draw(st.one_of(st.integers(0, 7_200), st.integers(0, 6 * 86_400)))
        found.append((at, kind))
    return found


@given(
    history=histories(),
    seed=st.integers(0, 10_000),
    changes=st.lists(st.tuples(st.integers(-86_400, 9 * 86_400), st.booleans()), max_size=3),
    later=st.integers(0, 3 * 86_400),
)
def test_clocks_run_as_those_of_the_model_whatever_happens(
    history: list[tuple[int, Kind]], seed: int, changes: list[tuple[int, bool]], later: int
) -> None:
    rng, shifts = Random(seed), Shifts()
    hours = [(EVER, None)] + [
        (moment(START + after), random_calendar(rng, rng.choice(ZONES), [moment(START).date()]) if has_hours else None)
        for after, has_hours in sorted(changes)
    ]
    for since, calendar in hours[1:]:
        shifts.change(int(since.timestamp()), None if calendar is None else as_model(calendar))
    terms, now = Terms(WorkingTime(tuple(hours))), history[-1][0] + later
    found = read(Happened(moment(at), kind) for at, kind in history)
    expected = model.read([model.Happened(at, kind.name.lower()) for at, kind in history], shifts, now)
    assert [
        (
            one.measure.value,
            one.since,
            terms.on(one, moment(now)),
            one.runs_since is not None,
            one.ended_at is not None,
        )
        for one in found
    ] == [(one.name, moment(one.since), timedelta(seconds=one.seconds), one.runs, one.is_over) for one in expected]


def test_target_is_the_one_that_held_when_the_clock_was_started() -> None:
    changed = moment(START + 600)
    terms = Terms(targets=((EVER, Targets(first_reply=15)), (changed, Targets(first_reply=5, next_reply=30))))
    early, late = (read([Happened(moment(START + one), Kind.OPENED)])[0] for one in (0, 600))
    assert (terms.target(early), terms.target(late)) == (timedelta(minutes=15), timedelta(minutes=5))
    assert Terms().target(late) is None


@pytest.mark.parametrize(
    ("typed", "targets"),
    [
        ("first 15 next 30 resolve 8h", Targets(15, 30, 480)),
        ("First reply 15 min, next reply: 1 h, resolution 2 d", Targets(15, 60, 2_880)),
        ("первый ответ 15 мин, следующий 30м, решение за 8 ч", Targets(15, 30, 480)),
        ("next=5", Targets(next_reply=5)),
        ("off", Targets()),
        ("нет", Targets()),
    ],
)
def test_targets_are_read_as_people_write_them(typed: str, targets: Targets) -> None:
    assert read_targets(typed) == targets
    assert from_json(to_json(targets)) == targets


@pytest.mark.parametrize(
    "typed",
    ["", "soon", "first", "first soon", "15", "first 0", "first 15 first 20", "resolve 61d", "first 15 fortnights"],
)
def test_targets_that_cannot_be_read_are_refused(typed: str) -> None:
    with pytest.raises(BadTargets):
        read_targets(typed)


def test_longest_target_is_sixty_days() -> None:
    assert read_targets(f"resolve {LONGEST}") == read_targets("resolve 60 d")
    assert list(Measure) == ["first_reply", "next_reply", "resolution"]

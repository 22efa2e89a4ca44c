"""Several calendars at once, against what each says minute by minute."""

import itertools
from datetime import UTC, datetime, timedelta
from random import Random

import pytest

from crm_core.hours.calendar import Calendar
from crm_core.hours.days import FREE
from crm_core.hours.together import all_open_after, uncovered
from tests.support.random_hours import random_calendar

START = datetime(2026, 3, 27, 17, 23, tzinfo=UTC)  # Berlin's clocks change two days later
MINUTE = timedelta(minutes=1)
DAYS = 4
ZONES = ("UTC", "Europe/Berlin", "America/New_York")


@pytest.mark.parametrize("seed", range(25))
def test_answers_about_several_calendars_are_those_of_each_minute(seed: int) -> None:
    rng = Random(seed)
    dates = [START.date() + timedelta(days=one) for one in range(DAYS)]
    source, *staff = [random_calendar(rng, rng.choice(ZONES), dates) for _ in range(rng.randint(2, 4))]
    moments = [START + one * MINUTE for one in range(DAYS * 1_440)]
    both = next((one for one in moments if all(each.takes(one) for each in (source, *staff))), None)
    found = all_open_after([source, *staff], START)
    if both is None:
        assert found is None or found > moments[-1]
    else:
        assert found == both
    bare = [
        one for one in moments if source.takes(one) and not any(each.works(one) or each.takes(one) for each in staff)
    ]
    stretches = uncovered(source, staff, START, moments[-1] + MINUTE)
    assert [one for start, end in stretches for one in moments if start <= one < end] == bare
    assert all(before[1] < after[0] for before, after in itertools.pairwise(stretches))


def test_hours_that_never_meet_are_not_waited_for() -> None:
    rng = Random(1)
    one = random_calendar(rng, "UTC", [])
    assert all_open_after([one], START) == one.opens_after(START)
    assert all_open_after([one, Calendar("UTC", (FREE,) * 7)], START) is None

"""Working time of a source whose hours change, against that of the reference model."""

from datetime import UTC, datetime, timedelta
from random import Random

from hypothesis import given
from hypothesis import strategies as st

from crm_core.routing.working_time import ALWAYS
from tests.model.hours import Shifts
from tests.support.random_hours import as_model, random_calendar

START = 1_780_000_000  # seconds since 1970: a spring day of 2026
ZONES = ("UTC", "Europe/Berlin", "Asia/Kathmandu")


def moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


@given(
    rng=st.randoms(use_true_random=False),
    changes=st.lists(st.tuples(st.integers(-86_400, 5 * 86_400), st.booleans()), max_size=3),
    minutes=st.integers(1, 5_000),
)
def test_time_that_a_contact_has_waited_is_as_in_the_model(
    rng: Random, changes: list[tuple[int, bool]], minutes: int
) -> None:
    time, shifts = ALWAYS, Shifts()
    for later, has_hours in sorted(changes):
        at = START + later
        calendar = random_calendar(rng, rng.choice(ZONES), [moment(START).date()]) if has_hours else None
        time = time.changed(moment(at), calendar)
        shifts.change(at, None if calendar is None else as_model(calendar))
    expected = shifts.after(START, minutes * 60)
    after = time.after(moment(START), timedelta(minutes=minutes))
    assert after == (None if expected is None else moment(expected))
    if after is not None:
        assert time.worked(moment(START), after) == timedelta(minutes=minutes)
        assert time.worked(moment(START), after - timedelta(seconds=1)) < timedelta(minutes=minutes)
    assert time.worked(moment(START), moment(START)) == timedelta()

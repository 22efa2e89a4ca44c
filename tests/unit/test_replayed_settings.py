"""What each setting decides in a replay, by histories of a few contacts."""

from datetime import date

import pytest

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import read_hours
from crm_core.replay.changes import Changes
from crm_core.replay.history import Given, History, SourceState, Step
from crm_core.replay.replayer import play
from tests.domain.replay.histories import Distributor
from tests.domain.replay.wishes import changes

ANNA, BORIS, SHOP, CARE = 1, 2, 1, 2
MINUTE, HOUR = 60_000, 3_600_000
END = 24 * HOUR  # of the first of January 1970, UTC


def lived(
    *arrivals: int,
    work: int | None = None,
    weights: dict[int, int] | None = None,
    limit: int = 9,
    comes: int | None = None,
    strategy: str = "random",
) -> History:
    """A day of contacts that come at these moments.

    Args:
        work: how long each is worked on, in milliseconds.
        weights: of operators; of Anna alone without them.
        comes: when they are there; from the beginning without it.
    """
    weights = weights or {ANNA: 1}
    works, rolls = [work] * len(arrivals), [0.4] * len(arrivals)
    online = set(weights) if comes is None else set[int]()
    made = Distributor(weights, dict.fromkeys(weights, limit), strategy, works, rolls, online)
    for at in arrivals:
        if comes is not None and at > comes and not made.online:
            made.turn(comes, ANNA)
        made.arrive(at)
    if comes is not None and not made.online:
        made.turn(comes, ANNA)
    history = made.history(END, ends=False)
    if comes is not None:
        for state in history.operators.values():
            state.is_online = False
    return history


def given(history: History, wished: Changes) -> list[tuple[int | None, int | None]]:
    """Who has each contact in the end, and since when."""
    return [(one.operator_id, one.assigned) for one in play(history, wished).courses.values()]


def assigned(history: History, wished: Changes) -> list[int | None]:
    """Since when each contact is with somebody."""
    return [at for _, at in given(history, wished)]


def hours(typed: str) -> Calendar:
    return read_hours(typed, zone="UTC", today=date(1970, 1, 1))


def test_hourly_limit_lets_the_next_wait_until_the_hour_is_over() -> None:
    history = lived(1, 2, 3, work=10)
    assert assigned(history, changes(operators={ANNA: {"rate": 2}})) == [1, 2, 1 + HOUR]


def test_hourly_limit_counts_what_was_given_before_the_period() -> None:
    history = lived(1, 2, work=10)
    history.given = [Given(-HOUR + 500, ANNA), Given(-MINUTE, ANNA)]
    assert assigned(history, changes(operators={ANNA: {"rate": 2}})) == [500, HOUR - MINUTE]


def test_hourly_limit_that_is_taken_away_lets_nobody_wait() -> None:
    history = lived(1, 2, 3, work=10)
    history.operators[ANNA].rate = 1
    assert assigned(history, changes(operators={ANNA: {"rate": None}})) == [1, 2, 3]


def test_ceiling_below_the_limit_bounds_what_is_held() -> None:
    history = lived(1, 2, 3, work=100)
    assert assigned(history, changes(operators={ANNA: {"ceiling": 2}})) == [1, 2, 101]


def test_limit_at_a_source_bounds_what_is_held_of_it() -> None:
    history = lived(1, 2, work=100)
    assert assigned(history, changes(limits_here={(SHOP, ANNA): 1})) == [1, 101]


def test_inactive_operator_gets_nothing() -> None:
    history = lived(1, 2, weights={ANNA: 1, BORIS: 1})
    wished = changes(operators={ANNA: {"is_active": False}})
    assert given(history, wished) == [(BORIS, 1), (BORIS, 2)]


def test_ramp_gives_what_had_waited_minute_by_minute() -> None:
    history = lived(1, 2, 3, 4, 5, comes=100)
    wished = changes(sources={SHOP: {"ramp": 2}})
    assert assigned(history, wished) == [100, 100, 100 + MINUTE, 100 + MINUTE, 100 + 2 * MINUTE]


def test_ramp_lets_what_comes_later_pass() -> None:
    history = lived(1, 2, 150, comes=100)
    assert assigned(history, changes(sources={SHOP: {"ramp": 1}})) == [100, 100 + MINUTE, 150]


def test_required_skill_keeps_a_contact_from_who_lacks_it() -> None:
    history = lived(1, 2, weights={ANNA: 1, BORIS: 1})
    wished = changes(sources={SHOP: {"skills": "german"}}, operators={BORIS: {"skills": "german,vip"}})
    assert given(history, wished) == [(BORIS, 1), (BORIS, 2)]


def test_skill_is_dropped_when_its_minutes_are_over() -> None:
    history = lived(1, 2)
    history.contacts[2].skills = "vip=3"
    wished = changes(sources={SHOP: {"skills": "german=5"}})
    assert assigned(history, wished) == [1 + 5 * MINUTE, 2 + 5 * MINUTE]
    assert assigned(history, changes(operators={ANNA: {"skills": "german"}})) == [1, 2 + 3 * MINUTE]


def test_skill_is_dropped_in_working_time_of_its_source() -> None:
    wished = changes(sources={SHOP: {"skills": "german=60", "hours": hours("daily 9-18")}})
    assert assigned(lived(8 * HOUR), wished) == [10 * HOUR]


def test_contact_that_requires_less_passes_one_that_finds_nobody() -> None:
    history = lived(1, 2)
    history.contacts[1].skills = "german"
    assert assigned(history, changes(operators={ANNA: {"ceiling": 5}})) == [None, 2]


def test_source_gives_out_nothing_while_it_is_closed() -> None:
    history = lived(HOUR, 10 * HOUR)
    assert assigned(history, changes(sources={SHOP: {"hours": hours("daily 9-18")}})) == [9 * HOUR, 10 * HOUR]


def test_source_that_is_off_gives_out_nothing() -> None:
    assert assigned(lived(1, 2), changes(sources={SHOP: {"is_active": False}})) == [None, None]


def test_head_start_of_a_source_puts_its_contacts_first() -> None:
    history = lived(MINUTE, 2 * MINUTE, 3 * MINUTE, work=10 * MINUTE, limit=1)
    history.sources[CARE] = SourceState("random")
    history.weights[CARE], history.reach[CARE, True] = {ANNA: 1}, {ANNA: True}
    for one in history.contacts.values():
        one.order_at = one.id * MINUTE
    history.contacts[3].source_id = CARE
    for step in history.steps:
        step.source_id = CARE if step.contact_id == 3 else step.source_id
    assert assigned(history, changes(sources={CARE: {"ramp": 9}})) == [MINUTE, 11 * MINUTE, 21 * MINUTE]
    wished = changes(sources={CARE: {"priority_minutes": 5}})
    assert assigned(history, wished) == [MINUTE, 21 * MINUTE, 11 * MINUTE]


@pytest.mark.parametrize(("days", "operator"), [(0, ANNA), (1, ANNA), (2, BORIS)])
def test_client_who_comes_back_in_time_gets_who_they_had(days: int, operator: int) -> None:
    history = lived(1, weights={ANNA: 1, BORIS: 1})
    history.former = {(SHOP, 1): {7: (-30 * HOUR, BORIS), 6: (-40 * HOUR, ANNA)}}
    assert given(history, changes(sources={SHOP: {"sticky_days": days}})) == [(operator, 1)]


@pytest.mark.parametrize(("mode", "second"), [("charged", ANNA), ("apart", BORIS)])
def test_client_who_comes_back_is_paid_for_unless_apart(mode: str, second: int) -> None:
    history = lived(1, 2, weights={ANNA: 10, BORIS: 11}, strategy="exact")
    history.former = {(SHOP, 1): {7: (-HOUR, BORIS)}}
    found = given(history, changes(sources={SHOP: {"sticky_days": 9, "sticky_mode": mode}}))
    assert [operator for operator, _ in found] == [BORIS, second]


def test_leave_is_credited_up_to_what_the_source_allows() -> None:
    morning = [HOUR * at for at in range(1, 9)]
    history = lived(*morning, 33 * HOUR, 34 * HOUR, 35 * HOUR, weights={ANNA: 1, BORIS: 1}, strategy="exact")
    history.until = 48 * HOUR
    leave = {ANNA: {"hours": hours("daily 0-24, leave 1 jan - 1 jan")}}
    usual = [operator for operator, _ in given(history, changes(operators=leave))]
    assert usual.count(ANNA) in (1, 2)
    caught_up = given(history, changes(operators=leave, sources={SHOP: {"catch_up": 2}}))
    assert [operator for operator, _ in caught_up][-3:] == [ANNA] * 3


def test_change_in_the_period_counts_unless_it_is_to_be_otherwise() -> None:
    history = lived(1, 3, work=1)
    history.steps.insert(2, Step(2, events.OPERATOR_CHANGED, operator_id=ANNA, reason="rate", data={"rate": 1}))
    assert assigned(history, changes(operators={ANNA: {"ceiling": 5}})) == [1, 1 + HOUR]
    assert assigned(history, changes(operators={ANNA: {"rate": None}})) == [1, 3]

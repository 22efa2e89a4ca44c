"""What offers decide in a replay, by histories of a few contacts."""

from collections import Counter
from collections.abc import Collection, Mapping
from datetime import date

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import read_hours
from crm_core.replay.as_it_was import Outcome
from crm_core.replay.changes import Changes
from crm_core.replay.history import History, Step
from crm_core.replay.replayer import play
from crm_core.routing.choose import Asked, Candidate
from crm_core.routing.decisions import Decision
from tests.domain.replay.histories import Distributor
from tests.domain.replay.wishes import changes

ANNA, BORIS, VERA, SHOP = 1, 2, 3, 1
SECOND, HOUR = 1_000, 3_600_000
END = 24 * HOUR  # of the first of January 1970, UTC
WORK = 10 * HOUR


def lived(
    *arrivals: int,
    takes: Mapping[int, int | None],
    of_boris: Collection[int] = (),
    work: int = WORK,
    limits: dict[int, int] | None = None,
    strategy: str = "random",
) -> History:
    """A day without offers: Anna is given all contacts, as long as she has room, but for those of Boris.

    Args:
        arrivals: when contacts come, in milliseconds, as all times.
        takes: who works there, and after how long they take what they are given; None for never.
        of_boris: the contacts that he is given.
        work: how long each contact is with its operator.
        limits: 9 without it.
    """
    limits = limits or dict.fromkeys(takes, 9)
    weights = {one: 9 if one == ANNA else 1 for one in takes}
    rolls = [0.95 if number in of_boris else 0.4 for number in range(1, len(arrivals) + 1)]
    made = Distributor(weights, limits, strategy, [work] * len(arrivals), rolls, online=set(takes))
    for at in arrivals:
        made.arrive(at)
    history = made.history(END, ends=False)
    taken = [
        Step(step.at + time, events.CONTACT_TAKEN, step.contact_id, SHOP, step.operator_id)
        for step in history.steps
        if step.kind == events.CONTACT_ASSIGNED and (time := takes[step.operator_id or 0]) is not None
    ]
    history.steps = sorted([*history.steps, *taken], key=lambda step: step.at)
    return history


def offered(seconds: int = 60, *, rounds: int = 20, misses: int = 0, duty: int | None = None) -> Changes:
    """Offers of the shop."""
    own = {"offer_seconds": seconds, "offer_rounds": rounds, "miss_limit": misses, "duty_operator_id": duty}
    return changes(sources={SHOP: own})


def holders(outcome: Outcome) -> list[int | None]:
    """Who has each contact in the end."""
    return [one.operator_id for one in outcome.courses.values()]


def hours(typed: str) -> Calendar:
    return read_hours(typed, zone="UTC", today=date(1970, 1, 1))


def test_offer_that_is_taken_in_time_changes_nothing() -> None:
    outcome = play(lived(1, 2, takes={ANNA: 60 * SECOND, BORIS: 0}), offered(60))
    assert (holders(outcome), outcome.missed) == ([ANNA, ANNA], 0)


def test_missed_offer_goes_to_the_next_and_work_begins_when_they_take_it() -> None:
    history = lived(1, HOUR, takes={ANNA: 200 * SECOND, BORIS: 10 * SECOND}, of_boris={2}, work=30 * HOUR)
    outcome = play(history, offered(60))
    first = outcome.courses[1]
    assert (holders(outcome), outcome.missed) == ([BORIS, BORIS], 1)
    assert first.assigned == 1  # who was asked first ends the wait
    assert (first.since, first.left) == (1 + (60 + 10) * SECOND, 30 * HOUR - 200 * SECOND)


def test_only_operator_keeps_the_offer_and_takes_it_when_they_really_did() -> None:
    history = lived(1, 2, takes={ANNA: 200 * SECOND}, work=500 * SECOND, limits={ANNA: 1})
    outcome = play(history, offered(60))
    assert [one.assigned for one in outcome.courses.values()] == [1, 1 + 500 * SECOND]
    assert outcome.missed == 2 * 3


def test_offers_that_end_with_the_source_off_are_not_missed() -> None:
    history = lived(1, takes={ANNA: 200 * SECOND, BORIS: 0})
    off = Step(30 * SECOND, events.SOURCE_CHANGED, None, SHOP, None, "switched_off")
    history.steps.insert(2, off)
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed) == ([None], 0)


def test_offers_in_vain_give_the_contact_to_who_is_on_duty_over_their_limit() -> None:
    takes = {ANNA: 200 * SECOND, BORIS: 300 * SECOND, VERA: 10 * SECOND}
    history = lived(1, 9 * HOUR, takes=takes, of_boris={2}, limits={ANNA: 9, BORIS: 9, VERA: 0})
    outcome = play(history, offered(60, rounds=2, duty=VERA))
    assert (holders(outcome), outcome.missed) == ([VERA, VERA], 4)


def test_operator_on_duty_who_is_offline_gets_nothing() -> None:
    history = lived(1, takes={ANNA: 200 * SECOND, VERA: 0}, limits={ANNA: 9, VERA: 0})
    history.operators[VERA].is_online = False
    outcome = play(history, offered(60, rounds=2, duty=VERA))
    assert (holders(outcome), outcome.missed) == ([ANNA], 2)  # it stays with her, without an end


def test_who_misses_too_many_in_a_row_is_offline_until_they_come_online() -> None:
    history = lived(1, 2, 3, 10 * HOUR, 12 * HOUR, takes={ANNA: 200 * SECOND, BORIS: SECOND}, of_boris={3})
    assert holders(play(history, offered(60, misses=3))) == [BORIS] * 5
    assert play(history, offered(60, misses=2)).missed == 2  # she is offered no more
    history.steps.append(Step(11 * HOUR, events.OPERATOR_CHANGED, None, None, ANNA, "online"))
    history.steps.sort(key=lambda step: step.at)
    assert play(history, offered(60, misses=2)).missed == 3


def test_answer_to_an_offer_ends_the_row_of_misses() -> None:
    history = lived(1, HOUR, 2 * HOUR, 3 * HOUR, takes={ANNA: 200 * SECOND, BORIS: SECOND}, of_boris={4})
    for step in history.steps:
        if (step.contact_id, step.kind) == (2, events.CONTACT_TAKEN):
            step.at -= 150 * SECOND
    outcome = play(history, offered(60, misses=2))
    assert (holders(outcome), outcome.missed) == ([BORIS, ANNA, BORIS, BORIS], 2)
    assert outcome.courses[3].assigned == 2 * HOUR  # she was asked first


def test_whoever_goes_offline_loses_the_offer_and_has_missed_nothing() -> None:
    history = lived(1, HOUR, takes={ANNA: 200 * SECOND, BORIS: SECOND}, of_boris={2})
    history.steps.append(Step(20 * SECOND, events.OPERATOR_CHANGED, None, None, ANNA, "offline"))
    history.steps.sort(key=lambda step: step.at)
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed) == ([BORIS, BORIS], 0)
    assert outcome.courses[1].since == 21 * SECOND


def test_reaction_counts_in_working_time_alone() -> None:
    history = lived(HOUR, 18 * HOUR - 30 * SECOND, takes={ANNA: 12 * HOUR + 100 * SECOND, BORIS: 0}, of_boris={1})
    history.until = 48 * HOUR
    history.operators[ANNA].hours = hours("daily 6-18")
    outcome = play(history, offered(120))
    assert (holders(outcome), outcome.missed) == ([BORIS, ANNA], 0)
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed) == ([BORIS, BORIS], 1)


def test_reaction_over_night_is_short_by_day() -> None:
    takes = {ANNA: 12 * HOUR + 100 * SECOND, BORIS: 0}
    history = lived(10 * HOUR, 18 * HOUR - 30 * SECOND, takes=takes, of_boris={1})
    history.operators[ANNA].hours = hours("daily 6-18")
    outcome = play(history, Changes({**offered(120).values, **changes(weights={(SHOP, BORIS): 0}).values}))
    assert (outcome.courses[1].since, outcome.missed) == (10 * HOUR + 100 * SECOND, 0)


def test_unknown_reaction_is_one_of_the_operators_own() -> None:
    history = lived(1, 2, 3, HOUR, takes={ANNA: 200 * SECOND, BORIS: 5 * SECOND}, of_boris={2, 3})
    for step in history.steps:
        if (step.contact_id, step.kind) == (3, events.CONTACT_TAKEN):
            step.at += 5 * SECOND
    found = {play(history, offered(60)).courses[one].since for one in (1, 4) for _ in range(2)}
    assert found <= {1 + 65 * SECOND, 1 + 70 * SECOND, HOUR + 65 * SECOND, HOUR + 70 * SECOND}
    assert len(found) == 2  # the same in every replay


def test_reaction_of_who_has_none_is_the_median_of_the_team() -> None:
    takes = {ANNA: 200 * SECOND, BORIS: None, VERA: SECOND}
    history = lived(1, 2, 3, 4, takes=takes)
    for step in history.steps:
        if step.kind == events.CONTACT_TAKEN and step.contact_id in (2, 3):
            step.at -= 180 * SECOND
    outcome = play(history, changes(weights={(SHOP, ANNA): 0}, sources={SHOP: {"offer_seconds": 60}}))
    assert [one.since - (one.assigned or 0) for one in outcome.courses.values()] == [20 * SECOND] * 4


def test_nobody_has_a_reaction_so_offers_are_taken_at_once() -> None:
    history = lived(1, takes={ANNA: None, BORIS: None})
    history.steps = [step for step in history.steps if step.kind != events.CONTACT_ASSIGNED]
    assert play(history, offered(60)).missed == 0


def declined(outcome: Asked) -> History:
    """Anna declined an offer of 60 seconds after 10; Boris took it after 20."""
    anna, boris = Candidate(ANNA, 9, 0, 9), Candidate(BORIS, 1, 0, 9)
    first = Decision("random", (anna, boris), roll=0.1)
    second = Decision("random", (Candidate(ANNA, 9, 0, 9, asked=outcome), boris), roll=0.1)
    history = lived(1, takes={ANNA: 10 * SECOND, BORIS: None})
    history.sources[SHOP].offer_seconds = 60
    history.steps = [
        Step(1, events.CONTACT_CREATED, 1, SHOP),
        Step(1, events.CONTACT_ASSIGNED, 1, SHOP, ANNA, "random", decision=first),
        Step(10 * SECOND, events.CONTACT_QUEUED, 1, SHOP, ANNA, "declined"),
        Step(10 * SECOND, events.CONTACT_ASSIGNED, 1, SHOP, BORIS, "random", decision=second),
        Step(30 * SECOND, events.CONTACT_TAKEN, 1, SHOP, BORIS),
    ]
    return history


def test_what_was_really_declined_is_declined_again() -> None:
    outcome = play(declined(Asked.DECLINED), offered(30))
    assert (holders(outcome), outcome.courses[1].since, outcome.missed) == ([BORIS], 30 * SECOND, 0)


def test_who_declined_for_good_is_not_asked_where_nobody_else_can() -> None:
    outcome = play(declined(Asked.REFUSED), offered(15))
    assert (holders(outcome), outcome.courses[1].since, outcome.missed) == ([BORIS], 30 * SECOND, 1)
    assert holders(play(declined(Asked.DECLINED), offered(15))) == [ANNA]


def test_really_missed_offer_is_missed_again_unless_longer_times_are_known() -> None:
    history = lived(1, 2, 3, takes={ANNA: 100 * SECOND, BORIS: SECOND}, of_boris={3})
    history.steps = [step for step in history.steps if (step.contact_id, step.kind) != (1, events.CONTACT_TAKEN)]
    history.steps.append(Step(60_001, events.CONTACT_QUEUED, 1, SHOP, ANNA, "missed"))
    history.steps.sort(key=lambda step: step.at)
    history.sources[SHOP].offer_seconds = 60
    assert play(history, Changes()).missed == 1
    assert play(history, offered(60, rounds=3)).missed == 2  # hers, after 100 seconds, too
    assert play(history, offered(90, rounds=3)).missed == 2
    outcome = play(history, offered(120))
    assert (holders(outcome), outcome.missed) == ([ANNA, ANNA, BORIS], 0)
    assert outcome.courses[1].since == 1 + 100 * SECOND


def test_without_offers_each_request_belongs_to_who_was_chosen() -> None:
    outcome = play(declined(Asked.DECLINED), offered(0))
    assert (holders(outcome), outcome.courses[1].since, outcome.missed) == ([ANNA], 10 * SECOND, 0)


def test_missed_offer_costs_and_earns_nobody_anything() -> None:
    takes = {ANNA: 200 * SECOND, BORIS: SECOND, VERA: SECOND}
    history = lived(*(one * HOUR for one in range(1, 11)), takes=takes, strategy="exact")
    outcome = play(history, offered(60))
    assert outcome.missed == 10  # so she is asked first each time
    assert Counter(holders(outcome)) == {BORIS: 5, VERA: 5}


def test_missed_offer_counts_in_no_hourly_limit() -> None:
    history = lived(1, 2, takes={ANNA: 200 * SECOND, BORIS: SECOND}, of_boris={2})
    wished = {**offered(60).values, **changes(operators={BORIS: {"rate": 2}, ANNA: {"rate": 1}}).values}
    outcome = play(history, Changes(wished))
    assert (holders(outcome), outcome.missed) == ([BORIS, BORIS], 1)

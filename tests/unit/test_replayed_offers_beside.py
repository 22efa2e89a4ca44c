"""What else happens to requests while they are offered in a replay, by histories of a few contacts."""

from dataclasses import replace

from crm_core import events
from crm_core.hours.stored import to_json
from crm_core.replay.history import History, SourceState, Step
from crm_core.replay.replayer import play
from crm_core.routing.choose import Asked, Candidate
from crm_core.routing.decisions import Decision
from tests.unit.test_replayed_offers import ANNA, BORIS, HOUR, SECOND, SHOP, holders, hours, lived, offered

CARE = 2


def with_steps(history: History, *steps: Step) -> History:
    """The same history with further steps."""
    history.steps = sorted([*history.steps, *steps], key=lambda step: step.at)
    return history


def untaken() -> History:
    """A contact comes for Anna at 1, who answers it the next day, and another one for Boris, who takes it at once."""
    history = lived(1, 20 * HOUR, takes={ANNA: None, BORIS: 0}, of_boris={2}, work=30 * HOUR)
    history.contacts[1].assigned_last, history.contacts[1].held_last = 1, ANNA
    return history


def test_offer_of_before_the_period_that_is_missed_in_it_goes_on() -> None:
    history = untaken()
    history.steps = [step for step in history.steps if step.contact_id != 1]
    history.open = {1: ANNA}
    history = with_steps(history, Step(10 * SECOND, events.CONTACT_QUEUED, 1, SHOP, ANNA, "missed"))
    outcome = play(history, offered(60))
    assert (outcome.missed, holders(outcome)) == (1, [BORIS])  # who has the one that came in it


def test_change_of_hours_keeps_the_working_time_that_is_left_of_an_offer() -> None:
    later = {"hours": to_json(hours("daily 12-18"))}
    history = lived(10 * HOUR, takes={ANNA: 2 * HOUR + 10 * SECOND})
    step = Step(10 * HOUR + 30 * SECOND, events.OPERATOR_CHANGED, None, None, ANNA, "hours", data=later)
    history = with_steps(history, step, Step(12 * HOUR, events.OPERATOR_CHANGED, None, None, ANNA, "shift_began"))
    for seconds, missed in ((60, 0), (35, 1)):
        outcome = play(history, offered(seconds))
        assert (outcome.missed, outcome.courses[1].since) == (missed, 12 * HOUR + 10 * SECOND)


def test_request_that_was_given_back_goes_to_somebody_else() -> None:
    anna, boris = Candidate(ANNA, 9, 0, 9), Candidate(BORIS, 1, 0, 9)
    again = Decision("random", (Candidate(ANNA, 9, 0, 9, asked=Asked.RETURNED), boris), roll=0.1)
    first = Decision("random", (anna, boris), roll=0.1)
    history = lived(1, takes={ANNA: None, BORIS: None})
    history.steps = [
        Step(1, events.CONTACT_CREATED, 1, SHOP),
        Step(1, events.CONTACT_ASSIGNED, 1, SHOP, ANNA, "random", decision=first),
        Step(10 * SECOND, events.CONTACT_TAKEN, 1, SHOP, ANNA),
        Step(HOUR, events.CONTACT_QUEUED, 1, SHOP, ANNA, "returned"),
        Step(HOUR, events.CONTACT_ASSIGNED, 1, SHOP, BORIS, "random", decision=again),
        Step(HOUR + 20 * SECOND, events.CONTACT_TAKEN, 1, SHOP, BORIS),
    ]
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.courses[1].since) == ([BORIS], HOUR + 20 * SECOND)
    assert holders(play(history, offered(5))) == [BORIS]  # nobody is there but her, who is asked no more


def test_offered_request_assigned_by_hand_costs_its_first_operator_nothing() -> None:
    history = lived(1, HOUR, 2 * HOUR, takes={ANNA: 30 * SECOND, BORIS: 0}, strategy="exact")
    by_hand = Decision("exact", (), None, {}, BORIS, is_by_hand=True)
    step = Step(10 * SECOND, events.CONTACT_ASSIGNED, 1, SHOP, BORIS, "by_hand", decision=by_hand)
    history = with_steps(history, step)
    history.sources[SHOP].sticky_mode = "apart"
    assert holders(play(history, offered(60))) == [BORIS, ANNA, ANNA]


def test_request_that_was_moved_is_offered_anew_to_who_missed_it() -> None:
    history = untaken()
    history.sources[CARE] = SourceState("random")
    history.weights[CARE], history.reach[CARE, True] = {ANNA: 1}, {ANNA: True}
    history = with_steps(history, Step(HOUR, events.CONTACT_MOVED, 1, CARE, None))
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed) == ([ANNA, BORIS], 1)


def test_request_that_was_snoozed_while_it_is_offered_is_taken() -> None:
    history = with_steps(untaken(), Step(20 * SECOND, events.CONTACT_SNOOZED, 1, SHOP, ANNA))
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed, outcome.courses[1].is_asleep) == ([ANNA, BORIS], 0, True)


def test_operator_who_is_switched_off_loses_what_is_offered_to_them() -> None:
    history = with_steps(untaken(), Step(20 * SECOND, events.OPERATOR_CHANGED, None, None, ANNA, "deactivated"))
    outcome = play(history, offered(60))
    assert (holders(outcome), outcome.missed) == ([BORIS, BORIS], 0)


def test_whoever_was_really_set_offline_for_misses_stays_online_without_them() -> None:
    step = Step(HOUR, events.OPERATOR_CHANGED, None, None, ANNA, "missed_too_often")
    history = with_steps(lived(1, 2 * HOUR, takes={ANNA: SECOND, BORIS: SECOND}), step)
    assert holders(play(history, offered(60))) == [ANNA, ANNA]


def test_offer_of_who_goes_off_shift_goes_to_who_has_relief_for_it() -> None:
    for relief, holder in ((100, BORIS), (0, ANNA)):
        history = lived(
            1, 10 * SECOND, takes={ANNA: HOUR, BORIS: 0}, of_boris={1}, work=30 * HOUR, limits={ANNA: 9, BORIS: 1}
        )
        candidates = (Candidate(ANNA, 9, 0, 9), Candidate(BORIS, 1, 1, 1, relief=relief))
        (step,) = (one for one in history.steps if one.kind == events.CONTACT_ASSIGNED and one.contact_id == 2)
        history.steps[history.steps.index(step)] = replace(step, decision=Decision("random", candidates, roll=0.4))
        end = Step(20 * SECOND, events.OPERATOR_CHANGED, None, None, ANNA, "shift_ended")
        outcome = play(with_steps(history, end), offered(3_600))
        assert holders(outcome) == [BORIS, holder]

"""The replayer alone, over random histories of a plain distributor: what was is reproduced, what would be foretold."""

from dataclasses import dataclass, replace
from unittest.mock import patch

from hypothesis import given
from hypothesis import strategies as st

from crm_core import events
from crm_core.replay.as_it_was import Outcome
from crm_core.replay.carried import Carried
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Place
from crm_core.replay.history import ContactFacts, History, OperatorState, SourceState, Step
from crm_core.replay.replayer import play
from crm_core.routing.choose import Candidate
from crm_core.routing.decisions import Decision
from tests.domain.replay.histories import Distributor
from tests.domain.replay.wishes import changes, limits

OPERATORS = range(1, 5)
MOMENTS = st.integers(1, 5_000)


@dataclass(frozen=True)
class Settings:
    """Who gets how much, and how many at once."""

    weights: dict[int, int]
    limits: dict[int, int]
    strategy: str


SETTINGS = st.builds(
    Settings,
    st.fixed_dictionaries({one: st.sampled_from((0, 1, 5, 20)) for one in OPERATORS}),
    st.fixed_dictionaries({one: st.integers(0, 3) for one in OPERATORS}),
    st.sampled_from(("random", "exact")),
)


@dataclass(frozen=True)
class Plan:
    """What happens whatever the settings are: moments of arrivals, and of people who go or come."""

    arrivals: list[int]
    works: list[int]
    rolls: list[float]
    turns: list[tuple[int, int]]

    def live(self, settings: Settings) -> Distributor:
        """The period under settings."""
        made = Distributor(
            settings.weights, settings.limits, settings.strategy, list(self.works), self.rolls, set(OPERATORS)
        )
        moves = [(at, None) for at in self.arrivals] + [(at, one) for at, one in self.turns]
        for at, one in sorted(moves, key=lambda move: (move[0], move[1] or 0)):
            if one is None:
                made.arrive(at)
            else:
                made.turn(at, one)
        return made


@st.composite
def plans(draw: st.DrawFn) -> Plan:
    """Plans in which no two things happen at the same moment, except closes."""
    moments = draw(st.lists(MOMENTS, min_size=1, max_size=40, unique=True))
    turns = draw(st.integers(0, len(moments) // 3))
    arrivals = moments[turns:]
    return Plan(
        sorted(arrivals),
        draw(st.lists(st.integers(1, 4_000), min_size=len(arrivals), max_size=len(arrivals))),
        draw(st.lists(st.floats(0, 1, exclude_max=True), min_size=len(arrivals), max_size=len(arrivals))),
        [(at, draw(st.sampled_from(OPERATORS))) for at in moments[:turns]],
    )


UNTIL = 6_000


def given_to(outcome: Outcome) -> dict[int, tuple[int | None, int | None]]:
    """Who had which contact since when."""
    return {
        one: (course.operator_id, course.assigned)
        for one, course in outcome.courses.items()
        if course.operator_id is not None
    }


def lived(made: Distributor) -> tuple[History, dict[int, tuple[int, int]]]:
    """A history, and who had which contact since when."""
    return made.history(UNTIL), made.holders


@given(plans(), SETTINGS)
def test_unchanged_settings_give_each_contact_the_same_operator_and_moment(plan: Plan, settings: Settings) -> None:
    history, holders = lived(plan.live(settings))
    for carried in (False, True):
        assert given_to(play(history, Changes(), carried=carried)) == holders


@given(plans(), SETTINGS, SETTINGS)
def test_other_settings_give_what_they_would_have_given(plan: Plan, settings: Settings, other: Settings) -> None:
    history, _ = lived(plan.live(settings))
    _, holders = lived(plan.live(other))
    wished = changes(
        weights={(1, one): weight for one, weight in other.weights.items()},
        operators=limits(other.limits),
        sources={1: {"strategy": other.strategy}},
    )
    with patch.object(Carried, "roll", lambda _, course: plan.rolls[course.facts.id - 1]):
        outcome = play(history, wished)
    assert given_to(outcome) == holders


@given(plans(), SETTINGS)
def test_settings_that_are_as_they_were_change_nothing(plan: Plan, settings: Settings) -> None:
    history, holders = lived(plan.live(settings))
    same = changes(
        weights={(1, one): weight for one, weight in settings.weights.items()},
        operators=limits(settings.limits),
        sources={1: {"strategy": settings.strategy}},
    )
    assert not same.differ_from(history)
    assert {one for one, course in play(history, same).courses.items() if course.assigned} == holders.keys()


@given(plans(), SETTINGS)
def test_every_contact_is_in_one_place_and_nobody_is_above_the_limit(plan: Plan, settings: Settings) -> None:
    history, _ = lived(plan.live(settings))
    two = limits(dict.fromkeys(OPERATORS, 2))
    outcome = play(history, changes(operators=two, weights={(1, one): 5 for one in OPERATORS}))
    held = [course.operator_id for course in outcome.courses.values() if course.place is Place.HELD]
    assert all(held.count(one) <= 2 for one in OPERATORS)
    for course in outcome.courses.values():
        assert (course.operator_id is None) == (course.place is Place.WAITS)


def test_contact_that_was_never_worked_on_stays_open_once_it_is_given() -> None:
    plan = Plan([10, 20], [100, 100], [0.5, 0.5], [])
    history = plan.live(NOBODY).history(UNTIL, ends=False)
    outcome = play(history, changes(operators=limits({1: 1})))
    first, second = outcome.courses.values()
    assert (first.place, second.place) == (Place.HELD, Place.WAITS)


NOBODY = Settings(dict.fromkeys(OPERATORS, 0) | {1: 1}, dict.fromkeys(OPERATORS, 0), "random")


def test_changed_weight_moves_contacts_and_keeps_their_arrival() -> None:
    plan = Plan(list(range(10, 100, 10)), [5] * 9, [0.5] * 9, [])
    settings = replace(NOBODY, weights={1: 1, 2: 0, 3: 0, 4: 0}, limits=dict.fromkeys(OPERATORS, 3))
    history, holders = lived(plan.live(settings))
    assert {operator for operator, _ in holders.values()} == {1}
    outcome = play(history, changes(weights={(1, 2): 9}))
    assert {course.operator_id for course in outcome.courses.values()} == {2}
    assert [course.created for course in outcome.courses.values()] == plan.arrivals


def test_free_place_goes_to_whoever_waits_longest() -> None:
    plan = Plan([10, 20, 30], [100, 100, 100], [0.5] * 3, [])
    history, holders = lived(plan.live(replace(NOBODY, limits=dict.fromkeys(OPERATORS, 1))))
    assert holders == {1: (1, 10), 2: (1, 110), 3: (1, 210)}
    assert given_to(play(history, Changes(), carried=True)) == holders
    outcome = play(history, changes(operators=limits({1: 1}), weights={(1, 1): 7}))
    assert given_to(outcome) == holders


def test_later_choice_has_what_its_own_decision_says_of_the_contact() -> None:
    anna, boris = Candidate(1, 9, 0, 5), Candidate(2, 1, 0, 5)
    first = Decision("random", (anna, boris), roll=0.1)
    # Given back by its operator, it may not go to them again, as rules to come may have it.
    second = Decision("random", (replace(anna, is_own=True), boris), roll=0.1)
    facts = {1: ContactFacts(1, 1, 1, True)}
    steps = [
        Step(10, events.CONTACT_CREATED, 1, 1),
        Step(10, events.CONTACT_ASSIGNED, 1, 1, 1, "random", decision=first),
        Step(20, events.CONTACT_QUEUED, 1, 1, 1, "given_back"),
        Step(20, events.CONTACT_ASSIGNED, 1, 1, 2, "random", decision=second),
    ]
    history = History(0, UNTIL, steps, facts, operators={1: OperatorState(5), 2: OperatorState(5)})
    history.sources, history.weights = {1: SourceState("random")}, {1: {1: 9, 2: 1}}
    history.reach = {(1, True): {1: True, 2: True}}
    for carried in (False, True):
        assert given_to(play(history, Changes(), carried=carried)) == {1: (2, 10)}

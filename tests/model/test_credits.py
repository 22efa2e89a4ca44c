"""The ledger: its sum is 0 whatever happens, and credits stay within the bounds that its docstring proves."""

import random
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.model.credits import FLOOR, UNIT, Ledger, is_balanced, split, turn

Rule = Callable[[Mapping[int, int], Mapping[int, int]], list[int]]
WEIGHTS = st.integers(1, 1_000)


def largest_credit(credits: Mapping[int, int], weights: Mapping[int, int]) -> list[int]:
    """The rule that is not enough."""
    after = {one: credits[one] + part for one, part in split(UNIT, weights).items()}
    return [max(after, key=lambda one: (after[one], weights[one]))]


def ledger_of(operators: int) -> Ledger:
    return Ledger(dict.fromkeys(range(operators), 0))


def draws(ledger: Ledger, sets: Iterator[Mapping[int, int]], *, rule: Rule = turn) -> Iterator[int]:
    """Draws for one set of eligible operators after another; yields the winners."""
    for weights in sets:
        winner = rule(ledger.credits, weights)[0]
        ledger.draw(weights, payer=winner, on_leave={})
        yield winner


def largest_distance(weights: Sequence[int], times: int, *, rule: Rule = turn) -> Fraction:
    """How far any count is from its share of the draws, at any prefix, in contacts."""
    by_operator, total = dict(enumerate(weights)), sum(weights)
    counts, furthest = dict.fromkeys(by_operator, 0), 0
    for n, winner in enumerate(draws(ledger_of(len(weights)), iter([by_operator] * times), rule=rule), start=1):
        counts[winner] += 1
        furthest = max(furthest, *(abs(n * weight - counts[one] * total) for one, weight in by_operator.items()))
    return Fraction(furthest, total)


@settings(deadline=None)
@given(st.integers(-UNIT, UNIT), st.dictionaries(st.integers(), WEIGHTS, min_size=1))
def test_parts_of_a_split_add_up_and_are_less_than_one_off(amount: int, weights: dict[int, int]) -> None:
    parts, total = split(amount, weights), sum(weights.values())
    assert sum(parts.values()) == amount
    assert all(abs(parts[one] * total - amount * weight) < total for one, weight in weights.items())


@settings(max_examples=50, deadline=None)
@given(st.lists(st.sampled_from([1, 2, 3, 5, 8, 20, 21, 50, 60, 997]), min_size=2, max_size=9))
def test_fixed_set_stays_within_tijdemans_bound_at_every_prefix(weights: list[int]) -> None:
    times = min(2 * sum(weights), 150)
    assert largest_distance(weights, times) <= 1 - Fraction(1, 2 * len(weights) - 2) + Fraction(times, UNIT)


def test_largest_credit_alone_falls_a_whole_contact_behind() -> None:
    weights = [60, 60, 21, 1, 1, 1]
    assert largest_distance(weights, 144, rule=largest_credit) > 1
    assert largest_distance(weights, 144) <= Fraction(9, 10)


@pytest.mark.further
def test_fixed_set_stays_below_one_contact_in_a_long_run() -> None:
    assert largest_distance([50, 30, 21], 65_000) < 1


@settings(max_examples=50, deadline=None)
@given(st.data())
def test_any_sets_and_weights_stay_within_half_of_the_others(data: st.DataObject) -> None:
    k = data.draw(st.integers(2, 7))
    sets = st.dictionaries(st.integers(0, k - 1), WEIGHTS, min_size=1)
    ledger = ledger_of(k)
    for _ in draws(ledger, iter(data.draw(st.lists(sets, max_size=40)))):
        assert sum(ledger.credits.values()) == 0
        assert is_balanced(ledger.credits)
        assert all(2 * abs(credit) <= (k - 1) * UNIT for credit in ledger.credits.values())


def test_largest_credit_decides_where_the_turn_would_leave_the_bound() -> None:
    """No history is known that comes to such credits; were there one, it would go on within the bound."""
    credits = {one: hundredths * UNIT // 100 for one, hundredths in enumerate((-132, -68, 69, 131))}
    assert is_balanced(credits)
    after = {one: credits[one] + part for one, part in split(UNIT, {0: 1, 1: 98, 2: 1}).items()}
    assert not is_balanced({**credits, **after, 1: after[1] - UNIT})  # their turn is due at the next draw
    assert turn(credits, {0: 1, 1: 98, 2: 1}) == [2]


@pytest.mark.further
def test_changing_sets_stay_within_the_bound_in_a_long_run() -> None:
    rng, ledger = random.Random(17), ledger_of(4)
    for _ in draws(ledger, (changing_set(rng, ledger) for _ in range(35_000))):
        assert sum(ledger.credits.values()) == 0
        assert all(2 * abs(credit) <= 3 * UNIT for credit in ledger.credits.values())


def changing_set(rng: random.Random, ledger: Ledger) -> dict[int, int]:
    """Often the worst: those whose credits are furthest apart are seldom there together."""
    if rng.random() < 0.5:
        by_credit = sorted(ledger.credits, key=ledger.credits.__getitem__, reverse=rng.random() < 0.5)
        return dict.fromkeys(by_credit[: rng.randint(2, 3)], 1)
    there = [one for one in ledger.credits if rng.random() < 0.6]
    return {one: rng.choice([1, 2, 7, 100]) for one in there or [0]}


def test_returner_gets_their_share_of_the_next_ten() -> None:
    """40 contacts missed; counting them would give all ten to the returner."""
    ledger, everybody = ledger_of(3), {0: 50, 1: 30, 2: 20}
    list(draws(ledger, iter([{0: 50, 1: 30}] * 40)))
    assert ledger.credits[2] == 0
    assert list(draws(ledger, iter([everybody] * 10))).count(2) == 2


def test_catch_up_credits_a_planned_absence_up_to_its_limit() -> None:
    ledger = ledger_of(3)
    for _ in range(40):
        ledger.draw({0: 50, 1: 30}, payer=turn(ledger.credits, {0: 50, 1: 30})[0], on_leave={2: 20})
    assert ledger.missed[2] == pytest.approx(40 * UNIT / 5, abs=40)
    ledger.grant(2, most=2 * UNIT)
    assert ledger.credits[2] == 2 * UNIT
    assert sum(ledger.credits.values()) == 0
    assert list(draws(ledger, iter([{0: 50, 1: 30, 2: 20}] * 10))).count(2) == 4


def test_change_of_weights_forgets_nothing() -> None:
    ledger = ledger_of(2)
    list(draws(ledger, iter([{0: 1, 1: 1}])))
    before = dict(ledger.credits)
    assert sorted(before.values()) == [-UNIT // 2, UNIT // 2]
    owed = max(before, key=before.__getitem__)
    assert list(draws(ledger, iter([{0: 99, 1: 99}]))) == [owed]
    assert set(ledger.credits.values()) == {0}


def test_undone_draws_leave_no_trace() -> None:
    ledger = ledger_of(3)
    first = ledger.draw({0: 3, 1: 1}, payer=0, on_leave={2: 4})
    before = dict(ledger.credits)
    ledger.undo(ledger.draw({0: 3, 1: 1, 2: 5}, payer=1, on_leave={}))
    assert ledger.credits == before
    ledger.undo(first)
    assert set(ledger.credits.values()) == {0}
    assert ledger.missed == {2: 0}


def test_draw_is_undone_after_its_winner_was_removed() -> None:
    ledger = ledger_of(3)
    entry = ledger.draw({0: 1, 1: 1}, payer=1, on_leave={})
    ledger.remove([1])
    assert sum(ledger.credits.values()) == 0
    ledger.undo(entry)
    assert ledger.credits.keys() == {0, 2}
    assert sum(ledger.credits.values()) == 0


def test_removal_changes_no_choice_between_the_others() -> None:
    ledger = Ledger({0: 5 * UNIT, 1: -UNIT, 2: -4 * UNIT})
    ledger.remove([0])
    assert ledger.credits == {1: 3 * UNIT // 2, 2: -3 * UNIT // 2}


def test_charged_contacts_never_lower_a_credit_below_the_floor() -> None:
    ledger, weights = ledger_of(2), {0: 1, 1: 1}
    charged = [ledger.charge(weights, payer=0, on_leave={}) is not None for _ in range(20)]
    assert charged == [True] * 6 + [False] * 14
    assert ledger.credits == {0: FLOOR, 1: -FLOOR}
    assert list(draws(ledger, iter([weights] * 6))) == [1] * 6  # strangers make up for it


def test_contact_stands_apart_if_nobody_earns_or_its_taker_works_elsewhere() -> None:
    ledger = ledger_of(2)
    assert ledger.charge({}, payer=0, on_leave={}) is None
    assert ledger.charge({0: 1, 1: 1}, payer=7, on_leave={}) is None
    assert set(ledger.credits.values()) == {0}

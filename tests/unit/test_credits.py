"""Credits: the arithmetic of exact shares is that of the reference model, and keeps what it promises."""

import random
from collections.abc import Iterable, Mapping

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crm_core.routing.choose import Candidate, choose
from crm_core.routing.credits import FLOOR, UNIT, may_pay, split, spread, turn
from crm_core.routing.standing import in_millionths
from tests.model import credits as model

WEIGHTS = st.integers(1, 1_000)
Credits = dict[int, int]


def pay(credits: Credits, weights: Mapping[int, int], payer: int) -> None:
    """Enters a contact, as `crm_core.routing.ledger` stores it."""
    for operator, part in split(weights).items():
        credits[operator] = credits.get(operator, 0) + part
    credits[payer] -= UNIT


def drawn(credits: Credits, sets: Iterable[Mapping[int, int]]) -> list[int]:
    """The winners of one draw for each set of eligible operators; the first where several are equal."""
    winners = []
    for weights in sets:
        candidates = [Candidate(operator, weight, load=0, limit=1) for operator, weight in weights.items()]
        choice = choose(candidates, 0.0, strategy="exact", credits=credits)
        assert choice.operator is not None
        winners.append(choice.operator.operator_id)
        pay(credits, choice.weights, winners[-1])
    return winners


@settings(deadline=None)
@given(st.data())
def test_each_draw_has_the_turns_and_credits_of_the_reference_model(data: st.DataObject) -> None:
    k = data.draw(st.integers(1, 7))
    ledger, credits = model.Ledger(dict.fromkeys(range(k), 0)), dict.fromkeys(range(k), 0)
    sets = st.dictionaries(st.integers(0, k - 1), WEIGHTS, min_size=1)
    for weights in data.draw(st.lists(sets, max_size=30)):
        whose = turn(credits, weights)
        assert sorted(whose) == sorted(model.turn(ledger.credits, weights))
        payer = data.draw(st.sampled_from(sorted(whose)))
        assert may_pay(credits, weights, payer)
        ledger.draw(weights, payer=payer, on_leave={})
        pay(credits, weights, payer)
        assert credits == ledger.credits


@settings(deadline=None)
@given(st.dictionaries(st.integers(0, 6), st.integers(-2 * UNIT, 2 * UNIT), min_size=1), st.data())
def test_any_credits_give_the_turn_of_the_reference_model(credits: Credits, data: st.DataObject) -> None:
    weights = data.draw(st.dictionaries(st.sampled_from(sorted(credits)), WEIGHTS, min_size=1))
    assert sorted(turn(credits, weights)) == sorted(model.turn(credits, weights))


@given(st.integers(-3 * UNIT, 3 * UNIT), st.sets(st.integers(), min_size=1))
def test_spread_credits_add_up_and_differ_by_at_most_one(amount: int, operators: set[int]) -> None:
    parts = spread(amount, list(operators))
    assert (sum(parts.values()), set(parts)) == (amount, operators)
    assert max(parts.values()) - min(parts.values()) <= 1


def test_unknown_credit_counts_as_nothing_owed() -> None:
    weights = {1: 30, 2: 70}
    assert turn({}, weights) == turn({1: 0, 2: 0}, weights) == [2]


def test_shares_stay_below_one_contact_at_every_prefix() -> None:
    weights, counts, credits = {1: 60, 2: 60, 3: 21, 4: 1, 5: 1, 6: 1}, dict.fromkeys(range(1, 7), 0), Credits()
    for times, winner in enumerate(drawn(credits, [weights] * 1_440), start=1):
        counts[winner] += 1
        assert all(abs(144 * counts[one] - times * weight) < 144 for one, weight in weights.items()), times
    assert sum(credits.values()) == 0


@pytest.mark.slow
def test_million_draws_stay_below_one_contact_and_the_sum_stays_zero() -> None:
    weights, counts, credits = {1: 50, 2: 30, 3: 21}, dict.fromkeys((1, 2, 3), 0), Credits()
    for times in range(1, 1_000_001):
        winner = turn(credits, weights)[0]
        pay(credits, weights, winner)
        counts[winner] += 1
        assert all(abs(101 * counts[one] - times * weight) < 101 for one, weight in weights.items()), times
    assert sum(credits.values()) == 0


def test_returner_gets_their_share_of_the_next_ten() -> None:
    """Counters gave all ten to somebody who had missed 40."""
    credits, everybody = Credits(), {1: 50, 2: 30, 3: 20}
    drawn(credits, [{1: 50, 2: 30}] * 40)
    assert drawn(credits, [everybody] * 10).count(3) == 2


def test_credits_survive_a_change_of_weights() -> None:
    credits = Credits()
    (first,) = drawn(credits, [{1: 1, 2: 1}])
    (second,) = drawn(credits, [{1: 99, 2: 99}])
    assert {first, second} == {1, 2}
    assert set(credits.values()) == {0}


def test_changing_sets_stay_within_half_of_the_others() -> None:
    rng, credits = random.Random(17), dict.fromkeys(range(4), 0)
    for _ in range(3_000):
        by_credit = sorted(credits, key=credits.__getitem__, reverse=rng.random() < 0.5)
        drawn(credits, [dict.fromkeys(by_credit[: rng.randint(2, 3)], rng.choice([1, 7]))])
        assert all(2 * abs(credit) <= 3 * UNIT for credit in credits.values())


def test_nobody_pays_below_the_floor_for_contacts_that_were_not_drawn() -> None:
    weights = {1: 1, 2: 1}
    assert may_pay({1: FLOOR + UNIT // 2, 2: 0}, weights, 1)
    assert not may_pay({1: FLOOR + UNIT // 2 - 1, 2: 0}, weights, 1)


@given(st.dictionaries(st.integers(), st.integers(-3 * UNIT, 3 * UNIT)))
def test_credits_in_millionths_are_rounded_and_add_up(credits: Credits) -> None:
    credits[max(credits, default=0) + 1] = -sum(credits.values())
    shown = in_millionths(credits)
    assert sum(shown.values()) == 0
    assert all(abs(shown[one] * UNIT - credit * 1_000_000) < UNIT for one, credit in credits.items())

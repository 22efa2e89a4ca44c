"""Choosing is arithmetic: shares follow weights among eligible operators, and each exclusion has its reason."""

import math
import random
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crm_core.routing.choose import RULES, Asked, Candidate, Exclusion, choose, exclusion
from crm_core.routing.credits import UNIT

ROOM = 1_000_000


def pool(*weights: int) -> list[Candidate]:
    return [Candidate(number, weight, load=0, limit=ROOM) for number, weight in enumerate(weights, start=1)]


def chosen(candidates: list[Candidate], roll: float, *, strategy: str = "random") -> int | None:
    choice = choose(candidates, roll, strategy=strategy)
    return choice.operator.operator_id if choice.operator else None


def test_shares_follow_weights_within_four_standard_deviations() -> None:
    rng, times = random.Random(2026), 10_000
    candidates = pool(30, 10, 60)
    counts = {1: 0, 2: 0, 3: 0}
    for _ in range(times):
        counts[chosen(candidates, rng.random()) or 0] += 1
    for candidate in candidates:
        share = candidate.weight / 100
        assert abs(counts[candidate.operator_id] - times * share) <= 4 * math.sqrt(times * share * (1 - share))


def test_shares_follow_weights_among_eligible_operators() -> None:
    rng, times = random.Random(7), 10_000
    candidates = [*pool(30, 10), Candidate(3, 60, load=5, limit=5)]
    ones = sum(chosen(candidates, rng.random()) == 1 for _ in range(times))
    assert abs(ones - times * 0.75) <= 4 * math.sqrt(times * 0.75 * 0.25)


def test_exact_strategy_chooses_by_credit_and_rolls_between_equals() -> None:
    ahead, behind = -UNIT // 2, UNIT // 4
    candidates = [*pool(10, 10, 10), Candidate(4, 10, load=5, limit=5)]
    credits = {1: ahead, 2: behind, 3: behind, 4: UNIT}
    found = [choose(candidates, roll, strategy="exact", credits=credits) for roll in (0.0, 0.499999, 0.5, 0.999999)]
    assert [one.operator and one.operator.operator_id for one in found] == [2, 2, 3, 3]
    assert {tuple(one.weights) for one in found} == {(1, 2, 3)}
    assert {one.excluded for one in found} == {((4, Exclusion.FULL),)}


@pytest.mark.parametrize(
    ("roll", "expected"), [(0.0, 1), (0.299999, 1), (0.3, 2), (0.399999, 2), (0.4, 3), (0.999999, 3)]
)
def test_roll_selects_operator_by_cumulative_weight(roll: float, expected: int) -> None:
    assert chosen(pool(30, 10, 60), roll) == expected


CANDIDATE = Candidate(1, 5, load=4, limit=5)


@pytest.mark.parametrize(
    ("candidate", "why"),
    [
        (CANDIDATE, None),
        (replace(CANDIDATE, weight=0), Exclusion.NO_WEIGHT),
        (replace(CANDIDATE, is_active=False), Exclusion.INACTIVE),
        (replace(CANDIDATE, is_reachable=False), Exclusion.UNREACHABLE),
        (replace(CANDIDATE, is_online=False), Exclusion.OFFLINE),
        (replace(CANDIDATE, is_on_shift=False), Exclusion.OFF_SHIFT),
        (replace(CANDIDATE, load=5), Exclusion.FULL),
        (replace(CANDIDATE, load=6), Exclusion.FULL),
        (replace(CANDIDATE, limit=0, load=0), Exclusion.FULL),
        (replace(CANDIDATE, is_own=True), Exclusion.OWN_REQUEST),
    ],
)
def test_each_ineligible_operator_is_excluded_with_its_reason(candidate: Candidate, why: Exclusion | None) -> None:
    assert exclusion(candidate) is why
    choice = choose([candidate], 0.5)
    assert (choice.operator is None) == (why is not None)
    assert choice.reason == (why or "random")


def test_choice_without_eligible_operators_names_all_reasons() -> None:
    assert choose([], 0.5).reason == "no_operators"
    choice = choose([replace(CANDIDATE, load=9), replace(CANDIDATE, operator_id=2, is_online=False)], 0.5)
    assert (choice.operator, choice.reason) == (None, "full+offline")
    assert choice.excluded == ((1, Exclusion.FULL), (2, Exclusion.OFFLINE))


candidates_of_any_kind = st.lists(
    st.builds(
        Candidate,
        operator_id=st.integers(1, 9),
        weight=st.integers(0, 1000),
        load=st.integers(0, 5),
        limit=st.integers(0, 5),
        is_active=st.booleans(),
        is_online=st.booleans(),
        is_reachable=st.booleans(),
        is_on_shift=st.booleans(),
    ),
    max_size=9,
)


@given(candidates_of_any_kind, st.floats(0, 1, exclude_max=True), st.sampled_from(["random", "exact"]))
def test_choice_is_eligible_and_made_whenever_any_operator_is_eligible(
    candidates: list[Candidate], roll: float, strategy: str
) -> None:
    choice = choose(candidates, roll, strategy=strategy)
    eligible = [one for one in candidates if exclusion(one) is None]
    assert (choice.operator is not None) == bool(eligible)
    if choice.operator is not None:
        assert choice.operator in eligible
    assert choice.eligible == tuple(eligible)
    assert len(choice.excluded) == len(candidates) - len(eligible)


ANYBODY = st.builds(
    Candidate,
    operator_id=st.just(1),
    weight=st.integers(0, 2),
    load=st.integers(0, 2),
    limit=st.integers(0, 2),
    is_active=st.booleans(),
    is_online=st.booleans(),
    is_reachable=st.booleans(),
    is_own=st.booleans(),
    is_on_shift=st.booleans(),
    load_here=st.integers(0, 2),
    limit_here=st.none() | st.integers(1, 2),
    last_hour=st.integers(0, 2),
    rate=st.none() | st.integers(1, 2),
    lacking=st.sampled_from([frozenset(), frozenset({"german"})]),
    asked=st.none() | st.sampled_from(Asked),
    held=st.integers(0, 2),
    ceiling=st.none() | st.integers(1, 2),
    relief=st.integers(0, 100),
    relief_here=st.integers(0, 100),
    last_minute=st.integers(0, 2),
    ramp=st.none() | st.integers(1, 2),
)


EXCLUDED: dict[Exclusion, dict[str, Any]] = {
    Exclusion.NO_WEIGHT: {"weight": 0},
    Exclusion.INACTIVE: {"is_active": False},
    Exclusion.UNREACHABLE: {"is_reachable": False},
    Exclusion.OFFLINE: {"is_online": False},
    Exclusion.OFF_SHIFT: {"is_on_shift": False},
    Exclusion.FULL: {"load": 6, "relief": 100},
    Exclusion.CEILING: {"held": 3, "ceiling": 3},
    Exclusion.FULL_HERE: {"load_here": 3, "limit_here": 2, "relief_here": 100},
    Exclusion.RATE: {"last_hour": 2, "rate": 2},
    Exclusion.RAMP: {"last_minute": 2, "ramp": 2},
    Exclusion.NO_SKILL: {"lacking": frozenset({"german"})},
    Exclusion.OWN_REQUEST: {"is_own": True},
    Exclusion.REFUSED: {"asked": Asked.REFUSED},
    Exclusion.RETURNED: {"asked": Asked.RETURNED},
    Exclusion.DECLINED: {"asked": Asked.DECLINED},
    Exclusion.MISSED: {"asked": Asked.MISSED},
}
"""For each exclusion, what of `CANDIDATE` must be different for it, and for no other."""


@pytest.mark.parametrize("why", Exclusion)
def test_each_rule_alone_excludes(why: Exclusion) -> None:
    candidate = replace(CANDIDATE, **EXCLUDED[why])
    assert [one for one, excludes in RULES if excludes(candidate)] == [why]
    assert exclusion(candidate) is why


def test_what_every_rule_just_allows_excludes_nobody() -> None:
    within: dict[str, Any] = {"limit_here": 2, "rate": 2, "ramp": 2, "ceiling": 4}
    within |= {"load_here": 1, "last_hour": 1, "last_minute": 1, "held": 3}
    assert exclusion(replace(CANDIDATE, **within)) is None
    assert exclusion(replace(CANDIDATE, load=5, relief=1, load_here=2, limit_here=2, relief_here=1)) is None


@given(candidate=ANYBODY)
def test_exclusion_is_that_of_the_first_rule_that_excludes(candidate: Candidate) -> None:
    assert exclusion(candidate) == next((why for why, excludes in RULES if excludes(candidate)), None)

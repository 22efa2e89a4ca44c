"""Rules of eligibility, the choice, and the decision from which it follows again."""

import math
from collections import Counter
from dataclasses import replace
from random import Random

import pytest

from tests.model.choosing import Choice, Decision, again, choose
from tests.model.rules import RULES, Candidate, exclusion, exclusion_by_hand

ANNA = Candidate(1, 5)
EXCLUDED: dict[str, Candidate] = {
    "inactive": replace(ANNA, is_active=False),
    "unreachable": replace(ANNA, is_reachable=False),
    "offline": replace(ANNA, is_online=False),
    "off_shift": replace(ANNA, on_shift=False),
    "no_weight": replace(ANNA, weight=0),
    "full": replace(ANNA, load=500),
    "ceiling": replace(ANNA, held=15),
    "full_here": replace(ANNA, load_here=200, limit_here=2),
    "rate": replace(ANNA, last_hour=4, rate=4),
    "ramp": replace(ANNA, last_minute=3, ramp=3),
    "no_skill": replace(ANNA, lacking=frozenset({"en"})),
    "own_request": replace(ANNA, is_own=True),
    "refused": replace(ANNA, asked="refused"),
    "returned": replace(ANNA, asked="returned"),
    "declined": replace(ANNA, asked="declined"),
    "missed": replace(ANNA, asked="missed"),
}
STILL_ELIGIBLE = (
    ANNA,
    replace(ANNA, load=499),
    replace(ANNA, held=14),
    replace(ANNA, load_here=199, limit_here=2),
    replace(ANNA, last_hour=3, rate=4),
    replace(ANNA, last_minute=2, ramp=3),
)


@pytest.mark.parametrize("code", RULES)
def test_each_rule_excludes_and_is_named(code: str) -> None:
    assert exclusion(EXCLUDED[code]) == code


@pytest.mark.parametrize("candidate", STILL_ELIGIBLE)
def test_whoever_is_just_within_every_rule_is_eligible(candidate: Candidate) -> None:
    assert exclusion(candidate) is None


def test_first_rule_that_excludes_is_named() -> None:
    assert exclusion(replace(EXCLUDED["missed"], load=500, is_online=False)) == "offline"


@pytest.mark.parametrize("is_confirmed", [True, False])
def test_person_overrules_what_is_no_harm(is_confirmed: bool) -> None:
    refused = {code for code, one in EXCLUDED.items() if exclusion_by_hand(one, is_confirmed=is_confirmed)}
    never = {"unreachable", "ceiling", "own_request"}
    assert refused == never | (set() if is_confirmed else {"inactive", "offline", "off_shift", "full", "full_here"})


def chosen(*candidates: Candidate, strategy: str = "random", roll: float = 0.0, last: int | None = None) -> Choice:
    credits = {one.operator: one.credit for one in candidates}
    return choose(candidates, strategy=strategy, roll=roll, credits=credits, last=last)


@pytest.mark.parametrize(("roll", "operator"), [(0.0, 1), (0.2999, 1), (0.3, 2), (0.3999, 2), (0.4, 3), (0.9999, 3)])
def test_roll_selects_by_cumulative_weight(roll: float, operator: int) -> None:
    assert chosen(Candidate(1, 30), Candidate(2, 10), Candidate(3, 60), roll=roll).operator == operator


def test_chance_follows_weights_among_the_eligible() -> None:
    rng, times = Random(7), 5_000
    pool = (Candidate(1, 30), Candidate(2, 10), Candidate(3, 60, load=500))
    counts = Counter(chosen(*pool, roll=rng.random()).operator for _ in range(times))
    assert abs(counts[1] - times * 0.75) <= 4 * math.sqrt(times * 0.75 * 0.25)
    assert counts[3] == 0


def test_roll_decides_between_equal_credits() -> None:
    pool = (Candidate(1, 1), Candidate(2, 1))
    assert {chosen(*pool, strategy="exact", roll=roll).operator for roll in (0.0, 0.9)} == {1, 2}


def test_last_operator_of_the_client_is_chosen_only_if_eligible() -> None:
    anna, boris = Candidate(1, 1), Candidate(2, 99)
    assert chosen(anna, boris, roll=0.5, last=1).rule == "sticky"
    busy = chosen(replace(anna, load=500), boris, roll=0.5, last=1)
    assert (busy.operator, busy.rule, busy.excluded) == (2, "random", {1: "full"})


def test_who_was_asked_before_is_chosen_only_if_nobody_else_can() -> None:
    anna, boris = Candidate(1, 1, asked="missed"), Candidate(2, 1)
    assert chosen(anna, boris).operator == 2
    assert chosen(anna, replace(boris, load=500)).operator == 1
    nobody = chosen(replace(anna, asked="refused"), replace(boris, load=500))
    assert (nobody.operator, nobody.rule) == (None, "full+refused")


def test_decision_runs_again_from_its_numbers_alone() -> None:
    pool = (Candidate(1, 30, load=500), Candidate(2, 10), Candidate(3, 60))
    decision = Decision(15, 0, "random", 3, "random", 0.9, None, pool)
    assert again(decision) == 3
    assert again(replace(decision, roll=0.1)) == 2
    assert again(replace(decision, candidates=pool[:1])) is None

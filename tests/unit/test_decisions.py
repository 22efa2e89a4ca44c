"""A decision that was kept can be read, and made again: the same operator follows from its numbers."""

from hypothesis import given
from hypothesis import strategies as st

from crm_core.routing.choose import Candidate, choose, exclusion
from crm_core.routing.credits import FLOOR, UNIT, paid
from crm_core.routing.decisions import Decision, read, record

CANDIDATES = st.lists(
    st.builds(
        Candidate,
        operator_id=st.integers(1, 9),
        weight=st.integers(1, 1000),
        load=st.integers(0, 5),
        limit=st.integers(0, 5),
        is_active=st.booleans(),
        is_online=st.booleans(),
        is_reachable=st.booleans(),
        is_own=st.booleans(),
        is_on_shift=st.booleans(),
    )
    | st.builds(
        Candidate,
        operator_id=st.integers(1, 9),
        weight=st.integers(1, 1000),
        load=st.integers(0, 5),
        limit=st.integers(4, 5),
        load_here=st.integers(0, 5),
        limit_here=st.integers(1, 5),
        last_hour=st.integers(0, 5),
        rate=st.integers(1, 5),
        lacking=st.frozensets(st.sampled_from(["german", "vip", "жильё"])),
    ),
    max_size=9,
    unique_by=lambda one: one.operator_id,
)
CREDITS = st.none() | st.dictionaries(st.integers(1, 12), st.integers(-4 * UNIT, 4 * UNIT))
ROLLS = st.floats(0, 1, exclude_max=True)


@given(CANDIDATES, st.none() | ROLLS, CREDITS, st.none() | st.integers(1, 9), st.booleans())
def test_kept_decision_is_read_as_it_was(
    candidates: list[Candidate],
    roll: float | None,
    credits: dict[int, int] | None,
    preferred: int | None,
    hand: bool,
) -> None:
    strategy = "random" if credits is None else "exact"
    kept = record(candidates, strategy=strategy, roll=roll, credits=credits, preferred=preferred, is_by_hand=hand)
    assert read(kept) == Decision(strategy, tuple(candidates), roll, credits, preferred, hand)


@given(CANDIDATES, ROLLS, CREDITS)
def test_decision_made_again_finds_the_same_operator(
    candidates: list[Candidate], roll: float, credits: dict[int, int] | None
) -> None:
    strategy = "random" if credits is None else "exact"
    made = choose(candidates, roll, strategy=strategy, credits=credits)
    decision = read(record(candidates, strategy=strategy, roll=roll, credits=credits))
    assert decision.again() == (made.operator.operator_id if made.operator else None)
    assert decision.excluded == dict(made.excluded)
    assert decision.weights == made.weights
    if made.operator is None:
        assert decision.credits_after == credits
        assert decision.parts == {}
    elif credits is not None:
        assert decision.credits_after == {**credits, **paid(credits, made.weights, made.operator.operator_id)}


ANNA, BORIS = Candidate(1, 30, load=2, limit=5), Candidate(2, 10, load=5, limit=5)


def test_decision_for_the_former_operator_needs_no_draw_and_may_stand_apart() -> None:
    for credit, cost in ((0, UNIT), (FLOOR, 0)):
        decision = Decision("exact", (ANNA, BORIS), credits={1: credit, 2: -credit}, preferred=1)
        assert decision.again() == 1
        after = decision.credits_after
        assert after is not None
        # Alone eligible, they earn all that they pay.
        assert after == {1: credit, 2: -credit}
        both = Decision(
            "exact", (ANNA, Candidate(2, 30, load=0, limit=5)), credits={1: credit, 2: -credit}, preferred=1
        )
        assert both.credits_after == {1: credit - cost // 2, 2: -credit + cost // 2}


def test_decision_by_hand_names_whom_the_rules_exclude_and_is_paid_for() -> None:
    decision = Decision("exact", (ANNA, BORIS), credits={1: 0, 2: 0}, preferred=2, is_by_hand=True)
    assert exclusion(BORIS) is not None
    assert (decision.again(), decision.credits_after) == (2, {1: UNIT, 2: -UNIT})


def test_decision_by_hand_that_stands_apart_costs_nothing() -> None:
    decision = Decision("exact", (ANNA, BORIS), preferred=2, is_by_hand=True)
    assert (decision.again(), decision.credits_after) == (2, None)

"""Choosing one of the candidates, and the record from which the same choice follows again."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from tests.model.credits import turn
from tests.model.rules import SOFT, Candidate, exclusion


@dataclass(frozen=True)
class Decision:
    """What was decided about a contact, and everything that decided it.

    Attributes:
        rule: `random`, `exact`, `sticky`, `duty` or `by_hand`; for nobody, the exclusions that occurred
            (`full+offline`), or `source_off`, `source_closed`, `no_operators`.
        strategy: of the source: `random` or `exact`.
        last: the operator whom the client had before, where the source is sticky; who is on duty or was chosen by a
            person, where that decides.
        credits: of everybody at the source, eligible or not, before the decision; `credits_after` it.
    """

    contact: int
    moment: int
    rule: str
    operator: int | None
    strategy: str = "random"
    roll: float = 0.0
    last: int | None = None
    candidates: tuple[Candidate, ...] = ()
    excluded: Mapping[int, str] = field(default_factory=dict)
    credits: Mapping[int, int] = field(default_factory=dict)
    credits_after: Mapping[int, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Choice:
    """Who gets a contact, by which rule, and among whom they were chosen."""

    operator: int | None
    rule: str
    eligible: tuple[Candidate, ...]
    excluded: Mapping[int, str]

    @property
    def weights(self) -> dict[int, int]:
        """The weights of those among whom was chosen."""
        return {one.operator: one.weight for one in self.eligible}


def eligible(candidates: Sequence[Candidate]) -> tuple[tuple[Candidate, ...], dict[int, str]]:
    """Who could get a contact, and what excluded each of the others; who was asked before only if nobody else can."""
    why = {one.operator: code for one in candidates if (code := exclusion(one)) is not None}
    for allowed in (frozenset[str](), SOFT):
        found = tuple(one for one in candidates if why.get(one.operator) in (None, *allowed))
        if found:
            return found, {one: code for one, code in why.items() if code not in allowed}
    return (), why


def choose(
    candidates: Sequence[Candidate],
    *,
    strategy: str,
    roll: float,
    credits: Mapping[int, int],
    last: int | None = None,
) -> Choice:
    """Chooses an operator: the one the client had before if eligible, else by chance or by credit.

    Args:
        roll: a number in [0, 1): chance itself, or what decides between equal credits.
        last: the operator whom the client had before; None where that does not count.
    """
    pool, excluded = eligible(candidates)
    if not pool:
        return Choice(None, "+".join(sorted({*excluded.values()})) or "no_operators", (), excluded)
    if last in {one.operator for one in pool}:
        return Choice(last, "sticky", pool, excluded)
    weights = {one.operator: one.weight for one in pool}
    if strategy == "exact":
        weights = {one: weights[one] for one in turn(credits, weights)}
    return Choice(_by_weight(weights, roll), strategy, pool, excluded)


def _by_weight(weights: Mapping[int, int], roll: float) -> int:
    point = roll * sum(weights.values())
    for operator, weight in sorted(weights.items()):
        point -= weight
        if point < 0:
            return operator
    return max(weights)  # reached only by rounding, where the roll is close to 1


def again(decision: Decision) -> int | None:
    """Runs a stored decision again: from its numbers alone follows the same operator."""
    if decision.rule in ("by_hand", "duty"):
        return decision.last
    if decision.rule in ("source_off", "source_closed"):
        return None
    choice = choose(
        decision.candidates,
        strategy=decision.strategy,
        roll=decision.roll,
        credits=decision.credits,
        last=decision.last,
    )
    return choice.operator

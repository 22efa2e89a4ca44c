"""What a choice of an operator was made from, kept with its event: so that it can be explained, and made again.

`record` writes it as a short text, since every contact has one. `read` gives back the same numbers, from which
`Decision.again` comes to the same operator, by the functions that made the choice.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from crm_core.routing.choose import Asked, Candidate, Exclusion, choose, eligible, on_leave
from crm_core.routing.credits import may_pay, missed, paid

# Bits of the last number that is kept of a candidate. Texts stay for good: meanings are added, and never change.
_ACTIVE, _ONLINE, _REACHABLE, _OWN, _OFF_SHIFT, _ON_LEAVE = 1, 2, 4, 8, 16, 8192
_ASKED = {Asked.DECLINED: 512, Asked.MISSED: 1024, Asked.REFUSED: 2048, Asked.RETURNED: 4096}
NO_FURTHER: Mapping[str, Any] = MappingProxyType({})
_USUAL = _ACTIVE | _ONLINE | _REACHABLE


@dataclass(frozen=True, slots=True)
class Decision:
    """A choice with everything that it was made from.

    Attributes:
        strategy: of the source: `random` or `exact`.
        candidates: everybody with a weight at the source, as they stood then, and whoever was chosen by hand.
        roll: in [0, 1): chance itself, or what decided between equal credits; None where nothing was drawn.
        credits: before the choice, by operator; None where the source keeps none.
        preferred: the operator whom the client had before, if it was theirs for that, or whom a person chose.
        is_by_hand: whether a person chose, whatever the rules say.
    """

    strategy: str
    candidates: tuple[Candidate, ...]
    roll: float | None = None
    credits: Mapping[int, int] | None = None
    preferred: int | None = None
    is_by_hand: bool = False

    @property
    def is_sticky(self) -> bool:
        """Whether it went to the operator whom the client had before, for that reason."""
        return self.preferred is not None and not self.is_by_hand

    @property
    def excluded(self) -> dict[int, Exclusion]:
        """What excluded each of those who could not get the contact."""
        return dict(eligible(self.candidates)[1])

    @property
    def weights(self) -> dict[int, int]:
        """The weights of those who could get it."""
        return {one.operator_id: one.weight for one in eligible(self.candidates)[0]}

    @property
    def parts(self) -> dict[int, float]:
        """Of each of those who could get it, the part of their weights, from 0 to 1."""
        weights = self.weights
        total = sum(weights.values())
        return {operator: weight / total for operator, weight in weights.items()}

    @property
    def credits_after(self) -> Mapping[int, int] | None:
        """The credits after it, by operator; None where the source keeps none."""
        operator, weights = self.again(), self.weights
        if self.credits is None or operator is None:
            return self.credits
        if self.preferred is not None and not may_pay(self.credits, weights, operator):
            return self.credits
        return {**self.credits, **paid(self.credits, weights, operator)}

    @property
    def missed(self) -> dict[int, int]:
        """The credits that operators on leave missed by it, by operator."""
        operator, weights = self.again(), self.weights
        if self.credits is None or operator is None or not weights:
            return {}
        if self.preferred is not None and not may_pay(self.credits, weights, operator):
            return {}
        return missed(weights, on_leave(self.candidates, weights))

    def again(self) -> int | None:
        """Makes the choice again, from these numbers alone. Returns the operator, None if there was nobody."""
        if self.preferred is not None:
            return self.preferred
        made = choose(self.candidates, self.roll or 0.0, strategy=self.strategy, credits=self.credits)
        return made.operator.operator_id if made.operator is not None else None


def record(
    candidates: Sequence[Candidate],
    *,
    strategy: str,
    roll: float | None = None,
    credits: Mapping[int, int] | None = None,
    preferred: int | None = None,
    is_by_hand: bool = False,
) -> str:
    """The text of a choice that was just made, for its event; the arguments are those of `Decision`.

    It is JSON, written by hand: every contact has one, and most of it are five numbers for each operator; what only
    some of them have stands behind these, by name.
    """
    facts = [
        f"[{one.operator_id},{one.weight},{one.load},{one.limit},{_state(one)}]"
        if one.rate is None and one.limit_here is None and one.ramp is None and one.ceiling is None and not one.lacking
        else f"[{one.operator_id},{one.weight},{one.load},{one.limit},{_state(one)},{_further(one)}]"
        for one in candidates
    ]
    text = f'{{"strategy":"{strategy}","candidates":[{",".join(facts)}]'
    if roll is not None:
        text += f',"roll":{roll!r}'
    if credits is not None:
        text += f',"credits":[{",".join([f"[{operator},{credit}]" for operator, credit in sorted(credits.items())])}]'
    if preferred is not None:
        text += f',"preferred":{preferred}'
    if is_by_hand:
        text += ',"by_hand":true'
    return text + "}"


def _state(one: Candidate) -> int:
    is_there = one.is_active and one.is_online and one.is_reachable and one.is_on_shift
    if is_there and not one.is_own and one.asked is None and not one.on_leave:
        return _USUAL
    state = _ACTIVE * one.is_active + _ONLINE * one.is_online + _REACHABLE * one.is_reachable
    asked = 0 if one.asked is None else _ASKED[one.asked]
    return state + _OWN * one.is_own + _OFF_SHIFT * (not one.is_on_shift) + _ON_LEAVE * one.on_leave + asked


def _further(one: Candidate) -> str:
    """What only the operators have whom a further rule concerns, by its name."""
    text = ""
    if one.limit_here is not None:
        text = f',"here":[{one.load_here},{one.limit_here}]'
    if one.relief:
        text += f',"less":[{one.relief},{one.relief_here}]'
    if one.ceiling is not None:
        text += f',"all":[{one.held},{one.ceiling}]'
    if one.rate is not None:
        text += f',"hour":[{one.last_hour},{one.rate}]'
    if one.ramp is not None:
        text += f',"minute":[{one.last_minute},{one.ramp}]'
    if one.lacking:
        text += f',"lacks":{json.dumps(sorted(one.lacking), ensure_ascii=False)}'
    return f"{{{text[1:]}}}"


def read(text: str) -> Decision:
    """A decision from its text, as `record` wrote it."""
    kept = json.loads(text)
    return Decision(
        kept["strategy"],
        tuple(_candidate(*facts) for facts in kept["candidates"]),
        kept.get("roll"),
        dict(kept["credits"]) if "credits" in kept else None,
        kept.get("preferred"),
        kept.get("by_hand", False),
    )


def _candidate(
    operator_id: int, weight: int, load: int, limit: int, state: int, further: Mapping[str, Any] = NO_FURTHER
) -> Candidate:
    load_here, limit_here = further.get("here", (0, None))
    relief, relief_here = further.get("less", (0, 0))
    held, ceiling = further.get("all", (0, None))
    last_hour, rate = further.get("hour", (0, None))
    last_minute, ramp = further.get("minute", (0, None))
    return Candidate(
        operator_id,
        weight,
        load,
        limit,
        is_active=bool(state & _ACTIVE),
        is_online=bool(state & _ONLINE),
        is_reachable=bool(state & _REACHABLE),
        is_own=bool(state & _OWN),
        is_on_shift=not state & _OFF_SHIFT,
        on_leave=bool(state & _ON_LEAVE),
        asked=next((asked for asked, bit in _ASKED.items() if state & bit), None),
        load_here=load_here,
        limit_here=limit_here,
        last_hour=last_hour,
        rate=rate,
        lacking=frozenset(further.get("lacks", ())),
        had_waited=ramp is not None,
        last_minute=last_minute,
        ramp=ramp,
        held=held,
        ceiling=ceiling,
        relief=relief,
        relief_here=relief_here,
    )

"""How the operators of a source stand: their weights and shares, their credits, and who could get its next contact."""

from dataclasses import dataclass

from sqlalchemy.orm import Session

from crm_core.routing import ledger
from crm_core.routing.candidates import candidates, operator_names
from crm_core.routing.choose import Exclusion, SourceExclusion, exclusion
from crm_core.routing.credits import UNIT
from crm_core.routing.source_facts import source_facts

MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Standing:
    """An operator at a source.

    Attributes:
        part: weight / sum of the weights there, from 0 to 1, whoever is absent.
        limit: the most open contacts from there that they hold; None for no limit but their own.
        credit: where shares are exact, what the contacts so far owe to the operator, in millionths of a contact; less
            than 0 for whoever is ahead. Over the source it adds up to 0.
        why_not: what excludes them from the next contact; None if nothing does.
    """

    operator_id: int
    operator: str
    weight: int
    part: float
    credit: int
    why_not: Exclusion | SourceExclusion | None
    limit: int | None = None

    @property
    def eligible(self) -> bool:
        """Whether they could get the next contact."""
        return self.why_not is None


def of_source(s: Session, *, source_id: int) -> list[Standing]:
    """Who has a weight at a source, or still has a credit from when they had one; the largest weight first, then by id.

    Raises SourceNotFound.
    """
    source = source_facts(s, source_id)
    credits = in_millionths(ledger.of_source(s, source_id))
    there = {one.operator_id: one for one in candidates(s, source)}
    ids = there.keys() | {operator_id for operator_id, credit in credits.items() if credit}
    total = sum(one.weight for one in there.values())
    found = []
    for operator_id, name in operator_names(s, ids).items():
        candidate = there.get(operator_id)
        weight = candidate.weight if candidate is not None else 0
        why_not: Exclusion | SourceExclusion | None = source.why_nobody
        if why_not is None:
            why_not = exclusion(candidate) if candidate is not None else Exclusion.NO_WEIGHT
        part = weight / total if weight else 0.0
        limit = candidate.limit_here if candidate is not None else None
        found.append(Standing(operator_id, name, weight, part, credits.get(operator_id, 0), why_not, limit))
    return sorted(found, key=lambda one: (-one.weight, one.operator_id))


def in_millionths(credits: dict[int, int]) -> dict[int, int]:
    """Credits in millionths of a contact: whole numbers that still add up to 0, as the running total is rounded."""
    before, found = 0, {}
    for operator, credit in sorted(credits.items()):
        found[operator] = (before + credit) * MILLION // UNIT - before * MILLION // UNIT
        before += credit
    return found

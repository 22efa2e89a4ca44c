"""The credits of operators at sources with exact shares in a replay, as `crm_core.routing.ledger` stores them."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass

from crm_core.replay.history import History
from crm_core.routing import credits as arithmetic
from crm_core.routing.decisions import Decision


@dataclass(frozen=True, slots=True)
class Entry:
    """What a choice changed.

    Attributes:
        changes: of credits, by operator.
        missed: what operators on leave missed by it.
    """

    source_id: int
    changes: Mapping[int, int]
    missed: Mapping[int, int]


class Ledgers:
    """Credits by source, and what operators on leave have missed since the period began."""

    def __init__(self, history: History) -> None:
        self._credits = {one: dict(theirs) for one, theirs in history.credits.items()}
        self._missed: Counter[tuple[int, int]] = Counter()
        for source_id, weights in history.weights.items():
            for operator_id in weights:
                self.join(source_id, operator_id)

    def of_source(self, source_id: int) -> Mapping[int, int]:
        """The credits at a source, by operator."""
        return self._credits.setdefault(source_id, {})

    def join(self, source_id: int, operator_id: int) -> None:
        """An operator has a weight at a source."""
        self._credits.setdefault(source_id, {}).setdefault(operator_id, 0)

    def enter(self, source_id: int, decision: Decision, *, has_catch_up: bool) -> Entry | None:
        """Enters a choice that was made from the credits of a source.

        Args:
            has_catch_up: whether it counts what is missed by leave.

        Returns what it changed; None where the source keeps no credits.
        """
        before = decision.credits
        if before is None:
            return None
        self._credits[source_id] = after = dict(decision.credits_after or before)
        missed = decision.missed if has_catch_up else {}
        for operator_id, part in missed.items():
            self._missed[source_id, operator_id] += part
        changes = {one: credit - before.get(one, 0) for one, credit in after.items() if credit != before.get(one, 0)}
        return Entry(source_id, changes, missed)

    def undo(self, entry: Entry) -> None:
        """Takes a choice back whose offer came to nothing, as `crm_core.routing.ledger.undo` does."""
        credits = self._credits.get(entry.source_id, {})
        for one in entry.changes.keys() & credits.keys():
            credits[one] -= entry.changes[one]
        gone = sum(entry.changes[one] for one in entry.changes.keys() - credits.keys())
        if credits and gone:
            for one, part in arithmetic.spread(-gone, list(credits)).items():
                credits[one] += part
        for operator_id, part in entry.missed.items():
            both = entry.source_id, operator_id
            self._missed[both] = max(0, self._missed[both] - part)

    def grant(self, operator_id: int, catch_up: Mapping[int, int]) -> None:
        """An operator is back from leave.

        Args:
            catch_up: what each source credits at most, in contacts.
        """
        for source_id, theirs in self._credits.items():
            missed = self._missed.pop((source_id, operator_id), 0)
            due = min(missed, catch_up.get(source_id, 0) * arithmetic.UNIT)
            others = sorted(theirs.keys() - {operator_id})
            if due and others:
                theirs[operator_id] = theirs.get(operator_id, 0) + due
                for one, part in arithmetic.spread(-due, others).items():
                    theirs[one] += part

    def remove(self, operator_id: int | None) -> None:
        """The credits of an operator who is removed go to the others."""
        for theirs in self._credits.values():
            left = theirs.pop(operator_id or 0, 0)
            if theirs and left:
                for one, part in arithmetic.spread(left, list(theirs)).items():
                    theirs[one] += part

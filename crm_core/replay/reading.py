"""A period from its rows: everything that a replay needs to know, without database."""

from collections.abc import Iterable
from heapq import merge
from typing import Any

from crm_core import events
from crm_core.replay.beginning import begin
from crm_core.replay.history import ContactFacts, Given, History, Step
from crm_core.replay.rows import Rows
from crm_core.routing import decisions
from crm_core.routing.given import OFFERS_IN_VAIN
from crm_core.routing.returns import ReturnReason

MINUTE = 60_000
"""In milliseconds."""


def history(rows: Rows) -> History:
    """The period with its beginning."""
    then = _States(rows)
    found = History(
        rows.since,
        rows.until,
        list(_steps(rows)),
        _contacts(rows, then),
        open=then.open,
        asleep=then.asleep,
        given=_given(rows),
        former=_former(rows, then),
    )
    later = [_setting(row, row.at) for row in rows.settings if row.id >= rows.end]
    begin(found, rows, later)
    return found


def _steps(rows: Rows) -> Iterable[Step]:
    at = rows.since
    settings = (row for row in rows.settings if row.id < rows.end)
    for row in merge(rows.moved, settings, key=lambda one: one.id):
        at = max(at, row.at)
        yield _move(row, at) if row.kind.startswith("contact_") else _setting(row, at)


def _move(row: Any, at: int) -> Step:
    decision = None if row.decision is None else decisions.read(row.decision)
    return Step(at, row.kind, row.contact_id, row.source_id, row.operator_id, row.reason, decision=decision)


def _setting(row: Any, at: int) -> Step:
    return Step(at, row.kind, None, row.source_id, row.operator_id, row.reason, data=row.data)


def _contacts(rows: Rows, then: "_States") -> dict[int, ContactFacts]:
    began_at = {row.contact_id: row.data["from_source"] for row in rows.left}  # the oldest comes last, and stays
    ahead = {row.id: row.priority_minutes * MINUTE for row in rows.sources}
    return {
        row.id: ContactFacts(
            row.id,
            began_at.get(row.id, row.source_id),
            row.lead_id,
            row.chat_id is not None,
            row.closed_at if row.closed_at is not None and row.closed_at >= rows.until else None,
            row.assigned_at,
            row.order_at + ahead.get(row.source_id, 0),
            row.skills,
            then.since.get(row.id, row.created_at),
            row.id in then.first,
            row.taken_at if row.taken_at is not None and row.taken_at >= rows.until else None,
            row.operator_id,
        )
        for row in rows.contacts
    }


class _States:
    """How the contacts were that came before a period.

    Attributes:
        open: who held each of those that were open; None where it waited.
        asleep: of these, the ones that slept; without an operator, if theirs was removed.
        closed: when the others were closed last, and by whom.
        since: since when they waited, where that was not since they came.
        first: those that stood before all that do not.
    """

    def __init__(self, rows: Rows) -> None:
        self.open: dict[int, int | None] = {}
        self.asleep: set[int] = set()
        self.closed: dict[int, tuple[int, int | None]] = {}
        self.since: dict[int, int] = {}
        self.first: set[int] = set()
        for row in rows.states:
            self._take(row)

    def _take(self, row: Any) -> None:
        one = row.contact_id
        if one in self.asleep and row.reason == ReturnReason.OPERATOR_REMOVED:
            self.open[one] = None  # it sleeps on
            return
        if row.kind in (events.CONTACT_SNOOZED, events.CONTACT_WOKE):
            (self.asleep.add if row.kind == events.CONTACT_SNOOZED else self.asleep.discard)(one)
            if row.kind == events.CONTACT_WOKE and row.operator_id is None:
                self.since[one] = row.at
            return
        self.asleep.discard(one)
        self.closed.pop(one, None)
        self.first.discard(one)
        match row.kind:
            case events.CONTACT_CLOSED:
                self.open.pop(one, None)
                self.closed[one] = row.at, row.operator_id
            case events.CONTACT_ASSIGNED | events.CONTACT_REOPENED:
                self.open[one] = row.operator_id
            case events.CONTACT_QUEUED if row.operator_id is not None and row.reason not in OFFERS_IN_VAIN:
                self.open[one], self.since[one] = None, row.at
                if row.reason == ReturnReason.WOKE_ABOVE:
                    self.first.add(one)
            case events.CONTACT_MOVED:
                self.open[one], self.since[one] = None, row.at
            case _:
                self.open[one] = None


def _given(rows: Rows) -> list[Given]:
    """What operators were given in the hour before; an offer that came to nothing was not given."""
    found: list[tuple[int, Given]] = []
    for row in rows.given:
        if row.kind == events.CONTACT_ASSIGNED:
            found.append((row.contact_id, Given(row.at, row.operator_id, _had_waited(row))))
        elif row.reason in OFFERS_IN_VAIN:
            theirs = [one for one in found if one[0] == row.contact_id and one[1].operator_id == row.operator_id]
            if theirs:
                found.remove(theirs[-1])
    return [one for _, one in found]


def _had_waited(row: Any) -> bool:
    if row.decision is None:
        return False
    decision = decisions.read(row.decision)
    mine = (one.had_waited for one in decision.candidates if one.operator_id == row.operator_id)
    return not decision.is_by_hand and next(mine, False)


def _former(rows: Rows, then: _States) -> dict[tuple[int, int], dict[int, tuple[int, int | None]]]:
    found: dict[tuple[int, int], dict[int, tuple[int, int | None]]] = {}
    for row in rows.former:
        found.setdefault((row.source_id, row.lead_id), {})[row.id] = row.closed_at, row.operator_id
    for row in rows.contacts:
        if row.id in then.closed:
            found.setdefault((row.source_id, row.lead_id), {})[row.id] = then.closed[row.id]
    return found

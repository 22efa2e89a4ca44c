"""A period from its rows: everything that a replay needs to know, without database."""

from collections.abc import Iterable
from heapq import merge
from typing import Any

from crm_core import events
from crm_core.replay.beginning import begin
from crm_core.replay.history import ContactFacts, History, Step
from crm_core.replay.rows import Rows
from crm_core.routing import decisions


def history(rows: Rows) -> History:
    """The period with its beginning."""
    open_then, asleep = _open(rows)
    found = History(rows.since, rows.until, list(_steps(rows)), _contacts(rows), open=open_then, asleep=asleep)
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


def _contacts(rows: Rows) -> dict[int, ContactFacts]:
    began_at = {row.contact_id: row.data["from_source"] for row in rows.left}  # the oldest comes last, and stays
    return {
        row.id: ContactFacts(
            row.id,
            began_at.get(row.id, row.source_id),
            row.lead_id,
            row.chat_id is not None,
            row.closed_at if row.closed_at is not None and row.closed_at >= rows.until else None,
            row.assigned_at,
            row.order_at,
        )
        for row in rows.contacts
    }


def _open(rows: Rows) -> tuple[dict[int, int | None], set[int]]:
    """Who held each contact that was open when the period began, and which of these slept."""
    found: dict[int, int | None] = {}
    asleep: set[int] = set()
    for row in rows.states:
        if row.kind in (events.CONTACT_SNOOZED, events.CONTACT_WOKE):
            (asleep.add if row.kind == events.CONTACT_SNOOZED else asleep.discard)(row.contact_id)
            continue
        asleep.discard(row.contact_id)
        if row.kind == events.CONTACT_CLOSED:
            found.pop(row.contact_id, None)
        elif row.kind in (events.CONTACT_ASSIGNED, events.CONTACT_REOPENED):
            found[row.contact_id] = row.operator_id
        else:
            found[row.contact_id] = None
    return found, asleep

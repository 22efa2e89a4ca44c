"""The changes of a source's or an operator's settings in values: what each was before and after, by whom and when.

It is read from the same events, by the same table, as `/undo` reads them.
"""

from dataclasses import dataclass
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin, api
from crm_core.routing import sources
from crm_core.routing.candidates import operator_names
from crm_core.storage.execute import execute
from crm_core.storage.tables import ApiKey
from crm_core.team import operators, setting_changes
from crm_core.team.undoing import KNOWN, SettingChange, on_duty


@dataclass(frozen=True, slots=True)
class Made:
    """A change, and who made it.

    Attributes:
        by: as events have it.
        name: of that member of staff, or of that API key; None for others.
    """

    change: SettingChange
    by: str
    name: str | None


@dataclass(frozen=True, slots=True)
class Changes:
    """The newest changes of a source, the weights there included, or of an operator; the newest one first."""

    name: str
    made: tuple[Made, ...]


def of_source(s: Session, *, source_id: int, at_most: int, actor: Actor) -> Changes:
    """The changes of a source. Raises NotAllowed, SourceNotFound."""
    access_admin(s, actor)
    name = sources.one(s, source_id=source_id).name
    return Changes(name, _made(s, execute(s, setting_changes.OF_SOURCE, {"of": source_id}), at_most, source=name))


def of_operator(s: Session, *, operator_id: int, at_most: int, actor: Actor) -> Changes:
    """The changes of an operator. Raises NotAllowed, OperatorNotFound."""
    access_admin(s, actor)
    name = operators.one(s, operator_id=operator_id).name
    return Changes(name, _made(s, execute(s, setting_changes.OF_OPERATOR, {"of": operator_id}), at_most))


def _made(s: Session, events: Any, at_most: int, *, source: str = "") -> tuple[Made, ...]:
    values: dict[tuple[str, int | None], Any] = {}
    found = list[tuple[Any, str, Any, Any]]()
    for event in sorted(events, key=lambda one: one.id):
        setting = next((one for one in KNOWN if one.is_told_by(event)), None)
        if setting is None:
            continue
        which = (setting.what, event.operator_id)
        known = values.get(which, setting.at_first)
        values[which] = setting.reads(event, known)
        before, after = setting.between(event, known, values[which])
        if setting.is_of(event) and before != after:
            found.append((event, setting.what, before, after))
    newest = found[: -at_most - 1 : -1]
    called = setting_changes.staff_names(s) | _key_names(s)
    theirs = operator_names(s, {event.operator_id for event, *_ in newest if event.operator_id is not None})
    return tuple(
        Made(
            SettingChange(
                event.id,
                event.at,
                what,
                event.source_id,
                source,
                event.operator_id,
                theirs.get(event.operator_id, ""),
                before,
                after,
                on_duty(s, before, after),
            ),
            event.actor,
            called.get(event.actor),
        )
        for event, what, before, after in newest
    )


def _key_names(s: Session) -> dict[str, str]:
    """Of API keys, revoked ones included, by what events call them."""
    return {api(row.id).label: row.name for row in execute(s, select(ApiKey.id, ApiKey.name))}

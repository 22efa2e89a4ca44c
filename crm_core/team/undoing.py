"""/undo: puts back the latest change of a setting that an admin made, from the events that say what was before it.

An undo is a change like any other: it assigns what it makes room for, tells whom it concerns, and can be undone.
Settings are a table (`KNOWN`): each with its events, how they are read, and the action that sets it. Whoever adds a
setting adds an entry, and `/undo` knows it.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Row, and_, or_, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import ChangedSince, NotFound, NothingToPutBack, OperatorNotFound
from crm_core.hours.stored import readable
from crm_core.routing import (
    keyword_settings,
    keywords,
    opening_hours,
    source_changes,
    source_settings,
    sources,
    weight_settings,
)
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import operator_names
from crm_core.routing.operator_locks import hold_operators, lock_team
from crm_core.storage.execute import execute
from crm_core.storage.tables import Event
from crm_core.team import ceilings, operators, rates, shifts

_event = Event.__table__


@dataclass(frozen=True, slots=True)
class WeightHere:
    """What an operator gets of a source, and how many open contacts from there at most: None for no limit there."""

    weight: int = 0
    limit: int | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """What is to be put back: the ids of whom and what it concerns, the value, and who does it."""

    source_id: int
    operator_id: int
    before: Any
    actor: Actor
    now: datetime
    rng: Rng

    @property
    def who(self) -> dict[str, Any]:
        """Arguments of all actions."""
        return {"actor": self.actor, "now": self.now}


@dataclass(frozen=True, slots=True)
class Undoable:
    """A setting whose change can be put back.

    Attributes:
        what: its name in `SettingChange`, and that of its text.
        kind: of its events.
        reasons: of the events that change it; None for all of the kind.
        reads: what it is after an event, from that and from what it was before; an event that says nothing of it leaves
            it as it was.
        sets: puts a value back.
        at_first: what it is before its first event.
        also: reasons of further events that say what it was, and are no changes of it.
        locks: of a setting of a source: what is locked before the source.
        gives_back: of a setting of an operator: whether what is offered to them may go back to the queue.
    """

    what: str
    kind: str
    reasons: tuple[str, ...] | None
    reads: Callable[[Row[Any], Any], Any]
    sets: Callable[[Session, Change], object]
    at_first: Any = None
    also: tuple[str, ...] = ()
    locks: Callable[[Session, int], object] | None = None
    gives_back: bool = False

    def events(self, *, of_changes: bool) -> ColumnElement[bool]:
        """The condition that an event changes this setting, or else says what it is."""
        if self.reasons is None:
            return _event.c.kind == self.kind
        reasons = self.reasons if of_changes else (*self.reasons, *self.also)
        return and_(_event.c.kind == self.kind, _event.c.reason.in_(reasons))

    def is_of(self, event: Row[Any]) -> bool:
        """Whether an event changes this setting."""
        return event.kind == self.kind and (self.reasons is None or event.reason in self.reasons)

    def is_told_by(self, event: Row[Any]) -> bool:
        """Whether an event changes this setting, or else says what it is."""
        return self.is_of(event) or (event.kind == self.kind and event.reason in self.also)

    def between(self, event: Row[Any], known: Any, after: Any) -> tuple[Any, Any]:
        """What it was before an event, and after it; of several columns those that have changed.

        Args:
            known: what the events before it say.
        """
        before = _told_before(event, known)
        if before is None and isinstance(after, bool):
            before = not after  # only a change is recorded, and nothing says how it was at first
        if not isinstance(self.at_first, dict):
            return before, after
        changed = [name for name in after if after[name] != before[name]]
        return {name: before[name] for name in changed}, {name: after[name] for name in changed}


KNOWN: list[Undoable] = []
"""Every setting that some module has declared."""


def known(setting: Undoable) -> Undoable:
    """Declares a setting, so that `/undo` knows it, and returns it."""
    KNOWN.append(setting)
    return setting


@dataclass(frozen=True, slots=True)
class SettingChange:
    """A change of a setting, and what was before it.

    Attributes:
        what: of its `Undoable`.
        before, after: a weight as `WeightHere`, hours as they are stored (None for always); of settings of several
            columns these by name, without those that have not changed; else the value.
        names: of operators who occur in a value, by id.
    """

    event_id: int
    at: datetime
    what: str
    source_id: int | None
    source: str
    operator_id: int | None
    operator: str
    before: Any
    after: Any
    names: Mapping[int, str] = field(default_factory=dict)


LOOKED_AT = 100
"""Events of an admin among which their latest change is looked for: to set again what is set already is none."""


def latest(s: Session, *, actor: Actor) -> SettingChange:
    """The latest change of a setting that an admin made.

    Raises NotAllowed, NothingToPutBack, and ChangedSince if somebody has changed it since.
    """
    access_admin(s, actor)
    of_settings = or_(*(one.events(of_changes=True) for one in KNOWN))
    mine = select(_event).where(_event.c.actor == actor.label, of_settings).order_by(_event.c.id.desc()).limit(1)
    event = execute(s, mine).one_or_none()
    for _ in range(LOOKED_AT):  # one by one: several would be looked for up to the first event of all
        if event is None:
            break
        found = _change(s, event)
        if found is not None:
            return found
        event = execute(s, mine.where(_event.c.id < event.id)).one_or_none()
    raise NothingToPutBack()


def put_back(s: Session, *, event_id: int, actor: Actor, now: datetime, rng: Rng) -> SettingChange:
    """Puts back what an admin changed last.

    Args:
        event_id: of that change, as the button carries it.

    Raises NotAllowed, NothingToPutBack, ChangedSince (also where the admin has changed something else since, or the
    value names an operator who is removed), and what the change of the setting raises.
    """
    _lock(s, latest(s, actor=actor))
    found = latest(s, actor=actor)
    if found.event_id != event_id:
        raise ChangedSince(setting=found.what)
    change = Change(found.source_id or 0, found.operator_id or 0, found.before, actor, now, rng)
    try:
        _setting(found.what).sets(s, change)
    except OperatorNotFound:  # who was on duty then; whose setting it is was there a moment ago, and is held
        raise ChangedSince(setting=found.what) from None
    return found


def _setting(what: str) -> Undoable:
    return next(one for one in KNOWN if one.what == what)


def _lock(s: Session, found: SettingChange) -> None:
    """Keeps a setting as it is until this transaction ends."""
    setting = _setting(found.what)
    if setting.locks is not None and found.source_id is not None:
        setting.locks(s, found.source_id)
    if found.source_id is not None:
        lock_team(s, [found.source_id], operator_ids=[] if found.operator_id is None else [found.operator_id])
    elif found.operator_id is not None:
        hold_operators(s, [found.operator_id], gives_back=setting.gives_back)


def _change(s: Session, event: Row[Any]) -> SettingChange | None:
    """What an event changed; None if that was so before, or whose it was is removed. Raises ChangedSince."""
    setting = next(one for one in KNOWN if one.is_of(event))
    same = select(_event).where(
        setting.events(of_changes=False),
        _event.c.source_id.is_not_distinct_from(event.source_id),
        _event.c.operator_id.is_not_distinct_from(event.operator_id),
    )
    known, last, found = setting.at_first, event.id, None
    for one in execute(s, same.order_by(_event.c.id)):
        value = setting.reads(one, known)
        before, after = setting.between(one, known, value)
        known = value
        if setting.is_of(one) and before != after:
            last = one.id
            found = (before, after) if one.id == event.id else found
    if found is None:
        return None
    try:
        source = None if event.source_id is None else sources.one(s, source_id=event.source_id)
        operator = None if event.operator_id is None else operators.one(s, operator_id=event.operator_id)
    except NotFound:
        return None
    if last != event.id:
        raise ChangedSince(setting=setting.what)
    before, after = found
    return SettingChange(
        event.id,
        event.at,
        setting.what,
        event.source_id,
        "" if source is None else source.name,
        event.operator_id,
        "" if operator is None else operator.name,
        before,
        after,
        on_duty(s, before, after),
    )


def on_duty(s: Session, *values: Any) -> Mapping[int, str]:
    """The names of the operators on duty that occur in values."""
    columns = [one for one in values if isinstance(one, dict)]
    ids = {one["duty_operator_id"] for one in columns if one.get("duty_operator_id") is not None}
    return operator_names(s, ids) if ids else {}


def _told_before(event: Row[Any], known: Any) -> Any:
    """What was before an event: what it says itself, else what the events before it say."""
    if "before" not in (event.data or {}):
        return known
    told = event.data["before"]
    return {**known, **told} if isinstance(known, dict) and isinstance(told, dict) else told


# --- the table -------------------------------------------------------------------------------------------------------


def _columns(**at_first: Any) -> tuple[Mapping[str, Any], Callable[[Row[Any], Any], Any]]:
    """What columns are at first, and how an event with their names in its data is read."""

    def read(event: Row[Any], before: Any) -> Any:
        data = event.data or {}
        return {name: data.get(name, value) for name, value in before.items()}

    return at_first, read


def _of_source(what: str, **at_first: Any) -> Undoable:
    """A setting of a source that `source_changes.change` sets, with events of its own name."""
    first, reads = _columns(**at_first)
    return Undoable(what, events.SOURCE_CHANGED, (what,), reads, _change_source, dict(first))


def _change_source(s: Session, change: Change) -> object:
    return source_changes.change(s, source_id=change.source_id, values=change.before, rng=change.rng, **change.who)


def _value_of(name: str) -> Callable[[Row[Any], Any], Any]:
    return lambda event, before: (event.data or {}).get(name, before)


def _weight(event: Row[Any], before: Any) -> WeightHere:
    data = event.data or {}
    weight = data.get("weight", 0)
    return WeightHere(weight, data.get("limit", before.limit) if weight else None)


def _set_weight(s: Session, change: Change) -> object:
    here: dict[str, Any] = {"source_id": change.source_id, "operator_id": change.operator_id, "rng": change.rng}
    return weight_settings.set_weight(s, weight=change.before.weight, limit=change.before.limit, **here, **change.who)


def _set_keywords(s: Session, change: Change) -> None:
    rules = keywords.read(change.before)
    keyword_settings.set_rules(s, source_id=change.source_id, rules=rules, **change.who)


def _set_opening(s: Session, change: Change) -> object:
    hours = readable(change.before)
    return opening_hours.set_hours(s, source_id=change.source_id, hours=hours, rng=change.rng, **change.who)


def _of_operator(
    action: Callable[..., object], **argument: Callable[[Any], Any]
) -> Callable[[Session, Change], object]:
    """Sets a setting of an operator, whose argument is made of the value."""
    ((name, made_of),) = argument.items()

    def put(s: Session, change: Change) -> object:
        value = {name: made_of(change.before)}
        return action(s, operator_id=change.operator_id, rng=change.rng, **value, **change.who)

    return put


def _as_it_is(value: Any) -> Any:
    return value


_OPERATOR, _SOURCE = events.OPERATOR_CHANGED, events.SOURCE_CHANGED

known(Undoable("weight", events.WEIGHT_CHANGED, None, _weight, _set_weight, WeightHere()))
known(
    Undoable(
        "limit",
        _OPERATOR,
        ("limit",),
        _value_of("limit"),
        _of_operator(operators.set_limit, max_leads=_as_it_is),
        operators.DEFAULT_LIMIT,
        also=("added",),
    )
)
known(Undoable("hours", _OPERATOR, ("hours",), _value_of("hours"), _of_operator(shifts.set_hours, hours=readable)))
known(
    Undoable(
        "ceiling",
        _OPERATOR,
        ("ceiling",),
        _value_of("max_held"),
        _of_operator(ceilings.set_ceiling, max_held=_as_it_is),
    )
)
known(Undoable("rate", _OPERATOR, ("rate",), _value_of("rate"), _of_operator(rates.set_rate, rate=_as_it_is)))
known(
    Undoable(
        "tags", _OPERATOR, ("skills",), _value_of("skills"), _of_operator(operators.set_skills, tags=_as_it_is), ()
    )
)
known(
    Undoable(
        "active",
        _OPERATOR,
        ("activated", "deactivated"),
        lambda event, before: event.reason == "activated",
        _of_operator(operators.change, is_active=_as_it_is),
        gives_back=True,
    )
)
known(
    Undoable(
        "intake",
        _SOURCE,
        ("switched_on", "switched_off"),
        lambda event, before: {"is_active": event.reason == "switched_on"},
        _change_source,
        {"is_active": True},
    )
)
known(
    Undoable(
        "strategy",
        _SOURCE,
        ("strategy_random", "strategy_exact"),
        lambda event, before: {"strategy": (event.reason or "").removeprefix("strategy_")},
        _change_source,
        {"strategy": "random"},
    )
)
known(_of_source("sticky", sticky_days=0, sticky_mode="charged"))
known(_of_source("offers", offer_seconds=0, offer_rounds=3, miss_limit=3, duty_operator_id=None))
known(_of_source("skills", skills={}))
known(_of_source("priority", priority_minutes=0))
known(_of_source("ramp", ramp=None))
known(_of_source("catch_up", catch_up=0))
known(_of_source("late_hours", late_hours=24))
known(_of_source("protect_content", protect_content=False))
known(_of_source("forum", forum=None))
known(replace(_of_source("waiting_load", waiting_load=100), locks=source_settings.hold_holders))
# Of sources that were there before; the others say at their beginning what they have.
known(replace(_of_source("handover", handover="keep", away_minutes=30), also=("added",)))
known(Undoable("keywords", _SOURCE, ("keywords",), _value_of("keywords"), _set_keywords))
known(Undoable("opening", _SOURCE, ("hours",), _value_of("hours"), _set_opening))

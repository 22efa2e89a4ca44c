"""Several settings of a source at once, all or nothing: what the API and `/undo` set."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.routing import (
    absence,
    forum_settings,
    keyword_settings,
    keywords,
    offer_settings,
    skills,
    source_settings,
    sources,
)
from crm_core.routing.assignment import Rng
from crm_core.routing.source_details import SourceDetails, details
from crm_core.storage.locks import lock_sources


@dataclass(frozen=True, slots=True)
class _Setter:
    """How columns of a source are set that belong together.

    Attributes:
        sets: the action.
        assigns: whether it gives out what waits, and so takes an `rng`.
        called: what it calls its one argument, if not as the column; `values` takes all of them.
        as_stored: a value as its column has it, to be compared.
    """

    names: tuple[str, ...]
    sets: Callable[..., object]
    assigns: bool = False
    called: str | None = None
    as_stored: Callable[[Any], Any] | None = None

    def differs(self, given: Mapping[str, Any], before: object) -> bool:
        """Whether anything of what is given is otherwise now."""
        stored = self.as_stored or (lambda value: value)
        return any(stored(value) != getattr(before, name) for name, value in given.items())

    def arguments(self, given: Mapping[str, Any]) -> Mapping[str, Any]:
        """What is given, as the action calls it."""
        if self.called is None:
            return given
        return {self.called: given if self.called == "values" else given[self.names[0]]}


_SETTERS = (
    _Setter(("name",), sources.rename),
    _Setter(
        ("description",),
        lambda s, *, description, **who: sources.describe(s, description=description or "", **who),
    ),
    _Setter(("strategy",), source_settings.set_strategy),
    _Setter(("late_hours",), source_settings.set_late_hours),
    _Setter(("sticky_days", "sticky_mode"), source_settings.set_sticky),
    _Setter(offer_settings.NAMES, offer_settings.set_offers, called="values"),
    _Setter(absence.NAMES, absence.set_handover, called="values"),
    _Setter(
        ("skills",),
        source_settings.set_skills,
        assigns=True,
        called="required",
        as_stored=lambda value: skills.write(skills.check(value)),
    ),
    _Setter(("priority_minutes",), source_settings.set_priority, assigns=True, called="minutes"),
    _Setter(("waiting_load",), source_settings.set_waiting_load, assigns=True),
    _Setter(
        ("keywords",),
        lambda s, *, rules, **who: keyword_settings.set_rules(s, rules=keywords.check_all(rules), **who),
        called="rules",
        as_stored=lambda value: keywords.write(keywords.check_all(value)),
    ),
    _Setter(("ramp",), source_settings.set_ramp, assigns=True),
    _Setter(("catch_up",), source_settings.set_catch_up),
    _Setter(("protect_content",), source_settings.set_protection),
    _Setter(("forum",), forum_settings.set_forum),
    _Setter(("is_active",), source_settings.set_active, assigns=True),
)
"""In the order in which they are set: what gives out contacts follows what decides to whom."""


def change(
    s: Session, *, source_id: int, actor: Actor, now: datetime, rng: Rng, values: Mapping[str, Any]
) -> SourceDetails:
    """Changes what is given, all or nothing. Returns the source after the change.

    Args:
        values: any of the columns in `_SETTERS`, as their setters take them; a `description` of None is none.

    Raises NotAllowed, SourceNotFound, OperatorNotFound, BadName, BadValue, BadSkills, BadKeywords, NameTaken.
    """
    access_admin(s, actor)
    if "waiting_load" in values:
        source_settings.hold_holders(s, source_id)
    lock_sources(s, [source_id])
    before = sources.one(s, source_id=source_id)
    for setter in _SETTERS:
        given = {name: values[name] for name in setter.names if name in values}
        if setter.differs(given, before):
            chance = {"rng": rng} if setter.assigns else {}
            setter.sets(s, source_id=source_id, actor=actor, now=now, **setter.arguments(given), **chance)
    return details(s, source_id=source_id)

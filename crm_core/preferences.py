"""Settings that admins change while the program runs: stored with author and time, and every change can be undone.

What differs between installations and needs a restart is a setting of the environment (`bot/settings.py`); everything
else that can be chosen is a preference. A module declares its own, and reads it in the transaction that needs it:

    GREETING_DELAY = preferences.known(Preference("greeting_delay", int, default=0, check=lambda it: 0 <= it <= 60))
    …
    delay = preferences.read(s, GREETING_DELAY)

The first is `morning_report` (`crm_core.service.daily`), set by `/report on 9:00`.

A change is a row of its own (name, version, value); none is ever overwritten. An undo is a change as well: it brings
back the earlier value under a new version. Both it and the change that it undoes are marked, so that a further undo
goes one change further back.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import BadPreference, NothingToUndo, Outdated, PreferenceNotFound
from crm_core.events import NewEvent
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import PreferenceRow

T = TypeVar("T")

SET, UNDONE = "set", "undone"

_row = PreferenceRow.__table__


def _anything(_: Any) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Preference(Generic[T]):
    """Something that admins can choose.

    Attributes:
        name: stable, the key of its rows and texts.
        kind: `bool`, `int`, `str`, `list` or `dict`; for the last two, of what JSON can hold.
        default: holds while nobody has chosen, and after every change was undone.
        check: whether a value of that kind is allowed.
    """

    name: str
    kind: type[T]
    default: T
    check: Callable[[T], bool] = _anything

    def allows(self, value: Any) -> bool:
        """Whether a value may be set. `True` is no number here, though it is an `int` to Python."""
        return type(value) is self.kind and self.check(value)


@dataclass(frozen=True, slots=True)
class Current(Generic[T]):
    """What holds now.

    Attributes:
        version: of the newest change, 0 if there was none; whoever changes the value says which version they saw.
    """

    value: T
    version: int


@dataclass(frozen=True, slots=True)
class Change:
    """A change as it was made.

    Attributes:
        value: None where the default was brought back.
        actor: `tg:<Telegram id>`, `api:<key>`, `system`.
        undone: whether it was undone, or is itself an undo.
    """

    version: int
    value: Any
    actor: str
    at: datetime
    undone: bool


KNOWN: dict[str, Preference[Any]] = {}
"""Every preference that some module has declared, by name."""


def known(preference: Preference[T]) -> Preference[T]:
    """Declares a preference, so that `find` knows it, and returns it. Raises ValueError if it contradicts itself."""
    if preference.name in KNOWN:
        raise ValueError(f"two preferences are called {preference.name}")
    if not preference.allows(preference.default):
        raise ValueError(f"the default of {preference.name} is not a value that it allows")
    KNOWN[preference.name] = preference
    return preference


def find(name: str) -> Preference[Any]:
    """The preference of a name that somebody gave. Raises PreferenceNotFound."""
    if name not in KNOWN:
        raise PreferenceNotFound(name=name)
    return KNOWN[name]


_CHANGES = select(_row.c.version, _row.c.value, _row.c.actor, _row.c.at, _row.c.undone).where(
    _row.c.name == bindparam("of_name")
)
_CHANGES = _CHANGES.order_by(_row.c.version.desc())
_NEWEST = Prepared(_CHANGES.limit(1))


def current(s: Session, preference: Preference[T]) -> Current[T]:
    """What holds now, and its version.

    A stored value that the preference no longer allows, since another version of the program set it, counts as unset.
    """
    newest = execute(s, _NEWEST, {"of_name": preference.name}).one_or_none()
    if newest is None:
        return Current(preference.default, 0)
    return Current(newest.value if preference.allows(newest.value) else preference.default, newest.version)


def read(s: Session, preference: Preference[T]) -> T:
    """The value that holds now."""
    return current(s, preference).value


def changed_at(s: Session, preference: Preference[Any]) -> datetime | None:
    """When it was changed last; None if never."""
    newest = execute(s, _NEWEST, {"of_name": preference.name}).one_or_none()
    return None if newest is None else newest.at


def history(s: Session, preference: Preference[Any], *, actor: Actor, limit: int = 20) -> list[Change]:
    """The changes of a preference, the newest first. Raises NotAllowed."""
    access_admin(s, actor)
    return [Change(*row) for row in execute(s, _CHANGES.limit(limit), {"of_name": preference.name})]


def set(s: Session, preference: Preference[T], value: T, *, version: int, actor: Actor, now: datetime) -> int:
    """Changes a preference.

    Args:
        version: of what the actor saw (`Current.version`).

    Returns the new version. Raises NotAllowed, BadPreference, and Outdated if somebody has changed it meanwhile.
    """
    access_admin(s, actor)
    if not preference.allows(value):
        raise BadPreference(name=preference.name)
    _check_version(s, preference, version)
    return _add(s, preference.name, value, version=version + 1, actor=actor, now=now, reason=SET)


def undo(s: Session, preference: Preference[Any], *, version: int, actor: Actor, now: datetime) -> int:
    """Brings back what held before the newest change that is not undone yet.

    Args:
        version: of what the actor saw (`Current.version`).

    Returns the new version. Raises NotAllowed, NothingToUndo, and Outdated if somebody has changed it meanwhile.
    """
    access_admin(s, actor)
    _check_version(s, preference, version)
    standing = _CHANGES.where(_row.c.undone.is_(False)).limit(2)
    changes = execute(s, standing, {"of_name": preference.name}).all()
    if not changes:
        raise NothingToUndo(name=preference.name)
    _mark_undone(s, preference.name, changes[0].version)
    value = changes[1].value if len(changes) > 1 else None
    return _add(s, preference.name, value, version=version + 1, actor=actor, now=now, reason=UNDONE)


def _check_version(s: Session, preference: Preference[Any], version: int) -> None:
    if current(s, preference).version != version:
        raise Outdated()


def _mark_undone(s: Session, name: str, version: int) -> None:
    standing = (_row.c.name == name, _row.c.version == version, _row.c.undone.is_(False))
    if execute_count(s, update(_row).where(*standing).values(undone=True)) != 1:
        raise Outdated()  # PostgreSQL: somebody else has undone it in this moment


def _add(s: Session, name: str, value: Any, *, version: int, actor: Actor, now: datetime, reason: str) -> int:
    """Stores a change.

    Of two who saw the same version one stores the next, since the key is (name, version). On PostgreSQL the other's
    action runs once more (`storage.postgres`), and finds that what it saw is outdated.
    """
    row = {"name": name, "version": version, "value": value, "actor": actor.label, "at": now}
    execute(s, insert(_row), {**row, "undone": reason == UNDONE})
    change = {"name": name, "version": version}
    events.record(s, [NewEvent(events.PREFERENCE_CHANGED, now, actor.label, reason=reason, data=change)])
    return version

"""Operators and their settings: name, limit, active or not, online or not. How they leave is in `departure`."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import chain, count
from typing import Any

from sqlalchemy import and_, bindparam, case, func, literal, not_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin, access_operator
from crm_core.access.serving import SPEAKER
from crm_core.contacts import offering
from crm_core.errors import OperatorNotFound
from crm_core.graphemes import beginning
from crm_core.messaging import alerts
from crm_core.names import Lookup, check_free_name, check_number, normalise
from crm_core.routing import duty, giving_out, skills, source_details, sources
from crm_core.routing.assignment import Rng
from crm_core.routing.choose import ceiling_of
from crm_core.routing.giving_out import Assigned
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.routing.source_details import Share, SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.storage.execute import change_one, execute
from crm_core.storage.paging import Page
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Bot, Operator, Source, Staff, StaffChat, Weight
from crm_core.team import away

LIMIT_LARGEST = 1_000
NAME_KEPT = 60  # characters of a name in Telegram, so that a number fits behind it
DEFAULT_LIMIT = 10  # first founding document: max_leads

_operator = Operator.__table__


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """An operator as lists and screens show them.

    Attributes:
        telegram_id: of their account, None until they have opened their invitation.
        missing_bots: usernames of the bots that they should serve, by their weights, but have not started or have
            blocked.
        hours: when new contacts come, as `crm_core.hours.stored` has it; None for always.
        on_shift: whether these hours let them come now.
        rate: the most contacts that they are given in an hour; None for any number.
        given_lately: contacts that they were given in the last hour, if they have a rate.
        skills: their tags, as they are stored (`crm_core.routing.skills`).
        snoozed: how many contacts of theirs sleep; they are no part of the load.
        relief: what of them waits for its client takes off their load, in hundredths of a contact.
        max_held: the most contacts that may be theirs, sleeping ones included; None for three times the limit.
        missed_offers: how many offers they missed one after the other.
    """

    id: int
    name: str
    is_active: bool
    is_online: bool
    max_leads: int
    current_leads: int
    telegram_id: int | None
    missing_bots: tuple[str, ...] = ()
    hours: dict[str, Any] | None = None
    on_shift: bool = True
    rate: int | None = None
    given_lately: int = 0
    skills: str | None = None
    missed_offers: int = 0
    snoozed: int = 0
    max_held: int | None = None
    relief: int = 0

    @property
    def ceiling(self) -> int:
        """The most contacts that may be theirs, sleeping ones included."""
        return ceiling_of(self.max_leads, self.max_held)

    @property
    def is_at_ceiling(self) -> bool:
        """Whether nothing more may be theirs."""
        return self.current_leads + self.snoozed >= self.ceiling

    @property
    def free(self) -> int:
        """How many more contacts they may be given, as things stand."""
        return max(0, self.max_leads - self.current_leads + -(-self.relief // 100))

    @property
    def load(self) -> float:
        """What their contacts count, those that wait for their clients less."""
        return self.current_leads - self.relief / 100

    @property
    def is_paced(self) -> bool:
        """Whether they were given as many contacts in the last hour as they may be."""
        return self.rate is not None and self.given_lately >= self.rate


def page(s: Session, *, skip: int, limit: int) -> Page:
    """A page of the operators who are not removed, oldest first: (id, name, is_active, max_leads, current_leads)."""
    columns = (_operator.c[name] for name in ("id", "name", "is_active", "max_leads", "current_leads"))
    there = _operator.c.removed_at.is_(None)
    rows = s.execute(select(*columns).where(there).order_by(_operator.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_operator).where(there)).scalar_one())


_LISTING = Prepared(
    select(
        _operator.c.id,
        _operator.c.name,
        _operator.c.is_active,
        _operator.c.is_online,
        _operator.c.max_leads,
        _operator.c.current_leads,
        _operator.c.hours,
        _operator.c.on_shift,
        _operator.c.rate,
        _operator.c.missed_offers,
        _operator.c.given_lately,
        _operator.c.skills,
        _operator.c.snoozed,
        _operator.c.max_held,
        _operator.c.relief,
        Staff.telegram_id,
    )
    .outerjoin(Staff, Staff.operator_id == _operator.c.id)
    .where(_operator.c.removed_at.is_(None))
    .order_by(_operator.c.name_folded)
)


def listing(s: Session) -> list[OperatorFacts]:
    """Every operator who is not removed, by name."""
    rows = execute(s, _LISTING).all()
    missing = _missing_bots(s)
    return [
        OperatorFacts(
            id=row.id,
            name=row.name,
            is_active=row.is_active,
            is_online=row.is_online,
            max_leads=row.max_leads,
            current_leads=row.current_leads,
            telegram_id=row.telegram_id,
            missing_bots=tuple(missing.get(row.id, ())),
            hours=row.hours,
            on_shift=row.on_shift,
            rate=row.rate,
            given_lately=row.given_lately,
            skills=row.skills,
            snoozed=row.snoozed,
            max_held=row.max_held,
            relief=row.relief,
            missed_offers=row.missed_offers,
        )
        for row in rows
    ]


_MISSING_BOTS = Prepared(
    select(Weight.operator_id, Bot.username)
    .distinct()
    .join(Source, Source.id == Weight.source_id)
    .join(Bot, Bot.id == SPEAKER)
    .outerjoin(Staff, Staff.operator_id == Weight.operator_id)
    .outerjoin(StaffChat, (StaffChat.telegram_id == Staff.telegram_id) & (StaffChat.bot_id == Bot.id))
    # Who has no account works through the API, and can do so for sources that are no bot.
    .where(StaffChat.is_reachable.is_not(True), Staff.telegram_id.is_not(None) | Source.bot_id.is_not(None))
    .order_by(Bot.username)
)


def _missing_bots(s: Session) -> dict[int, list[str]]:
    """By operator, usernames of the bots whose sources they have a weight at and that cannot write to them."""
    missing: dict[int, list[str]] = {}
    for operator_id, username in execute(s, _MISSING_BOTS):
        missing.setdefault(operator_id, []).append(username)
    return missing


_lookup: Lookup[OperatorFacts] = Lookup(OperatorNotFound)
pick, missed = _lookup.pick, _lookup.missed


def one(s: Session, *, operator_id: int) -> OperatorFacts:
    """One operator. Raises OperatorNotFound."""
    return _lookup.one(listing(s), operator_id)


def find(s: Session, *, name: str) -> OperatorFacts:
    """The operator of a name or a number, as an admin types it. Raises OperatorNotFound with names that come close."""
    return _lookup.find(listing(s), name)


@dataclass(frozen=True, slots=True)
class OperatorDetails:
    """An operator with their planned share of each source.

    Attributes:
        offered: sources to choose from, where they have no weight anywhere.
    """

    facts: OperatorFacts
    shares: tuple[Share, ...]
    offered: tuple[SourceListed, ...] = ()


def details(s: Session, *, operator_id: int) -> OperatorDetails:
    """Everything that an operator's screen shows. Raises OperatorNotFound."""
    facts = one(s, operator_id=operator_id)
    shares = tuple(share for share in source_details.shares(s) if share.operator_id == operator_id)
    return OperatorDetails(facts, shares, () if shares else tuple(sources.listing(s)))


@dataclass(frozen=True, slots=True)
class SourceTeam:
    """A source and every operator who could work there."""

    source: SourceDetails
    operators: list[OperatorFacts]


def source_team(s: Session, *, source_id: int) -> SourceTeam:
    """Everything that the screen of a source's weights shows. Raises SourceNotFound."""
    return SourceTeam(source_details.details(s, source_id=source_id), listing(s))


@dataclass(frozen=True, slots=True)
class Standing:
    """What decides whether new contacts come to an operator, as they are told themselves.

    Attributes:
        sources: names of the active sources where they have a weight.
        off_sources: names of those that are switched off.
        is_reached: whether a card can reach them from any of the active sources.
    """

    facts: OperatorFacts
    sources: tuple[str, ...]
    off_sources: tuple[str, ...]
    is_reached: bool


_WORKS_AT = Prepared(
    select(Source.name, Source.is_active, Bot.username)
    .join(Weight, Weight.source_id == Source.id)
    .outerjoin(Bot, Bot.id == SPEAKER)
    .where(Weight.operator_id == bindparam("of_operator"))
    .order_by(Source.id)
)


def standing(s: Session, *, actor: Actor) -> Standing:
    """How the operator of an account stands. Raises NotAllowed."""
    operator = access_operator(s, actor)
    found = execute(s, _WORKS_AT, {"of_operator": operator.id}).all()
    facts = one(s, operator_id=operator.id)
    names = {is_on: tuple(row.name for row in found if row.is_active is is_on) for is_on in (True, False)}
    is_reached = any(row.is_active and row.username not in facts.missing_bots for row in found)
    return Standing(facts, names[True], names[False], is_reached)


def add(
    s: Session, *, name: str, actor: Actor, now: datetime, max_leads: int = DEFAULT_LIMIT, is_active: bool = True
) -> int:
    """A new operator, who gets contacts once a card can reach them. Returns the id.

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    access_admin(s, actor)
    limit = _check_limit(max_leads)
    checked = check_free_name(name, _names(s))
    values = {
        "name": checked,
        "name_folded": normalise(checked),
        "is_active": is_active,
        "is_online": True,
        "max_leads": limit,
        "current_leads": 0,
        "created_at": now,
    }
    operator_id: int = execute(s, _ADD, values).scalar_one()
    record_change(s, operator_id, "added", actor, now, data={"limit": limit})
    return operator_id


def add_named_like(s: Session, *, name: str, actor: Actor, now: datetime) -> int:
    """A new operator with a person's name as Telegram shows it, or one that is close to it and free. Returns the id.

    Raises NotAllowed.
    """
    printable = "".join(filter(str.isprintable, " ".join(name.split())))
    plain = beginning(printable.lstrip("/# "), NAME_KEPT).strip() or "Operator"
    taken = set(map(normalise, _names(s)))
    names = chain([plain], (f"{plain} {number}" for number in count(2)))
    return add(s, name=next(one for one in names if normalise(one) not in taken), actor=actor, now=now)


def _names(s: Session, *, besides: int = 0) -> Sequence[str]:
    return execute(s, _NAMES, {"besides": besides}).scalars().all()


_ADD = prepared_insert(_operator)
_NAMES = Prepared(
    select(_operator.c.name).where(_operator.c.removed_at.is_(None), _operator.c.id != bindparam("besides"))
)


def _check_limit(value: int) -> int:
    return check_number(value, field="limit", minimum=0, maximum=LIMIT_LARGEST)


def rename(s: Session, *, operator_id: int, name: str, actor: Actor, now: datetime) -> str:
    """Another name for an operator. Returns it as stored. Raises NotAllowed, OperatorNotFound, BadName, NameTaken."""
    access_admin(s, actor)
    checked = check_free_name(name, _names(s, besides=operator_id))
    _rename(s, operator_id, checked, actor, now)
    return checked


def _rename(s: Session, operator_id: int, name: str, actor: Actor, now: datetime) -> None:
    set_columns(s, operator_id, name=name, name_folded=normalise(name))
    record_change(s, operator_id, "renamed", actor, now)


def change(
    s: Session,
    *,
    operator_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    name: str | None = None,
    is_active: bool | None = None,
    max_leads: int | None = None,
) -> OperatorFacts:
    """Changes what is given, all or nothing, and assigns waiting contacts if that makes room.

    Returns the operator as changed. Raises NotAllowed, OperatorNotFound, BadName, NameTaken, BadValue.
    """
    access_admin(s, actor)
    source_ids = hold_operators(s, [operator_id], gives_back=is_active is False)
    before = one(s, operator_id=operator_id)
    if name is not None and (checked := check_free_name(name, _names(s, besides=operator_id))) != before.name:
        _rename(s, operator_id, checked, actor, now)
    if max_leads is not None and max_leads != before.max_leads:
        _set_limit(s, operator_id, _check_limit(max_leads), actor, now)
    offered: list[int] = []
    if is_active is not None and is_active != before.is_active:
        offered = _set_active(s, operator_id, is_active, actor, now)
    offering.give_out(s, source_ids=source_ids, contact_ids=offered, actor=actor, now=now, rng=rng)
    return one(s, operator_id=operator_id)


def set_limit(s: Session, *, operator_id: int, max_leads: int, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """How many open contacts an operator may hold. A raised limit assigns waiting contacts at once; a lowered one takes
    none away.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    limit = _check_limit(max_leads)
    source_ids = hold_operators(s, [operator_id])
    _set_limit(s, operator_id, limit, actor, now)
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def _set_limit(s: Session, operator_id: int, limit: int, actor: Actor, now: datetime) -> None:
    set_columns(s, operator_id, max_leads=limit)
    record_change(s, operator_id, "limit", actor, now, data={"limit": limit})


def set_skills(s: Session, *, operator_id: int, tags: Iterable[str], actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets what an operator can do, as tags that contacts may require; none for an empty list.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound, BadSkills.
    """
    access_admin(s, actor)
    stored = skills.write(skills.check(tags))
    source_ids = hold_operators(s, [operator_id])
    with duty.watching(s, now=now):
        set_columns(s, operator_id, skills=stored)
    change_reach(s, operator_id)  # whoever chose them for what they had before chooses again
    record_change(s, operator_id, "skills", actor, now, data={"skills": sorted(skills.tags(stored))})
    return giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def set_active(s: Session, *, operator_id: int, is_active: bool, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Whether an operator gets new contacts (an admin's switch); they may finish those that they hold.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = hold_operators(s, [operator_id], gives_back=not is_active)
    offered: list[int] = []
    if one(s, operator_id=operator_id).is_active != is_active:
        offered = _set_active(s, operator_id, is_active, actor, now)
    return offering.give_out(s, source_ids=source_ids, contact_ids=offered, actor=actor, now=now, rng=rng)


def _set_active(s: Session, operator_id: int, is_active: bool, actor: Actor, now: datetime) -> list[int]:
    """Returns the contacts that were only offered to them, and wait again."""
    with duty.watching(s, now=now):
        set_columns(s, operator_id, is_active=is_active)
    record_change(s, operator_id, "activated" if is_active else "deactivated", actor, now)
    alerts.notify_operator(s, operator_id, code="switched_on" if is_active else "switched_off", now=now)
    return [] if is_active else offering.withdraw(s, operator_id=operator_id, actor=actor, now=now)


def set_online(s: Session, *, is_online: bool, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Whether an operator takes new contacts now (their own switch).

    Returns what was assigned of the waiting contacts. Raises NotAllowed.
    """
    operator = access_operator(s, actor)
    source_ids = hold_operators(s, [operator.id], gives_back=not is_online)
    with duty.watching(s, now=now):
        set_presence(s, operator.id, now=now, is_online=is_online, missed_offers=0)
    away.note(s, operator.id, now=now)
    record_change(s, operator.id, "online" if is_online else "offline", actor, now)
    offered = [] if is_online else offering.withdraw(s, operator_id=operator.id, actor=actor, now=now)
    return offering.give_out(s, source_ids=source_ids, contact_ids=offered, actor=actor, now=now, rng=rng)


def lock(s: Session, *, operator_id: int) -> None:
    """Keeps an operator unchanged until this transaction ends."""
    hold_operators(s, [operator_id], gives_back=True)


def set_columns(s: Session, operator_id: int, **values: Any) -> None:
    """Changes columns of an operator's row, for the actions of this room. Raises OperatorNotFound."""
    there = (_operator.c.id == operator_id, _operator.c.removed_at.is_(None))
    change_one(s, update(_operator).where(*there).values(values), otherwise=_lookup.unknown(operator_id))


def set_presence(s: Session, operator_id: int, *, now: datetime, **values: Any) -> None:
    """Changes whether an operator is online or on shift, and notes when they come. Raises OperatorNotFound.

    Args:
        values: `is_online`, `on_shift`, and any other columns that change with them.
    """
    is_there = and_(
        *(literal(values[name]) if name in values else _operator.c[name] for name in ("is_online", "on_shift"))
    )
    comes = and_(not_(and_(_operator.c.is_online, _operator.c.on_shift)), is_there)
    since = case((comes, literal(now, _operator.c.receives_since.type)), else_=_operator.c.receives_since)
    set_columns(s, operator_id, receives_since=since, **values)


def record_change(
    s: Session, operator_id: int, reason: str, actor: Actor, now: datetime, *, data: dict[str, Any] | None = None
) -> None:
    """Records what was changed about an operator, for the actions of this room."""
    events.record_one(
        s, events.OPERATOR_CHANGED, actor=actor.label, now=now, operator_id=operator_id, reason=reason, data=data
    )

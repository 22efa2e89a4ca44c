"""Operators: who they are, how much they may hold, whether they are there."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin, access_operator
from crm_core.contacts import lifecycle as contacts
from crm_core.contacts.leads import normalise
from crm_core.errors import NameTaken, OperatorNotFound
from crm_core.events import NewEvent
from crm_core.messaging import outbox
from crm_core.messaging.alerts import notify_admins
from crm_core.names import TypedLine, check_name, check_number, find_named, suggestions
from crm_core.routing import queue, sources
from crm_core.routing.assignment import Rng
from crm_core.routing.queue import OPEN
from crm_core.routing.sources import Share, SourceDetails
from crm_core.storage.execute import execute_count
from crm_core.storage.locks import lock_row, lock_sources
from crm_core.storage.paging import Page
from crm_core.storage.tables import Bot, Contact, Lead, Operator, Source, Staff, StaffChat, Weight

LIMIT_LARGEST = 1_000
DEFAULT_LIMIT = 10  # first founding document: max_leads

_operator = Operator.__table__


@dataclass(frozen=True, slots=True)
class OperatorFacts:
    """An operator as lists and screens show him.

    Attributes:
        telegram_id: None until he has opened his invitation.
        missing_bots: usernames of the bots that he should serve, by his weights, but has not started.
    """

    id: int
    name: str
    is_active: bool
    is_online: bool
    max_leads: int
    current_leads: int
    telegram_id: int | None
    missing_bots: tuple[str, ...] = ()

    @property
    def free(self) -> int:
        """Places that are left."""
        return max(0, self.max_leads - self.current_leads)


def page(s: Session, *, skip: int, limit: int) -> Page:
    """A page of the operators who are not removed, oldest first: (id, name, is_active, max_leads, current_leads)."""
    columns = (_operator.c[name] for name in ("id", "name", "is_active", "max_leads", "current_leads"))
    there = _operator.c.removed_at.is_(None)
    rows = s.execute(select(*columns).where(there).order_by(_operator.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_operator).where(there)).scalar_one())


def listing(s: Session) -> list[OperatorFacts]:
    """Every operator that is not removed, by name."""
    rows = s.execute(
        select(
            _operator.c.id,
            _operator.c.name,
            _operator.c.is_active,
            _operator.c.is_online,
            _operator.c.max_leads,
            _operator.c.current_leads,
            Staff.telegram_id,
        )
        .outerjoin(Staff, Staff.operator_id == _operator.c.id)
        .where(_operator.c.removed_at.is_(None))
        .order_by(_operator.c.name_folded)
    ).all()
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
        )
        for row in rows
    ]


def _missing_bots(s: Session) -> dict[int, list[str]]:
    """Per operator, the bots whose sources he has a weight at and that cannot write to him."""
    rows = s.execute(
        select(Weight.operator_id, Bot.username)
        .distinct()
        .join(Source, Source.id == Weight.source_id)
        .join(Bot, Bot.id == Source.bot_id)
        .outerjoin(Staff, Staff.operator_id == Weight.operator_id)
        .outerjoin(StaffChat, (StaffChat.telegram_id == Staff.telegram_id) & (StaffChat.bot_id == Bot.id))
        .where(StaffChat.is_reachable.is_not(True))
        .order_by(Bot.username)
    )
    missing: dict[int, list[str]] = {}
    for operator_id, username in rows:
        missing.setdefault(operator_id, []).append(username)
    return missing


def one(s: Session, *, operator_id: int) -> OperatorFacts:
    """One operator. Raises OperatorNotFound."""
    for facts in listing(s):
        if facts.id == operator_id:
            return facts
    raise OperatorNotFound(name=str(operator_id), close=[])


@dataclass(frozen=True, slots=True)
class OperatorDetails:
    """An operator with what he should get of each source."""

    facts: OperatorFacts
    shares: tuple[Share, ...]


def details(s: Session, *, operator_id: int) -> OperatorDetails:
    """All that an operator's screen shows. Raises OperatorNotFound."""
    facts = one(s, operator_id=operator_id)
    return OperatorDetails(facts, tuple(share for share in sources.shares(s) if share.operator_id == operator_id))


@dataclass(frozen=True, slots=True)
class SourceTeam:
    """A source and everybody who could work there."""

    source: SourceDetails
    operators: list[OperatorFacts]


def source_team(s: Session, *, source_id: int) -> SourceTeam:
    """All that the screen of a source's weights shows. Raises SourceNotFound."""
    return SourceTeam(sources.details(s, source_id=source_id), listing(s))


def pick(known: Sequence[OperatorFacts], line: TypedLine) -> OperatorFacts | None:
    """The one of these operators that a typed line names, by name or else by number."""
    return find_named(line, known, name=lambda one: one.name, also=lambda one, text: text == str(one.id))


def missed(known: Sequence[OperatorFacts], line: TypedLine) -> OperatorNotFound:
    """What to raise where a line names none of them: it offers names that come close."""
    return OperatorNotFound(name=line.name, close=suggestions(line.name, [one.name for one in known]))


def find(s: Session, *, name: str) -> OperatorFacts:
    """The operator of a name or a number, as an admin types it. Raises OperatorNotFound with names that come close."""
    known, line = listing(s), TypedLine.of(name)
    found = pick(known, line)
    if found is None:
        raise missed(known, line)
    return found


def add(
    s: Session, *, name: str, actor: Actor, now: datetime, max_leads: int = DEFAULT_LIMIT, is_active: bool = True
) -> int:
    """A new operator; he gets contacts once he can be reached. Returns his id.

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    access_admin(s, actor)
    limit = check_number(max_leads, field="limit", minimum=0, maximum=LIMIT_LARGEST)
    checked = _check_free_name(s, name)
    values = {
        "name": checked,
        "name_folded": normalise(checked),
        "is_active": is_active,
        "is_online": True,
        "max_leads": limit,
        "current_leads": 0,
        "created_at": now,
    }
    operator_id: int = s.execute(insert(_operator).returning(_operator.c.id), values).scalar_one()
    _record(s, operator_id, "added", actor, now, data={"limit": limit})
    return operator_id


def _check_free_name(s: Session, name: str, *, besides: int = 0) -> str:
    checked = check_name(name)
    taken = s.execute(
        select(_operator.c.id).where(
            _operator.c.name_folded == normalise(checked), _operator.c.removed_at.is_(None), _operator.c.id != besides
        )
    ).first()
    if taken:
        raise NameTaken(name=checked)
    return checked


def rename(s: Session, *, operator_id: int, name: str, actor: Actor, now: datetime) -> str:
    """Another name for an operator. Returns it as stored. Raises NotAllowed, OperatorNotFound, BadName, NameTaken."""
    access_admin(s, actor)
    checked = _check_free_name(s, name, besides=operator_id)
    _change(s, operator_id, name=checked, name_folded=normalise(checked))
    _record(s, operator_id, "renamed", actor, now)
    return checked


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
    """Changes what is given, all or nothing, and gives out what waits if that makes room. Returns him as he is then.

    Raises NotAllowed, OperatorNotFound, BadName, NameTaken, BadValue.
    """
    access_admin(s, actor)
    source_ids = _lock_sources_of(s, operator_id)
    before = one(s, operator_id=operator_id)
    if name is not None and (checked := _check_free_name(s, name, besides=operator_id)) != before.name:
        _change(s, operator_id, name=checked, name_folded=normalise(checked))
        _record(s, operator_id, "renamed", actor, now)
    if max_leads is not None and max_leads != before.max_leads:
        limit = check_number(max_leads, field="limit", minimum=0, maximum=LIMIT_LARGEST)
        _change(s, operator_id, max_leads=limit)
        _record(s, operator_id, "limit", actor, now, data={"limit": limit})
    if is_active is not None and is_active != before.is_active:
        _change(s, operator_id, is_active=is_active)
        _record(s, operator_id, "activated" if is_active else "deactivated", actor, now)
    queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return one(s, operator_id=operator_id)


def set_limit(s: Session, *, operator_id: int, max_leads: int, actor: Actor, now: datetime, rng: Rng) -> int:
    """How many open contacts he may hold. A raised limit empties the queue at once; a lowered one takes nothing away.

    Returns how many waiting contacts found an operator. Raises NotAllowed, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    limit = check_number(max_leads, field="limit", minimum=0, maximum=LIMIT_LARGEST)
    sources = _lock_sources_of(s, operator_id)
    _change(s, operator_id, max_leads=limit)
    _record(s, operator_id, "limit", actor, now, data={"limit": limit})
    return queue.assign_waiting(s, source_ids=sources, actor=actor, now=now, rng=rng)


def set_active(s: Session, *, operator_id: int, is_active: bool, actor: Actor, now: datetime, rng: Rng) -> int:
    """Whether he gets anything new (an admin's switch); what he holds he may finish.

    Returns how many waiting contacts found an operator. Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    sources = _lock_sources_of(s, operator_id)
    _change(s, operator_id, is_active=is_active)
    _record(s, operator_id, "activated" if is_active else "deactivated", actor, now)
    return queue.assign_waiting(s, source_ids=sources, actor=actor, now=now, rng=rng)


def set_online(s: Session, *, is_online: bool, actor: Actor, now: datetime, rng: Rng) -> int:
    """Whether he is there (his own switch). Returns how many waiting contacts found an operator. Raises NotAllowed."""
    operator = access_operator(s, actor)
    sources = _lock_sources_of(s, operator.id)
    _change(s, operator.id, is_online=is_online)
    _record(s, operator.id, "online" if is_online else "offline", actor, now)
    return queue.assign_waiting(s, source_ids=sources, actor=actor, now=now, rng=rng)


@dataclass(frozen=True, slots=True)
class Removed:
    """What became of an operator's open contacts: how many he held, and how many of them found nobody yet."""

    returned: int
    waiting: int


def remove(s: Session, *, operator_id: int, actor: Actor, now: datetime, rng: Rng) -> Removed:
    """Takes an operator out for good: his open contacts go back to the queue and are given to others.

    Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = lock_sources_of(s, operator_id)
    _change(s, operator_id, removed_at=now, is_active=False)
    returned = return_contacts(s, operator_id=operator_id, reason="operator_removed", actor=actor, now=now)
    s.execute(delete(Weight).where(Weight.operator_id == operator_id))
    detach_account(s, operator_id=operator_id, now=now)
    _record(s, operator_id, "removed", actor, now)
    queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return Removed(len(returned), queue.notify_waiting(s, contact_ids=returned, now=now))


def detach_account(s: Session, *, operator_id: int, now: datetime, besides: int = 0) -> bool:
    """The account is no operator from this moment; unless it is an admin's too, it is nobody's on the staff.

    Returns whether there was one.

    Args:
        besides: an account that stays: the one that takes the place over.
    """
    account = s.execute(
        select(Staff.telegram_id, Staff.is_admin).where(Staff.operator_id == operator_id, Staff.telegram_id != besides)
    ).one_or_none()
    if account is None:
        return False
    for_admins = (outbox.ANSWER, outbox.SCREEN, outbox.STAFF_NOTICE) if account.is_admin else ()
    for bot_id in (
        s.execute(select(StaffChat.bot_id).where(StaffChat.telegram_id == account.telegram_id)).scalars().all()
    ):
        outbox.drop_waiting(
            s,
            bot_id=bot_id,
            chat_id=account.telegram_id,
            outcome="operator_removed",
            now=now,
            keep=(outbox.CARD_EDIT, *for_admins),
        )
        outbox.add(s, [outbox.OutboxEntry(outbox.MENU, bot_id, account.telegram_id)], now=now)
    if account.is_admin:
        s.execute(update(Staff).where(Staff.telegram_id == account.telegram_id).values(operator_id=None))
    else:
        s.execute(delete(StaffChat).where(StaffChat.telegram_id == account.telegram_id))
        s.execute(delete(Staff).where(Staff.telegram_id == account.telegram_id))
    return True


def assign_waiting_to(s: Session, *, operator_id: int, returned: Sequence[int], now: datetime, rng: Rng) -> None:
    """Gives out what waits where an operator who has just joined works.

    Args:
        returned: contacts that went back to the queue by his joining, wherever they are from.
    """
    theirs = s.execute(select(Contact.source_id).where(Contact.id.in_(returned)).distinct()).scalars()
    source_ids = {*contacts.sources_of(s, operator_id), *theirs}
    queue.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    queue.notify_waiting(s, contact_ids=returned, now=now)


_HELD = (
    select(Contact.id, Contact.source_id, Contact.bot_id)
    .where(Contact.operator_id == bindparam("operator_id"), OPEN)
    .order_by(Contact.id)
)


def return_contacts(
    s: Session, *, operator_id: int, reason: str, actor: Actor, now: datetime, bot_id: int | None = None
) -> list[int]:
    """Puts what an operator holds (of one bot, or all) back into the queue; the caller fills it again. Returns ids."""
    mine = s.execute(_HELD, {"operator_id": operator_id}).all()
    returned = []
    for contact_id in (row.id for row in mine if bot_id in (None, row.bot_id)):
        if queue.return_contact(s, contact_id=contact_id, operator_id=operator_id, reason=reason, actor=actor, now=now):
            contacts.refresh_cards(s, contact_id=contact_id, now=now)
            returned.append(contact_id)
    return returned


def mark_unreachable(s: Session, *, telegram_id: int, bot_id: int, now: datetime, rng: Rng) -> list[int]:
    """A bot can no longer write to a member of staff (403, or he blocked it): he is not eligible there any more.

    His open contacts of that bot go back to the queue, what waits for his chat is given up, admins are told.
    Returns the contacts that were returned.
    """
    gone = execute_count(
        s,
        update(StaffChat)
        .where(StaffChat.telegram_id == telegram_id, StaffChat.bot_id == bot_id, StaffChat.is_reachable.is_(True))
        .values(is_reachable=False, changed_at=now),
    )
    outbox.drop_waiting(s, bot_id=bot_id, chat_id=telegram_id, outcome="unreachable", now=now)
    operator = s.execute(
        select(_operator.c.id, _operator.c.name)
        .join(Staff, Staff.operator_id == _operator.c.id)
        .where(Staff.telegram_id == telegram_id)
    ).one_or_none()
    if operator is None or gone == 0:
        return []
    lost = NewEvent(
        events.STAFF_CHANGED,
        now,
        SYSTEM.label,
        operator_id=operator.id,
        reason="unreachable",
        data={"bot_id": bot_id},
    )
    events.record(s, [lost])
    source_ids = lock_sources_of(s, operator.id)
    returned = return_contacts(
        s, operator_id=operator.id, reason="operator_unreachable", actor=SYSTEM, now=now, bot_id=bot_id
    )
    username = s.execute(select(Bot.username).where(Bot.id == bot_id)).scalar_one()
    notify_admins(
        s,
        cause=f"unreachable:{operator.id}:{bot_id}",
        code="operator_unreachable",
        now=now,
        bot_id=bot_id,
        operator=operator.name,
        bot=username,
        returned=len(returned),
    )
    queue.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    queue.notify_waiting(s, contact_ids=returned, now=now)
    return returned


def lock(s: Session, *, operator_id: int) -> None:
    """Keeps an operator as he is, but for his load, until this transaction ends."""
    lock_sources_of(s, operator_id)
    lock_row(s, _operator, operator_id)


def lock_sources_of(s: Session, operator_id: int) -> set[int]:
    """Locks every source that returning his contacts concerns: those of his weights and of what he holds."""
    held = s.execute(_HELD, {"operator_id": operator_id})
    source_ids = {*contacts.sources_of(s, operator_id), *(row.source_id for row in held)}
    lock_sources(s, source_ids)
    return source_ids


def _lock_sources_of(s: Session, operator_id: int) -> list[int]:
    sources = list(contacts.sources_of(s, operator_id))
    lock_sources(s, sources)
    return sources


def _change(s: Session, operator_id: int, **values: Any) -> None:
    if (
        execute_count(
            s, update(_operator).where(_operator.c.id == operator_id, _operator.c.removed_at.is_(None)).values(values)
        )
        != 1
    ):
        raise OperatorNotFound(name=str(operator_id), close=[])


def _record(
    s: Session, operator_id: int, reason: str, actor: Actor, now: datetime, data: dict[str, Any] | None = None
) -> None:
    events.record(
        s, [NewEvent(events.OPERATOR_CHANGED, now, actor.label, operator_id=operator_id, reason=reason, data=data)]
    )


_MINE = (
    select(
        Contact.id,
        Contact.status,
        Source.name.label("source"),
        Lead.full_name.label("lead"),
        Contact.message,
        Contact.assigned_at.label("since"),
        Bot.username.label("bot"),
        Contact.bot_id,
    )
    .join(Source, Source.id == Contact.source_id)
    .join(Lead, Lead.id == Contact.lead_id)
    .outerjoin(Bot, Bot.id == Contact.bot_id)
    .where(Contact.operator_id == bindparam("operator_id"), OPEN)
    .order_by(Contact.id)
)


def open_contacts(s: Session, *, actor: Actor) -> list[Row[Any]]:
    """What the operator holds, oldest first: (id, status, source, lead, message, since, bot, bot_id).

    Raises NotAllowed.
    """
    operator = access_operator(s, actor)
    return list(s.execute(_MINE, {"operator_id": operator.id}))

"""Staff: Telegram accounts with a role, how they get it, and which bots can write to them."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin, telegram
from crm_core.contacts import lifecycle as contacts
from crm_core.errors import AlreadyOperator, InvitationInvalid, LastAdmin, NotAllowed, NotFound, OperatorNotFound
from crm_core.events import NewEvent
from crm_core.messaging import outbox
from crm_core.routing import queue
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import dialect_insert, execute_count
from crm_core.storage.tables import Bot, Invitation, Operator, Staff, StaffChat
from crm_core.team import operators
from crm_core.team.operators import OperatorDetails

INVITATION_VALID = timedelta(days=7)

_staff, _reach = Staff.__table__, StaffChat.__table__


@dataclass(frozen=True, slots=True)
class Account:
    """A person as Telegram shows him."""

    telegram_id: int
    name: str
    username: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff and his roles. `bots` are those that can write to him."""

    telegram_id: int
    name: str
    language: str | None
    is_admin: bool
    operator_id: int | None
    bots: frozenset[int]


def members(s: Session) -> list[Member]:
    """Everybody on the staff."""
    bots: dict[int, set[int]] = {}
    for telegram_id, bot_id in s.execute(
        select(_reach.c.telegram_id, _reach.c.bot_id).where(_reach.c.is_reachable.is_(True))
    ):
        bots.setdefault(telegram_id, set()).add(bot_id)
    rows = s.execute(
        select(
            _staff.c.telegram_id, _staff.c.name, _staff.c.language, _staff.c.is_admin, _staff.c.operator_id
        ).order_by(_staff.c.created_at)
    )
    return [Member(*row, bots=frozenset(bots.get(row.telegram_id, ()))) for row in rows]


def digest(code: str) -> str:
    """What is kept of a one-time code."""
    return hashlib.sha256(code.encode()).hexdigest()


def invite(s: Session, *, code: str, role: str, actor: Actor, now: datetime, operator_id: int | None = None) -> None:
    """Makes a one-time code valid for a week; earlier codes for the same place stop working.

    Args:
        code: random, at least 128 bits, made by the caller; only its digest is kept.
        role: `operator` (with `operator_id`), `admin`, or `first_admin`.

    Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    if (
        role == "operator"
        and s.execute(select(Operator.id).where(Operator.id == operator_id, Operator.removed_at.is_(None))).first()
        is None
    ):
        raise OperatorNotFound(name=str(operator_id), close=[])
    if role != "admin":
        s.execute(
            delete(Invitation).where(
                Invitation.role == role,
                Invitation.operator_id.is_(operator_id)
                if operator_id is None
                else Invitation.operator_id == operator_id,
                Invitation.used_at.is_(None),
            )
        )
    values = {
        "digest": digest(code),
        "role": role,
        "operator_id": operator_id,
        "created_at": now,
        "expires_at": now + INVITATION_VALID,
    }
    s.execute(insert(Invitation.__table__), values)


def invite_operator(
    s: Session, *, name: str, max_leads: int, code: str, actor: Actor, now: datetime
) -> OperatorDetails:
    """A new operator and the code by which he joins (see `invite`).

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    operator_id = operators.add(s, name=name, max_leads=max_leads, actor=actor, now=now)
    invite(s, code=code, role="operator", operator_id=operator_id, actor=actor, now=now)
    return operators.details(s, operator_id=operator_id)


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin as lists show him."""

    telegram_id: int
    name: str
    username: str | None
    is_operator: bool


def admins(s: Session) -> list[Admin]:
    """Every admin, the longest-serving first."""
    rows = s.execute(
        select(_staff.c.telegram_id, _staff.c.name, _staff.c.username, _staff.c.operator_id.is_not(None))
        .where(_staff.c.is_admin.is_(True))
        .order_by(_staff.c.created_at, _staff.c.telegram_id)
    )
    return [Admin(row[0], row[1], row[2], bool(row[3])) for row in rows]


@dataclass(frozen=True, slots=True)
class Joined:
    """Somebody has a role now. `operator` is the name of the operator's place, None for an admin."""

    role: str
    operator: str | None


def join(s: Session, *, code: str, account: Account, bot_id: int, now: datetime, rng: Rng) -> Joined:
    """Uses a one-time code: whoever opens it first gets the role, nobody after him.

    Raises InvitationInvalid, AlreadyOperator.
    """
    invitation = s.execute(
        update(Invitation)
        .where(Invitation.digest == digest(code), Invitation.used_at.is_(None), Invitation.expires_at > now)
        .values(used_at=now, used_by=account.telegram_id)
        .returning(Invitation.role, Invitation.operator_id)
    ).one_or_none()
    if invitation is None or (invitation.role == "first_admin" and has_admin(s)):
        raise InvitationInvalid()
    returned: list[int] = []
    if invitation.role == "operator":
        name, returned = _become_operator(s, account, invitation.operator_id, now)
    else:
        name = None
        _upsert(s, account, now, is_admin=True)
    joined = NewEvent(
        events.STAFF_CHANGED,
        now,
        telegram(account.telegram_id).label,
        operator_id=invitation.operator_id,
        reason=f"joined_{invitation.role}",
    )
    events.record(s, [joined])
    mark_reachable(s, telegram_id=account.telegram_id, bot_id=bot_id, now=now, rng=rng)
    show_menu(s, telegram_id=account.telegram_id, now=now)
    if invitation.role == "operator":
        # An admin who becomes an operator could be reached before: that alone gave him nothing.
        operators.assign_waiting_to(s, operator_id=invitation.operator_id, returned=returned, now=now, rng=rng)
    return Joined("operator" if invitation.role == "operator" else "admin", name)


def _become_operator(s: Session, account: Account, operator_id: int, now: datetime) -> tuple[str, list[int]]:
    """Returns the place's name, and the contacts that went back to the queue since another account held them."""
    name = s.execute(
        select(Operator.name).where(Operator.id == operator_id, Operator.removed_at.is_(None))
    ).scalar_one_or_none()
    if name is None:
        raise InvitationInvalid()
    current = s.execute(
        select(Operator.id, Operator.name)
        .join(Staff, Staff.operator_id == Operator.id)
        .where(Staff.telegram_id == account.telegram_id)
    ).one_or_none()
    if current is not None and current.id != operator_id:
        raise AlreadyOperator(operator=current.name)
    # A second account for the same place takes it over: the first one is no operator any more.
    returned = []
    operators.lock_sources_of(s, operator_id)
    if operators.detach_account(s, operator_id=operator_id, now=now, besides=account.telegram_id):
        actor = telegram(account.telegram_id)
        returned = operators.return_contacts(
            s, operator_id=operator_id, reason="operator_replaced", actor=actor, now=now
        )
    _upsert(s, account, now, operator_id=operator_id)
    return name, returned


def _upsert(s: Session, account: Account, now: datetime, **role: object) -> None:
    shown = {"name": account.name, "username": account.username, "language": account.language}
    values = {
        "telegram_id": account.telegram_id,
        **shown,
        "is_admin": False,
        "operator_id": None,
        "created_at": now,
        **role,
    }
    s.execute(
        dialect_insert(s, _staff)
        .values(values)
        .on_conflict_do_update(index_elements=["telegram_id"], set_={**shown, **role})
    )


_REACHED = (
    update(_reach)
    .where(
        _reach.c.telegram_id == bindparam("who"), _reach.c.bot_id == bindparam("by"), _reach.c.is_reachable.is_(True)
    )
    .values(is_reachable=True)
)


def mark_reachable(s: Session, *, telegram_id: int, bot_id: int, now: datetime, rng: Rng) -> bool:
    """A member of staff has written to a bot, so the bot can write to him; waiting contacts may be his now.

    Returns whether that is news.
    """
    if execute_count(s, _REACHED, {"who": telegram_id, "by": bot_id}) == 1:
        return False
    member = s.execute(select(_staff.c.operator_id).where(_staff.c.telegram_id == telegram_id)).one_or_none()
    if member is None:
        return False
    values = {"telegram_id": telegram_id, "bot_id": bot_id, "is_reachable": True, "changed_at": now}
    s.execute(
        dialect_insert(s, _reach)
        .values(values)
        .on_conflict_do_update(index_elements=["telegram_id", "bot_id"], set_={"is_reachable": True, "changed_at": now})
    )
    reached = NewEvent(
        events.STAFF_CHANGED,
        now,
        telegram(telegram_id).label,
        operator_id=member.operator_id,
        reason="reached",
        data={"bot_id": bot_id},
    )
    events.record(s, [reached])
    outbox.add(
        s, [outbox.OutboxEntry(outbox.MENU, bot_id, telegram_id, dedup_key=f"menu:{bot_id}:{telegram_id}")], now=now
    )
    contacts.refresh_lost_cards(s, bot_id=bot_id, chat_id=telegram_id, now=now)
    if member.operator_id is not None:
        source_ids = contacts.sources_of(s, member.operator_id)
        queue.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    return True


def show_menu(s: Session, *, telegram_id: int, now: datetime) -> None:
    """Queues the commands of somebody's roles for his menu, in every bot that can write to him."""
    bots = (
        s.execute(select(_reach.c.bot_id).where(_reach.c.telegram_id == telegram_id, _reach.c.is_reachable.is_(True)))
        .scalars()
        .all()
    )
    outbox.add(
        s,
        [
            outbox.OutboxEntry(outbox.MENU, bot_id, telegram_id, dedup_key=f"menu:{bot_id}:{telegram_id}")
            for bot_id in bots
        ],
        now=now,
    )


def has_admin(s: Session) -> bool:
    """Whether anybody is an admin yet."""
    return s.execute(select(func.count()).select_from(_staff).where(_staff.c.is_admin.is_(True))).scalar_one() > 0


def ensure_admins(s: Session, *, telegram_ids: list[int], now: datetime) -> None:
    """Makes the accounts of the setting `ADMIN_IDS` admins; who is one already is left alone."""
    for telegram_id in telegram_ids:
        known = s.execute(select(_staff.c.is_admin).where(_staff.c.telegram_id == telegram_id)).scalar_one_or_none()
        if known is None:
            _upsert(s, Account(telegram_id, str(telegram_id)), now, is_admin=True)
        elif not known:
            s.execute(update(_staff).where(_staff.c.telegram_id == telegram_id).values(is_admin=True))
            show_menu(s, telegram_id=telegram_id, now=now)


def remove_admin(s: Session, *, telegram_id: int, actor: Actor, now: datetime) -> str:
    """Takes the role of an admin away, never the last one's. Returns the name.

    Raises NotAllowed, NotFound, LastAdmin.
    """
    access_admin(s, actor)
    admins = s.execute(
        select(_staff.c.telegram_id, _staff.c.name).where(_staff.c.is_admin.is_(True)).with_for_update()
    ).all()
    names = {row.telegram_id: row.name for row in admins}
    if actor.telegram_id is not None and actor.telegram_id not in names:
        raise NotAllowed(role="admin")  # somebody removed him while he waited for the lock
    if telegram_id not in names:
        raise NotFound()
    if len(names) == 1:
        raise LastAdmin()
    s.execute(update(_staff).where(_staff.c.telegram_id == telegram_id).values(is_admin=False))
    events.record(
        s, [NewEvent(events.STAFF_CHANGED, now, actor.label, reason="admin_removed", data={"telegram_id": telegram_id})]
    )
    show_menu(s, telegram_id=telegram_id, now=now)
    if s.execute(select(_staff.c.operator_id).where(_staff.c.telegram_id == telegram_id)).scalar_one() is None:
        s.execute(delete(_reach).where(_reach.c.telegram_id == telegram_id))
        s.execute(delete(_staff).where(_staff.c.telegram_id == telegram_id))
    return str(names[telegram_id])


def update_profile(s: Session, *, account: Account) -> None:
    """Takes over what Telegram now shows of a member of staff."""
    s.execute(
        update(_staff)
        .where(_staff.c.telegram_id == account.telegram_id)
        .values(name=account.name, username=account.username, language=account.language)
    )


def unstarted_bots(s: Session, *, telegram_id: int) -> list[str]:
    """Usernames of the bots that an operator should serve but has not started."""
    operator_id = s.execute(
        select(_staff.c.operator_id).where(_staff.c.telegram_id == telegram_id)
    ).scalar_one_or_none()
    if operator_id is None:
        return []
    return list(operators.one(s, operator_id=operator_id).missing_bots)


def bot_usernames(s: Session) -> dict[int, str]:
    """Every bot's username by its id, in the order of the settings."""
    return {row.id: row.username for row in s.execute(select(Bot.id, Bot.username).order_by(Bot.position))}

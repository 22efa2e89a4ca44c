"""Telegram accounts with a role, and which bots can write to them. How they get a role is in `invitations`."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, literal, or_, select, true, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.access.serving import FORMER_FOR, SPEAKER, of_own_request, serves
from crm_core.contacts import cards
from crm_core.errors import LastAdmin, NotAllowed, NotFound
from crm_core.messaging import alerts, outbox
from crm_core.routing import giving_out, reach
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import (
    Bot,
    Chat,
    Contact,
    FormerStaff,
    Invitation,
    RemovedAdmin,
    Source,
    Staff,
    StaffChat,
    Weight,
)
from crm_core.team import operators

_staff, _reach, _former = Staff.__table__, StaffChat.__table__, FormerStaff.__table__


@dataclass(frozen=True, slots=True)
class Account:
    """A person as Telegram shows them."""

    telegram_id: int
    name: str
    username: str | None = None
    language: str | None = None


@dataclass(frozen=True, slots=True)
class Member:
    """A member of staff and their roles.

    Attributes:
        bots: those that can write to them.
        works_at: bots at whose sources they have a weight, and those that could once write to them.
        own_requests: bots where a request is open whose client they are.
    """

    telegram_id: int
    name: str
    language: str | None
    is_admin: bool
    operator_id: int | None
    bots: frozenset[int]
    works_at: frozenset[int] = frozenset()
    own_requests: frozenset[int] = frozenset()

    def serves(self, bot_id: int) -> bool:
        """Whether they are on the staff at a bot (`crm_core.access.serving`); elsewhere they are a client."""
        return self.is_admin or bot_id in self.works_at


def members(s: Session) -> list[Member]:
    """All members of staff, in the order of joining."""
    chats, bots = _chats_by_account(s)
    works_at, own = _bots_by_account(s, _WORKS_AT), _bots_by_account(s, _OWN_REQUESTS)
    return [
        Member(
            row.telegram_id,
            row.name,
            row.language,
            row.is_admin,
            row.operator_id,
            bots=bots[row.telegram_id],
            works_at=works_at[row.telegram_id] | chats[row.telegram_id],
            own_requests=own[row.telegram_id],
        )
        for row in execute(s, _MEMBERS)
    ]


_MEMBERS = Prepared(
    select(_staff.c.telegram_id, _staff.c.name, _staff.c.language, _staff.c.is_admin, _staff.c.operator_id).order_by(
        _staff.c.created_at
    )
)
_CHATS = Prepared(select(_reach.c.telegram_id, _reach.c.bot_id, _reach.c.is_reachable))
_WORKS_AT = Prepared(
    select(_staff.c.telegram_id, SPEAKER)
    .distinct()
    .join(Weight, Weight.operator_id == _staff.c.operator_id)
    .join(Source, Source.id == Weight.source_id)
)
_OWN_REQUESTS = Prepared(
    select(_staff.c.telegram_id, Chat.bot_id)
    .select_from(_staff)
    .distinct()
    .join(Bot, true())  # so that chats are found by their key
    .join(Chat, (Chat.bot_id == Bot.id) & (Chat.chat_id == _staff.c.telegram_id))
    .join(Contact, of_own_request())
)


def _chats_by_account(s: Session) -> tuple[dict[int, frozenset[int]], dict[int, frozenset[int]]]:
    """For each account the bots where it has ever had a chat as one of the staff, and those that can write to it."""
    known: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    reachable: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    for telegram_id, bot_id, is_reachable in execute(s, _CHATS):
        known[telegram_id] |= {bot_id}
        if is_reachable:
            reachable[telegram_id] |= {bot_id}
    return known, reachable


def _bots_by_account(s: Session, query: Prepared) -> defaultdict[int, frozenset[int]]:
    found: defaultdict[int, frozenset[int]] = defaultdict(frozenset)
    for telegram_id, bot_id in execute(s, query):
        found[telegram_id] |= {bot_id}
    return found


def own_request(s: Session, *, telegram_id: int, bot_id: int) -> int | None:
    """The number of the newest request that is open in somebody's chat with a bot, whose client they are."""
    newest: int | None = execute(s, _OWN_REQUEST, {"who": telegram_id, "by": bot_id}).scalar_one()
    return newest


_OWN_REQUEST = Prepared(
    select(func.max(Contact.id))
    .select_from(Chat)
    .join(Contact, of_own_request())
    .where(Chat.bot_id == bindparam("by"), Chat.chat_id == bindparam("who"))
)


@dataclass(frozen=True, slots=True)
class Admin:
    """An admin as lists show them."""

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


def give_role(s: Session, account: Account, *, now: datetime, instead_of: int | None = None, **role: object) -> bool:
    """Stores an account on the staff with a role that it has from now on; other roles of it stay.

    Args:
        instead_of: the operator that the account was, for `operator_id`; None if it was none.
        role: `is_admin=True` or `operator_id=…`.

    Returns False, and changes nothing, if the account has become another operator since that was read.
    """
    values = {
        "telegram_id": account.telegram_id,
        "name": account.name,
        "username": account.username,
        "language": account.language,
        "is_admin": False,
        "operator_id": None,
        "created_at": now,
        **role,
    }
    if "operator_id" in role:
        return execute(s, _MAKE_OPERATOR, {**values, "instead_of": instead_of}).one_or_none() is not None
    return execute(s, _MAKE_ADMIN, values).one_or_none() is not None


_GIVEN = ("telegram_id", "name", "username", "language", "is_admin", "operator_id", "created_at")


def _giving(role: str, *, unchanged: Any = None) -> Prepared:
    def finish(fresh: Any) -> Any:
        set_ = {name: fresh.excluded[name] for name in ("name", "username", "language", role)}
        upsert = fresh.values({name: bindparam(name) for name in _GIVEN})
        upsert = upsert.on_conflict_do_update(index_elements=["telegram_id"], set_=set_, where=unchanged)
        return upsert.returning(_staff.c.telegram_id)

    return prepared_upsert(_staff, finish)


_MAKE_ADMIN = _giving("is_admin")
_MAKE_OPERATOR = _giving(
    "operator_id", unchanged=or_(_staff.c.operator_id.is_(None), _staff.c.operator_id == bindparam("instead_of"))
)


_REACHED = Prepared(
    update(_reach)
    .where(
        _reach.c.telegram_id == bindparam("who"), _reach.c.bot_id == bindparam("by"), _reach.c.is_reachable.is_(True)
    )
    .values(is_reachable=True)
)


_OF_STAFF = select(_staff.c.operator_id).where(_staff.c.telegram_id == bindparam("who"))
_MEMBER = Prepared(_OF_STAFF)
_MEMBER_AT_BOT = Prepared(_OF_STAFF.where(serves(bindparam("who"), bindparam("by"))))


def mark_reachable(
    s: Session, *, telegram_id: int, bot_id: int, now: datetime, rng: Rng, is_joining: bool = False
) -> bool:
    """A member of staff has written to a bot, so the bot can write to them; waiting contacts may be theirs now.

    Args:
        is_joining: whether this is the bot where they have just got a role; then they are on its staff from now on.

    Returns whether the bot could not write to them before. Somebody who is not on its staff changes nothing.
    """
    if execute_count(s, _REACHED, {"who": telegram_id, "by": bot_id}) == 1:
        return False
    found = _MEMBER if is_joining else _MEMBER_AT_BOT
    member = execute(s, found, {"who": telegram_id, "by": bot_id}).one_or_none()
    if member is None:
        return False
    source_ids = set() if member.operator_id is None else hold_operators(s, [member.operator_id])
    about = {"telegram_id": telegram_id, "bot_id": bot_id, "operator_id": member.operator_id}
    if not reach.store_reachable(s, **about, now=now):
        return False
    cards.refresh_lost(s, bot_id=bot_id, chat_id=telegram_id, now=now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    return True


def show_menu(s: Session, *, telegram_id: int, now: datetime) -> None:
    """Queues the commands of somebody's roles for their menu, in every bot that can write to them."""
    reachable = execute(s, _REACHABLE_BY, {"who": telegram_id}).scalars()
    outbox.add(s, [reach.menu(bot_id, telegram_id) for bot_id in reachable], now=now)


_REACHABLE_BY = Prepared(
    select(_reach.c.bot_id).where(_reach.c.telegram_id == bindparam("who"), _reach.c.is_reachable.is_(True))
)


def has_admin(s: Session) -> bool:
    """Whether anybody is an admin yet."""
    return s.execute(select(func.count()).select_from(_staff).where(_staff.c.is_admin.is_(True))).scalar_one() > 0


_IS_ADMIN = Prepared(select(_staff.c.is_admin).where(_staff.c.telegram_id == bindparam("who")))


def ensure_admins(s: Session, *, telegram_ids: list[int], now: datetime) -> list[int]:
    """Makes the accounts of the setting `ADMIN_IDS` admins; existing admins are left alone.

    Somebody who was removed from the admins since does not become one again; that needs an invitation.

    Returns the ids of those.
    """
    listed = select(RemovedAdmin.telegram_id).where(RemovedAdmin.telegram_id.in_(telegram_ids))
    removed = set(s.execute(listed).scalars())
    for telegram_id in telegram_ids:
        if telegram_id in removed:
            continue
        known = execute(s, _IS_ADMIN, {"who": telegram_id}).scalar_one_or_none()
        if not known:
            data = {"telegram_id": telegram_id}
            events.record_one(
                s, events.STAFF_CHANGED, actor=SYSTEM.label, now=now, reason="admin_by_setting", data=data
            )
        if known is None:
            give_role(s, Account(telegram_id, str(telegram_id)), now=now, is_admin=True)
        elif not known:
            s.execute(update(_staff).where(_staff.c.telegram_id == telegram_id).values(is_admin=True))
            show_menu(s, telegram_id=telegram_id, now=now)
    return sorted(removed)


def remove_admin(s: Session, *, telegram_id: int, actor: Actor, now: datetime) -> str:
    """Takes the role of an admin away, never the last one's; their unused invitations end. Returns the name.

    Raises NotAllowed, NotFound, LastAdmin.
    """
    access_admin(s, actor)
    s.execute(delete(Invitation).where(Invitation.invited_by == telegram_id, Invitation.used_at.is_(None)))
    names = _lock_admins(s)
    if actor.telegram_id is not None and actor.telegram_id not in names:
        raise NotAllowed(role="admin")  # they were removed while they waited for the lock
    if telegram_id not in names:
        raise NotFound()
    if len(names) == 1:
        raise LastAdmin()
    s.execute(update(_staff).where(_staff.c.telegram_id == telegram_id).values(is_admin=False))
    s.execute(insert(RemovedAdmin).values(telegram_id=telegram_id, removed_at=now))
    removed = {"telegram_id": telegram_id}
    events.record_one(s, events.STAFF_CHANGED, actor=actor.label, now=now, reason="admin_removed", data=removed)
    show_menu(s, telegram_id=telegram_id, now=now)
    member = s.execute(select(_staff.c.operator_id, _staff.c.language).where(_staff.c.telegram_id == telegram_id)).one()
    if telegram_id != actor.telegram_id:
        alerts.notify_account(s, telegram_id, code="admin_removed", now=now, language=member.language)
    if member.operator_id is None:
        leave(s, telegram_id=telegram_id, now=now)
    return names[telegram_id]


def leave(s: Session, *, telegram_id: int, now: datetime) -> None:
    """Takes an account off the staff. Its chats are kept: what is written there is no client's for a while."""
    s.execute(delete(_former).where(_former.c.telegram_id == telegram_id))
    chats = select(_reach.c.telegram_id, _reach.c.bot_id, literal(now, _former.c.left_at.type))
    s.execute(
        insert(_former).from_select(
            ["telegram_id", "bot_id", "left_at"], chats.where(_reach.c.telegram_id == telegram_id)
        )
    )
    s.execute(delete(_reach).where(_reach.c.telegram_id == telegram_id))
    s.execute(delete(_staff).where(_staff.c.telegram_id == telegram_id))


def purge(s: Session, *, now: datetime, at_most: int = BATCH) -> int:
    """Forgets who left the staff so long ago that they may be a client. Returns how many chats."""
    return delete_batch(s, _former, _former.c.left_at < now - FORMER_FOR, at_most=at_most)


def _lock_admins(s: Session) -> dict[int, str]:
    """Locks the rows of all admins. Returns their names by Telegram id."""
    query = select(_staff.c.telegram_id, _staff.c.name).where(_staff.c.is_admin.is_(True)).with_for_update()
    return {row.telegram_id: row.name for row in s.execute(query)}


def update_profile(s: Session, *, account: Account) -> None:
    """Stores the name, username and language that Telegram now shows of a member of staff."""
    shown = {"to_name": account.name, "to_username": account.username, "to_language": account.language}
    execute(s, _SHOW, {"who": account.telegram_id, **shown})


_SHOW = Prepared(
    update(_staff)
    .where(_staff.c.telegram_id == bindparam("who"))
    .values(name=bindparam("to_name"), username=bindparam("to_username"), language=bindparam("to_language"))
)


def unstarted_bots(s: Session, *, telegram_id: int) -> list[str]:
    """Usernames of the bots that an operator should serve but has not started or has blocked; none for other people."""
    operator_id = s.execute(
        select(_staff.c.operator_id).where(_staff.c.telegram_id == telegram_id)
    ).scalar_one_or_none()
    if operator_id is None:
        return []
    return list(operators.one(s, operator_id=operator_id).missing_bots)


def bot_usernames(s: Session) -> dict[int, str]:
    """Every bot's username by its id, in the order of the settings."""
    return {row.id: row.username for row in execute(s, _BOTS)}


_BOTS = Prepared(select(Bot.id, Bot.username).order_by(Bot.position))

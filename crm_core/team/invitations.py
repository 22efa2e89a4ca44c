"""Invitations: one-time codes by which Telegram accounts become operators or admins."""

import hashlib
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Row, bindparam, delete, func, insert, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin, telegram
from crm_core.errors import AlreadyOperator, InvitationInvalid, OperatorNotFound
from crm_core.messaging import alerts
from crm_core.routing import giving_out, reach, wait_alerts, weight_settings
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.purging import BATCH, delete_batch
from crm_core.storage.tables import Invitation, Operator, RemovedAdmin, Staff
from crm_core.team import accounts, departure, operators, setup
from crm_core.team.accounts import Account
from crm_core.team.operators import OperatorDetails, Standing
from crm_core.team.setup import Progress

INVITATION_VALID = timedelta(days=7)
FIRST_ADMIN_VALID = timedelta(hours=24)  # it gives everything to whoever finds it; each start makes another one

HANDLE = 16  # hexadecimal digits of a digest that name an invitation in a button

_invitation = Invitation.__table__


def digest(code: str) -> str:
    """What is stored of a one-time code: its SHA-256, in hexadecimal."""
    return hashlib.sha256(code.encode()).hexdigest()


def invite(s: Session, *, code: str, role: str, actor: Actor, now: datetime, operator_id: int | None = None) -> None:
    """Stores a one-time code; earlier codes for the same operator stop working.

    It is valid for a week, the first admin's for a day.

    Args:
        code: random, at least 128 bits, made by the caller; only its digest is stored.
        role: `operator` (with `operator_id`), `admin`, or `first_admin`.

    Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    if role == "operator" and _operator_name(s, operator_id) is None:
        raise OperatorNotFound(name=str(operator_id), close=[])
    if role != "admin":
        same = (_invitation.c.role == role, _invitation.c.operator_id.is_not_distinct_from(operator_id))
        s.execute(delete(_invitation).where(*same, _invitation.c.used_at.is_(None)))
    values = {
        "digest": digest(code),
        "role": role,
        "operator_id": operator_id,
        "invited_by": actor.telegram_id,
        "created_at": now,
        "expires_at": now + (FIRST_ADMIN_VALID if role == "first_admin" else INVITATION_VALID),
    }
    execute(s, _INVITE, values)


_INVITE = Prepared(insert(_invitation))


def _operator_name(s: Session, operator_id: int | None) -> str | None:
    name: str | None = execute(s, _NAME, {"operator_id": operator_id}).scalar_one_or_none()
    return name


_NAME = Prepared(select(Operator.name).where(Operator.id == bindparam("operator_id"), Operator.removed_at.is_(None)))


@dataclass(frozen=True, slots=True)
class OpenInvitation:
    """An invitation that can still be used.

    Attributes:
        handle: the beginning of the code's digest; it names the invitation, and reveals nothing of the code.
        operator: the name of the operator whom it makes, None for an admin.
        invited_by: the name of the admin who made it, None if the command line or the API did.
    """

    handle: str
    operator: str | None
    invited_by: str | None
    created_at: datetime


def open_invitations(s: Session, *, now: datetime) -> list[OpenInvitation]:
    """The invitations that can still be used, latest first. The first admin's is none of them: it ended with them."""
    query = (
        select(_invitation.c.digest, _invitation.c.created_at, Operator.name.label("operator"), Staff.name.label("by"))
        .select_from(_invitation)
        .outerjoin(Operator, Operator.id == _invitation.c.operator_id)
        .outerjoin(Staff, Staff.telegram_id == _invitation.c.invited_by)
        .where(
            _invitation.c.used_at.is_(None),
            _invitation.c.expires_at > now,
            _invitation.c.role != "first_admin",
            Operator.removed_at.is_(None),
        )
        .order_by(_invitation.c.created_at.desc(), _invitation.c.digest)
    )
    return [OpenInvitation(row.digest[:HANDLE], row.operator, row.by, row.created_at) for row in s.execute(query).all()]


def withdraw(s: Session, *, handle: str, actor: Actor, now: datetime) -> bool:
    """Ends an invitation that was not used yet. Returns False if there is none: it was used, withdrawn or replaced.

    Raises NotAllowed.
    """
    access_admin(s, actor)
    named = (func.substr(_invitation.c.digest, 1, HANDLE) == handle, _invitation.c.used_at.is_(None))
    ended = s.execute(delete(_invitation).where(*named).returning(_invitation.c.operator_id)).all()
    for row in ended:
        reason = "invitation_withdrawn"
        events.record_one(
            s, events.STAFF_CHANGED, actor=actor.label, now=now, operator_id=row.operator_id, reason=reason
        )
    return bool(ended)


def invite_operator(
    s: Session, *, name: str, max_leads: int, code: str, actor: Actor, now: datetime
) -> OperatorDetails:
    """A new operator, and the code by which their account joins (see `invite`).

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    operator_id = operators.add(s, name=name, max_leads=max_leads, actor=actor, now=now)
    invite(s, code=code, role="operator", operator_id=operator_id, actor=actor, now=now)
    return operators.details(s, operator_id=operator_id)


@dataclass(frozen=True, slots=True)
class Joined:
    """An account has a role now.

    Attributes:
        operator: the name of the operator that it became, None for an admin.
        standing: of that operator.
        progress: how far the installation is set up, for an admin.
        own_request: the number of a request that is still open whose client they are in this chat.
    """

    role: str
    operator: str | None
    standing: Standing | None = None
    own_request: int | None = None
    progress: Progress | None = None


def join(s: Session, *, code: str, account: Account, bot_id: int, now: datetime, rng: Rng) -> Joined:
    """Uses a one-time code: the first account that opens it gets the role, no other one does.

    Raises InvitationInvalid, AlreadyOperator.
    """
    invitation = _use_code(s, code, account, now)
    if invitation.role == "operator":
        name = _become_operator(s, account, invitation.operator_id, bot_id=bot_id, now=now, rng=rng)
        standing = operators.standing(s, actor=telegram(account.telegram_id))
        own = accounts.own_request(s, telegram_id=account.telegram_id, bot_id=bot_id)
        _tell_joined(s, account, invitation.operator_id, name, standing, bot_id=bot_id, now=now)
        return Joined("operator", name, standing, own)
    accounts.give_role(s, account, now=now, is_admin=True)
    s.execute(delete(RemovedAdmin).where(RemovedAdmin.telegram_id == account.telegram_id))
    _arrive(s, account, invitation.role, bot_id=bot_id, now=now, rng=rng)
    own = accounts.own_request(s, telegram_id=account.telegram_id, bot_id=bot_id)
    progress = setup.progress(s, bot_id=bot_id, telegram_id=account.telegram_id)
    return Joined("admin", None, own_request=own, progress=progress)


def _tell_joined(
    s: Session, account: Account, operator_id: int, name: str, standing: Standing, *, bot_id: int, now: datetime
) -> None:
    """Tells the admins that an operator has joined, and whether anything will come to them."""
    alerts.notify_admins(
        s,
        cause=f"joined:{operator_id}:{account.telegram_id}",
        code="operator_joined",
        now=now,
        bot_id=bot_id,
        besides=account.telegram_id,
        operator=name,
        operator_id=operator_id,
        username=account.username,
        has_weight=bool(standing.sources or standing.off_sources),
    )


def become_operator(s: Session, *, account: Account, actor: Actor, bot_id: int, now: datetime, rng: Rng) -> Joined:
    """Makes an admin an operator, too, at once: with their own name, and the usual weight at every source.

    Raises NotAllowed, AlreadyOperator.
    """
    access_admin(s, actor)
    _check_no_other_operator(s, account, 0)
    operator_id = operators.add_named_like(s, name=account.name, actor=actor, now=now)
    weight_settings.give_usual_weights(s, operator_id=operator_id, actor=actor, now=now, rng=rng)
    name = _become_operator(s, account, operator_id, bot_id=bot_id, now=now, rng=rng)
    return Joined("operator", name, operators.standing(s, actor=actor))


def _use_code(s: Session, code: str, account: Account, now: datetime) -> Row[Any]:
    invitation: Row[Any] | None = execute(
        s, _USE, {"of_code": digest(code), "at": now, "by": account.telegram_id}
    ).one_or_none()
    if invitation is not None and invitation.invited_by is not None:
        # Whoever was removed from the admins lets nobody in any more. Locked: the removal may be under way.
        is_admin = select(Staff.is_admin).where(Staff.telegram_id == invitation.invited_by)
        if not s.execute(is_admin.with_for_update(read=True)).scalar_one_or_none():
            raise InvitationInvalid()
    if invitation is None or (invitation.role == "first_admin" and accounts.has_admin(s)):
        raise InvitationInvalid()
    return invitation


_USE = Prepared(
    update(_invitation)
    .where(
        _invitation.c.digest == bindparam("of_code"),
        _invitation.c.used_at.is_(None),
        _invitation.c.expires_at > bindparam("at"),
    )
    .values(used_at=bindparam("at"), used_by=bindparam("by"))
    .returning(_invitation.c.role, _invitation.c.operator_id, _invitation.c.invited_by)
)


def _arrive(
    s: Session, account: Account, role: str, *, bot_id: int, now: datetime, rng: Rng, operator_id: int | None = None
) -> None:
    """Records that an account joined; the bot that it joined by can write to it."""
    actor = telegram(account.telegram_id).label
    events.record_one(s, events.STAFF_CHANGED, actor=actor, now=now, operator_id=operator_id, reason=f"joined_{role}")
    accounts.mark_reachable(s, telegram_id=account.telegram_id, bot_id=bot_id, now=now, rng=rng, is_joining=True)
    accounts.show_menu(s, telegram_id=account.telegram_id, now=now)


def _become_operator(s: Session, account: Account, operator_id: int, *, bot_id: int, now: datetime, rng: Rng) -> str:
    """Makes an account the operator of this id. Returns the operator's name.

    Another account of the same operator is replaced, and what it held goes back to the queue.
    """
    source_ids = hold_operators(s, [operator_id], gives_back=True)
    name = _operator_name(s, operator_id)
    if name is None:
        raise InvitationInvalid()
    former = _check_no_other_operator(s, account, operator_id)
    change_reach(s, operator_id)
    returned = []
    if departure.detach_account(s, operator_id=operator_id, now=now, besides=account.telegram_id):
        actor = telegram(account.telegram_id)
        returned = departure.return_contacts(
            s, operator_id=operator_id, reason=ReturnReason.OPERATOR_REPLACED, actor=actor, now=now
        )
    if not accounts.give_role(s, account, now=now, instead_of=former, operator_id=operator_id):
        # They have opened another invitation at the same time, and are that operator now.
        _check_no_other_operator(s, account, operator_id)
        raise InvitationInvalid()
    _arrive(s, account, "operator", bot_id=bot_id, now=now, rng=rng, operator_id=operator_id)
    reach.reach_known_chats(s, operator_id=operator_id, now=now)
    # Not left to `mark_reachable`: an admin who becomes an operator was reachable before, so it assigned nothing.
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    wait_alerts.notify_waiting(s, contact_ids=returned, now=now)
    return name


_OPERATOR_OF_ACCOUNT = Prepared(
    select(Operator.id, Operator.name, Operator.removed_at)
    .join(Staff, Staff.operator_id == Operator.id)
    .where(Staff.telegram_id == bindparam("account"))
)


def _check_no_other_operator(s: Session, account: Account, operator_id: int) -> int | None:
    """Returns the id of the operator that the account is already: this one, a removed one, or None.

    Raises AlreadyOperator if it is another one.
    """
    current = execute(s, _OPERATOR_OF_ACCOUNT, {"account": account.telegram_id}).one_or_none()
    if current is None:
        return None
    if current.id != operator_id and current.removed_at is None:
        raise AlreadyOperator(operator=current.name)
    return int(current.id)


def purge(s: Session, *, now: datetime, keep: timedelta = timedelta(days=90), at_most: int = BATCH) -> int:
    """Deletes invitations that ended so long ago, used or not; events tell who used them. Returns how many."""
    return delete_batch(s, _invitation, _invitation.c.expires_at < now - keep, at_most=at_most)

"""How operators leave: removed by an admin, replaced by another account, or no longer reachable."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, delete, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.contacts import snoozing, transfer
from crm_core.messaging import alerts, giving_up, outbox
from crm_core.messaging.alerts import notify_admins
from crm_core.routing import duty, given, giving_out, ledger, offer_settings, wait_alerts
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import change_reach, hold_operators
from crm_core.routing.queue import OPEN
from crm_core.routing.returns import ReturnReason
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Bot, Contact, Operator, Staff, StaffChat, Weight
from crm_core.team import accounts, operators

_operator = Operator.__table__


@dataclass(frozen=True, slots=True)
class Removed:
    """What happened to the open contacts of an operator who was removed.

    Attributes:
        returned: how many they held; all of these went back to the queue.
        waiting: how many of them found no other operator yet.
    """

    returned: int
    waiting: int


def remove(s: Session, *, operator_id: int, actor: Actor, now: datetime, rng: Rng) -> Removed:
    """Removes an operator for good: their open contacts go back to the queue and are assigned to others.

    Raises NotAllowed, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = hold_operators(s, [operator_id], gives_back=True, also=ledger.sources_of(s, operator_id))
    with duty.watching(s, now=now):
        operators.set_columns(
            s,
            operator_id,
            removed_at=now,
            is_active=False,
            hours=None,
            on_leave=False,
            shift_changes_at=None,
            rate=None,
            skills=None,
            away_since=None,
        )
    given.forget(s, operator_id=operator_id)
    change_reach(s, operator_id)
    returned = return_contacts(s, operator_id=operator_id, reason=ReturnReason.OPERATOR_REMOVED, actor=actor, now=now)
    snoozing.sleep_on(s, operator_id=operator_id, actor=actor, now=now)
    s.execute(delete(Weight).where(Weight.operator_id == operator_id))
    offer_settings.end_duty(s, operator_id=operator_id, now=now)
    ledger.remove(s, operator_id=operator_id)
    detach_account(s, operator_id=operator_id, now=now, returned=returned)
    operators.record_change(s, operator_id, "removed", actor, now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)
    return Removed(len(returned), wait_alerts.notify_waiting(s, contact_ids=returned, now=now))


def detach_account(
    s: Session, *, operator_id: int, now: datetime, returned: Sequence[int] = (), besides: int = 0
) -> bool:
    """Ends the operator's role of an account, and tells them; unless it is an admin too, it leaves the staff.

    Args:
        returned: ids of the contacts that they held until now.
        besides: an account that keeps its role, since it takes the operator over.

    Returns whether there was an account.
    """
    account = execute(s, _ACCOUNT, {"operator_id": operator_id, "besides": besides}).one_or_none()
    if account is None:
        return False
    _drop_messages(s, account.telegram_id, is_admin=account.is_admin, now=now)
    alerts.notify_operator(
        s, operator_id, code="operator_removed", now=now, contacts=list(returned), language=account.language
    )
    if account.is_admin:
        s.execute(update(Staff).where(Staff.telegram_id == account.telegram_id).values(operator_id=None))
    else:
        accounts.leave(s, telegram_id=account.telegram_id, now=now)
    return True


_ACCOUNT = Prepared(
    select(Staff.telegram_id, Staff.is_admin, Staff.language).where(
        Staff.operator_id == bindparam("operator_id"), Staff.telegram_id != bindparam("besides")
    )
)


def _drop_messages(s: Session, telegram_id: int, *, is_admin: bool, now: datetime) -> None:
    """Drops what waits to be sent to somebody as an operator, and queues their new menu, in each of their chats."""
    for_admins = (outbox.ANSWER, outbox.SCREEN, outbox.STAFF_NOTICE, outbox.NOTICE_EDIT) if is_admin else ()
    keep = (outbox.CARD_EDIT, *for_admins)
    bot_ids = s.execute(select(StaffChat.bot_id).where(StaffChat.telegram_id == telegram_id)).scalars().all()
    for bot_id in bot_ids:
        giving_up.drop_waiting(s, bot_id=bot_id, chat_id=telegram_id, outcome="operator_removed", now=now, keep=keep)
        outbox.add(s, [outbox.OutboxEntry(outbox.MENU, bot_id, telegram_id)], now=now)


_HELD = (
    select(Contact.id, Contact.bot_id)
    .where(Contact.operator_id == bindparam("operator_id"), OPEN, Contact.wakes_at.is_(None))
    .order_by(Contact.id)
)


def return_contacts(
    s: Session, *, operator_id: int, reason: ReturnReason, actor: Actor, now: datetime, bot_id: int | None = None
) -> list[int]:
    """Puts an operator's open contacts back into the queue; those that sleep wake by the rule.

    The caller has called `hold_operators` with `gives_back`, and calls `giving_out.assign_waiting` afterwards.

    Args:
        reason: a code for the events: why they were returned.
        bot_id: only the contacts of this bot; None for all.

    Returns the ids of the contacts that were returned.
    """
    held = s.execute(_HELD, {"operator_id": operator_id}).all()
    return [
        row.id
        for row in held
        if bot_id in (None, row.bot_id)
        and transfer.return_contact(s, contact_id=row.id, operator_id=operator_id, reason=reason, actor=actor, now=now)
    ]


def mark_unreachable(s: Session, *, telegram_id: int, bot_id: int, now: datetime, rng: Rng) -> list[int]:
    """A bot can no longer write to a member of staff (403, or they blocked it): they are not eligible there any more.

    Their open contacts of that bot go back to the queue, what waits for their chat is dropped, admins are notified.
    So it is if the bot could not write to them before, and they hold a contact nevertheless.

    Returns the ids of the contacts that were returned.
    """
    source_ids = hold_accounts(s, telegram_ids=[telegram_id])
    lost = (
        update(StaffChat)
        .where(StaffChat.telegram_id == telegram_id, StaffChat.bot_id == bot_id, StaffChat.is_reachable.is_(True))
        .values(is_reachable=False, changed_at=now)
    )
    with duty.watching(s, now=now):
        was_reachable = execute_count(s, lost)
    giving_up.drop_waiting(s, bot_id=bot_id, chat_id=telegram_id, outcome="unreachable", now=now)
    operator = s.execute(
        select(_operator.c.id, _operator.c.name)
        .join(Staff, Staff.operator_id == _operator.c.id)
        .where(Staff.telegram_id == telegram_id)
    ).one_or_none()
    if operator is None:
        return []
    if was_reachable:
        change_reach(s, operator.id)
        events.record_one(
            s,
            events.STAFF_CHANGED,
            actor=SYSTEM.label,
            now=now,
            operator_id=operator.id,
            reason="unreachable",
            data={"bot_id": bot_id},
        )
    return _return_unreachable(s, operator, bot_id, source_ids, now, rng, tell=bool(was_reachable))


def hold_accounts(s: Session, *, telegram_ids: Collection[int]) -> set[int]:
    """Locks the operators of accounts that may lose a chat, with all sources where their contacts may go (see
    `hold_operators`), before anything else is locked. Returns the ids of these sources.
    """
    theirs = select(Staff.operator_id).where(Staff.telegram_id.in_(telegram_ids), Staff.operator_id.is_not(None))
    operator_ids = {one for one in s.execute(theirs).scalars() if one is not None}
    source_ids: set[int] = set()
    while operator_ids:
        source_ids |= hold_operators(s, operator_ids, gives_back=True)
        # Another account may have taken an operator over, or one of these another operator, while we waited.
        now_theirs = {one for one in s.execute(theirs).scalars() if one is not None}
        if now_theirs <= operator_ids:
            break
        operator_ids |= now_theirs
    return source_ids


def _return_unreachable(
    s: Session, operator: Any, bot_id: int, source_ids: set[int], now: datetime, rng: Rng, *, tell: bool
) -> list[int]:
    returned = return_contacts(
        s, operator_id=operator.id, reason=ReturnReason.OPERATOR_UNREACHABLE, actor=SYSTEM, now=now, bot_id=bot_id
    )
    if not (returned or tell):
        return []
    _notify_unreachable(s, operator, bot_id, returned=len(returned), now=now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    wait_alerts.notify_waiting(s, contact_ids=returned, now=now)
    return returned


def _notify_unreachable(s: Session, operator: Any, bot_id: int, *, returned: int, now: datetime) -> None:
    notify_admins(
        s,
        cause=f"unreachable:{operator.id}:{bot_id}",
        code="operator_unreachable",
        now=now,
        bot_id=bot_id,
        operator=operator.name,
        bot=s.execute(select(Bot.username).where(Bot.id == bot_id)).scalar_one(),
        returned=returned,
    )

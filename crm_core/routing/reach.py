"""Which bots can write to an operator: where one becomes reachable without writing anything there as an operator.

Whoever has written to a bot as a client has a chat with it, and Telegram shows them no Start button there again. So
they are reachable there as soon as they are an operator who serves that bot.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import bindparam, exists, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import SYSTEM, telegram
from crm_core.access.serving import SPEAKER
from crm_core.messaging import outbox
from crm_core.routing import giving_out
from crm_core.routing.assignment import Rng
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.tables import Chat, Source, Staff, StaffChat, Weight

_reach = StaffChat.__table__


@dataclass(frozen=True, slots=True)
class Chatting:
    """An operator's account that has a chat with a bot."""

    telegram_id: int
    operator_id: int
    bot_id: int


def known_chats(s: Session, *, operator_id: int | None = None) -> list[Chatting]:
    """Chats of operators with bots that they serve, in which they wrote as clients, and never as operators.

    Args:
        operator_id: of one operator alone.
    """
    rows = execute(s, _KNOWN_CHATS) if operator_id is None else execute(s, _KNOWN_TO_ONE, {"to_operator": operator_id})
    return [Chatting(row.telegram_id, int(row.operator_id or 0), row.bot_id) for row in rows]


_ALL_KNOWN = (
    select(Staff.telegram_id, Staff.operator_id, Chat.bot_id)
    .distinct()
    .join(Weight, Weight.operator_id == Staff.operator_id)
    .join(Source, Source.id == Weight.source_id)
    .join(Chat, (Chat.bot_id == SPEAKER) & (Chat.chat_id == Staff.telegram_id))
    .where(
        Chat.is_blocked.is_(False),
        ~exists().where(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == Chat.bot_id),
    )
)
_KNOWN_CHATS = Prepared(_ALL_KNOWN)
_KNOWN_TO_ONE = Prepared(_ALL_KNOWN.where(Staff.operator_id == bindparam("to_operator")))


def reach_known_chats(s: Session, *, operator_id: int, now: datetime) -> bool:
    """Makes an operator reachable by the bots that they serve and have a chat with.

    The caller holds the operator, and assigns waiting contacts afterwards. Returns whether there was such a bot.
    """
    found = known_chats(s, operator_id=operator_id)
    for one in found:
        store_reachable(s, telegram_id=one.telegram_id, bot_id=one.bot_id, operator_id=operator_id, now=now)
    return bool(found)


def reach_all_known_chats(s: Session, *, now: datetime, rng: Rng) -> int:
    """The same for everybody: for those who joined and pressed Start in another bot in the same moment.

    Returns how many operators can be reached by further bots.
    """
    operator_ids = {one.operator_id for one in known_chats(s)}
    if not operator_ids:
        return 0
    source_ids = hold_operators(s, operator_ids)
    reached = sum(reach_known_chats(s, operator_id=one, now=now) for one in sorted(operator_ids))
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)
    return reached


_STORE = prepared_upsert(
    _reach,
    lambda fresh: fresh.on_conflict_do_update(
        index_elements=["telegram_id", "bot_id"],
        set_={"is_reachable": True, "changed_at": fresh.excluded.changed_at},
        where=_reach.c.is_reachable.is_(False),
    ),
)


def store_reachable(s: Session, *, telegram_id: int, bot_id: int, operator_id: int | None, now: datetime) -> bool:
    """Stores that a bot can write to a member of staff, and queues their menu there.

    Returns whether it could not before: somebody may write several messages at once when they are back.
    """
    values = {"telegram_id": telegram_id, "bot_id": bot_id, "is_reachable": True, "changed_at": now}
    if not execute_count(s, _STORE, values):
        return False
    events.record_one(
        s,
        events.STAFF_CHANGED,
        actor=telegram(telegram_id).label,
        now=now,
        operator_id=operator_id,
        reason="reached",
        data={"bot_id": bot_id},
    )
    outbox.add(s, [menu(bot_id, telegram_id)], now=now)
    return True


def menu(bot_id: int, telegram_id: int) -> outbox.OutboxEntry:
    """The commands of somebody's roles, for their menu in a bot."""
    return outbox.OutboxEntry(outbox.MENU, bot_id, telegram_id, dedup_key=f"menu:{bot_id}:{telegram_id}")

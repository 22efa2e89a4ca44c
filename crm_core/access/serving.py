"""At which bots an account is on the staff. At every other bot it is a client like anybody else.

Admins are staff at every bot. An operator is at those where they have a weight at a source, and at those that have been
able to write to them as an operator: where they joined, or have worked before.
"""

from datetime import timedelta
from typing import Any

from sqlalchemy import ColumnElement, Exists, and_, exists, func, or_, select
from sqlalchemy.orm import aliased

from crm_core.storage.tables import Bot, Chat, Contact, FormerStaff, Source, Staff, StaffChat, Weight

FORMER_FOR = timedelta(days=7)
"""For how long the words of a removed operator are answered rather than taken for a client's request."""


def _first_bot() -> Any:
    bot = aliased(Bot)  # never the one of a query around it
    return select(bot.id).order_by(bot.position).limit(1).scalar_subquery()


SPEAKER = func.coalesce(Source.bot_id, _first_bot())
"""The bot that talks to operators about a source's contacts: the source's own, else the first."""


def serves(telegram_id: Any, bot_id: Any) -> Exists:
    """The condition that an account is on the staff at a bot; both are columns or parameters."""
    staff, chat, weight, source = aliased(Staff), aliased(StaffChat), aliased(Weight), aliased(Source)
    has_chat = exists().where(chat.telegram_id == staff.telegram_id, chat.bot_id == bot_id).correlate_except(chat)
    works = (
        exists()
        .where(  # correlated by hand: the columns may be of a query further out
            weight.operator_id == staff.operator_id,
            source.id == weight.source_id,
            func.coalesce(source.bot_id, _first_bot()) == bot_id,
        )
        .correlate_except(weight, source)
    )
    role = or_(staff.is_admin.is_(True), has_chat, works)
    return exists().where(staff.telegram_id == telegram_id, role).correlate_except(staff)


def left_at(telegram_id: Any, bot_id: Any) -> Any:
    """When an account stopped being an operator at a bot, as a column; NULL if it never was one, or long ago."""
    former = aliased(FormerStaff)
    return (
        select(former.left_at)
        .where(former.telegram_id == telegram_id, former.bot_id == bot_id)
        .correlate_except(former)
        .scalar_subquery()
    )


def of_own_request() -> ColumnElement[bool]:
    """The condition that joins `Chat` and `Contact`: a request of the person in this chat that is still open there."""
    return and_(
        Contact.lead_id == Chat.lead_id,
        Contact.bot_id == Chat.bot_id,
        Contact.chat_id == Chat.chat_id,
        Contact.status != "closed",
    )

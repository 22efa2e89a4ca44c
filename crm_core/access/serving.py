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


# So that none is taken for one of a query around it. Made once: an alias takes longer than a query.
_bot, _staff, _chat, _weight = aliased(Bot), aliased(Staff), aliased(StaffChat), aliased(Weight)
_source, _former = aliased(Source), aliased(FormerStaff)

_FIRST_BOT = select(_bot.id).order_by(_bot.position).limit(1).scalar_subquery()

SPEAKER = func.coalesce(Source.bot_id, _FIRST_BOT)
"""The bot that talks to operators about a source's contacts: the source's own, else the first."""


def serves(telegram_id: Any, bot_id: Any) -> Exists:
    """The condition that an account is on the staff at a bot; both are columns or parameters."""
    has_chat = exists().where(_chat.telegram_id == _staff.telegram_id, _chat.bot_id == bot_id).correlate_except(_chat)
    works = (
        exists()
        .where(  # correlated by hand: the columns may be of a query further out
            _weight.operator_id == _staff.operator_id,
            _source.id == _weight.source_id,
            func.coalesce(_source.bot_id, _FIRST_BOT) == bot_id,
        )
        .correlate_except(_weight, _source)
    )
    role = or_(_staff.is_admin.is_(True), has_chat, works)
    return exists().where(_staff.telegram_id == telegram_id, role).correlate_except(_staff)


def left_at(telegram_id: Any, bot_id: Any) -> Any:
    """When an account stopped being an operator at a bot, as a column; NULL if it never was one, or long ago."""
    return (
        select(_former.left_at)
        .where(_former.telegram_id == telegram_id, _former.bot_id == bot_id)
        .correlate_except(_former)
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

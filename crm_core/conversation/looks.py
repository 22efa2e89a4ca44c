"""What is needed now in a contact, for a card that is shown again: new words since the last look, and whose turn it is.

An operator has looked at a contact when they took it, answered, or asked for its card.
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import ScalarSelect, and_, func, select, type_coerce, union_all
from sqlalchemy.orm import Session

from crm_core.messaging.answers import WAITS_SINCE
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Message, Posted

_contact, _message, _posted = Contact.__table__, Message.__table__, Posted.__table__
_instant = _contact.c.created_at.type


@dataclass(frozen=True, slots=True)
class Needed:
    """What is needed now.

    Attributes:
        looked_at: when the operator looked last; None if they never did.
        new: how many messages of the client have come since.
        waits_since: since when the client waits for an answer; None if they do not.
        answered_at: when they were answered last.
    """

    looked_at: datetime | None
    new: int
    waits_since: datetime | None
    answered_at: datetime | None


def needed(s: Session, *, contact_id: int, chat_id: int, besides: int | None) -> Needed | None:
    """What is needed now in a contact, for the operator of a chat; None if there is no such contact.

    Args:
        besides: Telegram's id of the card that is drawn: that it was asked for is no look before it.
    """
    mine = (_message.c.contact_id == contact_id, _message.c.author == "operator", _message.c.withdrawn_at.is_(None))
    taken = and_(_contact.c.id == contact_id, _contact.c.taken_at >= _contact.c.current_assigned_at)
    asked = (_posted.c.contact_id == contact_id, _posted.c.chat_id == chat_id, _posted.c.message_id != (besides or 0))
    looks = union_all(
        select(func.max(_posted.c.asked_at).label("at")).where(*asked),
        select(func.max(_message.c.created_at)).where(*mine, _message.c.operator_id == _operator_of(contact_id)),
        select(_contact.c.taken_at).where(taken),
    ).subquery()
    looked_at = type_coerce(select(func.max(looks.c.at)).scalar_subquery(), _instant)
    theirs = (_message.c.contact_id == contact_id, _message.c.author == "client")
    query = select(
        looked_at.label("looked_at"),
        select(func.count()).where(*theirs, _message.c.created_at > looked_at).scalar_subquery().label("new"),
        WAITS_SINCE.label("waits_since"),
        type_coerce(select(func.max(_message.c.created_at)).where(*mine).scalar_subquery(), _instant).label(
            "answered_at"
        ),
    ).where(_contact.c.id == contact_id)
    row = execute(s, query).one_or_none()
    return None if row is None else Needed(**row._mapping)


def _operator_of(contact_id: int) -> ScalarSelect[int | None]:
    return select(_contact.c.operator_id).where(_contact.c.id == contact_id).scalar_subquery()

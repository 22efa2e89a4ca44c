"""What was said in a contact, for whoever may read it."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, func, select
from sqlalchemy.orm import Session, aliased

from crm_core.access.actors import Actor, access_reader
from crm_core.storage.execute import execute
from crm_core.storage.tables import Lead, Message, Operator, Source


@dataclass(frozen=True, slots=True)
class Said:
    """One message.

    Attributes:
        operator: the name of who wrote it; None for the client.
        kind: Telegram's content type.
        is_withdrawn: whether its operator took it back.
        forwarded_from, about: as in `MessageContent`.
    """

    at: datetime
    operator: str | None
    kind: str
    text: str | None
    is_withdrawn: bool = False
    forwarded_from: str | None = None
    about: dict[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class History:
    """The newest messages of a contact, oldest first, and how many there are in all.

    Attributes:
        is_own: whether who reads it holds the contact as an operator, or held it when it was closed.
        protect_content: whether its source lets what its clients send be neither forwarded nor saved.
    """

    lead: str | None
    total: int
    said: list[Said]
    is_own: bool
    protect_content: bool = False


def history(s: Session, *, contact_id: int, actor: Actor, limit: int) -> History:
    """The newest messages of a contact, for an admin or the operator who has it, or had it when it was closed.

    Raises NotAllowed, ContactNotFound (also where it is somebody else's).
    """
    reader = access_reader(s, actor, contact_id)
    contact = reader.contact
    about = (
        select(Lead.full_name, Source.protect_content).select_from(Source).outerjoin(Lead, Lead.id == contact.lead_id)
    )
    lead, protect_content = execute(s, about.where(Source.id == contact.source_id)).one()
    total = execute(s, select(func.count()).where(Message.contact_id == contact_id)).scalar_one()
    said = _newest(s, Message.contact_id == contact_id, limit=limit)
    return History(lead, total, said, reader.is_own, protect_content)


_SAID = select(
    Message.created_at.label("at"),
    Operator.name.label("operator"),
    Message.kind,
    Message.text,
    Message.withdrawn_at.is_not(None).label("is_withdrawn"),
    Message.forwarded_from,
    Message.about,
).outerjoin(Operator, Operator.id == Message.operator_id)


def _newest(s: Session, *which: ColumnElement[bool], limit: int) -> list[Said]:
    newest = _SAID.where(*which).order_by(Message.id.desc()).limit(limit)
    said = [Said(**row._mapping) for row in execute(s, newest)]
    return said[::-1]


def between(s: Session, *, contact_id: int, first: int, last: int, with_withdrawn: bool = False) -> list[Said]:
    """What was said in a contact from one stored message to another.

    Args:
        with_withdrawn: whether what was taken back is part of it.
    """
    which = [Message.contact_id == contact_id, Message.id.between(first, last)]
    if not with_withdrawn:
        which.append(Message.withdrawn_at.is_(None))
    return [Said(**row._mapping) for row in execute(s, _SAID.where(*which).order_by(Message.id))]


def after_first(s: Session, *, contact_id: int, limit: int) -> list[Said]:
    """The newest messages of a contact, oldest first, without its client's first one, which stands on its card."""
    other = aliased(Message)
    first = select(func.min(other.id)).where(other.contact_id == contact_id, other.author == "client")
    besides = Message.id != func.coalesce(first.scalar_subquery(), 0)
    return _newest(s, Message.contact_id == contact_id, besides, limit=limit)

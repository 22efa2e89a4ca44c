"""A client presses Start, perhaps by a source link, and is told where their request stands."""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.contacts.leads import LeadFacts
from crm_core.conversation.known_clients import find, identify, pin_source
from crm_core.routing import waiting_list
from crm_core.storage.tables import (
    Contact,
    Operator,
    Source,
)

_contact = Contact.__table__


@dataclass(frozen=True, slots=True)
class Started:
    """A client pressed Start.

    Attributes:
        source: the name of the source of a link that their next contact belongs to, None for the bot's own.
        takes_requests: whether a message of theirs would be taken now.
    """

    source: str | None
    takes_requests: bool


def start_chat(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime, slug: str | None = None
) -> Started:
    """A client pressed Start, perhaps by a source link: then their next contact in this chat belongs to that source.

    Args:
        slug: what the link names. An old link may name a source that was removed or switched off; then the next contact
            belongs to the bot's own source.

    Raises IsStaff.
    """
    known = identify(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, is_beginning=True)
    takes = known.contact_id is not None or known.source.is_active or _takes_requests(s, bot_id)
    if slug is None:
        return Started(None, takes)
    # Links are printed, and read aloud, in capitals too; slugs are small letters.
    wanted = (Source.slug == slug.casefold(), Source.bot_id == bot_id, Source.is_active.is_(True))
    source = s.execute(select(Source.id, Source.name).where(*wanted)).one_or_none()
    if source is None:
        return Started(None, takes)
    pin_source(s, bot_id, chat_id, source.id)
    return Started(str(source.name), takes_requests=True)


def _takes_requests(s: Session, bot_id: int) -> bool:
    """Whether a bot's own source takes requests."""
    is_active = select(Source.is_active).where(Source.bot_id == bot_id, Source.slug.is_(None))
    return bool(s.execute(is_active).scalar_one())


@dataclass(frozen=True, slots=True)
class Standing:
    """Where a client's open contact stands: who has it, or its place in the queue."""

    contact_id: int
    operator: str | None
    place: int


def standing(s: Session, *, bot_id: int, chat_id: int) -> Standing | None:
    """The open contact that the next message of a chat would join, None if it would open one."""
    known = find(s, bot_id=bot_id, chat_id=chat_id)
    if known is None or known.contact_id is None:
        return None
    of_holder = (
        select(Operator.name)
        .join(_contact, _contact.c.operator_id == Operator.id)
        .where(_contact.c.id == known.contact_id)
    )
    operator = s.execute(of_holder).scalar_one_or_none()
    place = waiting_list.position_of(s, contact_id=known.contact_id, source_id=known.source.id)
    return Standing(known.contact_id, operator, place)

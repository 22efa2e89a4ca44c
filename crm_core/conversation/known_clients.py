"""The client of a chat: what is stored of them, the source that their words are for, and the contact open there."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, delete, insert, or_, select, update
from sqlalchemy.orm import Session

from crm_core.access.serving import FORMER_FOR, left_at, of_own_request, serves
from crm_core.contacts import leads
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import blocked_clients, questions, recipients
from crm_core.errors import IsStaff, NoLongerOperator
from crm_core.events import NewEvent
from crm_core.messaging import messages
from crm_core.messaging.messages import MessageContent
from crm_core.routing.source_facts import SETTINGS, SourceFacts, facts_from
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import (
    Chat,
    Contact,
    FormerStaff,
    Lead,
    Source,
    Staff,
)

_chat, _lead, _contact = Chat.__table__, Lead.__table__, Contact.__table__

_KNOWN = Prepared(
    select(
        _chat.c.lead_id,
        _chat.c.is_blocked,
        _lead.c.full_name,
        _lead.c.username,
        _lead.c.language,
        serves(_chat.c.chat_id, _chat.c.bot_id).label("is_staff"),
        left_at(_chat.c.chat_id, _chat.c.bot_id).label("left_at"),
        _chat.c.source_id.label("booked"),
        *SETTINGS,
        _contact.c.id.label("contact_id"),
        _contact.c.version,
        Staff.telegram_id.label("operator_chat"),
        _contact.c.wakes_at,
        _contact.c.operator_id,
    )
    .select_from(_chat)
    .join(_lead, _lead.c.id == _chat.c.lead_id)
    .join(
        Source,
        or_(
            Source.id == _chat.c.source_id,
            and_(_chat.c.source_id.is_(None), Source.bot_id == _chat.c.bot_id, Source.slug.is_(None)),
        ),
    )
    .outerjoin(
        _contact,
        and_(
            _contact.c.lead_id == _chat.c.lead_id,
            _contact.c.source_id == Source.id,
            _contact.c.bot_id == _chat.c.bot_id,
            _contact.c.status != "closed",
            _contact.c.chat_id.is_not(None),
        ),
    )
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(_chat.c.bot_id == bindparam("bot_id"), _chat.c.chat_id == bindparam("chat_id"))
)
_NEW_CHAT = Prepared(insert(_chat))
_NEWCOMER = Prepared(
    select(
        *SETTINGS,
        serves(bindparam("chat_id"), bindparam("bot_id")).label("is_staff"),
        left_at(bindparam("chat_id"), bindparam("bot_id")).label("left_at"),
        select(_lead.c.id).where(_lead.c.external_id == bindparam("external_id")).scalar_subquery().label("lead_id"),
    ).where(Source.bot_id == bindparam("bot_id"), Source.slug.is_(None))
)


@dataclass(frozen=True, slots=True)
class KnownClient:
    """A client in their chat with a bot: what is stored, the source that messages are for, the contact open there."""

    lead_id: int
    is_blocked: bool
    full_name: str | None
    username: str | None
    language: str | None
    is_staff: bool
    booked: int | None
    source: SourceFacts
    contact_id: int | None = None
    version: int = 0
    operator_chat: int | None = None
    left_at: datetime | None = None
    is_newcomer: bool = False
    wakes_at: datetime | None = None
    operator_id: int | None = None

    @property
    def waiting_load(self) -> int:
        """What that contact counts while it waits for its client, in hundredths."""
        return self.source.waiting_load

    @property
    def forum_bot_id(self) -> int | None:
        """The bot of the forum of that source."""
        return self.source.forum_bot_id

    @property
    def forum_chat_id(self) -> int | None:
        """The forum of that source."""
        return self.source.forum_chat_id

    @property
    def source_id(self) -> int:
        """The source of the contact that is open."""
        return self.source.id


def find(s: Session, *, bot_id: int, chat_id: int) -> KnownClient | None:
    """The client of a chat, None for one who has not written yet."""
    row: Any = execute(s, _KNOWN, {"bot_id": bot_id, "chat_id": chat_id}).one_or_none()
    if row is None:
        return None
    source = facts_from(row, bot_id=bot_id, card_bot_id=bot_id)
    return KnownClient(
        row.lead_id,
        row.is_blocked,
        row.full_name,
        row.username,
        row.language,
        row.is_staff,
        row.booked,
        source,
        row.contact_id,
        row.version,
        row.operator_chat,
        row.left_at,
        wakes_at=row.wakes_at,
        operator_id=row.operator_id,
    )


def _make_known(
    s: Session, *, bot_id: int, chat_id: int, person: LeadFacts, now: datetime, happened: list[NewEvent] | None
) -> KnownClient:
    row: Any = execute(s, _NEWCOMER, {"bot_id": bot_id, "chat_id": chat_id, "external_id": person.external_id}).one()
    lead_id = row.lead_id if row.lead_id is not None else leads.create(s, person, now=now, happened=happened)
    execute(s, _NEW_CHAT, {"bot_id": bot_id, "chat_id": chat_id, "lead_id": lead_id, "is_blocked": False})
    if row.lead_id is None:
        source = facts_from(row, bot_id=bot_id, card_bot_id=bot_id)
        return KnownClient(
            lead_id,
            False,
            person.full_name,
            person.username,
            person.language,
            row.is_staff,
            None,
            source,
            left_at=row.left_at,
            is_newcomer=True,
        )
    known = find(s, bot_id=bot_id, chat_id=chat_id)
    assert known is not None, "the chat was stored a line above"
    return known


def identify(
    s: Session,
    *,
    bot_id: int,
    chat_id: int,
    person: LeadFacts,
    now: datetime,
    is_beginning: bool = False,
    happened: list[NewEvent] | None = None,
) -> KnownClient:
    """The client of a chat, stored if they are new; name, username and language are updated to what Telegram shows.

    Args:
        is_beginning: whether they pressed Start, by which a former operator becomes a client like anybody else.
        happened: see `leads.create`.

    Raises IsStaff for an account on the bot's staff, unless a request of theirs is still open here: then they go on
    being its client, and `contact_id` is that request. Raises NoLongerOperator for somebody who was removed from the
    operators of this bot some days ago.
    """
    known = find(s, bot_id=bot_id, chat_id=chat_id)
    if known is None:
        known = _make_known(s, bot_id=bot_id, chat_id=chat_id, person=person, now=now, happened=happened)
    if known.is_staff:
        known = with_own_request(s, known, bot_id, chat_id)
    elif known.left_at is not None and known.contact_id is None:
        if known.left_at > now - FORMER_FOR and not is_beginning:
            raise NoLongerOperator()
        former = delete(FormerStaff)
        s.execute(former.where(FormerStaff.telegram_id == chat_id, FormerStaff.bot_id == bot_id))
    shown = {"full_name": person.full_name, "username": person.username, "language": person.language}
    changed = {name: value for name, value in shown.items() if value != getattr(known, name)}
    if changed:
        leads.update_profile(s, lead_id=known.lead_id, changed=changed)
    if known.is_blocked:
        blocked_clients.set_blocked(s, bot_id=bot_id, chat_id=chat_id, is_blocked=False)
    return known


_OWN_REQUEST = (
    select(
        _contact.c.id,
        _contact.c.version,
        _contact.c.wakes_at,
        _contact.c.operator_id,
        Staff.telegram_id.label("operator_chat"),
    )
    .select_from(Chat)
    .join(Contact, of_own_request())
    .outerjoin(Staff, Staff.operator_id == _contact.c.operator_id)
    .where(Chat.bot_id == bindparam("bot_id"), Chat.chat_id == bindparam("chat_id"))
    .order_by(_contact.c.id.desc())
    .limit(1)
)


def with_own_request(s: Session, known: KnownClient, bot_id: int, chat_id: int) -> KnownClient:
    """Somebody on the staff as the client of their own request. Raises IsStaff if none of theirs is open here."""
    own = s.execute(_OWN_REQUEST, {"bot_id": bot_id, "chat_id": chat_id}).one_or_none()
    if own is None:
        raise IsStaff()
    return replace(
        known,
        contact_id=own.id,
        version=own.version,
        operator_chat=own.operator_chat,
        wakes_at=own.wakes_at,
        operator_id=own.operator_id,
    )


def is_for_own_request(s: Session, *, content: MessageContent) -> bool:
    """Whether what somebody on the staff writes is for the open request whose client they are in this chat.

    So is a reply to a message of that request, and whatever replies to nothing, names no number and belongs to no album
    that went to a client. Raises NotRecordedYet.
    """
    if content.reply_to is None:
        begun = None if content.album is None else questions.album_of(s, content, content.album)
        return begun is None and recipients.numbered(content) is None
    place = {"bot_id": content.bot_id or 0, "chat_id": content.chat_id or 0, "message_id": content.reply_to}
    target = messages.reply_target(s, **place)
    if target is None:
        return False
    client = s.execute(select(_contact.c.chat_id).where(_contact.c.id == target.contact_id)).scalar_one_or_none()
    return bool(client == content.chat_id)


def pin_source(s: Session, bot_id: int, chat_id: int, source_id: int | None) -> None:
    """What a client says next in a chat is for this source; None for the bot's own."""
    s.execute(update(_chat).where(_chat.c.bot_id == bot_id, _chat.c.chat_id == chat_id).values(source_id=source_id))

"""The data for the texts of outbox rows, read in the transaction that claims them, so that it is the newest.

Reading for a whole batch at once keeps the number of statements independent of its size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, and_, bindparam, func, select
from sqlalchemy.orm import Session, aliased

from crm_core import events
from crm_core.contacts import decline_reasons
from crm_core.conversation import copies, forums, history, leaving, looks, overviews, reminders, topics, unanswered
from crm_core.conversation.forum_steps import Facts, Step, state_of
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.conversation.overview_pages import Shown
from crm_core.conversation.topics import NO_TOPIC, ShownTopic
from crm_core.messaging import forum_rows, outbox, outbox_attempts
from crm_core.messaging.outbox import PendingRow
from crm_core.messaging.outbox_attempts import Claimed
from crm_core.routing import offers, waiting_list
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import Contact, Event, Lead, Message, Operator, OutboxRow, Posted, Source, Staff

EARLIER = aliased(Contact)
FIRST = aliased(Message)
HOLDER_STAFF = aliased(Staff)

LATEST_SHOWN = 5  # messages of both sides on a card that was shown again

WITH_CONTACT = (outbox.CARD, outbox.CARD_EDIT, outbox.TALK, outbox.CLIENT_NOTICE, outbox.FORUM)
FOR_STAFF = (
    outbox.CARD, outbox.CARD_EDIT, outbox.TALK, outbox.TO_OPERATOR, outbox.MORE, outbox.STAFF_NOTICE,
    outbox.NOTICE_EDIT, outbox.MENU, outbox.OVERVIEW, outbox.MY,
)  # fmt: skip
SHOWS_CLIENT = (outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.FORUM)  # what the client of a contact sent
WITH_MESSAGE = (outbox.TO_OPERATOR, outbox.TO_CLIENT, outbox.COPY_EDIT, outbox.DELETE)


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """A contact as a card or a notice shows it, at one version.

    Its columns are given by name: by position, a new one once made cards name the wrong operator.

    Attributes:
        taken_at: the take of the operator who holds it now, if somebody else took it before them.
        has_chat: whether the client is in Telegram.
        has_late: whether the client has written after it was closed, and nobody has said what to do with it.
        previous_operator: who had it before it was handed on to who has it now.
        offered_at, offer_ends_at: of an offer to who has it now, which may have no end.
        note, note_by: what whoever had it before wrote for who has it now, and their name.
        is_vip: whether its client comes before others in the queue.
        wakes_at: until when it sleeps; None if it does not.
        is_alone: whether who has it now has no other open contact that is awake.
        last_id, last_operator, last_closed_at: the client's request before this one, and whose it is, or was when it
            was closed.
        source_skills, own_skills: what it requires of operators (`crm_core.routing.skills`).
        protect_content: whether its source lets operators neither forward nor save what its client sends.
    """

    id: int
    version: int
    status: str
    source: str
    bot_id: int | None
    created_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    operator: str | None
    operator_chat: int | None
    lead_name: str | None
    lead_username: str | None
    lead_language: str | None
    phone: str | None
    email: str | None
    email_hint: str | None
    first_kind: str | None
    first_text: str | None
    first_entities: list[dict[str, Any]] | None
    earlier: int
    last_operator: str | None
    has_chat: bool = True
    current_assigned_at: datetime | None = None
    has_late: bool = False
    previous_operator: str | None = None
    queue_position: int | None = None
    first_forwarded_from: str | None = None
    first_about: dict[str, Any] | None = None
    offered_at: datetime | None = None
    offer_ends_at: datetime | None = None
    note: str | None = None
    note_by: str | None = None
    is_vip: bool = False
    wakes_at: datetime | None = None
    is_alone: bool = False
    protect_content: bool = False
    last_id: int | None = None
    last_closed_at: datetime | None = None
    source_skills: str | None = None
    own_skills: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageData:
    """A stored message that is to be copied, and what the copy replies to in its new chat.

    Attributes:
        reply_to: Telegram's id, in the chat where the copy goes, of the message that it replies to; None for none.
        answered: the stored message that it replies to, None for none.
        is_exact: whether `reply_to` is that message, or its copy, and not the card that everything hangs on.
        is_in_talk: whether `reply_to` is a talk that shows that message among others.
        copy_id: Telegram's id of an earlier copy in that chat, if there is one.
        is_withdrawn: whether its operator has taken it back.
        operator: the name of who wrote it, None for the client.
        forwarded_from, about, media: as in `MessageContent`.
        protect_content: as in `CardData`.
    """

    id: int
    kind: str
    text: str | None
    entities: list[dict[str, Any]] | None
    chat_id: int | None
    message_id: int | None
    can_copy: bool
    reply_to: int | None
    answered: int | None = None
    is_exact: bool = True
    is_in_talk: bool = False
    copy_id: int | None = None
    is_withdrawn: bool = False
    operator: str | None = None
    forwarded_from: str | None = None
    about: dict[str, Any] | None = None
    media: dict[str, Any] | None = None
    protect_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumData:
    """What the album of a message needs, whose copies can be no replies while it arrives as an album.

    Attributes:
        reply_to: Telegram's id of the message that it must reply to nevertheless: the one that its writer replied to,
            or its first copy if this part is late; None for none.
        is_beneath: whether what came last in the chat is of the same contact, so that it is clear whose it is.
        client: the name of the contact's client.
    """

    reply_to: int | None
    is_beneath: bool
    client: str | None


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A claimed row with the data for its text.

    Attributes:
        language: the reader's, None if unknown.
        roles: the reader's on the staff: `operator`, `admin`.
        latest, needed: the newest messages, and what is needed now, for a card that was shown again.
        is_over: whether what it would tell is no longer so.
        overview: what an overview shows.
        is_protected: whether what is sent can be neither forwarded nor saved: what a client sent, at an operator.
        forum: the next step of the contact's topic in a team's forum, if there is one.
        topic: of the contact in the chat, if its reader wants topics; None for a row that has nothing to do with one.
    """

    id: int
    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None
    payload: dict[str, Any]
    attempts: int
    ambiguous: int
    failures: int
    language: str | None
    contact: CardData | None = None
    message: MessageData | None = None
    roles: tuple[str, ...] = ()
    talk: tuple[Said, ...] = ()
    latest: tuple[Said, ...] = ()
    is_over: bool = False
    overview: Shown | None = None
    album: AlbumData | None = None
    is_protected: bool = False
    topic: ShownTopic | None = None
    needed: Needed | None = None
    forum: Step | None = None

    @property
    def messages(self) -> int:
        """How many messages it makes, as limits count them."""
        return 1 if self.forum is None else self.forum.messages


_earlier_count = (
    select(func.count()).select_from(EARLIER).where(EARLIER.lead_id == Contact.lead_id, EARLIER.id < Contact.id)
).scalar_subquery()
_last_earlier = (
    select(func.max(EARLIER.id)).where(EARLIER.lead_id == Contact.lead_id, EARLIER.id < Contact.id)
).scalar_subquery()
_first_message = (  # of the client: an operator may have written first, if the contact came without a message
    select(Message.id)
    .where(Message.contact_id == Contact.id, Message.author == "client")
    .order_by(Message.id)
    .limit(1)
    .scalar_subquery()
)
_author = aliased(Operator)
_note_by = select(_author.name).where(_author.id == Contact.note_operator_id).scalar_subquery()
_HOLDER, _PREVIOUS, _LAST_OPERATOR = aliased(Operator), aliased(Operator), aliased(Operator)
_LAST = aliased(Contact)
_before = and_(_PREVIOUS.id == Contact.previous_operator_id, _PREVIOUS.id != Contact.operator_id)

_CONTACTS = PreparedForIds(
    lambda ids: (
        select(
            Contact.id,
            Contact.version,
            Contact.status,
            Source.name.label("source"),
            Contact.bot_id,
            Contact.created_at,
            Contact.taken_at,
            Contact.closed_at,
            _HOLDER.name.label("operator"),
            HOLDER_STAFF.telegram_id.label("operator_chat"),
            Lead.full_name.label("lead_name"),
            Lead.username.label("lead_username"),
            Lead.language.label("lead_language"),
            Lead.phone,
            Lead.email,
            Lead.email_hint,
            FIRST.kind.label("first_kind"),
            FIRST.text.label("first_text"),
            FIRST.entities.label("first_entities"),
            _earlier_count.label("earlier"),
            _LAST_OPERATOR.name.label("last_operator"),
            Contact.chat_id.is_not(None).label("has_chat"),
            Contact.current_assigned_at,
            Contact.late_from.is_not(None).label("has_late"),
            _PREVIOUS.name.label("previous_operator"),
            FIRST.forwarded_from.label("first_forwarded_from"),
            FIRST.about.label("first_about"),
            Contact.offered_at,
            Contact.offer_ends_at,
            Contact.note,
            _note_by.label("note_by"),
            (Lead.head_start > 0).label("is_vip"),
            Contact.wakes_at,
            (_HOLDER.current_leads == 1).label("is_alone"),
            Contact.source_id,
            Source.protect_content,
            _LAST.id.label("last_id"),
            _LAST.closed_at.label("last_closed_at"),
            Source.skills.label("source_skills"),
            Contact.skills.label("own_skills"),
        )
        .join(Source, Source.id == Contact.source_id)
        .join(Lead, Lead.id == Contact.lead_id)
        .outerjoin(_HOLDER, _HOLDER.id == Contact.operator_id)
        .outerjoin(_PREVIOUS, _before)
        .outerjoin(HOLDER_STAFF, HOLDER_STAFF.operator_id == Contact.operator_id)
        .outerjoin(FIRST, FIRST.id == _first_message)
        .outerjoin(_LAST, _LAST.id == _last_earlier)
        .outerjoin(_LAST_OPERATOR, _LAST_OPERATOR.id == _LAST.operator_id)
        .where(Contact.id.in_(ids))
    )
)

ANSWERED = aliased(Message)


def _newest_there(*conditions: Any) -> Any:
    """Telegram's id of the newest of these messages of ours in the chat where a row goes.

    `+ 0` keeps SQLite from using the key (bot, chat, message), which it prefers for its order: it would read everything
    that was ever posted in the chat.
    """
    place = (Posted.bot_id + 0 == OutboxRow.bot_id, Posted.chat_id == OutboxRow.chat_id)
    return select(func.max(Posted.message_id)).where(*conditions, *place).scalar_subquery()


_MESSAGES = PreparedForIds(
    lambda ids: (
        select(
            OutboxRow.id.label("row_id"),
            Message.id,
            Message.kind,
            Message.text,
            Message.entities,
            Message.chat_id,
            Message.message_id,
            Message.can_copy,
            func.coalesce(
                # The message that is replied to, if it was written in the chat where this copy goes …
                select(ANSWERED.message_id)
                .where(
                    ANSWERED.id == Message.reply_to,
                    ANSWERED.bot_id == OutboxRow.bot_id,
                    ANSWERED.chat_id == OutboxRow.chat_id,
                )
                .scalar_subquery(),
                # … or our copy of it there. Some have it only in a talk (`_with_more`).
                _newest_there(Posted.message_ref == Message.reply_to),
            ).label("answered_there"),
            Message.reply_to.label("answered"),
            # In an operator's chat every copy replies at least to the card. Clients have no cards.
            _newest_there(Posted.contact_id == OutboxRow.contact_id, Posted.is_card.is_(True)).label("card_id"),
            _newest_there(Posted.message_ref == Message.id).label("copy_id"),
            Message.withdrawn_at.is_not(None).label("is_withdrawn"),
            Message.forwarded_from,
            Message.about,
            Message.media,
            Operator.name.label("operator"),
            Source.protect_content,
        )
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == Message.contact_id)
        .join(Source, Source.id == Contact.source_id)
        .outerjoin(Operator, Operator.id == Message.operator_id)
        .where(OutboxRow.id.in_(ids))
    )
)
# Two levels down, SQLAlchemy takes the row of the outbox for a table of the query's own.
_NEWEST_OF_CONTACT = _newest_there(Posted.contact_id == OutboxRow.contact_id).correlate(OutboxRow)
SIBLING, SIBLING_COPY, LATER = aliased(Message), aliased(Posted), aliased(Posted)
_ALBUMS = PreparedForIds(
    lambda ids: (
        select(
            OutboxRow.id.label("row_id"),
            Message.reply_to.is_not(None).label("is_reply"),
            select(func.min(SIBLING_COPY.message_id))
            .select_from(SIBLING)
            .join(SIBLING_COPY, SIBLING_COPY.message_ref == SIBLING.id)
            .where(
                SIBLING.contact_id == Message.contact_id,
                SIBLING.album == Message.album,
                SIBLING_COPY.bot_id + 0 == OutboxRow.bot_id,  # see `_newest_there`
                SIBLING_COPY.chat_id == OutboxRow.chat_id,
            )
            .scalar_subquery()
            .label("begun"),
            select(LATER.message_id)
            .where(
                LATER.bot_id == OutboxRow.bot_id,
                LATER.chat_id == OutboxRow.chat_id,
                LATER.message_id > func.coalesce(_NEWEST_OF_CONTACT, 0),
            )
            .exists()
            .label("is_parted"),
            Lead.full_name.label("client"),
        )
        .join(Message, Message.id == OutboxRow.message_ref)
        .join(Contact, Contact.id == OutboxRow.contact_id)
        .join(Lead, Lead.id == Contact.lead_id)
        .where(OutboxRow.id.in_(ids))
    )
)
_READERS = PreparedForIds(
    lambda ids: select(Staff.telegram_id, Staff.language, Staff.is_admin, Staff.operator_id, Staff.has_topics).where(
        Staff.telegram_id.in_(ids)
    )
)


def claim(s: Session, *, ids: Sequence[int], fencing_token: int) -> list[ClaimedRow]:
    """Claims rows (see `outbox_attempts.claim`) and reads the data for each."""
    return _with_data(s, outbox_attempts.claim(s, ids=ids, fencing_token=fencing_token))


def claim_added(s: Session, *, rows: Sequence[PendingRow], fencing_token: int) -> list[ClaimedRow]:
    """The same for rows that this very transaction has added (see `outbox_attempts.claim_added`)."""
    return _with_data(s, outbox_attempts.claim_added(s, rows=rows, fencing_token=fencing_token))


def _with_data(s: Session, rows: Sequence[Claimed]) -> list[ClaimedRow]:
    if not rows:
        return []
    contacts = _contacts(s, {row.contact_id for row in rows if row.kind in WITH_CONTACT and row.contact_id})
    messages = _messages(s, [row.id for row in rows if row.kind in WITH_MESSAGE])
    readers = _readers(s, {row.chat_id for row in rows if row.kind in FOR_STAFF})
    found = [
        _claimed_row(row, contacts.get(row.contact_id), messages.get(row.id), readers.get(row.chat_id)) for row in rows
    ]
    found = _with_albums(s, [_with_more(s, one) for one in found])
    return _with_topics(s, found, {row.chat_id for row in found if _may_have_topics(row, readers)})


def _may_have_topics(row: ClaimedRow, readers: Mapping[int, Row[Any]]) -> bool:
    """Whether a chat has topics: its reader wants them, or has left the staff, and its cards say who has them now."""
    reader = readers.get(row.chat_id)
    return row.kind == outbox.CARD_EDIT if reader is None else bool(reader.has_topics)


def _with_topics(s: Session, rows: list[ClaimedRow], chats: set[int]) -> list[ClaimedRow]:
    """The rows, those to chats with topics with the topics of their contacts."""
    if not chats:
        return rows
    about = {row.id: _contact_of(row) for row in rows if row.chat_id in chats and row.kind in FOR_STAFF}
    contacts = {contact_id for contact_id in about.values() if contact_id is not None}
    known = topics.of_contacts(s, contacts) if contacts else {}
    return [
        row
        if (contact_id := about.get(row.id)) is None
        else replace(row, topic=known.get((contact_id, row.bot_id, row.chat_id), NO_TOPIC))
        for row in rows
    ]


def _contact_of(row: ClaimedRow) -> int | None:
    """The contact in whose topic a row belongs. What is a reply of ours stands where it stands that it answers."""
    if row.kind == outbox.STAFF_NOTICE and row.payload.get("reply_to") is not None:
        return None
    named = row.payload.get("contact")
    return row.contact_id or (named if isinstance(named, int) else None)


def _with_albums(s: Session, rows: list[ClaimedRow]) -> list[ClaimedRow]:
    """The rows, those of albums with what these need."""
    parts = [row.id for row in rows if outbox.ALBUM in row.payload]
    if not parts:
        return rows
    found = {one.row_id: one for one in execute(s, _ALBUMS, {"ids": parts})}
    return [_in_album(row, found[row.id]) if row.id in found else row for row in rows]


def _in_album(row: ClaimedRow, about: Any) -> ClaimedRow:
    """A part of an album. One that is late replies to the first copy, whether it comes alone or with others."""
    message = row.message
    if message is None:
        return row
    reply_to = message.reply_to if about.is_reply else None
    if about.begun is not None and message.copy_id is None:
        reply_to = about.begun
        message = replace(message, reply_to=reply_to)
    album = AlbumData(reply_to=reply_to, is_beneath=not about.is_parted, client=about.client)
    return replace(row, message=message, album=album)


def _with_more(s: Session, row: ClaimedRow) -> ClaimedRow:
    """What only some rows need, which are so rare that each may ask for itself."""
    if row.kind == outbox.FORUM and row.contact is not None:
        return _with_step(s, row, row.contact)
    if row.kind == outbox.TALK and row.contact_id is not None:
        return _with_talk(s, row, row.contact_id)
    if row.kind == outbox.COPY_EDIT and row.payload.get("to_operator") and row.contact_id is not None:
        return replace(row, is_over=copies.sides(s, row.contact_id).operator != (row.bot_id, row.chat_id))
    if row.kind == outbox.TO_OPERATOR and row.message is not None and not row.message.is_exact:
        return _answering_in_talk(s, row, row.message)
    if row.payload.get("is_brief"):
        return _with_latest(s, row)
    if row.payload.get("asks_why"):
        return replace(row, payload={**row.payload, "reasons": decline_reasons.listing(s)})
    if row.payload.get("code") == "still_offered" and row.contact_id is not None:
        return replace(row, is_over=not offers.is_offered_to(s, contact_id=row.contact_id, chat_id=row.chat_id))
    if row.kind in (outbox.OVERVIEW, outbox.MY):
        message_id = row.payload.get("message_id")
        shown = overviews.now_shown(s, bot_id=row.bot_id, chat_id=row.chat_id, message_id=message_id)
        return replace(row, overview=shown, is_protected=shown.is_protected)
    if row.payload.get("code") == "clients_unanswered":
        requests = unanswered.still_so(s, row.payload["requests"])
        return replace(row, payload={**row.payload, "requests": requests}, is_over=not requests)
    if row.payload.get("code") == "shift_over":
        held = leaving.in_chat(s, chat_id=row.chat_id)
        return replace(row, payload={**row.payload, "held": held}, is_over=not held)
    if row.payload.get("code") == "service_due":
        due = {"contact_id": row.payload["contact"], "chat_id": row.chat_id, "unanswered": row.payload["unanswered"]}
        return replace(row, is_over=not reminders.is_still_so(s, **due))
    if row.payload.get("code") == "client_waits" and row.contact_id is not None:
        about = {"contact_id": row.contact_id, "chat_id": row.chat_id, "unanswered": row.payload["unanswered"]}
        return replace(row, is_over=not reminders.is_still_so(s, **about))
    return row


def _with_step(s: Session, row: ClaimedRow, contact: CardData) -> ClaimedRow:
    """The next step of a topic in a team's forum, in the language of that forum."""
    state = state_of(contact.status, is_asleep=contact.wakes_at is not None)
    facts = Facts(state, contact.lead_name, contact.source, contact.operator)
    place = {"bot_id": row.bot_id, "chat_id": row.chat_id}
    no_album = bool(row.payload.get(forum_rows.NO_ALBUM))
    step = forums.claimed_step(s, contact_id=contact.id, contact=facts, no_album=no_album, **place)
    return replace(row, forum=step, language=None if step is None else step.language)


def _answering_in_talk(s: Session, row: ClaimedRow, message: MessageData) -> ClaimedRow:
    """A copy of a reply to what its reader has only in a talk replies to that talk."""
    if message.answered is None or row.contact_id is None:
        return row
    place = (row.bot_id, row.chat_id)
    shown = copies.talk_with(s, contact_id=row.contact_id, place=place, message_ref=message.answered)
    if shown is None:
        return row
    return replace(row, message=replace(message, reply_to=shown, is_exact=True, is_in_talk=True))


def _with_talk(s: Session, row: ClaimedRow, contact_id: int) -> ClaimedRow:
    """What both sides said; of one that is in the chat already, also which message it is, and what was taken back."""
    about = {"contact_id": contact_id, "first": row.payload["first"], "last": row.payload["last"]}
    before = row.payload.get("of_row")
    if before is None:
        return replace(row, talk=tuple(history.between(s, **about)))
    shown_as = execute(s, select(OutboxRow.result_id).where(OutboxRow.id == before)).scalar_one_or_none()
    if shown_as is None:
        return row
    talk = tuple(history.between(s, **about, with_withdrawn=True))
    return replace(row, talk=talk, payload={**row.payload, "message_id": shown_as})


def _with_latest(s: Session, row: ClaimedRow) -> ClaimedRow:
    """A card that was shown again, with what was said last."""
    if row.contact_id is None:
        return row
    latest = history.after_first(s, contact_id=row.contact_id, limit=LATEST_SHOWN)
    drawn = row.payload.get("message_id")
    needed = looks.needed(s, contact_id=row.contact_id, chat_id=row.chat_id, besides=drawn)
    return replace(row, latest=tuple(latest), needed=needed)


def _claimed_row(
    row: Claimed, contact: CardData | None, message: MessageData | None, reader: Row[Any] | None
) -> ClaimedRow:
    language: str | None = None
    roles: tuple[str, ...] = ()
    if reader is not None:
        language = reader.language
        roles = tuple(role for role, has in (("operator", reader.operator_id), ("admin", reader.is_admin)) if has)
    elif contact is not None:
        language = contact.lead_language
    else:
        language = row.payload.get("language")
    return ClaimedRow(
        id=row.id,
        kind=row.kind,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        contact_id=row.contact_id,
        payload=row.payload,
        attempts=row.attempts,
        ambiguous=row.ambiguous,
        failures=row.failures,
        language=language,
        contact=contact,
        message=message,
        roles=roles,
        is_protected=_is_protected(row, message or contact),
    )


def _is_protected(row: Claimed, about: CardData | MessageData | None) -> bool:
    """Whether what a row shows is protected; what is not of one contact says so itself."""
    if row.kind in SHOWS_CLIENT:
        return about is not None and about.protect_content
    return bool(row.payload.get(outbox.PROTECTED))


def _contacts(s: Session, ids: set[int]) -> dict[int | None, CardData]:
    if not ids:
        return {}
    found: dict[int | None, CardData] = {}
    for row in execute(s, _CONTACTS, {"ids": sorted(ids)}):
        columns = row._asdict()
        source_id = columns.pop("source_id")
        contact = CardData(**columns)
        if contact.operator is None and contact.status == "new":  # the client is told their position in the queue
            position = waiting_list.position_of(s, contact_id=contact.id, source_id=source_id)
            contact = replace(contact, queue_position=position)
        if contact.status == "in_progress" and _is_of_another(contact):
            contact = replace(contact, taken_at=execute(s, _TAKEN, {"contact_id": contact.id}).scalar_one())
        found[contact.id] = contact
    return found


def _is_of_another(contact: CardData) -> bool:
    """Whether the first take, which the contact keeps, was not the present operator's."""
    taken, assigned = contact.taken_at, contact.current_assigned_at
    return taken is not None and assigned is not None and taken < assigned


_TAKEN = select(func.max(Event.at)).where(
    Event.contact_id == bindparam("contact_id"), Event.kind.in_((events.CONTACT_TAKEN, events.CONTACT_REOPENED))
)


def _messages(s: Session, ids: list[int]) -> dict[int, MessageData]:
    if not ids:
        return {}
    found = [row._asdict() for row in execute(s, _MESSAGES, {"ids": ids})]
    return {columns.pop("row_id"): _message_data(columns) for columns in found}


def _message_data(columns: dict[str, Any]) -> MessageData:
    answered_there, card_id = columns.pop("answered_there"), columns.pop("card_id")
    reply_to = card_id if answered_there is None else answered_there
    return MessageData(**columns, reply_to=reply_to, is_exact=answered_there is not None)


def _readers(s: Session, chats: set[int]) -> dict[int, Row[Any]]:
    if not chats:
        return {}
    rows: list[Row[Any]] = list(execute(s, _READERS, {"ids": sorted(chats)}))
    return {row.telegram_id: row for row in rows}

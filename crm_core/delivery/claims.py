"""The data for the texts of outbox rows, read in the transaction that claims them, so that it is the newest.

Reading for a whole batch at once keeps the number of statements independent of its size.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import NamedTuple

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.contacts import decline_reasons
from crm_core.conversation import copies, forums, history, leaving, looks, overviews, reminders, topics, unanswered
from crm_core.conversation.forum_steps import Facts, state_of
from crm_core.conversation.topics import NO_TOPIC
from crm_core.delivery import card_data, message_data
from crm_core.delivery.claimed_rows import AlbumData, CardData, ClaimedRow, MessageData
from crm_core.messaging import forum_rows, outbox, outbox_attempts
from crm_core.messaging.outbox import PendingRow
from crm_core.messaging.outbox_attempts import Claimed
from crm_core.routing import offers
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds
from crm_core.storage.tables import OutboxRow, Staff

LATEST_SHOWN = 5  # messages of both sides on a card that was shown again

WITH_CONTACT = (outbox.CARD, outbox.CARD_EDIT, outbox.TALK, outbox.CLIENT_NOTICE, outbox.FORUM)
FOR_STAFF = (
    outbox.CARD, outbox.CARD_EDIT, outbox.TALK, outbox.TO_OPERATOR, outbox.MORE, outbox.STAFF_NOTICE,
    outbox.NOTICE_EDIT, outbox.MENU, outbox.OVERVIEW, outbox.MY,
)  # fmt: skip
SHOWS_CLIENT = (outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.FORUM)  # what the client of a contact sent
WITH_MESSAGE = (outbox.TO_OPERATOR, outbox.TO_CLIENT, outbox.COPY_EDIT, outbox.DELETE)


_READERS = PreparedForIds(
    lambda ids: select(Staff.telegram_id, Staff.language, Staff.has_topics, Staff.operator_id, Staff.is_admin).where(
        Staff.telegram_id.in_(ids)
    )
)


class Reader(NamedTuple):
    """A member of the staff who reads a row.

    Attributes:
        has_topics: whether they want a topic for each contact in their chat.
        roles: `operator`, `admin`; read for a row that shows a menu.
    """

    language: str | None
    has_topics: bool
    roles: tuple[str, ...] = ()


def claim(s: Session, *, ids: Sequence[int], fencing_token: int) -> list[ClaimedRow]:
    """Claims rows (see `outbox_attempts.claim`) and reads the data for each."""
    return _with_data(s, outbox_attempts.claim(s, ids=ids, fencing_token=fencing_token))


def claim_added(s: Session, *, rows: Sequence[PendingRow], fencing_token: int) -> list[ClaimedRow]:
    """The same for rows that this very transaction has added (see `outbox_attempts.claim_added`)."""
    return _with_data(s, outbox_attempts.claim_added(s, rows=rows, fencing_token=fencing_token))


def _with_data(s: Session, rows: Sequence[Claimed]) -> list[ClaimedRow]:
    if not rows:
        return []
    contacts = card_data.of_contacts(s, {row.contact_id for row in rows if row.kind in WITH_CONTACT and row.contact_id})
    messages = message_data.of_rows(s, [row.id for row in rows if row.kind in WITH_MESSAGE])
    for row in rows:
        if row.kind == outbox.TO_OPERATOR and row.id in messages and not messages[row.id].is_exact:
            messages[row.id] = _answering_in_talk(s, row, messages[row.id])
    albums = message_data.of_albums(s, rows, messages)
    readers = _readers(s, rows, contacts)
    found = [
        _claimed_row(row, contacts.get(row.contact_id), messages.get(row.id), readers.get(row.chat_id), albums)
        for row in rows
    ]
    found = [_with_more(s, one) for one in found]
    return _with_topics(s, found, {row.chat_id for row in found if _may_have_topics(row, readers)})


def _may_have_topics(row: ClaimedRow, readers: Mapping[int, Reader]) -> bool:
    """Whether a chat has topics: its reader wants them, or has left the staff, and its cards say who has them now."""
    reader = readers.get(row.chat_id)
    return row.kind == outbox.CARD_EDIT if reader is None else reader.has_topics


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


def _with_more(s: Session, row: ClaimedRow) -> ClaimedRow:
    """What only some rows need, which are so rare that each may ask for itself."""
    if row.kind == outbox.FORUM and row.contact is not None:
        return _with_step(s, row, row.contact)
    if row.kind in outbox.OF_ONE_MESSAGE and row.attempts > 1:
        about = {"row_id": row.id, "chat_id": row.chat_id, "message_id": row.payload["message_id"]}
        is_followed = outbox_attempts.is_followed(s, bot_id=row.bot_id, kind=row.kind, **about)
        return replace(row, is_followed=is_followed)
    if row.kind == outbox.TALK and row.contact_id is not None:
        return _with_talk(s, row, row.contact_id)
    if row.kind == outbox.COPY_EDIT and row.payload.get("to_operator") and row.contact_id is not None:
        return replace(row, is_over=copies.sides(s, row.contact_id).operator != (row.bot_id, row.chat_id))
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
    step = forums.claimed_step(
        s,
        contact_id=contact.id,
        bot_id=row.bot_id,
        chat_id=row.chat_id,
        contact=facts,
        no_album=bool(row.payload.get(forum_rows.NO_ALBUM)),
        no_copy=bool(row.payload.get(forum_rows.NO_COPY)),
        is_again=bool(row.payload.get(forum_rows.AGAIN)),
    )
    return replace(row, forum=step, language=None if step is None else step.language)


def _answering_in_talk(s: Session, row: Claimed, message: MessageData) -> MessageData:
    """A copy of a reply to what its reader has only in a talk replies to that talk."""
    if message.answered is None or row.contact_id is None:
        return message
    place = (row.bot_id, row.chat_id)
    shown = copies.talk_with(s, contact_id=row.contact_id, place=place, message_ref=message.answered)
    if shown is None:
        return message
    return replace(message, reply_to=shown, is_exact=True, is_in_talk=True)


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
    row: Claimed,
    contact: CardData | None,
    message: MessageData | None,
    reader: Reader | None,
    albums: Mapping[int, AlbumData],
) -> ClaimedRow:
    if reader is not None:
        language = reader.language
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
        roles=() if reader is None else reader.roles,
        album=albums.get(row.id),
        is_protected=_is_protected(row, message or contact),
    )


def _is_protected(row: Claimed, about: CardData | MessageData | None) -> bool:
    """Whether what a row shows is protected; what is not of one contact says so itself."""
    if row.kind in SHOWS_CLIENT:
        return about is not None and about.protect_content
    return bool(row.payload.get(outbox.PROTECTED))


def _readers(s: Session, rows: Sequence[Claimed], contacts: Mapping[int | None, CardData]) -> dict[int, Reader]:
    """Who of the staff reads these rows, by their chats. Of who has the contact that a row is about, that is known."""
    found: dict[int, Reader] = {}
    unknown: set[int] = set()
    for row in rows:
        if row.kind not in FOR_STAFF:
            continue
        contact = contacts.get(row.contact_id)
        if row.kind != outbox.MENU and contact is not None and contact.operator_chat == row.chat_id:
            found[row.chat_id] = Reader(contact.operator_language, contact.operator_has_topics)
        else:
            unknown.add(row.chat_id)
    if unknown:
        for chat_id, language, has_topics, operator_id, is_admin in execute(s, _READERS, {"ids": sorted(unknown)}):
            roles = tuple(role for role, has in (("operator", operator_id), ("admin", is_admin)) if has)
            found[chat_id] = Reader(language, has_topics, roles)
    return found

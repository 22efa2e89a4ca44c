"""What follows from messages that were sent: what replies to them, edits and cards must know of them is stored."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.contacts import cards
from crm_core.conversation import overviews, questions, taking_back
from crm_core.delivery.attempt_outcome import OVERVIEWS, Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import card_edits, outbox
from crm_core.routing import wait_notices
from crm_core.storage.execute import execute
from crm_core.storage.prepared import PreparedForIds, prepared_upsert
from crm_core.storage.tables import Contact, Posted

WITH_MESSAGE_IDS = frozenset(
    {outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.TO_CLIENT, outbox.CLIENT_NOTICE, outbox.STAFF_NOTICE}
)
# Locked: a concurrent change of the contact does not see the card that is being recorded here, nor do we see that
# change. One has to wait for the other, or the card would stay outdated.
_VERSIONS = PreparedForIds(
    lambda ids: (
        select(Contact.id, Contact.version, Contact.message, Contact.late_from.is_not(None))
        .where(Contact.id.in_(ids))
        .order_by(Contact.id)
        .with_for_update(key_share=True)
    )
)
_STORE_IDS = prepared_upsert(Posted.__table__, lambda insert: insert.on_conflict_do_nothing())


def store(s: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Stores which message in which chat belongs to what, so that replies to it find their contact."""
    sent = [one for one in outcomes if one.settled.state == "sent"]
    rows = [
        {
            "bot_id": one.job.bot_id,
            "chat_id": one.job.chat_id,
            "message_id": one.settled.result_id,
            "contact_id": one.job.contact_id,
            "is_card": one.job.kind == outbox.CARD,
            "message_ref": one.job.message.id if one.job.message else None,
        }
        for one in sent
        if one.job.kind in WITH_MESSAGE_IDS and one.job.contact_id and one.settled.result_id
    ]
    rows += [
        {
            "bot_id": one.job.bot_id,
            "chat_id": one.job.chat_id,
            "message_id": number,
            "contact_id": one.job.contact_id,
            "is_card": False,
            "message_ref": None,  # edits are for the copy itself
        }
        for one in outcomes
        for number in one.settled.also
        if one.job.contact_id and one.job.kind != outbox.FORUM
    ]
    _store_parts(s, outcomes, now)  # locks contacts, which the next statement only shares
    if rows:
        execute(s, _STORE_IDS, rows)
    for one in sent:
        if one.settled.result_id:
            _note_message(s, one.job, one.settled.result_id, now)
    _say_whose_albums(s, sent, now)
    _refresh_outdated(s, sent, now)
    _fold_older(s, sent, now)


def _say_whose_albums(s: Session, sent: Sequence[Outcome], now: datetime) -> None:
    """Says beneath an album what its copies have no room for, in reply to the first one.

    It is a row of its own: the chat must rest first, and meanwhile the album must not count as being sent.
    """
    together: dict[tuple[int, str], list[Outcome]] = {}
    for one in sent:
        if one.job.kind == outbox.TO_OPERATOR and one.job.album is not None:
            together.setdefault((one.job.chat_id, one.job.payload[outbox.ALBUM]), []).append(one)
    for parts in together.values():
        first = min(parts, key=lambda one: one.job.id)
        payload = _about_album(first.job, first.settled.result_id)
        if len(parts) > 1 and payload is not None:  # one that came by itself says so by itself
            job = first.job
            line = outbox.OutboxEntry(outbox.STAFF_NOTICE, job.bot_id, job.chat_id, job.contact_id, payload=payload)
            outbox.add(s, [line], now=now)


def _about_album(job: ClaimedRow, first_copy: int | None) -> dict[str, Any] | None:
    """What is to be said of an album; None if nothing is."""
    message, album = job.message, job.album
    if message is None or album is None:
        return None
    is_unclear = not album.is_beneath and album.reply_to is None
    if not is_unclear and message.operator is None and message.forwarded_from is None and message.about is None:
        return None
    return {
        "code": "album",
        "contact": job.contact_id,
        "client": album.client,
        "is_unclear": is_unclear,
        "operator": message.operator,
        "forwarded_from": message.forwarded_from,
        "about": message.about,
        "with_quote": album.reply_to is None,
        "reply_to": first_copy,
        "is_silent": True,
        outbox.PROTECTED: job.is_protected,
    }


def _store_parts(s: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """Stores what copies consist of besides, since all of it may be taken back."""
    for one in sorted(outcomes, key=lambda one: one.job.contact_id or 0):
        job, parts = one.job, one.settled.also
        if parts and job.contact_id is not None and job.message is not None:
            place = (job.bot_id, job.chat_id)
            taking_back.note_parts(
                s,
                row_id=job.id,
                contact_id=job.contact_id,
                message_ref=job.message.id,
                place=place,
                parts=parts,
                now=now,
            )


def _note_message(s: Session, job: ClaimedRow, message_id: int, now: datetime) -> None:
    """Stores which message of the bot's is a short card, or asks or tells what is going to be edited."""
    code = job.payload.get("code")
    if job.kind in OVERVIEWS and "message_id" not in job.payload:
        place = {"bot_id": job.bot_id, "chat_id": job.chat_id, "message_id": message_id}
        overviews.note_sent(s, **place, is_protected=job.is_protected, now=now)
    elif job.kind == outbox.CARD and job.payload.get("is_brief"):
        asked_at = now if job.payload.get(cards.ASKED_FOR) else None
        cards.note_brief(s, bot_id=job.bot_id, chat_id=job.chat_id, message_id=message_id, asked_at=asked_at)
    elif code == "to_whom":
        questions.note_asked(
            s,
            bot_id=job.bot_id,
            chat_id=job.chat_id,
            message_id=message_id,
            pending_id=job.payload["pending"],
            now=now,
        )
    elif job.kind == outbox.STAFF_NOTICE and code == "contact_waits":
        wait_notices.note(
            s,
            source_id=job.payload["source_id"],
            bot_id=job.bot_id,
            chat_id=job.chat_id,
            message_id=message_id,
            contact_id=job.payload["contact"],
        )


def _fold_older(s: Session, sent: list[Outcome], now: datetime) -> None:
    """Leaves one live card of each contact in a chat; the contacts are locked."""
    for one in sent:
        job = one.job
        # A contact of the first version has just been opened, and has no earlier card.
        is_again = not job.payload.keys().isdisjoint(("is_brief", cards.REPLACES))
        if job.kind == outbox.CARD and job.contact and (job.contact.version > 1 or is_again):
            cards.fold_older(s, contact_id=job.contact.id, bot_id=job.bot_id, chat_id=job.chat_id, now=now)
        elif job.kind == outbox.CARD_EDIT and job.attempts > 1 and job.contact_id and not job.payload.get("is_below"):
            # It was under way, and tried again, while a newer card was shown.
            there = {"bot_id": job.bot_id, "chat_id": job.chat_id, "message_id": job.payload["message_id"]}
            if cards.is_folded(s, **there):
                cards.fold(s, contact_id=job.contact_id, **there, now=now)


def _refresh_outdated(s: Session, sent: list[Outcome], now: datetime) -> None:
    """Redraws cards of contacts that have changed meanwhile."""
    # A contact may have changed while its card was being sent, when there was no card to update yet. Several cards of
    # one contact may have arrived at once: of its former operator, and of its present one.
    shown: dict[int, set[tuple[int, str | None, bool]]] = {}
    for one in sent:
        if one.job.kind == outbox.CARD and one.job.contact_id and one.job.contact:
            contact = one.job.contact
            seen = (contact.version, contact.first_text, contact.has_late)
            shown.setdefault(one.job.contact_id, set()).add(seen)
    if shown:
        for contact_id, *newest in execute(s, _VERSIONS, {"ids": sorted(shown)}):
            if shown[contact_id] != {tuple(newest)}:
                card_edits.refresh_all(s, contact_id=contact_id, now=now)

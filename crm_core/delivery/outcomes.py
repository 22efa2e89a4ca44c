"""What follows from an attempt to send: the row is settled, message ids are stored, people are notified."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import bindparam, func, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.serving import serves
from crm_core.contacts import cards
from crm_core.conversation import blocked_clients, edits, forums, overviews, questions, taking_back, topics
from crm_core.conversation.topics import ShownTopic
from crm_core.delivery import bots
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.events import NewEvent
from crm_core.messaging import alerts, card_edits, giving_up, outbox, outbox_attempts
from crm_core.messaging.outbox_attempts import Settled
from crm_core.routing import forum_settings, wait_notices
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import execute
from crm_core.storage.locks import lock_contact, lock_sources
from crm_core.storage.prepared import PreparedForIds, prepared_upsert
from crm_core.storage.tables import Contact, Message, Posted, Staff
from crm_core.team import departure

# For whoever holds the contact, and nobody else.
OF_HOLDER = (outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.MORE)
# Messages between people, and cards: resent until delivery is confirmed (at least once). A duplicate is harmless, since
# buttons carry contact and version.
AT_LEAST_ONCE = frozenset({*OF_HOLDER, outbox.TO_CLIENT, outbox.ANSWER, outbox.STAFF_NOTICE, outbox.FORUM})
# Repeating these changes nothing ("message is not modified" counts as success).
REPEATABLE = frozenset(
    {outbox.CARD_EDIT, outbox.COPY_EDIT, outbox.NOTICE_EDIT, outbox.SCREEN, outbox.MENU, outbox.DELETE}
) | {
    outbox.OVERVIEW,
    outbox.MY,
    outbox.PIN,
    outbox.REACTION,
}  # an overview that was sent twice leaves one message too many, without a sound
# The rest (greetings and similar notices) is sent at most once.

FAILURES_AT_MOST = 5
UNREACHABLE = frozenset({"blocked", "deactivated", "not_started", "chat_not_found"})
WITH_MESSAGE_IDS = frozenset(
    {outbox.CARD, outbox.TALK, outbox.TO_OPERATOR, outbox.TO_CLIENT, outbox.CLIENT_NOTICE, outbox.STAFF_NOTICE}
)


TO_CLIENTS = (outbox.TO_CLIENT, outbox.CLIENT_NOTICE)
OVERVIEWS = (outbox.OVERVIEW, outbox.MY)


def after_unknown(kind: str, failures: int) -> str:
    """The state of a row after an attempt of which nobody knows whether it was applied.

    Args:
        failures: how many attempts of the row ended like that while others were sent, including this one. Those that
            failed with all others, or with the process, are not the row's fault, and are never too many.

    Returns `pending` (send again) or `uncertain` (stop, and say so).
    """
    is_sent_again = kind in REPEATABLE or kind in AT_LEAST_ONCE
    return "pending" if is_sent_again and failures < FAILURES_AT_MOST else "uncertain"


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt and its outcome.

    Attributes:
        topic: what has become of the topic of its contact, if anything has.
    """

    job: ClaimedRow
    settled: Settled
    topic: ShownTopic | None = None


@dataclass(frozen=True, slots=True)
class Shut:
    """A gate that a flood wait has shut: a chat's, a method's, or (both None) the whole bot's."""

    chat_id: int | None
    until: datetime
    method: str | None = None


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


def record(
    s: Session,
    *,
    bot_id: int,
    fencing_token: int,
    outcomes: Sequence[Outcome],
    gates: Sequence[Shut],
    now: datetime,
    rng: Rng,
) -> None:
    """Settles a batch of attempts and does what follows from them, all in one transaction.

    Of attempts of an earlier session only message ids are stored: a message is in its chat, whichever session sent it.
    """
    _hold_who_is_gone(s, bot_id, outcomes)
    for gate in gates:
        if gate.method is not None:
            bots.shut_method(s, bot_id=bot_id, method=gate.method, until=gate.until)
        elif gate.chat_id is None:
            bots.shut_bot(s, bot_id=bot_id, until=gate.until)
        else:
            bots.shut_chat(s, bot_id=bot_id, chat_id=gate.chat_id, until=gate.until)
    if not outcomes:
        return
    forum = [one for one in outcomes if one.job.kind == outbox.FORUM and one.job.forum is not None]
    if refused := {one.job.chat_id for one in forum if one.settled.state == "dead"}:
        lock_sources(s, forum_settings.of_group(s, refused))  # before any contact: a forum may be switched off
    mine = outbox_attempts.settle(s, settled=[one.settled for one in outcomes], fencing_token=fencing_token, now=now)
    _drop_reassigned(s, [one.job for one in outcomes if one.settled.state == "pending" and one.job.id in mine], now)
    _store_message_ids(s, outcomes, now)
    topics.note(
        s,
        [
            ((one.job.contact_id, one.job.bot_id, one.job.chat_id), one.topic)
            for one in outcomes
            if one.topic is not None and one.job.contact_id is not None
        ],
    )
    _follow_forums(s, [one for one in forum if one.job.id in mine], now)
    for one in _told_once(outcomes):
        if one.job.id not in mine or one.job.kind == outbox.FORUM:
            continue
        if one.settled.state in ("dead", "uncertain"):
            _on_lost_overview(s, one, now)
        if one.settled.state == "dead":
            _on_undeliverable(s, one, now=now, rng=rng)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.DELETE:
            _on_not_deleted(s, one, now)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.CARD:
            _notify_card_dead(s, one.job.bot_id, one.job.contact_id, now)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.CARD_EDIT:
            _replace_card(s, one.job, now, is_gone=False)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.COPY_EDIT:
            _notify_author(s, one, "edit_failed", now)
        elif one.settled.state == "uncertain" and one.job.kind in AT_LEAST_ONCE:
            _notify_author(s, one, "delivery_uncertain", now)
        elif (
            one.settled.state == "sent" and one.job.ambiguous and one.job.kind in (outbox.TO_CLIENT, outbox.TO_OPERATOR)
        ):
            _notify_author(s, one, "maybe_doubled", now)


def _follow_forums(s: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
    """What follows from steps of topics in a team's forum; no client and no operator is told of one that failed."""
    for one in sorted(outcomes, key=lambda one: one.job.contact_id or 0):  # they lock their contacts
        job, step = one.job, one.job.forum
        if step is None or job.contact_id is None:
            continue
        about: dict[str, Any] = {"contact_id": job.contact_id, "place": (job.bot_id, job.chat_id), "now": now}
        if one.settled.state == "sent":
            made = [number for number in (one.settled.result_id, *one.settled.also) if number is not None]
            forums.taken(s, step, made=made, **about)
        elif one.settled.state == "dead":
            forums.refused(s, step, why=one.settled.outcome, **about)
        elif one.settled.state == "uncertain":
            forums.left_out(s, step, **about)


def _on_lost_overview(s: Session, one: Outcome, now: datetime) -> None:
    """What is to become of an overview that could not be sent, edited or deleted; nothing of other rows."""
    job = one.job
    place: dict[str, Any] = {name: getattr(job, name) for name in ("bot_id", "chat_id")}
    place["message_id"] = job.payload.get("message_id")
    if job.kind in OVERVIEWS:
        overviews.forget_message(s, **place, is_there=one.settled.outcome in UNREACHABLE, now=now)
    elif job.kind == outbox.DELETE and job.payload.get("is_overview"):
        overviews.note_not_deleted(s, **place, now=now)


def _told_once(outcomes: Sequence[Outcome]) -> Iterator[Outcome]:
    """The outcomes, without further parts of an album that may have come twice, or not at all, like its first part."""
    in_doubt = set()
    for one in outcomes:
        album = one.job.payload.get(outbox.ALBUM)
        if album is not None and one.job.ambiguous + one.settled.ambiguous and one.settled.state != "dead":
            place = (one.job.chat_id, album, one.settled.state)
            if place in in_doubt:
                continue
            in_doubt.add(place)
        yield one


def _hold_who_is_gone(s: Session, bot_id: int, outcomes: Sequence[Outcome]) -> None:
    """Locks whoever turns out to be unreachable, before any row is changed (`crm_core.storage.locks`)."""
    gone = {one.job.chat_id for one in outcomes if one.settled.state == "dead" and one.settled.outcome in UNREACHABLE}
    if gone:
        departure.hold_accounts(s, telegram_ids=gone)
        blocked_clients.hold_chats(s, bot_id=bot_id, chat_ids=gone)


def _drop_reassigned(s: Session, again: Sequence[Any], now: datetime) -> None:
    """Gives up what would be resent to an operator whose contact was reassigned while it was being sent.

    Args:
        again: what is pending again, as claimed rows or rows of the outbox.
    """
    theirs = [one for one in again if one.kind in OF_HOLDER and one.contact_id is not None]
    for contact_id in sorted({one.contact_id for one in theirs}):
        lock_contact(s, contact_id)  # a concurrent reassignment has not seen that these rows are pending
    if theirs:
        giving_up.drop_moved(s, ids=[one.id for one in theirs], now=now)


_STORE_IDS = prepared_upsert(Posted.__table__, lambda insert: insert.on_conflict_do_nothing())


def _store_message_ids(s: Session, outcomes: Sequence[Outcome], now: datetime) -> None:
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


def _on_undeliverable(s: Session, one: Outcome, *, now: datetime, rng: Rng) -> None:
    """Handles a row that will never be delivered: records it, and notifies those who should know."""
    job, why = one.job, one.settled.outcome
    dead = NewEvent(
        events.DELIVERY_DEAD,
        now,
        events.SYSTEM,
        contact_id=job.contact_id,
        reason=why,
        data={"outbox_id": job.id, "kind": job.kind},
    )
    events.record(s, [dead])
    if why in UNREACHABLE:
        is_staff = _is_staff(s, job)
        if is_staff:
            departure.mark_unreachable(s, telegram_id=job.chat_id, bot_id=job.bot_id, now=now, rng=rng)
        if not is_staff or job.kind in TO_CLIENTS:
            refused = job.id if job.kind == outbox.TO_CLIENT else None
            blocked_clients.block(s, bot_id=job.bot_id, chat_id=job.chat_id, now=now, refused=refused, outcome=why)
    elif job.message is not None and job.message.is_withdrawn:
        if job.kind == outbox.DELETE:  # otherwise it was not sent, as its author wanted
            _on_not_deleted(s, one, now)
    elif job.kind in (outbox.TO_CLIENT, outbox.TO_OPERATOR):
        _notify_author(s, one, "delivery_failed", now)
    elif job.kind == outbox.COPY_EDIT and why != "nothing_to_send" and job.message is not None:
        if job.message.kind != "location":  # one that has stopped, or whose copy was deleted
            is_rewritten = bool(job.payload.get("is_rewritten"))
            edits.send_again(
                s,
                message_ref=job.message.id,
                bot_id=job.bot_id,
                chat_id=job.chat_id,
                now=now,
                is_rewritten=is_rewritten,
            )
    elif job.kind == outbox.CARD:
        _notify_card_dead(s, job.bot_id, job.contact_id, now)
    elif job.kind == outbox.NOTICE_EDIT:
        wait_notices.forget(s, bot_id=job.bot_id, chat_id=job.chat_id, message_id=job.payload["message_id"])
    elif job.kind == outbox.CARD_EDIT and why == "message_gone":
        _replace_card(s, job, now, is_gone=True)


def _on_not_deleted(s: Session, one: Outcome, now: datetime) -> None:
    """Notifies once whoever took words back that the client may still see them; a colleague's copy does not matter."""
    job = one.job
    if job.contact_id is None or job.message is None or not _is_clients_chat(s, job):
        return
    is_nowhere = one.settled.outcome == "nothing_to_send" and not taking_back.may_be_there(
        s, contact_id=job.contact_id, message_ref=job.message.id
    )
    about = {"message_ref": job.message.id, "chat_id": job.chat_id}
    if not is_nowhere and not taking_back.was_refused(s, row_id=job.id, **about):
        _notify_author(s, one, "not_taken_back", now)


def _replace_card(s: Session, job: ClaimedRow, now: datetime, *, is_gone: bool) -> None:
    if job.contact_id is not None and not job.payload.get("is_below"):
        cards.replace(
            s,
            contact_id=job.contact_id,
            bot_id=job.bot_id,
            chat_id=job.chat_id,
            message_id=job.payload["message_id"],
            is_gone=is_gone,
            now=now,
        )


def _notify_card_dead(s: Session, bot_id: int, contact_id: int | None, now: datetime) -> None:
    alerts.notify_admins(s, cause=f"card:{contact_id}", code="card_dead", now=now, bot_id=bot_id, contact=contact_id)


def _is_staff(s: Session, job: ClaimedRow) -> bool:
    return bool(execute(s, _IS_STAFF, {"chat_id": job.chat_id, "bot_id": job.bot_id}).scalar_one())


_IS_STAFF = select(serves(bindparam("chat_id"), bindparam("bot_id")))


def _is_clients_chat(s: Session, job: ClaimedRow) -> bool:
    """Whether a row goes to the client of its contact, who may be on the staff as well."""
    return execute(s, select(Contact.chat_id).where(Contact.id == job.contact_id)).scalar_one_or_none() == job.chat_id


def _notify_author(s: Session, one: Outcome, code: str, now: datetime) -> None:
    """Notifies the operator, in reply to the message: their own to a client, or a client's that came to them."""
    job = one.job
    if job.message is None:
        return
    chat_id: int | None
    reply_to: int | None
    if (
        job.kind == outbox.TO_CLIENT and job.message.chat_id is None
    ):  # written through the API, on behalf of the operator
        chat_id = _holder_chat(s, job.contact_id)
        shown = select(func.max(Posted.message_id)).where(
            Posted.message_ref == job.message.id, Posted.bot_id == job.bot_id, Posted.chat_id == chat_id
        )
        reply_to = execute(s, shown).scalar_one()
    elif job.kind in (outbox.TO_CLIENT, outbox.DELETE) or (job.kind == outbox.COPY_EDIT and _is_clients_chat(s, job)):
        chat_id, reply_to = job.message.chat_id, job.message.message_id
    else:
        chat_id, reply_to = job.chat_id, one.settled.result_id or job.message.copy_id or job.message.reply_to
    if chat_id is not None:
        payload = {
            "code": code,
            "contact": job.contact_id,
            "reply_to": reply_to,
            "kind": job.message.kind,
            "why": one.settled.outcome,
            "is_own": job.kind == outbox.TO_CLIENT,
        }
        outbox.add(
            s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, job.bot_id, chat_id, job.contact_id, payload=payload)], now=now
        )


def _holder_chat(s: Session, contact_id: int | None) -> int | None:
    return execute(
        s,
        select(Staff.telegram_id)
        .join(Contact, Contact.operator_id == Staff.operator_id)
        .where(Contact.id == contact_id),
    ).scalar_one_or_none()


def recover(
    s: Session, *, bot_id: int, fencing_token: int, now: datetime, pause: timedelta = timedelta(seconds=2)
) -> int:
    """Settles rows that an earlier session of the bot left in `sending`: nobody knows whether they arrived.

    Args:
        fencing_token: of the session that decides.
        pause: before anything is resent.

    Returns how many there were.
    """
    left = outbox_attempts.orphans(s, bot_id=bot_id, fencing_token=fencing_token)
    for row in left:
        state = after_unknown(row.kind, row.failures)
        due = now + pause if state == "pending" else None
        outbox_attempts.adopt(s, row_id=row.id, fencing_token=fencing_token)
        settled = Settled(row.id, state, "process_ended", not_before=due, ambiguous=True)
        outbox_attempts.settle(s, settled=[settled], fencing_token=fencing_token, now=now)
        if state == "uncertain" and row.kind == outbox.CARD:
            _notify_card_dead(s, bot_id, row.contact_id, now)
        elif state == "uncertain" and row.message_ref is not None:
            notify_lost_attempt(s, row, now, code="delivery_uncertain")
    _drop_reassigned(s, left, now)
    return len(left)


def notify_lost_attempt(s: Session, row: Any, now: datetime, *, code: str) -> None:
    """Notifies the operator, in reply to the message, that it may not have arrived; `row` is one of the outbox."""
    author = execute(
        s, select(Message.chat_id, Message.message_id, Message.kind).where(Message.id == row.message_ref)
    ).one_or_none()
    if author is None:
        return
    chat_id, reply_to = (author.chat_id, author.message_id) if row.kind == outbox.TO_CLIENT else (row.chat_id, None)
    if chat_id is None:  # written through the API, on behalf of the operator
        chat_id = _holder_chat(s, row.contact_id)
        if chat_id is None:
            return
    payload = {"code": code, "contact": row.contact_id, "reply_to": reply_to, "kind": author.kind}
    outbox.add(
        s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, row.bot_id, chat_id, row.contact_id, payload=payload)], now=now
    )

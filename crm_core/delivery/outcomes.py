"""What follows from an attempt to send: the row is settled, message ids are stored, people are notified."""

from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy.orm import Session

from crm_core.conversation import blocked_clients, forums, topics
from crm_core.delivery import author_notices, bots, repeating, sent_messages, undeliverable
from crm_core.delivery.attempt_outcome import UNREACHABLE, Outcome, Shut
from crm_core.messaging import giving_up, outbox, outbox_attempts
from crm_core.messaging.outbox_attempts import Settled
from crm_core.routing import forum_settings
from crm_core.routing.assignment import Rng
from crm_core.storage.locks import lock_contact, lock_sources
from crm_core.team import departure


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
    sent_messages.store(s, outcomes, now)
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
            undeliverable.note_lost_overview(s, one, now)
        if one.settled.state == "dead":
            undeliverable.handle(s, one, now=now, rng=rng)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.DELETE:
            undeliverable.notify_not_deleted(s, one, now)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.CARD:
            undeliverable.notify_card_dead(s, one.job.bot_id, one.job.contact_id, now)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.CARD_EDIT:
            undeliverable.replace_card(s, one.job, now, is_gone=False)
        elif one.settled.state == "uncertain" and one.job.kind == outbox.COPY_EDIT:
            author_notices.notify_author(s, one, "edit_failed", now)
        elif one.settled.state == "uncertain" and one.job.kind in repeating.AT_LEAST_ONCE:
            author_notices.notify_author(s, one, "delivery_uncertain", now)
        elif (
            one.settled.state == "sent" and one.job.ambiguous and one.job.kind in (outbox.TO_CLIENT, outbox.TO_OPERATOR)
        ):
            author_notices.notify_author(s, one, "maybe_doubled", now)


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
    theirs = [one for one in again if one.kind in repeating.OF_HOLDER and one.contact_id is not None]
    for contact_id in sorted({one.contact_id for one in theirs}):
        lock_contact(s, contact_id)  # a concurrent reassignment has not seen that these rows are pending
    if theirs:
        giving_up.drop_moved(s, ids=[one.id for one in theirs], now=now)


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
    counted = set[int]()  # chats; the rows of an album are one attempt
    for row in left:
        state = repeating.after_unknown(row.kind, row.failures)
        due = now + pause if state == "pending" else None
        outbox_attempts.adopt(s, row_id=row.id, fencing_token=fencing_token)
        requests = 1 if row.chat_id in counted else 1 + outbox.unrecorded(row.chat_id)  # for the process after this one
        counted.add(row.chat_id)
        settled = Settled(row.id, state, "process_ended", not_before=due, ambiguous=True, requests=requests)
        outbox_attempts.settle(s, settled=[settled], fencing_token=fencing_token, now=now)
        if state == "uncertain" and row.kind == outbox.CARD:
            undeliverable.notify_card_dead(s, bot_id, row.contact_id, now)
        elif state == "uncertain" and row.message_ref is not None:
            author_notices.notify_lost_attempt(s, row, now, code="delivery_uncertain")
    _drop_reassigned(s, left, now)
    return len(left)

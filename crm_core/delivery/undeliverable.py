"""What follows from a row that is given up: it is recorded, and whoever should know is notified."""

from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.serving import serves
from crm_core.contacts import cards
from crm_core.conversation import blocked_clients, edits, forums, overviews, taking_back
from crm_core.delivery import author_notices
from crm_core.delivery.attempt_outcome import OVERVIEWS, UNREACHABLE, Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.events import NewEvent
from crm_core.messaging import alerts, outbox
from crm_core.routing import wait_notices
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import execute
from crm_core.team import departure

TO_CLIENTS = (outbox.TO_CLIENT, outbox.CLIENT_NOTICE)


def note_lost_overview(s: Session, one: Outcome, now: datetime) -> None:
    """What is to become of an overview that could not be sent, edited or deleted; nothing of other rows."""
    job = one.job
    place: dict[str, Any] = {name: getattr(job, name) for name in ("bot_id", "chat_id")}
    place["message_id"] = job.payload.get("message_id")
    if job.kind in OVERVIEWS:
        overviews.forget_message(s, **place, is_there=one.settled.outcome in UNREACHABLE, now=now)
    elif job.kind == outbox.DELETE and job.payload.get("is_overview"):
        overviews.note_not_deleted(s, **place, now=now)


def handle(s: Session, one: Outcome, *, now: datetime, rng: Rng) -> None:
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
            notify_not_deleted(s, one, now)
    elif job.kind in (outbox.TO_CLIENT, outbox.TO_OPERATOR):
        author_notices.notify_author(s, one, "delivery_failed", now)
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
    elif job.kind == outbox.STAFF_NOTICE and why == forums.NOT_IN_GROUP:
        author_notices.notify_holder(s, job, now)
    elif job.kind == outbox.CARD:
        notify_card_dead(s, job.bot_id, job.contact_id, now)
    elif job.kind == outbox.NOTICE_EDIT:
        wait_notices.forget(s, bot_id=job.bot_id, chat_id=job.chat_id, message_id=job.payload["message_id"])
    elif job.kind == outbox.CARD_EDIT and why == "message_gone":
        replace_card(s, job, now, is_gone=True)


def notify_not_deleted(s: Session, one: Outcome, now: datetime) -> None:
    """Notifies once whoever took words back that the client may still see them; a colleague's copy does not matter."""
    job = one.job
    if job.contact_id is None or job.message is None or not author_notices.is_clients_chat(s, job):
        return
    is_nowhere = one.settled.outcome == "nothing_to_send" and not taking_back.may_be_there(
        s, contact_id=job.contact_id, message_ref=job.message.id
    )
    about = {"message_ref": job.message.id, "chat_id": job.chat_id}
    if not is_nowhere and not taking_back.was_refused(s, row_id=job.id, **about):
        author_notices.notify_author(s, one, "not_taken_back", now)


def replace_card(s: Session, job: ClaimedRow, now: datetime, *, is_gone: bool) -> None:
    """Shows a card anew that could not be edited.

    Args:
        is_gone: whether it is not in the chat any more.
    """
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


def notify_card_dead(s: Session, bot_id: int, contact_id: int | None, now: datetime) -> None:
    """Notifies admins that an operator may not have seen a contact that is theirs."""
    alerts.notify_admins(s, cause=f"card:{contact_id}", code="card_dead", now=now, bot_id=bot_id, contact=contact_id)


def _is_staff(s: Session, job: ClaimedRow) -> bool:
    return bool(execute(s, _IS_STAFF, {"chat_id": job.chat_id, "bot_id": job.bot_id}).scalar_one())


_IS_STAFF = select(serves(bindparam("chat_id"), bindparam("bot_id")))

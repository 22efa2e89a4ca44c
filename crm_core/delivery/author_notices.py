"""Notices to the operator about a message of theirs, or one that came to them, in reply to it."""

from datetime import datetime
from typing import Any

from sqlalchemy import func, select
from sqlalchemy.orm import Session

from crm_core.delivery.attempt_outcome import Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import forum_rows, outbox
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Message, Posted, Staff


def is_clients_chat(s: Session, job: ClaimedRow) -> bool:
    """Whether a row goes to the client of its contact, who may be on the staff as well."""
    return execute(s, select(Contact.chat_id).where(Contact.id == job.contact_id)).scalar_one_or_none() == job.chat_id


def notify_author(s: Session, one: Outcome, code: str, now: datetime) -> None:
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
    elif job.kind in (outbox.TO_CLIENT, outbox.DELETE) or (job.kind == outbox.COPY_EDIT and is_clients_chat(s, job)):
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
            **forum_rows.for_notice(s, job.contact_id, chat_id=chat_id),
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


_OF_A_GROUP = frozenset({"reply_to", "language", outbox.TOPIC})


def notify_holder(s: Session, job: ClaimedRow, now: datetime) -> None:
    """A notice cannot come where its words were written, in a group: whoever has the contact gets it in their chat."""
    chat_id = _holder_chat(s, job.contact_id)
    if chat_id is not None:
        payload = {name: value for name, value in job.payload.items() if name not in _OF_A_GROUP}
        notice = outbox.OutboxEntry(outbox.STAFF_NOTICE, job.bot_id, chat_id, job.contact_id, payload=payload)
        outbox.add(s, [notice], now=now)


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
    where = forum_rows.for_notice(s, row.contact_id, chat_id=chat_id)
    payload = {"code": code, "contact": row.contact_id, "reply_to": reply_to, "kind": author.kind, **where}
    outbox.add(
        s, [outbox.OutboxEntry(outbox.STAFF_NOTICE, row.bot_id, chat_id, row.contact_id, payload=payload)], now=now
    )

"""An edit of a message while its copy is being recorded as sent, on both databases."""

from functools import partial

import pytest
from sqlalchemy import func, insert, select, update
from sqlalchemy.orm import Session

from crm_core.conversation import edits
from crm_core.messaging import outbox
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.tables import OutboxRow, Posted
from tests.domain.arranging import BOT, NOW, Office, open_office, say
from tests.support.interleaving import interleave


def _copies(s: Session, contact_id: int) -> list[tuple[int, int]]:
    """The copies of a contact's messages for its operator, as (row, message)."""
    found = select(OutboxRow.id, OutboxRow.message_ref).where(
        OutboxRow.contact_id == contact_id, OutboxRow.kind == outbox.TO_OPERATOR
    )
    return [(row.id, row.message_ref) for row in s.execute(found)]


def _edits(s: Session, message_ref: int) -> int:
    """How many edits of a message's copies there are."""
    edited = select(func.count()).where(OutboxRow.message_ref == message_ref, OutboxRow.kind == outbox.COPY_EDIT)
    return s.execute(edited).scalar_one()


def _being_sent(s: Session, client: int) -> tuple[int, int, int]:
    """A client's second message, whose copy is being sent: (contact, row, message)."""
    contact_id = say(s, client).contact_id
    say(s, client, 2)
    ((row_id, message_ref),) = _copies(s, contact_id)
    s.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(state="sending"))
    return contact_id, row_id, message_ref


def _recorded(s: Session, office: Office, contact_id: int, row_id: int, message_ref: int) -> None:
    """The copy has arrived."""
    chat_id = office.account(office.operator_ids[0])
    s.execute(update(OutboxRow).where(OutboxRow.id == row_id).values(state="sent"))
    there = {"bot_id": BOT, "chat_id": chat_id, "message_id": 1_000 + row_id}
    s.execute(insert(Posted).values(**there, contact_id=contact_id, message_ref=message_ref, is_card=False))


@pytest.mark.fault("F172")
async def test_edit_while_a_copy_is_recorded_sends_no_second_copy(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=99)
    for boundary in range(1, 40):
        contact_id, row_id, message_ref = await db.write(_being_sent, client=boundary)
        content = MessageContent("text", text="edited", bot_id=BOT, chat_id=boundary, message_id=2)
        edit = partial(edits.client_edits, content=content, now=NOW)
        record = partial(_recorded, office=office, contact_id=contact_id, row_id=row_id, message_ref=message_ref)
        outcome = await interleave(db, edit, record, at=boundary)
        assert await db.read(_copies, contact_id=contact_id) == [(row_id, message_ref)], boundary
        assert await db.read(_edits, message_ref=message_ref) == 1, boundary
        if not outcome.paused:
            break
    assert boundary >= (1 if db.url.get_backend_name() == "sqlite" else 6)

"""The message by which an admin knows that clients wait at a source: one for each wait, edited until nobody waits."""

from datetime import datetime

from sqlalchemy import delete, select, update
from sqlalchemy.orm import Session

from crm_core.messaging import outbox
from crm_core.messaging.outbox import OutboxEntry
from crm_core.routing import queue, waiting_list
from crm_core.storage.execute import dialect_insert, execute
from crm_core.storage.tables import Source, WaitNotice

_table = WaitNotice.__table__


def note(s: Session, *, source_id: int, bot_id: int, chat_id: int, message_id: int, contact_id: int) -> None:
    """Stores which message in an admin's chat tells of a source's wait, and what it says."""
    values = {
        "source_id": source_id,
        "chat_id": chat_id,
        "bot_id": bot_id,
        "message_id": message_id,
        "waiting": 1,
        "contact_id": contact_id,
    }
    statement = dialect_insert(s, _table).values(values)
    execute(s, statement.on_conflict_do_update(index_elements=["source_id", "chat_id"], set_=values))


def forget(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> None:
    """Forgets a message that cannot be edited any more: the next client who waits is told of by a new one."""
    mine = (_table.c.bot_id == bot_id, _table.c.chat_id == chat_id, _table.c.message_id == message_id)
    execute(s, delete(_table).where(*mine))


def any_shown(s: Session) -> bool:
    """Whether any admin has such a message."""
    return s.execute(select(_table.c.source_id).limit(1)).first() is not None


def refresh(s: Session, *, now: datetime) -> int:
    """Brings these messages up to date; where nobody waits any more, they say so once. Returns how many edits."""
    shown = s.execute(select(_table, Source.name.label("source")).join(Source, Source.id == _table.c.source_id)).all()
    edits: list[OutboxEntry] = []
    for row in shown:
        waiting = waiting_list.length(s, source_id=row.source_id)
        if waiting == 0:
            over = {"code": "nobody_waits", "message_id": row.message_id, "source": row.source}
            edits.append(OutboxEntry(outbox.NOTICE_EDIT, row.bot_id, row.chat_id, payload=over))
            s.execute(delete(_table).where(_table.c.source_id == row.source_id, _table.c.chat_id == row.chat_id))
            continue
        first = waiting_list.longest_waiting(s, row.source_id)
        why = None if first is None else queue.why_it_waits(s, row.source_id, contact_id=first)
        if why is None or (waiting, first) == (row.waiting, row.contact_id):
            continue  # it is just being given out, or nothing has changed
        payload = {
            "code": "contacts_wait",
            "message_id": row.message_id,
            "count": waiting,
            "contact": first,
            "source": row.source,
            "why": why,
        }
        edits.append(OutboxEntry(outbox.NOTICE_EDIT, row.bot_id, row.chat_id, payload=payload))
        mine = update(_table).where(_table.c.source_id == row.source_id, _table.c.chat_id == row.chat_id)
        s.execute(mine.values(waiting=waiting, contact_id=first))
    outbox.add(s, edits, now=now)
    return len(edits)

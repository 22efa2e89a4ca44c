"""What years of work leave in a database: messages, the numbers of all that was posted, a week of finished rows."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.programs import TOKEN
from tests.benchmarks.statistics import CONTACTS

MESSAGES = 5 * CONTACTS
WEEK = 20_000  # contacts whose finished updates and requests are still kept, which is done for seven days

_BOT = int(TOKEN.split(":", maxsplit=1)[0])

# `statistics` has stored the contacts and their events. None of them waits any more, or each close would give one out.
_NOBODY_WAITS = """
UPDATE contacts SET status = 'closed', operator_id = 1, queued_at = NULL, assigned_at = created_at,
    taken_at = created_at, closed_at = created_at + 3600000
WHERE operator_id IS NULL"""
_CHATS = """
INSERT INTO chats (bot_id, chat_id, lead_id, is_blocked) SELECT :bot, 3000000000 + id, id, 0 FROM leads"""
# The first and the third message of a contact are the client's, then the operator's come, then the client's again.
_MESSAGES = """
WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 4)
INSERT INTO messages
    (contact_id, author, operator_id, kind, text, bot_id, chat_id, message_id, can_copy, created_at)
SELECT c.id, CASE i % 2 WHEN 0 THEN 'client' ELSE 'operator' END, CASE i % 2 WHEN 1 THEN c.operator_id END,
    'text', 'message ' || i || ' of contact ' || c.id, :bot,
    CASE i % 2 WHEN 0 THEN 3000000000 + c.lead_id ELSE 9000000 + c.operator_id END, c.id * 10 + i, 1,
    c.created_at + i * 60000
FROM contacts c, n ORDER BY c.id, i"""
_POSTED = """
INSERT INTO posted (bot_id, chat_id, message_id, contact_id, message_ref, is_card)
SELECT :bot, 9000000 + operator_id, id * 10 + 9, id, NULL, 1 FROM contacts
UNION ALL
SELECT m.bot_id, CASE m.author WHEN 'client' THEN 9000000 + c.operator_id ELSE 3000000000 + c.lead_id END,
    m.message_id, c.id, m.id, 0
FROM messages m JOIN contacts c ON c.id = m.contact_id"""
_OUTBOX = """
INSERT INTO outbox (kind, bot_id, chat_id, contact_id, message_ref, payload, state, attempts, ambiguous, fencing_token,
    created_at, settled_at, outcome, result_id)
SELECT CASE is_card WHEN 1 THEN 'card' ELSE 'to_operator' END, bot_id, chat_id, contact_id, message_ref, '{}', 'sent',
    1, 0, 1, :now, :now, 'ok', message_id
FROM posted WHERE contact_id > (SELECT max(id) - :week FROM contacts)"""
_INBOX = """
INSERT INTO inbox (bot_id, update_id, epoch, digest, conversation, raw, state, attempts, received_at, finished_at)
SELECT bot_id, id, 0, id, bot_id || ':' || chat_id, '{"message": {"text": "' || text || '", "from": {}, "chat": {}}}',
    'done', 0, :now, :now
FROM messages WHERE contact_id > (SELECT max(id) - :week FROM contacts)"""


def let_pass(path: Path, *, now: int) -> int:
    """Adds all this to a database with a million contacts of ten operators. Returns its size in bytes.

    Args:
        now: milliseconds since 1970; what is finished was finished then, so that none of it is old enough to go.
    """
    with closing(sqlite3.connect(path)) as connection:
        for pragma in ("synchronous=OFF", "journal_mode=WAL", "cache_size=-400000", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in (_NOBODY_WAITS, _CHATS, _MESSAGES, _POSTED, _OUTBOX, _INBOX):
            connection.execute(statement, {"bot": _BOT, "now": now, "week": WEEK})
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size

"""Adds what years of work leave in a database: messages, ids of all that was sent, and a week of finished rows."""

import sqlite3
from contextlib import closing
from pathlib import Path

from tests.benchmarks.bot_programs import BOT_ID

MESSAGES_PER_CONTACT = 5
_RECENT_CONTACTS = 20_000  # whose finished updates and requests are still stored, as they are for seven days

# Closes the contacts that `fill_contacts` left queued: otherwise each close that is measured would assign one of them.
_CLOSE_QUEUED = """
UPDATE contacts SET status = 'closed', operator_id = 1, queued_at = NULL, assigned_at = created_at,
    taken_at = created_at, closed_at = created_at + 3600000
WHERE operator_id IS NULL"""
_CHATS = """
INSERT INTO chats (bot_id, chat_id, lead_id, is_blocked) SELECT :bot, 3000000000 + id, id, 0 FROM leads"""
# Client and operator take turns, and the client begins.
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
INSERT INTO outbox (kind, bot_id, chat_id, contact_id, message_ref, payload, state, attempts, ambiguous, fence,
    created_at, settled_at, outcome, result_id)
SELECT CASE is_card WHEN 1 THEN 'card' ELSE 'to_operator' END, bot_id, chat_id, contact_id, message_ref, '{}', 'sent',
    1, 0, 1, :now, :now, 'ok', message_id
FROM posted WHERE contact_id > (SELECT max(id) - :recent FROM contacts)"""
_INBOX = """
INSERT INTO inbox (bot_id, update_id, epoch, digest, conversation, raw, state, attempts, received_at, finished_at)
SELECT bot_id, id, 0, id, bot_id || ':' || chat_id, '{"message": {"text": "' || text || '", "from": {}, "chat": {}}}',
    'done', 0, :now, :now
FROM messages WHERE contact_id > (SELECT max(id) - :recent FROM contacts)"""


def add_history(path: Path, *, now: int) -> int:
    """Adds history to a database that `fill_contacts` filled. Returns the size of the file in bytes.

    All contacts must be of clients who wrote to the bot: a message over the API has no Telegram id, which is required
    of whatever was sent to Telegram.

    Args:
        now: milliseconds since 1970; updates and requests were finished then, so that none of them is old enough to be
            deleted.
    """
    with closing(sqlite3.connect(path)) as connection:
        for pragma in ("synchronous=OFF", "journal_mode=WAL", "cache_size=-400000", "foreign_keys=OFF"):
            connection.execute(f"PRAGMA {pragma}")
        for statement in (_CLOSE_QUEUED, _CHATS, _MESSAGES, _POSTED, _OUTBOX, _INBOX):
            connection.execute(statement, {"bot": BOT_ID, "now": now, "recent": _RECENT_CONTACTS})
            connection.commit()
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    return path.stat().st_size

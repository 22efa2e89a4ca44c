"""Every column says whether it holds personal data or message content: erasure and export of a person rest on it."""

import pytest
from sqlalchemy import JSON, Column, Text

from crm_core.storage.columns import Data, mark_of
from crm_core.storage.tables import Base

COLUMNS = {str(column): column for table in Base.metadata.tables.values() for column in table.columns}
MARKS = {name: column.info.get("data") for name, column in COLUMNS.items()}

PERSONAL = [
    "leads.external_id",
    "leads.email",
    "leads.email_key",
    "leads.email_hint",
    "leads.phone",
    "leads.phone_key",
    "leads.full_name",
    "lead_words.word",
    "leads.username",
    "leads.language",
    "operators.name",
    "operators.name_folded",
    "staff.telegram_id",
    "staff.name",
    "staff.username",
    "staff_chats.telegram_id",
    "invitations.used_by",
    "exports.asked_by",
    "events.actor",
    "inbox.conversation",
    "chats.chat_id",
]
CONTENT = [
    "contacts.message",
    "messages.text",
    "messages.entities",
    "pending_replies.messages",
    "inbox.raw",
    "outbox.payload",
    "events.data",
    "prompts.data",
    "idempotency.body",
]
TECHNICAL = [
    "bots.username",
    "sources.name",
    "contacts.status",
    "messages.kind",
    "inbox.digest",
    "outbox.state",
    "api_keys.digest",
]
# What has no room for anything that a person wrote, though its type would let it.
SUMS_AND_SETTINGS = {
    "length_tallies.buckets", "tally_state.weights", "tally_state.watch", "idempotency.headers", "events.decision",
    "sources.hours", "sources.sla", "sources.keywords", "sources.skills", "contacts.skills", "contacts.needs",
}  # fmt: skip


def test_every_column_is_marked() -> None:
    assert len(MARKS) > 150
    assert [name for name, mark in MARKS.items() if mark not in list(Data)] == []


@pytest.mark.parametrize(
    ("names", "mark"), [(PERSONAL, Data.PERSONAL), (CONTENT, Data.CONTENT), (TECHNICAL, Data.TECHNICAL)]
)
def test_known_columns_have_the_right_mark(names: list[str], mark: Data) -> None:
    assert {name: mark_of(COLUMNS[name]) for name in names} == dict.fromkeys(names, mark)


def test_every_chat_id_is_personal() -> None:
    """The id of a private chat is the person's own Telegram id."""
    chats = [name for name in MARKS if name.endswith((".chat_id", ".telegram_id"))]
    assert len(chats) > 8
    assert [name for name in chats if MARKS[name] != Data.PERSONAL] == []


def test_free_text_and_json_is_never_technical_by_accident() -> None:
    free = {name for name, column in COLUMNS.items() if isinstance(column.type, JSON | Text)}
    assert {name for name in free if MARKS[name] == Data.TECHNICAL} == SUMS_AND_SETTINGS


def test_unmarked_column_is_reported_with_what_to_do() -> None:
    forgotten: Column[str] = Column("nickname")
    with pytest.raises(LookupError, match=r"nickname is not marked: use personal\(\)"):
        mark_of(forgotten)

"""F68: a migration that is killed at any statement, from every version, with data: all or nothing, the same schema."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from alembic import command
from sqlalchemy import JSON, MetaData, NullPool, create_engine, make_url, text
from sqlalchemy.engine import Engine

from crm_core.storage import migrate as migrating
from crm_core.storage.migrate import migrate
from crm_core.storage.probe import known_revisions, newest_revision, revisions, sqlite_path
from crm_core.storage.sqlite import sqlite_engine
from tests.processes.migrations import migrate_and_die
from tests.support.forks import fork
from tests.support.processes import environment

OLDER = sorted(known_revisions() - {newest_revision()})
MOMENT = 1_790_000_000_000

# What a small shop had when it ran the first version: its people, contacts in every state, and rows on their way.
FIRST: dict[str, list[dict[str, Any]]] = {
    "bots": [{"id": 700001, "username": "shop_bot", "name": "Shop", "position": 0, "state": "running", "fence": 4}],
    "operators": [
        {"id": number, "name": name, "name_folded": name.lower(), "is_active": True, "is_online": True,
         "max_leads": 5, "current_leads": load, "created_at": MOMENT}
        for number, name, load in ((1, "Anna", 1), (2, "Boris", 1))
    ],
    "sources": [
        {"id": 1, "name": "shop_bot", "bot_id": 700001, "is_active": True, "strategy": "random", "created_at": MOMENT},
        {"id": 2, "name": "site", "slug": "site", "is_active": True, "strategy": "exact", "created_at": MOMENT},
    ],
    "staff": [
        {"telegram_id": 10, "name": "Anna", "is_admin": True, "operator_id": 1, "created_at": MOMENT},
        {"telegram_id": 20, "name": "Boris", "is_admin": False, "operator_id": 2, "created_at": MOMENT},
    ],
    "staff_chats": [{"telegram_id": 10, "bot_id": 700001, "is_reachable": True, "changed_at": MOMENT}],
    "weights": [{"source_id": 1, "operator_id": number, "weight": number, "dealt": 0} for number in (1, 2)],
    "leads": [
        {"id": number, "external_id": f"tg:{100 + number}", "full_name": f"Client {number}", "created_at": MOMENT}
        for number in range(1, 6)
    ],
    "chats": [{"bot_id": 700001, "chat_id": 101, "lead_id": 1, "is_blocked": False}],
    "contacts": [
        {"id": number, "lead_id": number, "source_id": 1, "operator_id": operator, "status": status, "version": 2,
         "message": f"Words of {number}", "bot_id": 700001, "chat_id": 100 + number, "created_at": MOMENT,
         "assigned_at": MOMENT if operator else None, "queued_at": None if operator else MOMENT,
         "taken_at": MOMENT if status != "new" else None, "closed_at": MOMENT if status == "closed" else None}
        for number, operator, status in (
            (1, 1, "new"), (2, 2, "in_progress"), (3, 1, "closed"), (4, None, "new"), (5, 2, "closed"))
    ],
    "messages": [
        {"id": number, "contact_id": number, "author": "client", "kind": "text", "text": f"Words of {number}",
         "bot_id": 700001, "chat_id": 100 + number, "message_id": 7, "can_copy": True, "created_at": MOMENT}
        for number in range(1, 6)
    ],
    "posted": [{"bot_id": 700001, "chat_id": 10, "message_id": 9, "contact_id": 1, "message_ref": 1, "is_card": True}],
    "events": [
        {"id": number, "at": MOMENT, "kind": kind, "actor": "client", "contact_id": number, "lead_id": number,
         "source_id": 1}
        for number, kind in enumerate(["contact_created"] * 5, start=1)
    ],
    "inbox": [
        {"id": number, "bot_id": 700001, "update_id": number, "epoch": 0, "digest": f"{number}", "conversation": "1",
         "raw": "{}", "state": state, "attempts": 0, "received_at": MOMENT,
         "finished_at": None if state == "new" else MOMENT}
        for number, state in ((1, "done"), (2, "new"), (3, "dead"))
    ],
    "outbox": [
        {"id": number, "kind": "card_edit", "bot_id": 700001, "chat_id": 10, "contact_id": 1, "payload": {"a": 1},
         "once": once, "state": state, "attempts": 0, "ambiguous": 0, "created_at": MOMENT}
        for number, state, once in ((1, "pending", "card:1"), (2, "sending", None), (3, "sent", None))
    ],
    "gates": [{"bot_id": 700001, "chat_id": 101, "not_before": MOMENT}],
    "alerts": [{"cause": "waits:1", "told_at": MOMENT}],
}  # fmt: skip


CLOSE_UNTIL, FURTHER_APART = 22, 17  # statements: most migrations have fewer than twenty

REPLACED = {"dealt"}  # a counter; credits begin at 0 in its place


def engine_of(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed)
    return create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool)


def prepare(url: str, revision: str) -> None:
    """A database as the first version left it, brought to an older revision."""
    if url.startswith("sqlite"):
        sqlite_path(url).parent.mkdir()
    engine = engine_of(url)
    with engine.begin() as connection:
        command.upgrade(migrating._config(connection), "0001")
    with engine.begin() as connection:
        metadata = MetaData()
        metadata.reflect(connection)
        for table in metadata.sorted_tables:
            for column in table.columns:
                if column.name in ("payload", "messages", "data", "entities"):
                    column.type = JSON()
            if table.name in FIRST:
                names = {name for row in FIRST[table.name] for name in row}
                connection.execute(
                    table.insert(), [{name: row.get(name) for name in names} for row in FIRST[table.name]]
                )
    with engine.begin() as connection:
        command.upgrade(migrating._config(connection), revision)
    engine.dispose()


def content(url: str) -> dict[str, list[Any]]:
    """What the first version knew, by table, as it stands now."""
    engine = engine_of(url)
    with engine.connect() as connection:
        found = {}
        for table, rows in FIRST.items():
            names = ", ".join(sorted({name for row in rows for name in row} - {"payload"} - REPLACED))
            query = f"SELECT {names} FROM {table} ORDER BY 1, 2"  # noqa: S608
            found[table] = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def schema(url: str) -> list[Any]:
    """Every table, column, index and constraint, in words that can be compared."""
    engine = engine_of(url)
    with engine.connect() as connection:
        if url.startswith("sqlite"):
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
            rows = [tuple(row) for row in connection.execute(text(query))]
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        else:
            rows = []
            for query in (
                "SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
                "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            ):
                rows += [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def kills(revision: str) -> Iterator[int]:
    """The statements at which a migration from a revision is killed.

    They are close together in what comes next, and further apart in what follows; from another revision these are
    others, and that migration is what comes next somewhere. A long one cannot be killed everywhere: from nothing it has
    hundreds of statements, from each revision about a hundred.
    """
    if revision == "nothing":
        yield from range(1, 1_000, 11)
        return
    yield from range(1, CLOSE_UNTIL, 3)
    yield from range(CLOSE_UNTIL + int(revision) % FURTHER_APART, 1_000, FURTHER_APART)


async def killed(url: str, *, at: int) -> int:
    """Has a database migrated by a process that is killed at a statement; returns its exit status."""
    process = await fork(migrate_and_die, url, at, environment=environment({}), listen=False)
    return await process.wait()


@pytest.mark.fault("F68")
@pytest.mark.parametrize("revision", ["nothing", *OLDER])
async def test_migration_killed_at_any_statement_is_all_or_nothing(
    revision: str, second_database_url: str, database_url: str
) -> None:
    """F68: from every revision that was ever released, with what people had in it; and then once more, twice."""
    if revision != "nothing":
        prepare(second_database_url, revision)
    before = content(second_database_url) if revision != "nothing" else None
    at_first = revisions(second_database_url)
    for step in kills(revision):
        status = await killed(second_database_url, at=step)
        assert revisions(second_database_url) == at_first
        if status == -signal.SIGQUIT:  # everything was done, and not yet committed
            break
        assert status == -signal.SIGKILL
    assert step > 3, "there was nothing to interrupt"
    if before is not None:
        assert content(second_database_url) == before
    assert migrate(second_database_url) == at_first
    assert migrate(second_database_url) == (newest_revision(), newest_revision())
    assert schema(second_database_url) == schema(database_url)
    if before is not None:
        assert content(second_database_url) == before

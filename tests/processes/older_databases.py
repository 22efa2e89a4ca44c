"""Databases of older versions with what a small shop had in them, to be migrated."""

import shutil
from typing import Any

from alembic import command
from sqlalchemy import JSON, MetaData, NullPool, create_engine, make_url
from sqlalchemy.engine import Engine

from crm_core.storage import migrate as migrating
from crm_core.storage.probe import sqlite_path
from crm_core.storage.sqlite import sqlite_engine
from tests.support.databases import execute

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


def engine_of(url: str) -> Engine:
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return sqlite_engine(parsed)
    return create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool)


def _begin(engine: Engine) -> None:
    """A database as the first version left it."""
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


class OlderDatabase:
    """A database that began with the first version and is brought from revision to revision, to be copied at each.

    A worker takes its tests in the order of the revisions, so each migration runs once here. To start from the first
    version for every revision takes time that grows with the square of their number.
    """

    def __init__(self, url: str) -> None:
        """Takes the address of a SQLite file, or of an empty PostgreSQL database that nobody else uses."""
        self._url = url
        self._revision: str | None = None

    def copy(self, url: str, *, revision: str) -> None:
        """Puts the database as it was at a revision in the place of another one, which may not exist (SQLite)."""
        self._bring_to(revision)
        if url.startswith("sqlite"):
            sqlite_path(url).parent.mkdir()
            shutil.copy(sqlite_path(self._url), sqlite_path(url))
            return
        ours, name = make_url(self._url), make_url(url).database
        server = ours.set(database="postgres").render_as_string(hide_password=False)
        execute(server, f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")
        execute(server, f"CREATE DATABASE {name} TEMPLATE {ours.database}")

    def _bring_to(self, revision: str) -> None:
        if self._revision is not None and self._revision > revision:
            self._empty()
        engine = engine_of(self._url)
        if self._revision is None:
            _begin(engine)
        with engine.begin() as connection:
            command.upgrade(migrating._config(connection), revision)
        engine.dispose()
        self._revision = revision

    def _empty(self) -> None:
        self._revision = None
        if self._url.startswith("sqlite"):
            sqlite_path(self._url).unlink()
        else:
            execute(self._url, "DROP SCHEMA public CASCADE; CREATE SCHEMA public")

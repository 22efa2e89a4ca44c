"""No statement that is kept ready walks through a table that grows with every message."""

import importlib
import pkgutil
import re
import sqlite3
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Delete, Select, Update
from sqlalchemy.dialects.sqlite import dialect

import crm_core
from crm_core.storage.prepared import Prepared, PreparedForIds

PROGRAMS = ("crm_core.backups.__main__", "crm_core.exports.__main__", "crm_core.pictures.__main__")
GROWING = {"inbox", "outbox", "messages", "contacts", "posted", "events", "leads", "lead_words", "chats"}


def statements() -> Iterator[tuple[str, Any]]:
    """Every statement at the top of a module of `crm_core`, with its name."""
    for module in pkgutil.walk_packages(crm_core.__path__, "crm_core."):
        if module.name in PROGRAMS or "migrations" in module.name:
            continue
        for name, value in vars(importlib.import_module(module.name)).items():
            statement = value.statement if isinstance(value, Prepared) else value
            if isinstance(value, PreparedForIds):
                statement = value.spread({"ids": [1, 2]})[0].statement
            # One without a condition is a beginning, completed where it is used.
            if isinstance(statement, Select | Update | Delete) and statement.whereclause is not None:
                yield f"{module.name.removeprefix('crm_core.')}.{name}", statement


READY = dict(statements())


def test_statement_collection_finds_enough_statements() -> None:
    assert len(READY) > 25


@pytest.mark.parametrize("name", READY)
def test_prepared_statement_never_scans_a_growing_table(name: str, migrated_file: Path) -> None:
    text = str(READY[name].compile(dialect=dialect()))
    text = re.sub(r"\(__\[POSTCOMPILE_\w+\]\)", "(?)", text)
    connection = sqlite3.connect(migrated_file)
    try:
        plan = connection.execute(f"EXPLAIN QUERY PLAN {text}", [1] * text.count("?")).fetchall()
    finally:
        connection.close()
    # These indexes hold what waits, what is offered and what operators have open, so all of each may be read.
    names = ("ix_contacts_queue", "ix_contacts_offered", "ix_contacts_open_of_operator", "uq_contacts_open")
    small = tuple(f"USING INDEX {name}" for name in names)
    steps = [step for *_, step in plan if not any(index in step for index in small)]
    walked = {match[1] for step in steps if (match := re.match(r"SCAN (\w+)", step))}
    assert not walked & GROWING, plan
    # An operator's chat grows for as long as they work; one message of it is found by its id, contact or original.
    assert not [step for step in steps if re.match(r"SEARCH (posted|messages)\w* .*\(bot_id=\? AND chat_id=\?\)", step)]

"""Template databases of the benchmark: what one part writes does not reach the next."""

import random
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from crm_core.contacts import lifecycle
from crm_core.contacts.leads import LeadFacts
from crm_core.messaging.messages import MessageContent
from crm_core.storage.opening import open_database
from tests.benchmarks.databases import Databases, Template
from tests.benchmarks.fill_history import MESSAGES_PER_CONTACT, add_history
from tests.benchmarks.sizes import Sizes

SIZES = Sizes(contacts=200, leads=60, unfolded_events=10)
NOW_MS = 1_763_700_000_000


@pytest.fixture
async def template(tmp_path: Path) -> Template:
    return await Databases(tmp_path, SIZES).with_contacts()


async def register_over_api(path: Path, template: Template) -> None:
    """Registers a contact as the HTTP API does: with a message that came through no bot."""
    db = open_database(f"sqlite:///{path}")
    await db.write(
        lifecycle.register,
        source_id=template.source_id,
        lead=LeadFacts("bench:api", email="api@example.com"),
        content=MessageContent("text", "Hello"),
        now=datetime.now(UTC),
        rng=random.random,
    )
    await db.close()


def count(path: Path, table: str) -> int:
    with closing(sqlite3.connect(path)) as connection:
        return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])  # noqa: S608


async def test_history_fits_a_copy_whatever_was_written_to_another(template: Template, tmp_path: Path) -> None:
    used, fresh = template.copy_into(tmp_path), template.copy_into(tmp_path)
    await register_over_api(used, template)
    with pytest.raises(sqlite3.IntegrityError, match=r"posted\.bot_id"):
        add_history(used, now=NOW_MS)
    for path in (fresh, template.copy_into(tmp_path)):
        add_history(path, now=NOW_MS)
        assert count(path, "contacts") == SIZES.contacts
        assert count(path, "messages") == SIZES.contacts * MESSAGES_PER_CONTACT
        assert count(path, "posted") == SIZES.contacts * (MESSAGES_PER_CONTACT + 1)


@pytest.mark.further
async def test_template_is_created_once(tmp_path: Path) -> None:
    databases = Databases(tmp_path, SIZES)
    assert await databases.with_contacts() is await databases.with_contacts()
    assert await databases.with_operators() is await databases.with_operators(10)
    assert len((await databases.with_operators(3)).accounts) == 3

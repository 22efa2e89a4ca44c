"""Nobody else on the machine can read the database, whatever the umask says."""

import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner
from sqlalchemy import make_url

from bot.commands.cli import main
from crm_core.storage import migrate as migrating
from crm_core.storage.migrate import migrate
from crm_core.storage.sqlite import SqliteDatabase
from tests.domain.storage.test_storage_transactions import note


def modes(folder: Path) -> set[int]:
    return {path.stat().st_mode & 0o777 for path in folder.iterdir()}


@pytest.fixture(autouse=True)
def _generous() -> Iterator[None]:
    before = os.umask(0o000)
    yield
    os.umask(before)


@pytest.mark.fault("F94")
async def test_new_database_and_its_journal_are_private(tmp_path: Path) -> None:
    path = tmp_path / "data" / "crm.db"
    migrate(f"sqlite:///{path}")
    db = SqliteDatabase(make_url(f"sqlite:///{path}"))
    await db.write(note, "private")
    assert {one.name for one in path.parent.iterdir()} >= {"crm.db", "crm.db-wal", "crm.db-shm"}
    assert modes(path.parent) == {0o600}
    assert path.parent.stat().st_mode & 0o777 == 0o700
    await db.close()


@pytest.mark.fault("F94")
def test_files_of_earlier_versions_are_closed_to_others(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    migrate(f"sqlite:///{path}")
    with sqlite3.connect(path) as connection:
        connection.execute("PRAGMA journal_mode=WAL")
        connection.execute("INSERT INTO alerts (cause, told_at) VALUES ('open', 0)")
        connection.commit()
        (tmp_path / "crm.before-0002.20250101-000000.db").touch()
        for one in tmp_path.iterdir():
            one.chmod(0o644)
        migrating._copy(path, tmp_path / "crm.before-0009.20260101-000000.db")
        migrate(f"sqlite:///{path}")
    connection.close()
    assert modes(tmp_path) == {0o600}


def test_commands_write_for_their_own_account_alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """F94: also files that SQLite, a library or a later version makes by itself."""
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/crm.db")
    before = os.umask(0o022)
    try:
        CliRunner().invoke(main, ["migrate"])
        assert os.umask(0o022) == 0o077
    finally:
        os.umask(before)

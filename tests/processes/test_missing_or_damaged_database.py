"""A database that is gone, empty or damaged, and a restore that is killed: nothing begins anew by itself (SQLite)."""

import asyncio
import shutil
import signal
import sqlite3
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot.commands.restore import restore
from bot.runtime.migrating import bring_up_to_date
from bot.sandbox import Person, Sandbox
from bot.settings import load_settings
from crm_core.backups.copying import examine, make_copy
from crm_core.storage.installed_mark import DatabaseMissing, lock_path
from tests.domain.storage.test_storage_backup import damage
from tests.processes.dying_restores import restore_and_die
from tests.support.forks import fork
from tests.support.people import TOKEN, RunningApp
from tests.support.processes import Ended, command, environment


class Folder:
    """An installation's folder after its process has ended, and commands in it."""

    def __init__(self, path: Path, sandbox: Sandbox) -> None:
        self.path, self.sandbox = path, sandbox
        self.database = path / "data" / "mini_crm.db"
        self.backup = path / "data" / "backups" / "mini_crm.2026-11-20.db"
        self.anna: Person

    async def types(self, *words: str) -> Ended:
        """Runs a command there."""
        ended = await command(*words, folder=self.path, BOT_TOKENS=TOKEN, TELEGRAM_API_URL=self.sandbox.url)
        assert "Traceback" not in ended.err, ended.err
        return ended

    async def goes_on(self) -> None:
        """Anna gets what a client writes."""
        async with await RunningApp.open(self.sandbox, f"sqlite:///{self.database}", admin=False) as crm:
            words = f"Hello at {datetime.now(UTC):%H:%M:%S.%f}"
            await crm.client().says(words, to=crm.shop)
            await self.anna.sees(words, bot=crm.shop, timeout=15)


@pytest.fixture
async def folder(tmp_path: Path, sandbox: Sandbox, migrated_file: Path) -> Folder:
    left = Folder(tmp_path, sandbox)
    left.backup.parent.mkdir(parents=True)
    shutil.copy(migrated_file, left.database)
    async with await RunningApp.open(sandbox, f"sqlite:///{left.database}") as crm:
        left.anna = await crm.operator("Anna", limit=1000)
    make_copy(left.database, left.backup, clock=lambda: datetime.now(UTC))
    return left


# --- F64 --------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F64")
@pytest.mark.parametrize("how", ["gone", "empty", "gone with its backups"])
async def test_missing_or_empty_database_is_not_recreated_automatically(folder: Folder, how: str) -> None:
    """F64: a volume that was not mounted, a file that was deleted or cut: said, not papered over."""
    if how == "empty":
        folder.database.write_bytes(b"")
    else:
        folder.database.unlink()
    if how == "gone with its backups":
        shutil.rmtree(folder.backup.parent)
    others = (["serve"], ["api-key", "create", "shop", "--scope", "admin"]) if how == "gone" else ()
    for words in (["run"], ["migrate"], *others):
        ended = await folder.types(*words)
        assert (ended.status, ended.out) == (2, ""), ended
        assert "There is no database at data/mini_crm.db, but there was one" in ended.err
        assert ("mini-crm restore data/backups/mini_crm.2026-11-20.db" in ended.err) == folder.backup.exists()
        assert not folder.database.exists() or not folder.database.stat().st_size
    if folder.backup.exists():
        assert (await folder.types("restore", str(folder.backup))).status == 0
        await folder.goes_on()
    else:  # as the sentence says: whoever means it begins anew
        lock_path(folder.database).unlink()
        assert (await folder.types("migrate")).status == 0


@pytest.mark.fault("F64")
async def test_missing_database_is_reported_when_only_backups_remain(folder: Folder) -> None:
    """F64: everything but the backups is lost, as when these are on another disk."""
    for path in folder.database.parent.glob("mini_crm.db*"):
        path.unlink()
    ended = await folder.types("run")
    assert ended.status == 2
    assert "but there was one" in ended.err
    assert not folder.database.exists()


@pytest.mark.fault("F64")
@pytest.mark.parametrize("where", ["beginning", "middle"])
async def test_damaged_database_is_refused_unchanged_until_restored(folder: Folder, where: str) -> None:
    """F64: it stays as it is until somebody puts a backup in its place, and then it is kept."""
    if where == "beginning":
        with folder.database.open("r+b") as file:
            file.write(b"\x00" * 4096)
    else:
        damage(folder.database)
    before = folder.database.read_bytes()
    for words in ("run", "migrate"):
        if (where, words) == ("middle", "migrate"):
            continue  # it is up to date, so nothing is opened
        ended = await folder.types(words)
        assert ended.status == 2, ended
        assert "is damaged, or not a SQLite database" in ended.err
        assert "mini-crm restore FILE --replace" in ended.err
        assert folder.database.read_bytes() == before
    refused = await folder.types("restore", str(folder.backup))
    assert (refused.status, "is not empty" in refused.err) == (2, True)
    ended = await folder.types("restore", str(folder.backup), "--replace")
    assert ended.status == 0, ended
    (kept,) = folder.database.parent.glob("mini_crm.replaced-*.db")
    assert kept.read_bytes() == before
    await folder.goes_on()


@pytest.mark.fault("F64", "F68")
async def test_lock_left_by_killed_first_start_does_not_block_migration(tmp_path: Path) -> None:
    """F64, F68: the lock alone does not say that there was a database."""
    database = tmp_path / "data" / "mini_crm.db"
    database.parent.mkdir()
    lock_path(database).touch()
    for _ in range(2):
        assert (await command("migrate", folder=tmp_path)).status == 0
    assert lock_path(database).read_bytes() != b""


# --- F66: killed on the way -------------------------------------------------------------------------------------------


@pytest.mark.fault("F66")
async def test_restore_killed_at_any_step_can_be_repeated(folder: Folder) -> None:
    """F66: SIGKILL before each step that the disk sees: the old database, the new one, or none and no start."""
    old = folder.database.read_bytes()
    settings = load_settings(database_url=f"sqlite:///{folder.database}")
    seen = []
    for call in range(1, 100):
        process = await fork(restore_and_die, str(folder.backup), call, folder=folder.path, environment=environment({}))
        said = await process.communicate()
        if process.returncode == 0:
            break
        assert process.returncode == -signal.SIGKILL, said
        if folder.database.exists():
            examine(folder.database)
            seen.append("restored" if is_restored(folder.database) else "old")
        else:
            seen.append("none")
            with pytest.raises(DatabaseMissing):
                await asyncio.to_thread(bring_up_to_date, settings.database_url)
        await asyncio.to_thread(restore, settings, backup=folder.backup, replace=True)
        assert is_restored(folder.database)
        assert not list(folder.database.parent.glob("*.restoring*"))
        for left in folder.database.parent.glob("mini_crm.replaced-*"):
            left.unlink()
        folder.database.write_bytes(old)
    assert set(seen) == {"old", "none", "restored"}, seen
    assert sorted(seen, key=["old", "none", "restored"].index) == seen
    await folder.goes_on()


def is_restored(path: Path) -> bool:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute("SELECT 1 FROM events WHERE kind = 'restored'").fetchone() is not None

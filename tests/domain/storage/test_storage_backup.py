"""Copies of a SQLite file that is in use: of one moment, whole or not there, and never at the file's expense."""

import asyncio
import hashlib
import os
import resource
import shutil
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from crm_core.backups import copying
from crm_core.backups.copying import examine, make_copy
from crm_core.backups.errors import BackupError
from crm_core.backups.in_subprocess import make_copy_in_subprocess
from crm_core.storage.probe import newest_revision
from tests.support.forks import ROOT

NOW = datetime(2026, 11, 21, 3, 30, tzinfo=UTC)


@pytest.fixture
def original(tmp_path: Path, migrated_file: Path) -> Path:
    path = tmp_path / "crm.db"
    shutil.copy(migrated_file, path)
    return path


@pytest.fixture
def writer(original: Path) -> Iterator[sqlite3.Connection]:
    """The one connection that writes, as that of a running process."""
    with closing(sqlite3.connect(original, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode=WAL").fetchone()
        connection.execute("PRAGMA wal_autocheckpoint=0")
        yield connection


def put(connection: sqlite3.Connection, number: int) -> None:
    """A transaction of two rows that belong together."""
    connection.execute("BEGIN IMMEDIATE")
    for half in ("left", "right"):
        connection.execute("INSERT INTO alerts VALUES (?, ?)", (f"{number:04} {half} {'x' * 50}", number))
    connection.execute("COMMIT")


def numbers(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as connection:
        return [row[0] for row in connection.execute("SELECT told_at FROM alerts ORDER BY cause")]


def test_backup_is_a_consistent_snapshot_despite_concurrent_writes(
    original: Path, writer: sqlite3.Connection, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F66: pages are read one by one while transactions go on; the copy has all that were before it, and no other."""
    monkeypatch.setattr(copying, "PAGES_AT_ONCE", 1)
    for number in range(100):
        put(writer, number)
    written = 100

    def write_on(done: int, total: int) -> None:
        nonlocal written
        assert total > 80
        put(writer, written)
        written += 1

    made = make_copy(original, tmp_path / "copy.db", clock=lambda: NOW, on_progress=write_on)
    assert written > 150
    assert numbers(made.path) == sorted([*range(100)] * 2)
    assert numbers(original) == sorted([*range(written)] * 2)
    assert (made.taken_at, made.revision, made.wrong_loads) == (NOW, newest_revision(), ())
    assert examine(made.path) == made


def test_backup_is_a_single_file_private_to_its_owner(
    original: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    put(writer, 1)
    made = make_copy(original, tmp_path / "copies.db", clock=lambda: NOW)
    assert made.path.stat().st_mode & 0o777 == 0o600
    assert sorted(path.name for path in tmp_path.glob("*copies*")) == ["copies.db"]
    made.path.chmod(0o400)
    assert numbers(made.path) == [1, 1]


@pytest.mark.slow
def test_backup_leaves_the_database_file_and_journal_unchanged(original: Path, tmp_path: Path) -> None:
    """Below SQLite 3.51.3 a second connection that checkpoints may damage the file: this one never does."""
    child = (
        "import sqlite3, os, sys; c = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "c.execute('PRAGMA journal_mode=WAL'); c.execute('PRAGMA wal_autocheckpoint=0');"
        "c.execute(\"INSERT INTO alerts VALUES ('in the journal', 7)\"); os.kill(os.getpid(), 9)"
    )
    assert subprocess.run([sys.executable, "-c", child, original], check=False).returncode == -signal.SIGKILL  # noqa: S603
    before = digests(original)
    assert len(before) == 2
    made = make_copy(original, tmp_path / "copy.db", clock=lambda: NOW)
    assert digests(original) == before
    assert numbers(made.path) == [7]


def digests(path: Path) -> list[str]:
    return [hashlib.sha256(one.read_bytes()).hexdigest() for one in (path, Path(f"{path}-wal")) if one.stat().st_size]


def test_damaged_database_does_not_replace_an_earlier_backup(
    original: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    """F64, F66: what is damaged is not copied over what is good."""
    for number in range(200):
        put(writer, number)
    writer.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
    good = make_copy(original, tmp_path / "copy.db", clock=lambda: NOW)
    damage(original)
    with pytest.raises(BackupError) as refused:
        make_copy(original, good.path, clock=lambda: NOW + timedelta(days=1))
    assert refused.value.code == "damaged"
    assert examine(good.path) == good


def damage(path: Path) -> None:
    """Overwrites a page in the middle of a table."""
    with closing(sqlite3.connect(path)) as connection:
        (page_size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'alerts'").fetchone()
    with path.open("r+b") as file:
        file.seek((page - 1) * page_size)
        file.write(b"\x00" * page_size)


@pytest.mark.parametrize("content", [b"", b"hello", b"SQLite format 3\x00" + b"\x00" * 4000])
def test_file_that_is_not_a_database_is_refused_as_backup(content: bytes, tmp_path: Path) -> None:
    path = tmp_path / "copy.db"
    path.write_bytes(content)
    with pytest.raises(BackupError) as refused:
        examine(path)
    assert refused.value.code in ("damaged", "foreign", "not_readable")
    with pytest.raises(BackupError, match="not_readable"):
        examine(tmp_path / "none.db")


def test_backup_of_unknown_schema_revision_is_refused(original: Path, tmp_path: Path) -> None:
    with closing(sqlite3.connect(original)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
        connection.commit()
    with pytest.raises(BackupError) as refused:
        make_copy(original, tmp_path / "copy.db", clock=lambda: NOW)
    assert (refused.value.code, refused.value.fields["revision"]) == ("unknown_revision", "9999")
    assert not (tmp_path / "copy.db").exists()


def test_dangling_foreign_key_is_reported_as_damage(original: Path, writer: sqlite3.Connection, tmp_path: Path) -> None:
    writer.execute("PRAGMA foreign_keys=OFF")
    writer.execute("INSERT INTO gates VALUES (4711, 1, 1)")
    with pytest.raises(BackupError) as refused:
        make_copy(original, tmp_path / "copy.db", clock=lambda: NOW)
    assert refused.value.fields["why"] == "a row of gates refers to a missing one of bots"


def test_wrong_load_is_reported_and_the_backup_still_made(
    original: Path, writer: sqlite3.Connection, tmp_path: Path
) -> None:
    """A drift in a number must not leave anybody without a backup."""
    writer.execute(
        "INSERT INTO operators (name, name_folded, is_active, is_online, max_leads, current_leads, created_at) "
        "VALUES ('Anna', 'anna', 1, 1, 5, 3, 0)"
    )
    assert make_copy(original, tmp_path / "copy.db", clock=lambda: NOW).wrong_loads == ("Anna",)


def test_backup_is_refused_when_disk_space_is_short(
    original: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(copying, "RESERVE_BYTES", shutil.disk_usage(tmp_path).free)
    with pytest.raises(BackupError) as refused:
        make_copy(original, tmp_path / "copy.db", clock=lambda: NOW)
    assert refused.value.code == "no_space"
    assert refused.value.fields["needed_mb"] >= refused.value.fields["free_mb"]
    assert list(tmp_path.glob("*copy*")) == []


COPY = """
import sys, time
from datetime import UTC, datetime
from pathlib import Path
from crm_core.backups import copying
copying.PAGES_AT_ONCE = 1
def hold(done, total):
    if done > total / 2:
        print("half", flush=True)
        time.sleep(60)
copying.make_copy(Path(sys.argv[1]), Path(sys.argv[2]), clock=lambda: datetime.now(UTC), on_progress=hold)
"""


@pytest.mark.slow
async def test_killed_backup_keeps_the_earlier_one_and_is_cleaned_up_later(original: Path, tmp_path: Path) -> None:
    """F66: SIGKILL in the middle; the earlier copy stands, and the next one clears up."""
    target = tmp_path / "copies" / "copy.db"
    target.parent.mkdir()
    good = make_copy(original, target, clock=lambda: NOW)
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", COPY, str(original), str(target), cwd=ROOT, stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    assert await process.stdout.readline() == b"half\n"
    beside = make_copy(original, target, clock=lambda: NOW)  # whoever is at it still is left alone
    assert len(list(target.parent.iterdir())) == 2
    process.kill()
    await process.communicate()
    assert examine(target) == good == beside
    assert len(list(target.parent.iterdir())) == 2
    make_copy(original, target, clock=lambda: NOW)
    assert [path.name for path in target.parent.iterdir()] == ["copy.db"]


@pytest.mark.slow
def test_write_failure_during_backup_is_reported_and_leaves_no_file(original: Path, tmp_path: Path) -> None:
    """F63: whatever the free space was; the process may write so much and no more."""
    target = tmp_path / "copy.db"

    def limit() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, resource.RLIM_INFINITY))

    done = subprocess.run(
        [sys.executable, "-m", "crm_core.backups"],
        cwd=ROOT,
        capture_output=True,
        check=True,
        preexec_fn=limit,
        input=f'{{"source": "{original}", "target": "{target}"}}'.encode(),
    )
    assert b'"refused": "not_writable"' in done.stdout, done.stdout
    assert [path.name for path in tmp_path.iterdir() if "copy" in path.name] == []


@pytest.mark.slow
async def test_backup_subprocess_reports_its_result_or_refusal(original: Path, tmp_path: Path) -> None:
    made = await make_copy_in_subprocess(original, tmp_path / "copy.db")
    assert made.size == os.stat(tmp_path / "copy.db").st_size
    with pytest.raises(BackupError) as refused:
        await make_copy_in_subprocess(original, tmp_path / "nowhere" / "copy.db")
    assert (refused.value.code, refused.value.fields) == ("no_folder", {"path": str(tmp_path / "nowhere")})

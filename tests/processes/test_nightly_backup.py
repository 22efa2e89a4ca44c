"""The nightly backup: made without being asked, made up for when it was missed, and said when it is not made."""

import asyncio
import shutil
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.runtime.jobs import JOBS, with_intervals
from bot.runtime.nightly_backup import NightlyBackup
from bot.sandbox import Sandbox
from crm_core.backups import copying, nightly
from crm_core.backups.copying import examine
from crm_core.backups.errors import BackupError
from crm_core.backups.in_subprocess import Made
from crm_core.backups.nightly import due, existing, prune
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

MOSCOW = ZoneInfo("Europe/Moscow")
AT = datetime(2026, 11, 21, 3, 30).time()  # noqa: DTZ001 - the zone is given apart


async def open_home(sandbox: Sandbox, template: Path, folder: Path, clock: MovableClock, **options: Any) -> RunningApp:
    """An installation on SQLite whose clock stands at noon of a day at first."""
    shutil.copy(template, folder / "crm.db")
    clock.ahead = datetime(2026, 11, 21, 12, tzinfo=UTC) - datetime.now(UTC)
    return await RunningApp.open(sandbox, f"sqlite:///{folder / 'crm.db'}", clock=clock, **options)


@pytest.fixture
async def home(sandbox: Sandbox, migrated_file: Path, tmp_path: Path, clock: MovableClock) -> RunningApp:
    """Its own job looks for a missing backup after a minute, so not during a test."""
    return await open_home(sandbox, migrated_file, tmp_path, clock)


@pytest.fixture
async def busy_home(sandbox: Sandbox, migrated_file: Path, tmp_path: Path, clock: MovableClock) -> RunningApp:
    """Its own job looks for a missing backup ten times a second."""
    jobs = with_intervals(JOBS, back_up=0.1)
    return await open_home(sandbox, migrated_file, tmp_path, clock, jobs=jobs)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir()) if folder.exists() else []


# --- what is due ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "day"),
    [
        ("2026-11-21 03:29", "2026-11-20"),
        ("2026-11-21 03:30", "2026-11-21"),
        ("2026-11-21 23:59", "2026-11-21"),
        ("2026-11-22 00:00", "2026-11-21"),
    ],
)
def test_backup_day_changes_at_the_configured_time(now: str, day: str, tmp_path: Path) -> None:
    moment = datetime.fromisoformat(now).replace(tzinfo=MOSCOW)
    found = due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=moment)
    assert found == tmp_path / f"crm.{day}.db"
    found.touch()
    assert due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=moment) is None


def test_missed_nights_are_made_up_by_one_backup(tmp_path: Path) -> None:
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    (tmp_path / "crm.2026-11-15.db").touch()
    found = due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=now)
    assert found is not None
    assert found.name == "crm.2026-11-21.db"
    found.touch()
    back = now.replace(hour=0)  # set back to before the time of the backup, on the same day
    assert due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=back) is None


@pytest.mark.fault("F100")
def test_backup_named_by_a_clock_that_was_ahead_stands_for_no_night(tmp_path: Path) -> None:
    for day in range(1, 9):
        (tmp_path / f"crm.2027-03-0{day}.db").touch()
    now = datetime(2026, 11, 21, 12, tzinfo=UTC)
    found = due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=now)
    assert found is not None
    assert found.name == "crm.2026-11-21.db"
    found.touch()
    assert due(tmp_path, Path("crm.db"), at=AT, zone=MOSCOW, now=now) is None
    prune(tmp_path, Path("crm.db"), keep=2, made=found)
    assert names(tmp_path) == ["crm.2026-11-21.db", "crm.2027-03-08.db"]


def test_pruning_deletes_only_old_nightly_backups(tmp_path: Path) -> None:
    ours = [f"crm.2026-11-{day:02}.db" for day in range(1, 11)]
    others = ["crm.db", "crm.2026-11-01.db.gz", "other.2026-11-01.db", "crm.before-0007.20261101-000000.db", "a.txt"]
    for name in ours + others:
        (tmp_path / name).touch()
    prune(tmp_path, Path("crm.db"), keep=7)
    assert names(tmp_path) == sorted(ours[-7:] + others)
    assert [path.name for path in existing(tmp_path, Path("crm.db"))] == ours[-7:]


# --- made -------------------------------------------------------------------------------------------------------------


async def test_backup_is_made_every_night_and_seven_are_kept(
    busy_home: RunningApp, clock: MovableClock, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody asks for it: the process itself looks, once a minute, and so it does at its next start."""
    made: asyncio.Queue[str] = asyncio.Queue()

    def note(folder: Path, database: Path, **named: int) -> list[Path]:
        gone = prune(folder, database, keep=named["keep"])
        made.put_nowait(existing(folder, database)[-1].name)
        return gone

    monkeypatch.setattr(nightly, "prune", note)
    folder = tmp_path / "backups"
    async with busy_home:
        anna, ivan = await busy_home.operator("Anna"), busy_home.client()
        for day in range(21, 30):
            assert await asyncio.wait_for(made.get(), 20) == f"crm.2026-11-{day}.db"
            await ivan.says(f"Hello on day {day}", to=busy_home.shop)
            await anna.sees(f"Hello on day {day}", bot=busy_home.shop)
            clock.forward(days=1)
        assert await asyncio.wait_for(made.get(), 20) == "crm.2026-11-30.db"
    assert names(folder) == [f"crm.2026-11-{day}.db" for day in range(24, 31)]
    assert folder.stat().st_mode & 0o777 == 0o700
    for path in folder.iterdir():
        assert examine(path).taken_at is not None
        assert path.stat().st_mode & 0o777 == 0o600


async def test_nightly_backup_can_be_turned_off_or_moved_to_another_folder(
    sandbox: Sandbox, migrated_file: Path, tmp_path: Path
) -> None:
    shutil.copy(migrated_file, tmp_path / "crm.db")
    url = f"sqlite:///{tmp_path / 'crm.db'}"
    off = await RunningApp.open(sandbox, url, settings={"backup_keep": 0})
    async with off:
        assert "back_up" not in off.app.schedule.jobs
    other = await RunningApp.open(sandbox, url, settings={"backup_dir": tmp_path / "disk"})
    async with other:
        await NightlyBackup(other.db, other.settings, other.clock).back_up()
    assert [name.startswith("crm.20") for name in names(tmp_path / "disk")] == [True]
    assert not (tmp_path / "backups").exists()


async def test_shutdown_does_not_wait_for_a_running_backup(
    busy_home: RunningApp, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The process that makes it is ended, and the next start makes it anew."""
    began = asyncio.Event()

    async def never(*_: Path) -> Made:
        began.set()
        await asyncio.Event().wait()
        raise AssertionError

    monkeypatch.setattr("bot.runtime.installation.NightlyBackup", partial(NightlyBackup, make=never))
    async with busy_home:
        await asyncio.wait_for(began.wait(), 10)
    assert names(tmp_path / "backups") == []


# --- not made ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F63")
async def test_failed_backup_alerts_admins_once_a_day(
    home: RunningApp, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F63: a full disk; tried again every hour, and every copy that was there is still there."""
    reasons = iter(["no_space", "no_space", "no_space", "damaged"])
    tried = 0

    async def fails(source: Path, target: Path) -> Made:
        nonlocal tried
        tried += 1
        raise BackupError(next(reasons), path=str(target.parent), needed_mb=70, free_mb=1, why="a page is bad")

    async with home:
        backups = NightlyBackup(home.db, home.settings, clock, make=fails)
        for _ in range(2):
            await backups.back_up()
        assert tried == 1
        alert = await home.olga.sees("The nightly backup failed: not enough disk space")
        clock.forward(hours=1)
        await backups.back_up()
        assert tried == 2
        await home.olga.sees_nothing_new()
        clock.forward(days=1)
        await backups.back_up()
        await home.olga.sees("The nightly backup failed", after=alert)
        clock.forward(days=1)
        await backups.back_up()
        await home.olga.sees("The nightly check found that the database is damaged")


@pytest.mark.fault("F63")
async def test_backup_alert_that_cannot_be_written_is_sent_later(
    home: RunningApp, clock: MovableClock, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """F63: the disk that is too full for a backup may be too full for the news of it."""
    monkeypatch.setattr(copying, "RESERVE_BYTES", shutil.disk_usage(tmp_path).total)

    async def here(source: Path, target: Path) -> Made:
        made = await asyncio.to_thread(copying.make_copy, source, target, clock=clock)
        return Made(made.size, made.wrong_loads)

    async with home:
        backups = NightlyBackup(home.db, home.settings, clock, make=here)
        write = type(home.db).write
        with monkeypatch.context() as patch:

            async def full(*_: object, **__: object) -> None:
                raise OSError(28, "No space left on device")

            patch.setattr(type(home.db), "write", full)
            with pytest.raises(OSError, match="No space"):
                await backups.back_up()
        assert type(home.db).write is write
        await backups.back_up()
        await home.olga.sees("not enough disk space")

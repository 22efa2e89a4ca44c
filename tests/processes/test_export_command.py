"""`mini-crm export`, as a person at a terminal runs it."""

import asyncio
import json
import signal
import sqlite3
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from click import Choice
from openpyxl import load_workbook
from sqlalchemy import make_url, select
from sqlalchemy.orm import Session

from bot.commands.cli import main
from crm_core import events
from crm_core.exports.kinds import Form, What
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import ownership
from crm_core.storage.probe import SAFE_WITH_TWO_WRITERS
from crm_core.storage.tables import Event
from tests.domain.exports.test_exports import many, opened, read_csv
from tests.domain.statistics.test_statistics import Books
from tests.support.forks import ROOT
from tests.support.processes import command, environment, running
from tests.support.waiting import until_polled

FIRST = datetime(2026, 11, 1, 21, 30, tzinfo=UTC)  # half past midnight of the 2nd in Moscow


async def arranged(database_url: str) -> None:
    """A client on each of five evenings, and the settings' bot with its source."""

    def story(s: Session) -> None:
        Books(s)
        for day in range(5):
            opened(s, name=f"Клиент {day}", at=FIRST + timedelta(days=day))

    db = open_database(database_url)
    await db.write(story)
    await db.close()


async def recorded(database_url: str) -> list[Event]:
    db = open_database(database_url)
    found = await db.read(lambda s: list(s.execute(select(Event).where(Event.kind == events.EXPORTED)).scalars()))
    await db.close()
    return found


async def test_export_days_follow_the_installation_timezone(database_url: str, tmp_path: Path) -> None:
    await arranged(database_url)
    settings = {"DATABASE_URL": database_url, "TIMEZONE": "Europe/Moscow"}
    ended = await command(
        "export", "leads", "--from", "2026-11-02", "--to", "2026-11-03", "-o", "march.csv", folder=tmp_path, **settings
    )
    assert (ended.status, ended.err) == (0, "")
    assert ended.out == "march.csv: 2 rows, times of Europe/Moscow\n"
    rows = read_csv(tmp_path / "march.csv")
    assert [row[1:3] for row in rows] == [
        ["Впервые", "Клиент"],
        ["2026-11-02 00:30:00", "Клиент 0"],
        ["2026-11-03 00:30:00", "Клиент 1"],
    ]
    (event,) = await recorded(database_url)
    assert event.actor.startswith("shell:")
    assert event.data == {
        "what": "leads",
        "form": "csv",
        "since": "2026-11-02T00:00:00+03:00",
        "until": "2026-11-04T00:00:00+03:00",
    }


async def test_export_writes_xlsx_unless_another_format_is_given(database_url: str, tmp_path: Path) -> None:
    await arranged(database_url)
    ended = await command("export", "contacts", "--language", "en", folder=tmp_path, DATABASE_URL=database_url)
    assert ended.out == "contacts.xlsx: 5 rows, times of UTC\n"
    book = load_workbook(tmp_path / "contacts.xlsx")
    assert book.sheetnames == ["Requests"]
    assert [cell.value for cell in book.active["F"]] == ["Client", *(f"Клиент {day}" for day in range(5))]
    book.close()
    for what, form in (("operators", "csv"), ("events", "xlsx")):
        ended = await command(
            "export", what, "--format", form, "-o", f"a.{form}", folder=tmp_path, DATABASE_URL=database_url
        )
        assert ended.status == 0
        assert (tmp_path / f"a.{form}").exists()


async def test_export_without_database_or_folder_fails_with_one_sentence(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"
    ended = await command("export", "leads", folder=tmp_path, DATABASE_URL=url)
    assert (ended.status, ended.err) == (2, "There is no database yet; the first `mini-crm run` creates it.\n")
    migrate(url)
    with sqlite3.connect(tmp_path / "crm.db") as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    ended = await command("export", "leads", folder=tmp_path, DATABASE_URL=url)
    assert (ended.status, "of another version" in ended.err) == (2, True)
    migrated = tmp_path / "other.db"
    migrate(f"sqlite:///{migrated}")
    ended = await command(
        "export", "leads", "-o", "nowhere/a.csv", folder=tmp_path, DATABASE_URL=f"sqlite:///{migrated}"
    )
    assert (ended.status, ended.err) == (2, "nowhere/a.csv cannot be written: No such file or directory.\n")
    away = await command("export", "leads", folder=tmp_path, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/crm")
    assert (away.status, "cannot be reached" in away.err, "hunter2" in away.err) == (1, True, False)


async def test_interrupted_export_leaves_no_file(database_url: str, tmp_path: Path) -> None:
    db = open_database(database_url)
    await db.write(many, 40_000)  # seconds of work, so that the signal comes in the middle of it
    await db.close()
    here = tmp_path / "here"
    here.mkdir()
    for how in (signal.SIGTERM, signal.SIGINT):
        async with running("export", "contacts", folder=here, DATABASE_URL=database_url) as export:
            await begun(here)
            ended = await export.stop(how)
        assert ended.status != 0
        assert "Traceback" not in ended.err
        assert list(here.iterdir()) == []


@pytest.mark.fault("F106")
async def test_killed_export_is_cleared_away_by_the_next_one(database_url: str, tmp_path: Path) -> None:
    db = open_database(database_url)
    await db.write(many, 40_000)
    await db.close()
    here = tmp_path / "here"
    here.mkdir()
    async with running("export", "contacts", folder=here, DATABASE_URL=database_url) as export:
        await begun(here)
        await export.stop(signal.SIGKILL)
    assert [one.name.startswith(".contacts.xlsx.mini-crm-") for one in here.iterdir()] == [True]
    ended = await command("export", "operators", "-o", "staff.csv", folder=here, DATABASE_URL=database_url)
    assert ended.status == 0
    assert [one.name for one in here.iterdir()] == ["staff.csv"]


async def begun(folder: Path) -> None:
    """Waits until there is an unfinished file."""
    await until_polled(lambda: asyncio.to_thread(lambda: list(folder.glob(".contacts.xlsx.*/*"))))


async def test_export_works_beside_a_running_installation(tmp_path: Path) -> None:
    """An old SQLite must have one writer only: then the file is made all the same, and it is said what is missing."""
    url = f"sqlite:///{tmp_path}/crm.db"
    migrate(url)
    await arranged(url)
    owner = ownership(make_url(url))
    try:
        ended = await command("export", "leads", folder=tmp_path, DATABASE_URL=url)
    finally:
        await owner.release()
    assert (ended.status, ended.out) == (0, "leads.xlsx: 6 rows, times of UTC\n")
    noted = len(await recorded(url))
    if sqlite3.sqlite_version_info < SAFE_WITH_TWO_WRITERS:
        assert (noted, "Not recorded among the events" in ended.err) == (0, True)
    else:
        assert (noted, ended.err) == (1, "")


def test_export_command_does_not_import_aiogram(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/crm.db"
    migrate(url)
    loads = (
        "import sys, json; from bot.commands.cli import main; main(['export', 'leads'], standalone_mode=False);"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", loads],
        cwd=tmp_path,
        env=environment({"DATABASE_URL": url}),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "crm_core.exports.making" in loaded
    assert loaded.isdisjoint({"aiogram", "alembic", "fastapi"})


@pytest.mark.parametrize("module", ["crm_core.exports", "crm_core.pictures"])
def test_export_and_picture_subprocesses_do_not_import_aiogram(module: str) -> None:
    loads = f"import sys, runpy; runpy.run_module('{module}'); print(sorted(sys.modules))"
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", loads], cwd=ROOT, env=environment({}), capture_output=True, text=True, check=True
    )
    assert "'aiogram'" not in done.stdout
    assert module != "crm_core.pictures" or "'sqlalchemy'" not in done.stdout


def test_export_choices_match_supported_kinds_and_formats() -> None:
    kinds = {one.name: one.type for one in main.commands["export"].params}
    what, form = kinds["what"], kinds["form"]
    assert isinstance(what, Choice)
    assert isinstance(form, Choice)
    assert list(what.choices) == list(What)
    assert sorted(form.choices) == sorted(Form)

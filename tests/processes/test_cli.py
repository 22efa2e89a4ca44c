"""The commands, as real processes against a real (local) Telegram."""

import json
import random
import re
import signal
import sqlite3
import stat
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from bot import __version__
from bot.sandbox import BotHandle, Sandbox
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import sources, weight_settings
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions
from crm_core.team import accounts, invitations, operators
from tests.support.forks import ROOT
from tests.support.processes import command, environment, fresh_command, fresh_running, running

TOKEN = "700001:" + "shop" * 9
WRONG = "700002:" + "help" * 9


@pytest.fixture
def shop(sandbox: Sandbox) -> BotHandle:
    return sandbox.add_bot(TOKEN, "shop_bot")


# --- before anything runs ---------------------------------------------------------------------------------------------


async def test_run_without_token_explains_what_to_do_in_three_lines(tmp_path: Path) -> None:
    ended = await command("run", folder=tmp_path)
    assert ended.status == 2
    assert ended.out == ""
    first, second, third = ended.err.splitlines()
    assert "@BotFather" in first
    assert "BOT_TOKEN is not read" in second
    assert "make demo" in third


async def test_invalid_settings_stop_commands_without_showing_values(tmp_path: Path) -> None:
    for words in (["run"], ["migrate"], ["invite"], ["health"]):
        ended = await command(*words, folder=tmp_path, BOT_TOKENS="secret-thing", TIMEZONE="Nowhere")
        assert ended.status == 2
        assert [line.split(":")[0] for line in ended.err.splitlines()] == ["BOT_TOKENS", "TIMEZONE"]
        assert "secret-thing" not in ended.err


async def test_help_and_version_are_printed(tmp_path: Path) -> None:
    assert "migrate" in (await fresh_command("--help", folder=tmp_path)).out
    assert (await fresh_command("--version", folder=tmp_path)).out == f"mini-crm {__version__}\n"


@pytest.mark.parametrize("words", [["--help"], ["migrate"], ["health"], ["api-key", "--help"]])
def test_quick_commands_import_neither_aiogram_nor_sqlalchemy(words: list[str], tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/data/mini_crm.db")
    loads = (
        "import sys, json; from bot.commands.cli import main; main({}, standalone_mode=False);"
        "print(json.dumps(list(sys.modules)))"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", loads.format(words)],
        cwd=tmp_path,
        env=environment({}),
        capture_output=True,
        text=True,
        check=True,
    )
    loaded = set(json.loads(done.stdout.splitlines()[-1]))
    assert "bot.commands.cli" in loaded
    assert loaded.isdisjoint({"aiogram", "sqlalchemy", "alembic", "fastapi", "uvicorn"})


def test_process_on_an_up_to_date_sqlite_file_loads_nothing_in_vain(tmp_path: Path) -> None:
    """The driver of PostgreSQL, Alembic and XlsxWriter would take 18 MB in every process, for as long as it runs."""
    url = f"sqlite:///{tmp_path}/crm.db"
    migrate(url)
    loads = (
        "import sys, bot.runtime.installation as start, bot.texts.exports, crm_core.storage.sqlite;"
        f"print(start.prepare({url!r})); print({{'alembic', 'mako', 'psycopg', 'xlsxwriter'}} & {{*sys.modules}})"
    )
    done = subprocess.run(  # noqa: S603
        [sys.executable, "-c", loads], cwd=ROOT, env=environment({}), capture_output=True, text=True, check=True
    )
    assert done.stdout.splitlines() == [str(revisions(url)), "set()"]


# --- migrate ----------------------------------------------------------------------------------------------------------


async def test_migrate_creates_database_and_then_changes_nothing(tmp_path: Path) -> None:
    first = await command("migrate", folder=tmp_path)
    assert (first.status, "upgraded from nothing" in first.out) == (0, True)
    second = await command("migrate", folder=tmp_path)
    assert (second.status, "up to date" in second.out) == (0, True)


async def test_database_of_newer_version_is_refused_unchanged(tmp_path: Path) -> None:
    url, path = f"sqlite:///{tmp_path}/crm.db", tmp_path / "crm.db"
    migrate(url)
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9999'")
    connection.close()
    before = path.read_bytes()
    for words in (["migrate"], ["run"]):
        ended = await command(*words, folder=tmp_path, DATABASE_URL=url, BOT_TOKENS=TOKEN)
        assert ended.status == 2
        assert "newer version of Mini-CRM (revision 9999)" in ended.err
        assert "Traceback" not in ended.err
    assert path.read_bytes() == before


async def test_file_that_is_no_database_is_reported_as_damaged(tmp_path: Path) -> None:
    (tmp_path / "crm.db").write_bytes(b"these are no tables, but words\n" * 100)
    for words in (["migrate"], ["run"]):
        ended = await command(*words, folder=tmp_path, DATABASE_URL=f"sqlite:///{tmp_path}/crm.db", BOT_TOKENS=TOKEN)
        assert ended.status == 2
        assert "damaged, or not a SQLite database" in ended.err
        assert "Traceback" not in ended.err


async def test_unreachable_server_is_reported_without_its_password(tmp_path: Path) -> None:
    for words in (["migrate"], ["run"], ["health"]):
        ended = await command(
            *words, folder=tmp_path, DATABASE_URL="postgresql://me:hunter2@127.0.0.1:1/crm", BOT_TOKENS=TOKEN
        )
        assert ended.status == 1
        assert "cannot be reached" in ended.err
        assert "hunter2" not in ended.err
        assert "Traceback" not in ended.err


# --- run --------------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F25", "F89")
async def test_first_start_creates_admin_despite_bad_token_and_stops_on_signal(
    sandbox: Sandbox, shop: BotHandle, database_url: str, tmp_path: Path
) -> None:
    """The link of the start makes the first admin; one wrong token stops nobody; SIGTERM ends it with status 0."""
    settings = {"DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": f"{TOKEN},{WRONG}"}
    async with fresh_running("run", folder=tmp_path, **settings) as bot:
        assert await bot.says("@shop_bot") == "✓ @shop_bot is running\n"
        assert "refuses its token" in await bot.says("bot 700002")
        # What is printed here ends in somebody's logs: they name a file that only its owner can read.
        named = re.search(r"in the file (\S+\.admin-link)", await bot.says("There is no admin yet"))
        assert named is not None
        file = tmp_path / named[1]
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        link = re.fullmatch(r"https://t\.me/shop_bot\?start=(admin_\S+)\n", file.read_text())
        assert link is not None
        olga, eve = sandbox.person("Olga", language_code="en"), sandbox.person("Eve", language_code="en")
        await olga.starts(shop, link[1])
        await olga.sees("You are now an admin")
        await eve.starts(shop, link[1])
        await eve.sees("no longer valid")
        ended = await bot.stop()
    assert ended.status == 0
    assert TOKEN not in ended.err
    assert link[1] not in ended.err + ended.out
    async with running("run", folder=tmp_path, **settings) as bot:
        await bot.says("bot 700002")
        ended = await bot.stop(signal.SIGINT)
    assert ended.status == 0
    assert "There is no admin yet" not in ended.out


async def test_second_process_on_one_sqlite_file_is_refused(sandbox: Sandbox, shop: BotHandle, tmp_path: Path) -> None:
    settings = {"TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    async with running("run", folder=tmp_path, **settings) as bot:
        await bot.says("is running")
        second = await command("run", folder=tmp_path, **settings)
        assert second.status == 2
        assert "SQLite allows one" in second.err
        assert (await command("health", folder=tmp_path, **settings)).status == 0
        assert (await command("migrate", folder=tmp_path, **settings)).status == 0


async def test_stop_during_work_loses_and_duplicates_nothing(
    sandbox: Sandbox, shop: BotHandle, database_url: str, tmp_path: Path
) -> None:
    """SIGTERM while sixty clients write: what is left goes on at the next start, and nothing comes twice."""
    migrate(database_url)
    anna = sandbox.person("Anna", language_code="en")
    await hire(database_url, anna.id, "Anna")
    settings = {"DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    async with running("run", "--no-limits", folder=tmp_path, **settings) as bot:
        await bot.says("is running")
        await anna.starts(shop)
        await anna.sees("You are an operator here")
        clients = sandbox.preload(shop, 60, text="I am number {person}")
        await anna.sees("I am number")
        assert (await bot.stop()).status == 0
    async with running("run", "--no-limits", folder=tmp_path, **settings) as bot:
        await bot.says("is running")
        for number in range(1, 61):
            await anna.sees(re.compile(rf"^#{number} "), timeout=30)
        assert (await bot.stop()).status == 0
    cards = [entry["text"] for entry in sandbox.transcript() if entry["chat"] == anna.id and entry["event"] == "new"]
    told = [entry for entry in sandbox.transcript() if entry["chat"] in clients and entry["sender"] == shop.id]
    assert len([text for text in cards if "I am number" in text]) == 60
    assert len(told) == 60


async def hire(url: str, telegram_id: int, name: str) -> None:
    """An operator of one bot, in a database that no process works on yet."""
    db, now = open_database(url), datetime.now(UTC)
    await db.write(bots.start, bot_id=700001, username="shop_bot", name="Shop", position=0, now=now)
    operator_id = await db.write(operators.add, name=name, max_leads=100, actor=SYSTEM, now=now)
    (source,) = await db.read(sources.listing)
    await db.write(
        weight_settings.set_weight,
        source_id=source.id,
        operator_id=operator_id,
        weight=1,
        actor=SYSTEM,
        now=now,
        rng=random.random,
    )
    await db.write(invitations.invite, code="code", role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
    account = accounts.Account(telegram_id, name, None, "en")
    await db.write(invitations.join, code="code", account=account, bot_id=700001, now=now, rng=random.random)
    await db.close()


# --- invite -----------------------------------------------------------------------------------------------------------


async def test_invite_command_prints_working_links(
    sandbox: Sandbox, shop: BotHandle, database_url: str, tmp_path: Path
) -> None:
    """An operator's and an admin's; each works once the bot runs."""
    settings = {"DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    early = await command("invite", folder=tmp_path, **settings)
    assert (early.status, "No bot has run here yet" in early.err) == (2, True)
    await hire(database_url, 1, "Anna")
    for_admin = await command("invite", folder=tmp_path, **settings)
    for_anna = await command("invite", "anna", "--bot", "@shop_bot", folder=tmp_path, **settings)
    assert "Did you mean Anna?" in (await command("invite", "Ana", folder=tmp_path, **settings)).err
    assert "There is no bot @other" in (await command("invite", "--bot", "other", folder=tmp_path, **settings)).err
    async with running("run", folder=tmp_path, **settings) as bot:
        await bot.says("is running")
        for name, invited, welcome in (("Olga", for_admin, "now an admin"), ("Anna", for_anna, "Welcome, Anna!")):
            assert invited.status == 0
            payload = invited.out.strip().removeprefix("https://t.me/shop_bot?start=")
            person = sandbox.person(name, language_code="en")
            await person.starts(shop, payload)
            await person.sees(welcome)
        assert (await bot.stop()).status == 0


async def test_invite_command_prints_working_links_while_the_bot_runs(
    sandbox: Sandbox, shop: BotHandle, database_url: str, tmp_path: Path
) -> None:
    """Where a second process may not write (SQLite before 3.51.3), the running one stores the invitation."""
    settings = {"DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    await command("migrate", folder=tmp_path, **settings)
    await hire(database_url, 1, "Anna")
    async with running("run", folder=tmp_path, **settings) as bot:
        await bot.says("is running")
        for_admin = await command("invite", folder=tmp_path, **settings)
        for_anna = await command("invite", "Anna", folder=tmp_path, **settings)
        assert "Did you mean Anna?" in (await command("invite", "Ana", folder=tmp_path, **settings)).err
        for name, invited, welcome in (("Olga", for_admin, "now an admin"), ("Anna", for_anna, "Welcome, Anna!")):
            assert invited.status == 0, invited.err
            payload = invited.out.strip().removeprefix("https://t.me/shop_bot?start=")
            person = sandbox.person(name, language_code="en")
            await person.starts(shop, payload)
            await person.sees(welcome)
        assert (await bot.stop()).status == 0


def test_console_script_and_module_run_the_same_command() -> None:
    text = (ROOT / "pyproject.toml").read_text(encoding="utf-8")
    assert 'mini-crm = "bot.commands.cli:main"' in text
    assert "from bot.commands.cli import main" in (ROOT / "bot/__main__.py").read_text(encoding="utf-8")

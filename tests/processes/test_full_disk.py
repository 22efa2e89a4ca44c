"""A disk that takes nothing more: Telegram keeps what cannot be stored, health is red, and it is over by itself."""

import re
import resource
import shutil
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world.transcript import Entry
from tests.processes.installation import Eyes, Installation, words_of
from tests.processes.test_backup_and_restore import ask
from tests.support.people import TOKEN, RunningApp
from tests.support.processes import command

WORDS = 12
SAID = re.compile(r"word \d+ of \d+")


def words(entry: Entry) -> str:
    """What an operator sees of a client's words, in a card or as a copy."""
    found = SAID.search(words_of(entry))
    return found[0] if found else ""


@pytest.mark.fault("F63")
@pytest.mark.parametrize("writable", [0, 8192])
async def test_full_or_read_only_disk_loses_no_message(
    sandbox: Sandbox, writable: int, migrated_file: Path, tmp_path: Path
) -> None:
    """F63: no byte (a disk that was remounted to be read), or no more than there are (a full one).

    The limit on a file's size is the process's own, and can be set and lifted while it runs.
    """
    database = tmp_path / "crm.db"
    shutil.copy(migrated_file, database)
    url = f"sqlite:///{database}"
    async with await RunningApp.open(sandbox, url, admin=False) as crm:
        anna, bot = await crm.operator("Anna", limit=100), crm.shop
    clients = [sandbox.person(f"Client {number}", language_code="en") for number in range(3)]
    eyes = Eyes(sandbox, [anna.id])
    settings = {"DATABASE_URL": url, "BOT_TOKENS": TOKEN, "TELEGRAM_API_URL": sandbox.url}
    async with Installation(token=TOKEN, database_url=url, telegram_api_url=sandbox.url) as installation:
        process = await installation.start()
        for client in clients:
            await client.says(f"word 0 of {client.id}", to=bot)
        await eyes.more(len(clients))
        while (await command("health", folder=tmp_path, **settings)).status:
            continue
        confirmed = sandbox.confirmed_ids(bot)
        endless = resource.RLIM_INFINITY
        resource.prlimit(process, resource.RLIMIT_FSIZE, (writable, endless))
        for number in range(1, WORDS):
            for client in clients:
                await client.says(f"word {number} of {client.id}")
        ended = await command("health", folder=tmp_path, **settings)
        while ended.status == 0:
            ended = await command("health", folder=tmp_path, **settings)
        assert ended.err == "Writing to the database fails (disk I/O error).\n"
        stored = {row[0] for row in await ask(url, "SELECT update_id FROM inbox")}
        assert {*sandbox.confirmed_ids(bot)} <= stored | {*confirmed}
        resource.prlimit(process, resource.RLIMIT_FSIZE, (endless, endless))
        wanted = {f"word {number} of {client.id}" for number in range(WORDS) for client in clients}
        await eyes.until(lambda: wanted <= {words(entry) for entry in eyes.seen}, within=90)
        while (await command("health", folder=tmp_path, **settings)).status:
            continue
        assert await installation.stop() == 0
    assert len([entry for entry in eyes.seen if words(entry) in wanted]) == len(wanted)
    assert await ask(url, "SELECT count(*) FROM inbox WHERE state <> 'done'") == [(0,)]

"""One process at a time works for a bot; another takes over when it is gone; one that lost its locks stops at once."""

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from bot.app import App
from bot.sandbox import Sandbox
from bot.settings import load_settings
from tests.processes.installation import Installation
from tests.processes.restarts import HURRIED
from tests.support.people import TOKEN, RunningApp
from tests.support.processes import command


@pytest.mark.fault("F60")
async def test_second_process_is_refused_on_sqlite_and_stands_by_on_postgres(
    sandbox: Sandbox, database_url: str, tmp_path: Path
) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        if database_url.startswith("sqlite"):
            ended = await command(
                "run", folder=tmp_path, BOT_TOKENS=TOKEN, DATABASE_URL=database_url, TELEGRAM_API_URL=sandbox.url
            )
            assert ended.status == 2
            said = ended.out + ended.err
            assert "Another Mini-CRM is running on" in said
            assert "Traceback" not in said
            assert len(said.strip().splitlines()) == 1
            await ivan.says("Hello", to=crm.shop)
            await anna.sees("Hello", bot=crm.shop)
            return
        second = App(crm.settings, limited=False, retry_delays=HURRIED)
        async with second:
            await second.supervisor.settled()
            assert second.supervisor.sessions[0].state == "standby"
            await ivan.says("Hello", to=crm.shop)
            await anna.sees("Hello", bot=crm.shop)


@pytest.mark.fault("F61")
async def test_standby_process_takes_over_after_a_kill(sandbox: Sandbox, database_url: str) -> None:
    if database_url.startswith("sqlite"):
        return
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna = await crm.operator("Anna")
    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as first:
        await first.start()
        await sandbox.online(crm.shop, timeout=20)
        settings = load_settings(
            bot_tokens=[TOKEN], database_url=database_url, telegram_api_url=sandbox.url, http_port=0
        )
        async with App(settings, limited=False, retry_delays=HURRIED) as second:
            await second.supervisor.settled()
            assert second.supervisor.sessions[0].state == "standby"
            ivan = crm.client()
            sandbox.fail(kind="slow", method="sendMessage", chat=anna, delay=30)
            await ivan.says("Hello", to=crm.shop)  # the first begins to send it, and dies
            await anna.sees("Hello", bot=crm.shop)
            await first.kill()
            await ivan.says("Anybody there?")
            await anna.sees("Anybody there?", bot=crm.shop, timeout=15)
            assert second.supervisor.sessions[0].state == "running"


@pytest.mark.fault("F61")
async def test_session_that_loses_its_locks_restarts_with_new_fencing_token(
    sandbox: Sandbox, database_url: str
) -> None:
    if database_url.startswith("sqlite"):
        return
    async with await RunningApp.open(sandbox, database_url, retry_delays=HURRIED) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        session = crm.app.supervisor.sessions[0]
        sender = session.sender
        assert sender is not None
        await asyncio.to_thread(_cut_lock_connections, database_url)
        session.settled.clear()
        await crm.app.supervisor.check_ownership()
        async with asyncio.timeout(20):
            await session.settled.wait()
            while session.state != "running":
                session.settled.clear()
                await session.settled.wait()
        assert session.sender is not sender
        assert session.sender is not None
        assert session.sender.fencing_token > sender.fencing_token
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)
        await crm.app.supervisor.check_ownership()
        assert session.state == "running"


def _cut_lock_connections(database_url: str) -> None:
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    with engine.begin() as connection:
        cut = connection.execute(
            text(
                "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory' AND database ="
                " (SELECT oid FROM pg_database WHERE datname = current_database())"
            )
        ).all()
        assert len(cut) == 1
    engine.dispose()

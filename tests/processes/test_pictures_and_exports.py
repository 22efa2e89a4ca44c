"""What is made in processes of its own is made by the real program too: its event loop, its folders, its end."""

import asyncio
from pathlib import Path

from bot.sandbox import Sandbox
from crm_core.exports import jobs
from tests.processes.installation import Eyes
from tests.support.people import TOKEN, RunningApp
from tests.support.processes import running
from tests.support.waiting import until_polled


def left(folder: Path, name: str = "") -> list[Path]:
    """What exports have put anywhere below a folder."""
    return list(folder.rglob(f"mini-crm-export-*/{name}" if name else "mini-crm-export-*"))


async def test_running_process_sends_statistics_picture_and_export_file(
    sandbox: Sandbox, database_url: str, tmp_path: Path
) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        olga = crm.olga
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
    settings = {"BOT_TOKENS": TOKEN, "DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url}
    folder = tmp_path / "temporary"
    folder.mkdir()
    async with running("run", folder=tmp_path, TMPDIR=str(folder), **settings) as bot:
        await bot.says("is running")
        await olga.says("/stats", to=crm.shop)
        await olga.sees("📊 Statistics: today", kind="photo", timeout=30)
        await olga.says("/export")
        screen = await olga.sees("📤 Export", timeout=30)
        await (await olga.presses(screen, "Excel")).answer()
        await olga.sees(kind="document", after=screen, timeout=30)
        await olga.sees("1 row, sent below.", timeout=30)
        ended = await bot.stop()
    assert ended.status == 0
    assert "Traceback" not in ended.err
    assert left(tmp_path) == []


async def test_shutdown_does_not_wait_for_export_and_next_session_repeats_it(
    sandbox: Sandbox, database_url: str, tmp_path: Path
) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        olga = crm.olga
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
    settings = {"BOT_TOKENS": TOKEN, "DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url}
    # Telegram does not answer while the file is sent.
    sandbox.fail(kind="slow", method="sendDocument", delay=60, applied=False)
    eyes = Eyes(sandbox, [olga.id])
    async with running("run", folder=tmp_path, TMPDIR=str(tmp_path), **settings) as bot:
        await bot.says("is running")
        await olga.says("/export", to=crm.shop)
        screen = await olga.sees("📤 Export", timeout=30)
        await (await olga.presses(screen, "CSV")).answer()
        await until_polled(lambda: asyncio.to_thread(left, tmp_path, "*.csv"))
        async with asyncio.timeout(9):
            ended = await bot.stop()
    assert ended.status == 0
    assert left(tmp_path) == []
    assert not [entry for entry in eyes.seen if entry.kind == "document"]
    sandbox.clear_fault()
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:  # the next process begins it again
        assert await crm.db.read(jobs.is_under_way, asked_by=olga.id, now=crm.clock())
        await olga.sees(kind="document", bot=crm.shop, timeout=30)

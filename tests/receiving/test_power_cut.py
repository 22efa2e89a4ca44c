"""A power cut: what the disk had not been asked to keep is gone. Nothing that was confirmed to Telegram may be."""

import asyncio
import os
import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from bot.sandbox import Sandbox
from crm_core.storage.sqlite import SqliteDatabase
from tests.support.people import RunningApp

CLIENTS, CUTS = 3, 25


class Disk:
    """Keeps account of how much of the journal was flushed; a cut leaves exactly that."""

    def __init__(self, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.path, self.journal = path, Path(f"{path}-wal")
        self.flushed = 0
        flush = SqliteDatabase._flush_journal

        def flush_and_note(db: SqliteDatabase) -> None:
            length = self.journal.stat().st_size if self.journal.exists() else 0
            flush(db)
            self.flushed = length

        monkeypatch.setattr(SqliteDatabase, "_flush_journal", flush_and_note)

    def cut(self, to: Path) -> None:
        """What would be found after a power cut in this moment."""
        shutil.copy(self.path, to)
        shutil.copy(self.journal, f"{to}-wal")
        os.truncate(f"{to}-wal", self.flushed)


def stored(path: Path) -> set[int]:
    with closing(sqlite3.connect(path)) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        return {row[0] for row in connection.execute("SELECT update_id FROM inbox")}


@pytest.mark.fault("F7")
async def test_power_cut_loses_no_confirmed_update(
    sandbox: Sandbox, migrated_file: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """F7: cut off at twenty-five moments of a busy hour, in none of them does a confirmed update miss."""
    path = tmp_path / "crm.db"
    shutil.copy(migrated_file, path)
    disk = Disk(path, monkeypatch)
    async with await RunningApp.open(sandbox, f"sqlite:///{path}") as crm:
        anna = await crm.operator("Anna", limit=100)
        clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
        queue, confirmation, ahead = sandbox.world.bot(crm.shop.id).queue, asyncio.Event(), 0
        confirm_head = queue._confirm_head

        def confirm_and_note() -> None:
            confirm_head()
            confirmation.set()

        monkeypatch.setattr(queue, "_confirm_head", confirm_and_note)
        for cut in range(CUTS):
            confirmation.clear()
            for client in clients:
                await client.says(f"word {cut} of {client.id}", to=crm.shop)
            await confirmation.wait()
            confirmed = set(sandbox.confirmed_ids(crm.shop))
            remains = tmp_path / f"cut-{cut}.db"
            disk.cut(remains)
            ahead += disk.journal.stat().st_size > disk.flushed
            assert confirmed <= stored(remains), f"cut {cut}"
        await anna.sees(f"word {CUTS - 1} of {clients[-1].id}", bot=crm.shop, timeout=20)
    assert len(confirmed) > 2 * CUTS
    assert ahead, "the disk was never behind: a cut took nothing away"

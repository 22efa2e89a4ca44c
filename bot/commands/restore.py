"""`mini-crm restore FILE`: puts a backup in the database's place, and makes it safe to go on with."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import make_url
from sqlalchemy.orm import Session

from bot.runtime.control import who
from bot.settings import Settings
from crm_core.backups import after_restore, postgres, swap
from crm_core.backups.after_restore import Reconciliation
from crm_core.backups.copying import examine
from crm_core.backups.errors import BackupError
from crm_core.storage.database import open_database
from crm_core.storage.installed_mark import mark_installed
from crm_core.storage.migrate import migrate
from crm_core.storage.ownership import ownership
from crm_core.storage.probe import sqlite_path

Numbers = dict[str, int]


def restore(settings: Settings, *, backup: Path, replace: bool) -> None:
    """Restores and prints what became of it.

    Args:
        replace: whether a database with something in it may be put aside (SQLite).

    Raises BackupError, AlreadyRunning, UnknownRevision. Whatever interrupts it, the database is as before, restored, or
    absent with nothing starting on it until the restore is done once more.
    """
    now = datetime.now(UTC)
    if settings.database_url.startswith("sqlite"):
        _restore_sqlite(settings, backup, now, replace=replace)
        return
    if replace:
        raise BackupError("replace_here", path=str(backup))
    postgres.bring_back(settings.database_url, backup)
    before, after = migrate(settings.database_url, is_restoring=True)
    found, numbers = asyncio.run(_reconcile(settings.database_url, None, now, settings.timezone, {}))
    _tell(found, numbers, revision=(before or after, after))


def _restore_sqlite(settings: Settings, backup: Path, now: datetime, *, replace: bool) -> None:
    place = sqlite_path(settings.database_url)
    owner = ownership(make_url(settings.database_url))  # nobody works on it until all is done
    try:
        swap.check_place(place, replace=replace)
        with swap.candidate(backup, place, now=now) as copy:
            url = f"sqlite:///{copy.path}"
            swap.forget_origin(copy.path)
            migrate(url, copy=False)
            seen = swap.highest_numbers(place, {table.name for table in after_restore.NUMBERED})
            found, numbers = asyncio.run(_reconcile(url, copy.taken_at, now, settings.timezone, seen))
            swap.begin_numbers_at(copy.path, numbers)
            after = examine(copy.path).revision
            kept = swap.put_in_place(copy.path, place, now=now)
        mark_installed(place)
    finally:
        asyncio.run(owner.release())
    _tell(found, numbers, revision=(copy.revision, after))
    if kept is not None:
        click.echo(f"The database that was there is kept as {kept}.")


async def _reconcile(
    url: str, taken_at: datetime | None, now: datetime, zone: str, seen: Numbers
) -> tuple[Reconciliation, Numbers]:
    def decide(s: Session) -> tuple[Reconciliation, Numbers]:
        found = after_restore.reconcile(s, taken_at=taken_at, now=now, zone=zone, actor=who().label)
        numbers = after_restore.next_numbers(s, since=found.since, until=found.until, seen=seen)
        if s.get_bind().dialect.name == "postgresql":
            postgres.begin_numbers_at(s, numbers)
            postgres.is_safe(s)
        return found, numbers

    db = open_database(url)
    try:
        return await db.write(decide)
    finally:
        await db.close()


def _tell(found: Reconciliation, numbers: Numbers, *, revision: tuple[str, str]) -> None:
    since, until = (f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in (found.since, found.until))
    brought = f", brought from revision {revision[0]} to {revision[1]}" if revision[0] != revision[1] else ""
    click.echo(f"Restored: the database is as of {since}{brought}.")
    click.echo(f"Lost is what happened from then until {until}: messages of that time are in the chats only, and keys,")
    click.echo(
        "people and settings that were changed or removed since are as they were. Admins are told at the next start."
    )
    if found.doubtful:
        click.echo(f"Not sent, since they may have been: {found.doubtful} messages to clients; their authors are told.")
    if found.again:
        click.echo(
            f"Sent at the next start, perhaps for the second time: {found.again} messages to operators and admins."
        )
    click.echo(f"New contacts begin at #{numbers['contacts']}: numbers that were given since are not given again.")
    click.echo("Invitations that were open are closed: `mini-crm invite` makes new ones.")

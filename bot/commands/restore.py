"""`mini-crm restore FILE`: replaces the database with a backup, and prepares it for use."""

import asyncio
from datetime import UTC, datetime
from pathlib import Path

import click
from sqlalchemy import make_url

from bot.runtime.control import who
from bot.settings import Settings
from crm_core.backups import after_restore, postgres, swap
from crm_core.backups.after_restore import Reconciliation
from crm_core.backups.copying import examine
from crm_core.backups.errors import BackupError
from crm_core.storage.config import Pool, use
from crm_core.storage.installed_mark import mark_installed
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from crm_core.storage.ownership import ownership
from crm_core.storage.probe import sqlite_path

Numbers = dict[str, int]


def restore(settings: Settings, *, backup: Path, replace: bool) -> None:
    """Restores, and prints what was restored and what is lost.

    Args:
        replace: whether a database that is not empty may be moved aside (SQLite).

    Raises BackupError, AlreadyRunning, UnknownRevision. Whatever interrupts it, the database is as before,
    restored, or absent, and then nothing starts on it until the restore is run again.
    """
    now = datetime.now(UTC)
    if settings.database_url.startswith("sqlite"):
        _restore_sqlite(settings, backup, now, replace=replace)
        return
    if replace:
        raise BackupError("replace_here", path=str(backup))
    url = settings.migration_database_url or settings.database_url  # it makes every table
    postgres.bring_back(url, backup)
    before, after = migrate(url, is_restoring=True, region=settings.default_region)
    found, numbers = asyncio.run(_reconcile(url, None, now, settings.timezone, {}))
    _print_result(found, numbers, revision=(before or after, after))


def _restore_sqlite(settings: Settings, backup: Path, now: datetime, *, replace: bool) -> None:
    place = sqlite_path(settings.database_url)
    owner = ownership(make_url(settings.database_url))  # nothing else works on it until all is done
    try:
        swap.check_place(place, replace=replace)
        with swap.candidate(backup, place, now=now) as copy:
            url = f"sqlite:///{copy.path}"
            swap.forget_origin(copy.path)
            migrate(url, copy=False, region=settings.default_region)
            seen = swap.highest_numbers(place, {table.name for table in after_restore.NUMBERED})
            found, numbers = asyncio.run(_reconcile(url, copy.taken_at, now, settings.timezone, seen))
            swap.begin_numbers_at(copy.path, numbers)
            after = examine(copy.path).revision
            kept = swap.put_in_place(copy.path, place, now=now)
        mark_installed(place)
    finally:
        asyncio.run(owner.release())
    _print_result(found, numbers, revision=(copy.revision, after))
    if kept is not None:
        click.echo(f"The database that was there is kept as {kept}.")


async def _reconcile(
    url: str, taken_at: datetime | None, now: datetime, zone: str, seen: Numbers
) -> tuple[Reconciliation, Numbers]:
    use(Pool.BACKGROUND)
    db = open_database(url)
    try:
        return await db.write(
            after_restore.reconcile_and_number, taken_at=taken_at, now=now, zone=zone, actor=who().label, seen=seen
        )
    finally:
        await db.close()


def _print_result(found: Reconciliation, numbers: Numbers, *, revision: tuple[str, str]) -> None:
    since, until = (f"{one:%Y-%m-%d %H:%M:%S} UTC" for one in (found.since, found.until))
    upgraded = f", upgraded from revision {revision[0]} to {revision[1]}" if revision[0] != revision[1] else ""
    click.echo(f"Restored: the database is as of {since}{upgraded}.")
    click.echo(f"What happened from then until {until} is lost: messages of that time are in the chats only, and keys,")
    click.echo(
        "people and settings that were changed or removed since are as they were. Admins are told at the next start."
    )
    if found.doubtful:
        click.echo(f"Not sent, since they may have been: {found.doubtful} messages to clients; their authors are told.")
    if found.again:
        click.echo(
            f"Sent at the next start, possibly for the second time: {found.again} messages to operators and admins."
        )
    click.echo(f"New contacts start at #{numbers['contacts']}, so that no number that was given since is given again.")
    click.echo("Invitations that were open are closed: `mini-crm invite` makes new ones.")

"""Upgrades the database schema at a start and for `mini-crm migrate`; never creates a database where one was lost."""

import asyncio
from pathlib import Path

from sqlalchemy import make_url

from crm_core.backups import nightly
from crm_core.storage import installed_mark, migrate
from crm_core.storage.ownership import ownership
from crm_core.storage.probe import sqlite_path


def prepare(url: str, backup_dir: Path | None = None) -> tuple[str | None, str]:
    """Upgrades the schema of a database that no other process works on. Returns the revision before and after.

    Raises DatabaseMissing, RestoreUnfinished, UnknownRevision, and what the driver raises, also for a damaged file.
    """
    if not url.startswith("sqlite"):
        return migrate.migrate(url)
    path = sqlite_path(url)
    installed_mark.check_not_lost(path, backups=nightly.existing(nightly.folder_of(path, backup_dir), path))
    installed_mark.check_integrity(path)
    revisions = migrate.migrate(url)
    installed_mark.mark_installed(path)
    return revisions


def bring_up_to_date(url: str) -> tuple[str | None, str]:
    """Upgrades the schema while no other process works on the file: an older one would go on with the older schema.

    Returns the revision before and after. Raises AlreadyRunning, and what `prepare` raises.
    """
    owner = ownership(make_url(url))
    try:
        return prepare(url)
    finally:
        asyncio.run(owner.release())

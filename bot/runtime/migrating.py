"""Upgrades the database schema at a start and for `mini-crm migrate`; never creates a database where one was lost."""

import asyncio
from pathlib import Path

from sqlalchemy import make_url

from crm_core.backups import nightly
from crm_core.storage import installed_mark, migrate
from crm_core.storage.ownership import ownership
from crm_core.storage.probe import revisions, sqlite_path
from crm_core.storage.region import DEFAULT_REGION


def prepare(
    url: str, backup_dir: Path | None = None, *, migrating_url: str | None = None, region: str = DEFAULT_REGION
) -> tuple[str | None, str]:
    """Upgrades the schema of a database that no other process works on. Returns the revision before and after.

    Args:
        migrating_url: the setting `MIGRATION_DATABASE_URL`: the account that changes the schema, if there is anything
            to change, and does nothing else.
        region: the setting `DEFAULT_REGION`.

    Raises DatabaseMissing, RestoreUnfinished, UnknownRevision, MigrationNotAllowed, and what the driver raises, also
    for a damaged file.
    """
    if not url.startswith("sqlite"):
        current, newest = revisions(url)
        owner = url if migrating_url is None or current == newest else migrating_url
        return migrate.migrate(owner, region=region)
    path = sqlite_path(url)
    installed_mark.check_not_lost(path, backups=nightly.existing(nightly.folder_of(path, backup_dir), path))
    installed_mark.check_integrity(path)
    changed = migrate.migrate(url, region=region)
    installed_mark.mark_installed(path)
    return changed


def bring_up_to_date(
    url: str, *, migrating_url: str | None = None, region: str = DEFAULT_REGION
) -> tuple[str | None, str]:
    """Upgrades the schema while no other process works on the file: an older one would go on with the older schema.

    Args:
        migrating_url, region: see `prepare`.

    Returns the revision before and after. Raises AlreadyRunning, and what `prepare` raises.
    """
    owner = ownership(make_url(url))
    try:
        return prepare(url, migrating_url=migrating_url, region=region)
    finally:
        asyncio.run(owner.release())

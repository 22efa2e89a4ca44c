"""The nightly backup of a SQLite file. What is due is read from the existing files, so its job may run at any time."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import structlog

from bot.settings import Settings
from crm_core.backups import nightly
from crm_core.backups.errors import BackupError
from crm_core.backups.in_subprocess import Made, make_copy_in_subprocess
from crm_core.messaging import alerts
from crm_core.storage.database import Database
from crm_core.storage.probe import sqlite_path
from crm_core.subprocesses import NoResult

log = structlog.get_logger("backup")

AGAIN_AFTER = timedelta(hours=1)  # a disk that is full now may not be so later


@dataclass
class NightlyBackup:
    """Makes the backup that is due, in a subprocess, and deletes old ones.

    Attributes:
        make: copies a database to a file; see `crm_core.backups.in_subprocess`.
    """

    db: Database
    settings: Settings
    clock: Callable[[], datetime]
    make: Callable[[Path, Path], Awaitable[Made]] = make_copy_in_subprocess
    _not_before: datetime | None = None
    _unreported: str | None = None
    database: Path = field(init=False)
    folder: Path = field(init=False)

    def __post_init__(self) -> None:
        self.database = sqlite_path(self.settings.database_url)
        self.folder = nightly.folder_of(self.database, self.settings.backup_dir)

    async def back_up(self) -> None:
        """Makes the backup that is due, if any. Failures are logged, and reported to admins once a day."""
        now = self.clock()
        if self._unreported is not None:  # the database could not be written when it was to be reported
            await self._report(self._unreported)
        if self._not_before is not None and self._not_before - AGAIN_AFTER <= now < self._not_before:
            return
        target = nightly.due(
            self.folder,
            self.database,
            at=time.fromisoformat(self.settings.backup_at),
            zone=ZoneInfo(self.settings.timezone),
            now=now,
        )
        if target is None:
            return
        self._not_before = now + AGAIN_AFTER
        try:
            self.folder.mkdir(
                mode=0o700, exist_ok=True
            )  # without its parents: the disk that has them may not be mounted
            made = await self.make(self.database, target)
        except BackupError as error:
            log.error("backup_failed", reason=error.code, **error.fields)
            await self._report(error.code)
        except (NoResult, OSError) as error:
            log.error("backup_failed", reason="not_made", error=getattr(error, "strerror", None) or str(error))
            await self._report("not_writable" if isinstance(error, OSError) else "not_made")
        else:
            self._not_before = None
            log.info("backup_made", path=str(target), bytes=made.size)
            if made.wrong_loads:
                log.error("backup_has_wrong_loads", operators=len(made.wrong_loads))
            nightly.prune(self.folder, self.database, keep=self.settings.backup_keep, made=target)

    async def _report(self, reason: str) -> None:
        self._unreported = reason
        await self.db.write(alerts.notify_no_backup, reason=reason, now=self.clock())
        self._unreported = None

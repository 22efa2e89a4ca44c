"""Upgrading a database to the schema of this version, or refusing one of a newer version."""

import glob
import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import URL, Connection, Engine, NullPool, create_engine, inspect, make_url, text
from sqlalchemy.exc import DBAPIError

from crm_core.storage.installed_mark import RESTORING, RestoreUnfinished
from crm_core.storage.private_files import private_file, private_folder, tighten
from crm_core.storage.probe import known_revisions, newest_revision
from crm_core.storage.region import DEFAULT_REGION
from crm_core.storage.sqlite import sqlite_engine

if TYPE_CHECKING:  # it is imported where a schema is behind: a process needs it once in a version, 7 MB for good
    from alembic.config import Config

MIGRATION_LOCK = 7_200  # our own advisory lock: two processes that start at once migrate one after the other


NOT_ALLOWED = "42501"  # PostgreSQL: the account lacks a privilege


class MigrationNotAllowed(Exception):
    """The schema is of an older version, and the account may not change it. Nothing was changed.

    Attributes:
        revision: of the database; None for an empty one.
    """

    code = "migration_not_allowed"

    def __init__(self, revision: str | None) -> None:
        super().__init__(revision)
        self.revision = revision


class UnknownRevision(Exception):
    """The database was made by a newer version and has this `revision`. Nothing was changed."""

    def __init__(self, revision: str) -> None:
        super().__init__(revision)
        self.revision = revision


def migrate(
    url: str,
    *,
    now: datetime | None = None,
    copy: bool = True,
    is_restoring: bool = False,
    region: str = DEFAULT_REGION,
) -> tuple[str | None, str]:
    """Upgrades the database to the newest revision, all or nothing; a SQLite file is copied first.

    Args:
        url: as in the setting `DATABASE_URL`.
        now: for the name of the copy; by default the current time.
        copy: whether a SQLite file is copied first.
        is_restoring: whether it is the restore that migrates.
        region: the setting `DEFAULT_REGION`: where phones without a country code belong.

    Returns the revision before (None for a new database) and after. Raises UnknownRevision, RestoreUnfinished,
    MigrationNotAllowed (PostgreSQL).
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        return _migrate_sqlite(parsed, now or datetime.now(UTC), copy=copy, region=region)
    engine = create_engine(parsed.set(drivername="postgresql+psycopg"), poolclass=NullPool, hide_parameters=True)
    try:
        with engine.begin() as connection:
            connection.execute(text("SELECT pg_advisory_xact_lock(:lock)"), {"lock": MIGRATION_LOCK})
            if not is_restoring and inspect(connection).has_table(RESTORING):
                raise RestoreUnfinished()
            return _upgrade(connection, region)
    finally:
        engine.dispose()


def _migrate_sqlite(url: URL, now: datetime, *, copy: bool, region: str) -> tuple[str | None, str]:
    path = Path(url.database or "")
    private_folder(path.parent)
    private_file(path)
    for earlier in path.parent.glob(f"{glob.escape(path.stem)}.before-*.db"):
        tighten(earlier)
    engine = sqlite_engine(url)
    try:
        with engine.connect() as connection:
            current, newest = _revision(connection), newest_revision()
            connection.rollback()
            _check_known(current)
            if current == newest:
                return current, newest
            if copy and current is not None:
                _copy(path, path.with_name(f"{path.stem}.before-{newest}.{now:%Y%m%d-%H%M%S}.db"))
            # Rebuilding a table would fire ON DELETE in its children; references are checked afterwards.
            _pragma(engine, connection, "foreign_keys=OFF")
            with connection.begin():
                result = _upgrade(connection, region)
                broken = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
                if broken:
                    raise RuntimeError(f"the migration would break {len(broken)} references; nothing was changed")
            return result
    finally:
        engine.dispose()


def _pragma(engine: Engine, connection: Connection, pragma: str) -> None:
    raw: Any = connection.connection.dbapi_connection
    raw.execute(f"PRAGMA {pragma}")  # outside a transaction: inside one it would have no effect


def _copy(source: Path, target: Path) -> None:
    """An online copy: copying the file would miss what is still in the journal."""
    private_file(target)
    original, copy = sqlite3.connect(source), sqlite3.connect(target)
    try:
        original.backup(copy)
    finally:
        original.close()
        copy.close()


def _config(connection: Connection | None = None, region: str = DEFAULT_REGION) -> "Config":
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(Path(__file__).parent / "migrations"))
    config.attributes["connection"] = connection
    config.attributes["default_region"] = region
    return config


def _revision(connection: Connection) -> str | None:
    """The revision that a database has, None for a new one."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
    return found


def _check_known(revision: str | None) -> None:
    if revision is not None and revision not in known_revisions():
        raise UnknownRevision(revision)


def _upgrade(connection: Connection, region: str) -> tuple[str | None, str]:
    before, newest = _revision(connection), newest_revision()
    _check_known(before)
    if before != newest:
        from alembic import command

        try:
            command.upgrade(_config(connection, region), "head")
        except DBAPIError as error:
            if getattr(error.orig, "sqlstate", None) == NOT_ALLOWED:
                raise MigrationNotAllowed(before) from error
            raise
    return before, newest

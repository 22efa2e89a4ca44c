"""Why a command cannot work, as one sentence that says what to do. No sentence shows a secret."""

import re
import sqlite3

from crm_core.backups.errors import BackupError
from crm_core.storage.installed_mark import DatabaseMissing, lock_path
from crm_core.storage.probe import NoDatabase, sqlite_path

NEEDS_YOU, AWAY = 2, 1  # exit statuses: somebody must act; it may end by itself

_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")

RESTORE = (
    "Replace it with the last backup: `mini-crm restore FILE --replace` (nightly ones are in the folder `backups` "
    "beside it); the present file is kept."
)

# A sentence and an exit status for each code of `crm_core.backups.errors`.
BACKUP = {
    "no_database": ("There is no database at {path} yet: nothing to copy.", NEEDS_YOU),
    "no_folder": ("There is no folder {path}. Make it first.", NEEDS_YOU),
    "is_folder": ("{path} is a folder. Name a file in it.", NEEDS_YOU),
    "not_writable": ("Nothing can be written in {path}: {why}. Nothing was changed.", AWAY),
    "no_space": (
        "There is not enough space in {path}: {needed_mb} MB are needed, {free_mb} MB are free. Nothing was changed.",
        AWAY,
    ),
    "exists": ("{path} exists, and is not a backup of Mini-CRM. Name another file, or add --force.", NEEDS_YOU),
    "is_database": ("{path} is the database itself. Name another file.", NEEDS_YOU),
    "not_readable": ("{path} cannot be read: {why}.", NEEDS_YOU),
    "damaged": ("{path} is damaged ({why}). Nothing was changed.", NEEDS_YOU),
    "foreign": ("{path} is not a database of Mini-CRM. Nothing was changed.", NEEDS_YOU),
    "unknown_revision": (
        "{path} is of a newer version of Mini-CRM (revision {revision}). Install that version. Nothing was changed.",
        NEEDS_YOU,
    ),
    "not_empty": (
        "The database {where} is not empty. Nothing was changed. With SQLite, --replace moves it aside and keeps it; "
        "with PostgreSQL make another, empty database, name it in DATABASE_URL, and restore into that.",
        NEEDS_YOU,
    ),
    "replace_here": (
        "PostgreSQL is restored into an empty database; --replace is for SQLite. Make one (`createdb crm_restored`), "
        "name it in DATABASE_URL, and restore into that: the old one stays as it is.",
        NEEDS_YOU,
    ),
    "no_tool": (
        "{tool} is not installed here, and PostgreSQL is copied with its own tools. Install the client of your "
        "server's version (Debian: postgresql-client), or run it where the server is: docs/operations.md, Backup.",
        NEEDS_YOU,
    ),
    "tool_failed": ("{tool} failed: {why}. Nothing was changed.", AWAY),
}


def shown(url: str) -> str:
    """A database address without its password."""
    return str(sqlite_path(url)) if url.startswith("sqlite") else _PASSWORD.sub(r"\1:***@", url.partition("?")[0])


def explain(error: BaseException, url: str) -> tuple[str, int] | None:
    """The sentence and exit status for an error of the database; None for an error that is none of these.

    Args:
        url: the setting `DATABASE_URL`.
    """
    # By name: importing the classes would import SQLAlchemy and Alembic for commands that need neither.
    names = {kind.__name__ for kind in type(error).__mro__}
    where = shown(url)
    if "AlreadyRunning" in names:
        return (
            f"Another Mini-CRM is running on {where}, and SQLite allows one. Stop it first, or use PostgreSQL.",
            NEEDS_YOU,
        )
    if "UnknownRevision" in names:
        text = f"The database {where} is of a newer version of Mini-CRM (revision {error}); nothing was changed."
        return f"{text} Install that version.", NEEDS_YOU
    if "MigrationNotAllowed" in names:
        return (
            f"The database {where} is of an older version, and its account may not change the schema; nothing was "
            "changed. Set MIGRATION_DATABASE_URL to the account that owns the tables (docs/operations.md, Accounts of "
            "PostgreSQL) (migration_not_allowed).",
            NEEDS_YOU,
        )
    if "TaskEnded" in names:
        text = f"Stopped after an error: the task {error} had ended (task_ended in the log has it)."
        return f"{text} A new start goes on from what is stored; please report it.", AWAY
    if "NoApiKey" in names:
        return str(error), NEEDS_YOU
    if "PortTaken" in names:
        text = f"HTTP_PORT {getattr(error, 'port', '')} cannot be listened on: {error}."
        return f"{text} Another program may use it; set another HTTP_PORT.", NEEDS_YOU
    if "RestoreUnfinished" in names:
        return f"The database {where} was not restored completely. Run the same `mini-crm restore` again.", NEEDS_YOU
    if isinstance(error, DatabaseMissing):
        return _missing(error), NEEDS_YOU
    if isinstance(error, BackupError):
        sentence, status = BACKUP[error.code]
        return sentence.format(where=where, **error.fields), status
    if isinstance(error, NoDatabase):
        return f"There is no database at {where} yet; `mini-crm migrate`, or the first run, creates it.", NEEDS_YOU
    cause = getattr(error, "orig", None) or error
    if getattr(cause, "sqlstate", None) == "42501":
        return (
            f"The account of {where} lacks rights on the tables: GRANT them as docs/operations.md says, Accounts of "
            "PostgreSQL (database_rights_missing).",
            NEEDS_YOU,
        )
    if isinstance(cause, sqlite3.OperationalError | OSError) and url.startswith("sqlite"):
        why = getattr(cause, "strerror", None) or cause
        return (
            f"The database {where} cannot be used: {why}. Check the folder, its free space and its permissions.",
            AWAY,
        )
    if isinstance(cause, sqlite3.DatabaseError):
        return f"{where} is damaged, or not a SQLite database ({cause}). {RESTORE}", NEEDS_YOU
    if names & {"OperationalError", "InterfaceError"}:
        return f"The database {where} cannot be reached. Check DATABASE_URL, and that the server is running.", AWAY
    return None


def _missing(error: DatabaseMissing) -> str:
    text = f"There is no database at {error.path}, but there was one, so no new one is created. Put it back"
    if error.backup is not None:
        text += f", or restore the last backup: mini-crm restore {error.backup}"
    begin = f"To start with an empty one, delete {lock_path(error.path)}"
    return f"{text}. {begin} and move the backups to another folder."

"""What can keep a command from working, each as one sentence that says what to do. No sentence shows a secret."""

import re
import sqlite3

from crm_core.storage.glance import NoDatabase, sqlite_path

NEEDS_YOU, AWAY = 2, 1  # exit statuses: nothing changes until somebody acts; it may be over by itself

_PASSWORD = re.compile(r"(://[^:/@]*):[^@/]*@")


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
        return f"Another Mini-CRM works on {where}, and SQLite allows one. Stop it first, or use PostgreSQL.", NEEDS_YOU
    if "UnknownRevision" in names:
        text = f"The database {where} is of a newer version of Mini-CRM (revision {error}); nothing was changed."
        return f"{text} Install that version.", NEEDS_YOU
    if "NoApiKey" in names:
        return str(error), NEEDS_YOU
    if "PortTaken" in names:
        text = f"HTTP_PORT {getattr(error, 'port', '')} cannot be listened on: {error}."
        return f"{text} Another program may use it; set another HTTP_PORT.", NEEDS_YOU
    if isinstance(error, NoDatabase):
        return f"There is no database at {where} yet; `mini-crm migrate`, or the first run, makes it.", NEEDS_YOU
    cause = getattr(error, "orig", None) or error
    if isinstance(cause, sqlite3.OperationalError | OSError) and url.startswith("sqlite"):
        why = getattr(cause, "strerror", None) or cause
        return f"The database {where} cannot be used: {why}. Check the folder, its space and who may write there.", AWAY
    if isinstance(cause, sqlite3.DatabaseError):
        return f"{where} is damaged, or no SQLite database ({cause}). Put the last good copy in its place.", NEEDS_YOU
    if names & {"OperationalError", "InterfaceError"}:
        return f"The database {where} cannot be reached. Check DATABASE_URL, and that the server runs.", AWAY
    return None

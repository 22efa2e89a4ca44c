"""`mini-crm health`: whether work is progressing (`crm_core.monitoring.liveness`), for a container's health check.

Reads the database, and asks the running process whether it can write there. It runs twice a minute, so it imports
neither aiogram nor SQLAlchemy.
"""

from datetime import UTC, datetime

from bot.commands.explain import explain
from bot.runtime import control
from bot.settings import Settings
from crm_core.monitoring import liveness
from crm_core.storage.probe import probe


def troubles(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """What is wrong, a sentence each; empty if nothing is.

    Args:
        now: the present moment by default.
    """
    try:
        with probe(settings.database_url) as ask:
            found = liveness.look(ask, now=now or datetime.now(UTC), bot_ids=settings.bot_ids)
    except Exception as error:
        explained = explain(error, settings.database_url)
        return [explained[0] if explained else f"The database cannot be read ({type(error).__name__})."]
    return found.troubles() or _of_process(settings)


def _of_process(settings: Settings) -> list[str]:
    """What the process on this machine reports: by reading, another process cannot see that a disk is full."""
    try:
        control.call_public(settings.database_url, settings.http_port, "/readyz")
    except control.NotReached:
        return []  # it may be starting, or listen on another port
    except control.Refusal as refusal:
        return [str(refusal)]
    return []

"""`mini-crm migrate` when there is something to do."""

import asyncio

from sqlalchemy import make_url

from crm_core.storage import migrate
from crm_core.storage.ownership import ownership


def bring_up_to_date(url: str) -> tuple[str | None, str]:
    """Migrates while nobody else works on the file (an older process would go on with the older schema).

    Returns the revision before and after. Raises AlreadyRunning, UnknownRevision, and what the driver raises.
    """
    owner = ownership(make_url(url))
    try:
        return migrate.migrate(url)
    finally:
        asyncio.run(owner.release())

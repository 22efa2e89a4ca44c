"""Reading for admins: the role is checked in the same snapshot that is read."""

from collections.abc import Callable
from typing import Any, TypeVar

from crm_core.access.actors import Actor, for_admin
from crm_core.storage.database import Database

T = TypeVar("T")


async def read_as_admin(db: Database, actor: Actor, query: Callable[..., T], **inputs: Any) -> T:
    """What a query of `crm_core` finds. Raises NotAllowed, and what the query raises."""
    return await db.read(for_admin, actor=actor, query=query, inputs=inputs)

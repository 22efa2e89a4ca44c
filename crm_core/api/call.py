"""Who calls, and what a route works with: the one thing that each asks for."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request

from crm_core.access import Actor
from crm_core.api_keys import ADMIN, FORM, READ, WRITE, includes
from crm_core.assignment import Chance
from crm_core.errors import NotAllowed
from crm_core.storage.database import Database


@dataclass(frozen=True, slots=True)
class Call:
    """One request of somebody who is known: `await call.db.write(operators.add, actor=call.actor, now=call.now, …)`.

    Attributes:
        actor: as which the request acts; its key is looked at again where the effect is.
        scope: what the key may do.
        source_id: the one source that a key of scope `form` brings contacts to.
        now: the moment at which the request came.
    """

    db: Database
    actor: Actor
    scope: str
    source_id: int | None
    now: datetime
    clock: Callable[[], datetime]
    chance: Chance
    timezone: str


def _needs(scope: str) -> Callable[[Request], object]:
    async def call(request: Request) -> Call:
        found: Call = request.scope["call"]  # put there by `gate`, which has looked at the key
        if not includes(found.scope, scope):
            raise NotAllowed(role=scope)
        return found

    return call


Reading = Annotated[Call, Depends(_needs(READ))]
"""The call of a route that only shows: any key but one of a form."""

Writing = Annotated[Call, Depends(_needs(WRITE))]
"""The call of a route for everyday work: contacts."""

Steering = Annotated[Call, Depends(_needs(ADMIN))]
"""The call of a route that changes how work is shared out: operators, sources, weights, keys."""

Submitting = Annotated[Call, Depends(_needs(FORM))]
"""The call of the route that a public form may use: its own key, or one for everyday work."""

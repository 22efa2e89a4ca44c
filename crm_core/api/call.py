"""Who calls, and what a route works with: the one thing that each asks for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from crm_core.access.actors import Actor
from crm_core.access.scopes import ADMIN, FORM, READ, WRITE, includes
from crm_core.api.idempotency import Asked
from crm_core.errors import NotAllowed
from crm_core.routing.assignment import Rng
from crm_core.storage.database import Database


@dataclass(frozen=True, slots=True)
class ApiContext:
    """What an installation gives to every request.

    Attributes:
        new_key: makes the text of a key, see `crm_core.access.api_keys`.
        bot_ids: the bots that this process runs.
        running: calls with an `Idempotency-Key` that are being done, see `crm_core.api.idempotent`.
    """

    db: Database
    clock: Callable[[], datetime]
    rng: Rng
    timezone: str
    new_key: Callable[[], str]
    bot_ids: Collection[int]
    running: set[tuple[int, str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request of somebody who is known: `await call.db.write(operators.add, actor=call.actor, now=call.now, …)`.

    Attributes:
        actor: as which the request acts; its key is looked at again where the effect is.
        scope: what the key may do.
        source_id: the one source that a key of scope `form` brings contacts to.
        now: the moment at which the request came.
        path: as the request has it.
        asked: what it is known by if it comes again; None where it does not ask for that.
    """

    desk: ApiContext
    actor: Actor
    scope: str
    source_id: int | None
    now: datetime
    path: str = ""
    asked: Asked | None = None

    @property
    def db(self) -> Database:
        """The database."""
        return self.desk.db

    @property
    def rng(self) -> Rng:
        """Where rolls come from."""
        return self.desk.rng


class Needs:
    """A route's demand for a key of a scope: the dependency behind `Reading`, `Writing`, …"""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> RequestContext:
        """The call, if its key may. Raises NotAllowed."""
        call: RequestContext = request.scope["call"]  # put there by `gate`, which has looked at the key
        if not includes(call.scope, self.scope):
            raise NotAllowed(role=self.scope)
        return call


Reading = Annotated[RequestContext, Depends(Needs(READ))]
"""The call of a route that only shows: any key but one of a form."""

Writing = Annotated[RequestContext, Depends(Needs(WRITE))]
"""The call of a route for everyday work: contacts."""

Steering = Annotated[RequestContext, Depends(Needs(ADMIN))]
"""The call of a route that changes how work is shared out: operators, sources, weights, keys."""

Submitting = Annotated[RequestContext, Depends(Needs(FORM))]
"""The call of the one route that a public form may use, with a key made for it."""


def scope_of(route: APIRoute) -> str | None:
    """The scope that a route needs; None if it answers to everybody."""
    return next((one.call.scope for one in _all_of(route.dependant) if isinstance(one.call, Needs)), None)


def _all_of(dependant: Dependant) -> list[Dependant]:
    return [dependant, *(one for child in dependant.dependencies for one in _all_of(child))]

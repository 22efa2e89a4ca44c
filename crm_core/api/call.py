"""Who calls, and what a route works with: the one argument that every route takes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime
from typing import Annotated

from fastapi import Depends, Request
from fastapi.dependencies.models import Dependant
from fastapi.routing import APIRoute

from crm_core.access.actors import Actor
from crm_core.access.scopes import ADMIN, FORM, OWNER, READ, WRITE, includes
from crm_core.api.idempotency import RepeatableCall
from crm_core.contacts.phones import Phone, check_phone
from crm_core.errors import NotAllowed
from crm_core.routing.assignment import Rng
from crm_core.storage.database import Database
from crm_core.storage.region import DEFAULT_REGION


@dataclass(frozen=True, slots=True)
class ApiContext:
    """What all requests of an installation share.

    Attributes:
        timezone: name of the time zone in which days begin.
        new_key: makes the text of a key, see `crm_core.access.api_keys`.
        bot_ids: the bots that this process runs.
        region: where phones without a country code belong.
        running: calls with an `Idempotency-Key` that are in progress, see `crm_core.api.idempotent`.
    """

    db: Database
    clock: Callable[[], datetime]
    rng: Rng
    timezone: str
    new_key: Callable[[], str]
    bot_ids: Collection[int]
    region: str = DEFAULT_REGION
    running: set[tuple[int, str, str]] = field(default_factory=set)


@dataclass(frozen=True, slots=True)
class RequestContext:
    """One request whose caller is known: `await call.db.write(operators.add, actor=call.actor, now=call.now, …)`.

    Attributes:
        actor: on whose behalf the request acts; its key is checked again in the transaction that has the effect.
        scope: what the key may do.
        source_id: the one source that a key of scope `form` registers contacts at.
        now: when the request came.
        path: as the caller wrote it.
        repeatable: what identifies the request if it is repeated; None without an `Idempotency-Key`.
    """

    context: ApiContext
    actor: Actor
    scope: str
    source_id: int | None
    now: datetime
    path: str = ""
    repeatable: RepeatableCall | None = None

    @property
    def db(self) -> Database:
        """The database."""
        return self.context.db

    def phone(self, given: str | None) -> Phone | None:
        """A phone that the caller gave. Raises BadPhone."""
        return None if given is None else check_phone(given, region=self.context.region)

    @property
    def rng(self) -> Rng:
        """The source of random numbers."""
        return self.context.rng


class Needs:
    """A route's declaration that it needs a key of a scope: the dependency behind `Reading`, `Writing`, …"""

    def __init__(self, scope: str) -> None:
        self.scope = scope

    async def __call__(self, request: Request) -> RequestContext:
        """The call, if its key has the scope. Raises NotAllowed."""
        # Put there by `Guard`, which has checked the key; missing below a mounted application that is public.
        call: RequestContext | None = request.scope.get("call")
        if call is None or not includes(call.scope, self.scope):
            raise NotAllowed(role=self.scope)
        return call


Reading = Annotated[RequestContext, Depends(Needs(READ))]
"""The call of a route that only reads: any key except a form's."""

Writing = Annotated[RequestContext, Depends(Needs(WRITE))]
"""The call of a route for everyday work: contacts and leads."""

Administering = Annotated[RequestContext, Depends(Needs(ADMIN))]
"""The call of a route that changes how contacts are distributed: operators, sources, weights, keys."""

Submitting = Annotated[RequestContext, Depends(Needs(FORM))]
"""The call of the one route that a public form may use, with a key of its own."""

Owning = Annotated[RequestContext, Depends(Needs(OWNER))]
"""The call of a route that only commands on the same machine may use, with the running process's own key."""


def scope_of(route: APIRoute) -> str | None:
    """The scope that a route asks for; None if it asks for none (see `crm_core.api.access`)."""
    return next((one.call.scope for one in _all_of(route.dependant) if isinstance(one.call, Needs)), None)


def _all_of(dependant: Dependant) -> list[Dependant]:
    return [dependant, *(one for child in dependant.dependencies for one in _all_of(child))]

"""Puts the API together: plain arguments in, an ASGI application out."""

from collections.abc import Callable, Collection, Sequence
from datetime import datetime
from functools import cache

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.routing import BaseRoute

from crm_core.api import (
    contact_actions,
    contacts,
    decisions,
    docs,
    forms,
    health,
    invitations,
    keys,
    leads,
    operators,
    preferences,
    previews,
    replays,
    service,
    setting_changes,
    sources,
    statistics,
)
from crm_core.api.call import ApiContext
from crm_core.api.callers import networks
from crm_core.api.guard import Guard
from crm_core.api.keyring import Keyring
from crm_core.api.local_calls import LocalCalls
from crm_core.api.metrics import route
from crm_core.api.metrics.exposition import Exposition
from crm_core.api.problems import render_problems
from crm_core.api.schema import openapi
from crm_core.monitoring.process_counters import ProcessCounters
from crm_core.routing.assignment import Rng
from crm_core.storage.database import Database
from crm_core.storage.paging import RowCount
from crm_core.storage.region import DEFAULT_REGION
from crm_core.storage.tables import Contact, Lead

PREFIX = "/api/v1"
# The most frequent calls come first: routes are tried one after another.
NOUNS = (
    leads,
    contacts,
    decisions,
    contact_actions,
    forms,
    operators,
    sources,
    statistics,
    service,
    replays,
    preferences,
    previews,
    setting_changes,
    keys,
    invitations,
)
ROUTERS: Sequence[APIRouter] = [one.router for one in NOUNS]

FIRST_DOCUMENT = {
    ("POST", "/operators/"), ("GET", "/operators/"), ("PATCH", "/operators/{operator_id}"),
    ("POST", "/sources/"), ("GET", "/sources/"), ("POST", "/sources/{source_id}/assign_operator"),
    ("POST", "/leads/register_contact/"), ("GET", "/leads/"), ("GET", "/leads/{lead_id}/contacts"),
    ("GET", "/dashboard/operator_stats"), ("GET", "/dashboard/source_stats"),
}  # fmt: skip
"""What the schema shows without a prefix. All other routes work there too, but are documented under `PREFIX`."""

CORS_METHODS = ("GET", "POST", "PATCH", "DELETE")
CORS_HEADERS = ("Authorization", "X-API-Key", "Content-Type", "Idempotency-Key", "If-Match")
CORS_SHOWN = ("X-Total-Count", "Link", "ETag", "Retry-After", "Idempotency-Replayed")


def create_app(
    *,
    db: Database,
    clock: Callable[[], datetime],
    rng: Rng,
    new_key: Callable[[], str],
    timezone: str = "UTC",
    bot_ids: Collection[int] = (),
    cors_origins: Sequence[str] = (),
    own_routes: Sequence[BaseRoute] = (),
    version: str = "",
    control_key: str | None = None,
    local_calls: LocalCalls | None = None,
    trusted_proxies: Sequence[str] = (),
    counts: ProcessCounters | None = None,
    region: str = DEFAULT_REGION,
) -> FastAPI:
    """The HTTP API on an open database.

    Args:
        clock, rng: give the current time, and random numbers in [0, 1).
        new_key: makes the text of a key, see `crm_core.access.api_keys`.
        timezone: name of the time zone in which the days of statistics begin.
        bot_ids: the bots that this process runs; `/readyz` reports on their progress.
        cors_origins: sites whose pages may call the API, such as `https://example.com`.
        control_key: accepted like an admin's API key while the process runs, for commands on the same machine.
        local_calls: whether plain calls of this machine are answered while there never was a key; by default they are.
        trusted_proxies: addresses and networks of proxies whose `X-Forwarded-For` is believed, for limits and logs.
        counts: the counters of the process, for `/metrics`.
        region: where phones without a country code belong (ISO 3166-1).
        own_routes: routes of the caller (a webhook); each declares its access, see `crm_core.api.access`.
    """
    context = ApiContext(db, clock, rng, timezone, new_key, bot_ids, region)
    keyring = Keyring(db)
    guard = Middleware(
        Guard,
        context=context,
        keyring=keyring,
        local_calls=local_calls or LocalCalls(),
        control_key=control_key,
        trusted_proxies=networks(trusted_proxies),
    )
    app = FastAPI(
        title="Mini-CRM",
        version=version,
        docs_url=None,
        redoc_url=None,
        openapi_url=None,
        redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
        middleware=_middleware(guard, cors_origins),
    )
    app.state.context, app.state.keyring = context, keyring
    app.state.lead_total, app.state.contact_total = RowCount(Lead.__table__), RowCount(Contact.__table__)
    app.state.readiness = health.Readiness(context)
    app.state.exposition = Exposition(counts=counts or ProcessCounters(), version=version)
    app.openapi = lambda: openapi(app)  # type: ignore[method-assign]
    app.router.routes += [
        *_at_both_addresses(),
        *health.router.routes,
        *route.router.routes,
        *own_routes,
        *docs.routes(),
    ]
    render_problems(app)
    return app


def _middleware(guard: Middleware, cors_origins: Sequence[str]) -> list[Middleware]:
    found = [guard]
    if cors_origins:
        found.insert(
            0,
            Middleware(
                CORSMiddleware,
                allow_origins=cors_origins,
                allow_methods=CORS_METHODS,
                allow_headers=CORS_HEADERS,
                expose_headers=CORS_SHOWN,
                max_age=3600,
            ),
        )
    return found


@cache
def _at_both_addresses() -> Sequence[APIRoute]:
    """The routes with and without `PREFIX`. They are the same for every application, and slow to make."""
    routes = [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]
    return [_placed(route, prefix) for prefix in ("", PREFIX) for route in routes]


def _placed(route: APIRoute, prefix: str) -> APIRoute:
    """A copy of a route under a prefix. FastAPI's nested routers would match every request once per level."""
    (method,) = route.methods or {"GET"}
    at_root = not prefix
    return APIRoute(
        prefix + route.path,
        route.endpoint,
        methods=route.methods,
        status_code=route.status_code,
        response_model=route.response_model,
        tags=["first document"] if at_root else route.tags,
        summary=route.summary,
        description=route.description,
        responses=route.responses,
        openapi_extra=route.openapi_extra,
        include_in_schema=route.include_in_schema and (not at_root or (method, route.path) in FIRST_DOCUMENT),
        operation_id=f"{route.endpoint.__name__}{'_at_root' if at_root else ''}",
    )

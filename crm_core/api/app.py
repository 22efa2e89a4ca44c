"""The API put together: plain constructor arguments in, an ASGI application out."""

from collections.abc import Callable, Sequence
from datetime import datetime

from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.middleware import Middleware
from starlette.routing import BaseRoute

from crm_core.api import operators
from crm_core.api.gate import Gate
from crm_core.api.keyring import Keyring
from crm_core.api.problems import render_problems
from crm_core.assignment import Chance
from crm_core.storage.database import Database

PREFIX = "/api/v1"
ROUTERS: Sequence[APIRouter] = (operators.router,)


def create_app(
    *,
    db: Database,
    clock: Callable[[], datetime],
    chance: Chance,
    timezone: str = "UTC",
    own_routes: Sequence[BaseRoute] = (),
) -> FastAPI:
    """The HTTP API over an open database.

    Args:
        clock, chance: the present moment and rolls in [0, 1).
        timezone: when a day begins in statistics.
        own_routes: of the composition (a webhook); they answer to everybody and look at what they get themselves.
    """
    keyring = Keyring(db, clock)
    app = FastAPI(
        title="Mini-CRM", docs_url=None, redoc_url=None, redirect_slashes=False,
        telemetry={"tracing": False, "metrics": False, "logs": False, "operation_spans": False},
    )  # fmt: skip
    app.state.keyring = keyring
    routes = app.router.routes
    routes += own_routes
    routes += [_placed(route, "") for route in _all()] + [_placed(route, PREFIX) for route in _all()]
    slashed = {route.path for route in routes if isinstance(route, APIRoute) and route.path.endswith("/")}
    own = tuple(str(getattr(route, "path", "")).partition("{")[0] for route in own_routes)
    public = {"/openapi.json"}
    app.user_middleware.append(
        Middleware(
            Gate,
            db=db,
            keyring=keyring,
            clock=clock,
            chance=chance,
            timezone=timezone,
            slashed=slashed,
            is_public=lambda path: path in public or (bool(own) and path.startswith(own)),
        )
    )
    render_problems(app)
    return app


def _all() -> list[APIRoute]:
    return [route for router in ROUTERS for route in router.routes if isinstance(route, APIRoute)]


def _placed(route: APIRoute, prefix: str) -> APIRoute:
    """A route at an address of its own. FastAPI's nested routers would match every request at each level anew."""
    return APIRoute(
        prefix + route.path, route.endpoint, methods=route.methods, status_code=route.status_code,
        response_model=route.response_model, tags=route.tags, summary=route.summary, description=route.description,
        responses=route.responses, openapi_extra=route.openapi_extra, include_in_schema=bool(prefix),
        operation_id=f"{route.endpoint.__name__}{'' if prefix else '_at_root'}",
    )  # fmt: skip

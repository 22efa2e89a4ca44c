"""Which routes need no API key: those that say so, and nothing else, whatever is added to the application."""

from collections.abc import Callable
from typing import Any

import httpx2
import pytest
from fastapi import APIRouter, FastAPI
from fastapi.routing import APIRoute
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Mount, Route

from bot.random_codes import new_key
from bot.receiving.webhook import webhook_routes
from crm_core.api import docs
from crm_core.api.access import Access, access_of, public
from crm_core.api.app import create_app
from crm_core.api.problems import render_problems
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock

PUBLIC = {
    "/healthz",
    "/readyz",
    "/",
    "/docs",
    "/docs/start.js",
    *(f"/docs/{name}" for name in docs.FILES),
    "/telegram/{bot_id}",
}
"""Every route of the product that answers without a key."""

FAR = {"client": ("203.0.113.7", 5), "host": "crm.example"}


async def page(request: Request) -> Response:
    """A page of which nobody has said who may see it."""
    return PlainTextResponse("a secret")


@public
async def public_page(request: Request) -> Response:
    """A page for everybody."""
    return PlainTextResponse("welcome")


def included_router() -> APIRouter:
    """A router whose route declares no access."""
    router = APIRouter(prefix="/report")
    router.add_api_route("/today", page)
    return router


def test_public_routes_are_exactly_the_listed_ones(db: Database, clock: MovableClock) -> None:
    """Mistakes in this list are leaks; every other route needs a key."""
    webhook = webhook_routes(db=db, worker=None, bots=[], secret=new_key(), clock=clock)  # type: ignore[arg-type]
    app = create_app(db=db, clock=clock, rng=lambda: 0.0, new_key=new_key, own_routes=webhook)
    access = {getattr(route, "path", repr(route)): access_of(route) for route in app.routes}
    assert {path for path, found in access.items() if found is Access.PUBLIC} == PUBLIC
    assert Access.CLOSED not in access.values()


ADDITIONS: dict[str, tuple[Callable[[FastAPI], Any], str]] = {
    "a plain route": (lambda app: app.router.routes.append(Route("/secret", page)), "/secret"),
    "a plain route before all others": (lambda app: app.router.routes.insert(0, Route("/secret", page)), "/secret"),
    "an API route": (lambda app: app.router.routes.append(APIRoute("/secret", page)), "/secret"),
    "an added API route": (lambda app: app.add_api_route("/secret", page), "/secret"),
    "a page with a parameter": (lambda app: app.router.routes.append(Route("/{page}", page)), "/secret"),
    "a path as a parameter": (lambda app: app.router.routes.append(Route("/{page:path}", page)), "/se/cret"),
    "a mounted application": (
        lambda app: app.mount("/inner", Mount("", routes=[Route("/secret", page)])),
        "/inner/secret",
    ),
    "a mounted API": (lambda app: app.mount("/inner", FastAPI()), "/inner/docs"),
    "an included router": (lambda app: app.include_router(included_router()), "/report/today"),
    "nothing": (lambda app: None, "/secret"),
}


@pytest.mark.fault("F73")
@pytest.mark.parametrize("name", ADDITIONS)
async def test_route_without_declared_access_is_closed(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock, name: str
) -> None:
    add, address = ADDITIONS[name]
    add(app)
    local = calling()
    refused(await local.get(address), 404)
    refused(await calling(**FAR).get(address), 403)
    admin = calling(await make_key(db, clock, "admin"), **FAR)
    refused(await local.get(address), 401)
    for method in ("GET", "HEAD", "POST", "DELETE"):
        answer = await admin.request(method, address)
        assert answer.status_code == 404, method
        assert "secret" not in answer.text.replace("/secret", "").replace("/se/cret", "")
    # What is open stays open, and what needs a key still needs one.
    assert (await calling(**FAR).get("/healthz")).status_code == 200
    assert (await calling(**FAR).get("/docs")).status_code == 200
    assert (await admin.get("/operators/")).status_code == 200
    refused(await local.get("/operators/"), 401)
    refused(await local.get("/metrics"), 401)


async def test_public_parameter_opens_no_other_route(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock
) -> None:
    app.router.routes.append(Route("/{page}", public_page))
    app.router.routes.append(Route("/pages/{page}", public_page))
    await make_key(db, clock, "admin")
    stranger = calling(**FAR)
    for address in ("/welcome", "/pages/welcome"):
        assert (await stranger.get(address)).text == "welcome"
    for address in ("/metrics", "/operators/", "/operators/1", "/pages/a/b", "/api/v1/leads/", "/a/b"):
        refused(await stranger.get(address), 401)


async def test_earlier_public_parameter_replaces_routes_without_opening_them(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock
) -> None:
    """The order in which the router tries routes decides, here as there."""
    app.router.routes.insert(0, Route("/{page}", public_page))
    await make_key(db, clock, "admin")
    stranger = calling(**FAR)
    assert (await stranger.get("/metrics")).text == "welcome"
    refused(await stranger.get("/operators/"), 401)


async def test_public_method_does_not_open_other_methods_of_its_path(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock
) -> None:
    app.router.routes.insert(0, Route("/operators/", public_page, methods=["GET"]))
    await make_key(db, clock, "admin")
    stranger = calling(**FAR)
    assert (await stranger.get("/operators/")).text == "welcome"
    refused(await stranger.post("/operators/", json={"name": "Anna"}), 401)


async def test_route_added_while_serving_is_closed(app: FastAPI, api: httpx2.AsyncClient) -> None:
    assert (await api.get("/healthz")).status_code == 200
    app.router.routes.append(Route("/late", public_page))
    refused(await api.get("/late"), 404)


async def test_mounted_application_is_public_only_as_a_whole(
    app: FastAPI, calling: Calling, db: Database, clock: MovableClock
) -> None:
    """Below a public mount, a route of ours that needs a key refuses everybody: the guard has not checked any key."""
    inner = FastAPI(openapi_url=None)
    inner.router.routes += [Route("/welcome", public_page), *(one for one in app.routes if isinstance(one, APIRoute))]
    render_problems(inner)
    app.mount("/inner", public(inner))
    await make_key(db, clock, "admin")
    stranger = calling(**FAR)
    assert (await stranger.get("/inner/welcome")).text == "welcome"
    refused(await stranger.get("/inner/operators/1"), 403)


def test_scope_is_stronger_than_public(app: FastAPI) -> None:
    route = next(one for one in app.routes if isinstance(one, APIRoute) and one.path == "/operators/")
    public(route.endpoint)
    try:
        assert access_of(route) is Access.KEY
    finally:
        delattr(route.endpoint, "is_public_endpoint")


@pytest.mark.parametrize(
    ("path", "found"), [("/open", "root"), ("/open/", "root"), ("/open/a", "a"), ("/open/b/", "b")]
)
async def test_every_path_below_a_public_mount_is_reached(
    app: FastAPI, calling: Calling, path: str, found: str
) -> None:
    def answering(text: str) -> Callable[[Request], Any]:
        async def answer(request: Request) -> Response:
            return PlainTextResponse(text)

        return answer

    inner = [Route("/", answering("root")), Route("/a", answering("a")), Route("/b/", answering("b"))]
    app.router.routes.append(Mount("/open", public(Starlette(routes=inner))))
    assert (await calling(**FAR).get(path)).text == found

"""Who may call a route: nobody, unless the route itself says who.

A route answers everybody if its endpoint (or a mounted application) is declared `public`, and callers with an API key
if it depends on `Reading`, `Writing`, `Administering` or `Submitting` of `crm_core.api.call`, or is declared
`for_any_key`. A route that declares nothing is closed, as is a path that no route matches.

A page for a browser is a route of `create_app`, as those of `crm_core.api.docs` are. A browser sends no API key with a
navigation, so a page for staff must be `public` and check a session by itself. `tests/api/test_route_access.py` lists
every public route.
"""

import logging
from collections.abc import Iterable
from enum import Enum, auto
from typing import TypeVar

from fastapi.routing import APIRoute
from starlette.routing import BaseRoute, Match, Mount, Route
from starlette.types import Scope

from crm_core.api.call import scope_of

T = TypeVar("T")

_MARK = "is_public_endpoint"
_KEYED = "needs_any_key"

log = logging.getLogger("api")


class Access(Enum):
    """Whom a route answers."""

    PUBLIC = auto()
    """Everybody; the route checks what it gets by itself."""

    KEY = auto()
    """Callers with an API key: of sufficient scope, or of any."""

    CLOSED = auto()
    """Nobody."""


def public(endpoint: T) -> T:
    """Declares that an endpoint needs no API key: a function, a method, or an application that is mounted as a whole.

    Returns the endpoint, so that this can be used as a decorator (below the one that makes the route).
    """
    setattr(endpoint, _MARK, True)
    return endpoint


def for_any_key(endpoint: T) -> T:
    """Declares that an endpoint answers callers with any API key. Returns it, like `public`."""
    setattr(endpoint, _KEYED, True)
    return endpoint


def access_of(route: BaseRoute) -> Access:
    """What a route declares. A route that asks for a scope needs a key, even if it is also marked `public`."""
    if isinstance(route, APIRoute) and scope_of(route) is not None:
        return Access.KEY
    endpoint = getattr(route, "endpoint", None) or getattr(route, "app", None)
    if getattr(endpoint, _KEYED, False) is True:
        return Access.KEY
    return Access.PUBLIC if getattr(endpoint, _MARK, False) is True else Access.CLOSED


class AccessTable:
    """The access of every route of an application, looked up in the order in which the router tries them.

    The table is made once: a route that is added later is closed.
    """

    def __init__(self, routes: Iterable[BaseRoute]) -> None:
        self._routes = [(_literal_start(route), route, access_of(route)) for route in routes]
        self._mounts = [route.path for _, route, _ in self._routes if isinstance(route, Mount)]
        self._slashed = {path for _, route, _ in self._routes if (path := getattr(route, "path", "")).endswith("/")}
        for _, route, access in self._routes:
            if access is Access.CLOSED:
                log.error("route declares no access and stays closed: %r", route)

    def canonical(self, path: str) -> str:
        """The path as its route has it: with or without a final slash is the same.

        There is no redirect, because a redirected POST loses its body.
        """
        if path in self._mounts:
            return f"{path}/"
        if any(path.startswith(f"{mount}/") for mount in self._mounts):
            return path  # what is below a mount is the mounted application's own
        if path.endswith("/"):
            return path if path in self._slashed else path.rstrip("/") or "/"
        return f"{path}/" if f"{path}/" in self._slashed else path

    def find(self, scope: Scope) -> Access:
        """The access of the route that the router will choose for a request: the first that matches path and method.

        Where only the path matches, the first such route answers 405, and its access counts.
        """
        path: str = scope["path"]
        partial: Access | None = None
        for start, route, access in self._routes:
            if not path.startswith(start):
                continue
            match, _ = route.matches(scope)
            if match is Match.FULL:
                return access
            if match is Match.PARTIAL and partial is None:
                partial = access
        return partial or Access.CLOSED

    def template(self, scope: Scope) -> str | None:
        """The path of the route that a request matches, as declared: it has nothing that callers wrote."""
        found = (route for start, route, _ in self._routes if scope["path"].startswith(start))
        return next((getattr(one, "path", None) for one in found if one.matches(scope)[0] is not Match.NONE), None)


def _literal_start(route: BaseRoute) -> str:
    """What every path of a route begins with. Comparing it first spares most routes a regular expression."""
    return route.path.partition("{")[0] if isinstance(route, Route | Mount) else ""

"""Who may load the page: a browser on this machine that asks for it by the address of this machine."""

from collections.abc import Callable, MutableMapping
from typing import Any
from urllib.parse import urlsplit

from starlette.responses import PlainTextResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

HOSTS = frozenset({"127.0.0.1", "localhost"})
POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
MARK = b"hx-request"  # htmx sends it; another site's page cannot, without asking first


class Guard:
    """Refuses another Host (a site whose name leads to this machine) and requests of other sites."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        refused = _refused(scope)
        if refused is not None:
            await PlainTextResponse(refused, 403, HEADERS)(scope, receive, send)
            return
        await self._app(scope, receive, _with_headers(send))


def _refused(scope: Scope) -> str | None:
    headers = dict(scope["headers"])
    host = urlsplit(f"//{headers.get(b'host', b'').decode('latin-1')}")
    if host.hostname not in HOSTS:
        return "Open this page by its address on this machine, http://127.0.0.1:…"
    origin = headers.get(b"origin")
    if origin is not None and urlsplit(origin.decode("latin-1")).netloc != host.netloc:
        return "Another site may not use this page."
    if scope["method"] not in ("GET", "HEAD") and MARK not in headers:
        return "Only the page itself may do this."
    return None


def _with_headers(send: Send) -> Callable[[MutableMapping[str, Any]], Any]:
    async def sending(message: Message) -> None:
        if message["type"] == "http.response.start":
            present = {name.lower() for name, _ in message["headers"]}
            message["headers"] = [*message["headers"]] + [
                (name.encode(), value.encode()) for name, value in HEADERS.items() if name.encode() not in present
            ]
        await send(message)

    return sending

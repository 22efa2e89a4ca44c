"""Requests that no client sends by accident: refused, never an internal error, whoever calls."""

import random
from collections.abc import AsyncIterator

import pytest

from bot.random_codes import new_key
from bot.receiving.webhook import SECRET_HEADER, webhook_routes
from crm_core.api import guard
from crm_core.api.app import create_app
from crm_core.api.server import HttpServer
from crm_core.storage.database import Database
from tests.api.conftest import make_key
from tests.support.clock import MovableClock
from tests.support.raw_http import exchange, request_bytes

BOT, SECRET = 700001, "a-secret-of-the-webhook"
DIGITS = "9" * 5000

PATHS = [
    *(
        f"/telegram/{one}"
        for one in (DIGITS, "0" * 4299 + "1", "-1", "+1", "%D9%A1", "1.0", "1e5", "", "%00", "7/7", "%2f")
    ),
    *(
        f"{prefix}/{noun}/{one}"
        for prefix in ("", "/api/v1")
        for noun in ("operators", "contacts", "keys", "leads")
        for one in (DIGITS, "-1", "%00", "%ff", "%D9%A1", "1/../2", "9223372036854775808", "1;a=b", "1%0d%0aX:%20y")
    ),
    *(
        f"/api/v1/contacts/?{one}"
        for one in (f"skip={DIGITS}", f"limit=-{DIGITS}", f"operator_id={DIGITS}", f"from={DIGITS}", "from=%D9%A1")
    ),
    *(f"/api/v1/statistics/{one}" for one in (f"?from={DIGITS}", "?from=0000-00-00&to=9999-99-99", "arrivals?by=%00")),
    "/api/v1/contacts/?%00=%ff&&&=&status=%00", "/docs/../../etc/passwd", "/docs/%2e%2e/x", "/docs/%00", "//",
    "///docs", "/%", "/%zz", "/%ff%fe", "/?" + "a" * 60_000, "/" + "a/" * 30_000, "*", "http://crm.example/operators/",
    "crm.example:80", "operators", "/metrics?x=%ff", "/openapi.json/",
]  # fmt: skip
HEADERS: list[dict[str, str]] = [
    {},
    {"Content-Length": "0", "Content-Type": "application/json"},
    {"Content-Length": DIGITS[:30]},
    {"Content-Length": "-1"},
    {"Transfer-Encoding": "gzip"},
    {"Authorization": "Bearer \x80\xff"},
    {"X-API-Key": "mck_" + DIGITS},
    {"Idempotency-Key": "\xff", "If-Match": '"' + "9" * 300},
    {"If-Match": "W/*, " * 1000, "Accept": DIGITS, "Cookie": "=;=;;"},
    {"Expect": "100-continue", "Content-Length": "5"},
    {"Connection": "Upgrade", "Upgrade": "websocket"},
    {SECRET_HEADER: "\xff" * 300},
]


@pytest.fixture
async def server(db: Database, clock: MovableClock, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[HttpServer]:
    """The API with a webhook's route."""
    webhook = webhook_routes(db=db, worker=None, bots=[BOT], secret=SECRET, clock=clock)  # type: ignore[arg-type]
    app = create_app(db=db, clock=clock, rng=random.random, new_key=new_key, own_routes=webhook)
    monkeypatch.setattr(guard, "BODY_SECONDS", 0.05)  # some announce a body that never comes
    monkeypatch.setattr("bot.receiving.webhook.SLOWEST_BODY", 0.05)
    opened = HttpServer(app, host="127.0.0.1", port=0)
    await opened.start()
    yield opened
    await opened.stop()


async def ask(server: HttpServer, method: str, path: str, headers: dict[str, str]) -> int:
    given = {"Host": f"localhost:{server.port}", **headers}
    sent = request_bytes(method, path, given).decode().encode("latin-1")
    return (await exchange(server.port, sent))[0]


@pytest.mark.fault("F86")
@pytest.mark.parametrize("who", ["stranger", "webhook", "admin"])
async def test_odd_address_is_refused_and_never_an_internal_error(
    server: HttpServer, db: Database, clock: MovableClock, who: str, caplog: pytest.LogCaptureFixture
) -> None:
    key = await make_key(db, clock, "admin")
    headers = {"stranger": {}, "webhook": {SECRET_HEADER: SECRET}, "admin": {"X-API-Key": key}}[who]
    for path in PATHS:
        for method in ("GET", "POST"):
            status = await ask(server, method, path, headers | {"Content-Length": "0"})
            assert 200 <= status < 500, (method, path[:100], status)
    assert "request failed" not in caplog.text


@pytest.mark.fault("F86")
async def test_odd_headers_are_refused_and_never_an_internal_error(
    server: HttpServer, db: Database, clock: MovableClock, caplog: pytest.LogCaptureFixture
) -> None:
    key = await make_key(db, clock, "admin")
    for headers in HEADERS:
        for path in ("/healthz", "/operators/", f"/telegram/{BOT}", "/openapi.json"):
            for method in ("GET", "POST", "CONNECT", "\xe9"):
                status = await ask(server, method, path, {"X-API-Key": key} | headers)
                assert status < 500, (method, path, headers, status)
    assert "request failed" not in caplog.text

"""Webhooks: the same promise as polling. The secret is checked, the update stored and committed, then 200 is said."""

import asyncio
import contextlib
import hmac
import json
from collections.abc import Callable, Collection, Iterator
from datetime import datetime

import structlog
import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import Route

from bot.logs import describe_error
from bot.receiving.updates import to_update
from bot.receiving.worker import Worker
from crm_core import inbox
from crm_core.storage.database import Database

log = structlog.get_logger("receiving")

LARGEST_BODY = 1024 * 1024  # bytes; one update has at most 512 KiB (Telegram's queue), escapes make it longer
SLOWEST_BODY = 10.0  # seconds
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header


class _Server(uvicorn.Server):
    """uvicorn without its own signal handling: the app decides when to stop."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


class WebServer:
    """Receives updates over HTTP for all bots: POST /telegram/<bot id>."""

    def __init__(
        self, *, db: Database, worker: Worker, bots: Collection[int], secret: str, host: str, port: int,
        clock: Callable[[], datetime],
    ) -> None:  # fmt: skip
        self._db, self._worker, self._bots, self._secret, self._clock = db, worker, bots, secret.encode(), clock
        app = Starlette(routes=[Route("/telegram/{bot_id:int}", self._receive, methods=["POST"])])
        config = uvicorn.Config(
            app, host=host, port=port, access_log=False, log_config=None, lifespan="off", timeout_graceful_shutdown=2
        )
        self._server = _Server(config)
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Listens; raises OSError where the port is taken."""
        self._task = asyncio.create_task(self._server.serve(), name="web")
        while not self._server.started:
            if self._task.done():
                raise OSError("the HTTP port cannot be used; set another HTTP_PORT")
            await asyncio.sleep(0.01)

    @property
    def port(self) -> int:
        """The port that is listened on (of interest where the settings say 0)."""
        return int(self._server.servers[0].sockets[0].getsockname()[1])

    async def stop(self) -> None:
        """Finishes the requests under way."""
        self._server.should_exit = True
        if self._task is not None:
            await self._task

    async def _receive(self, request: Request) -> Response:
        # Bytes on both sides: a header may hold anything; comparing must neither fail nor tell how far it agrees.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self._secret):
            return PlainTextResponse("wrong secret", 401)
        bot_id = request.path_params["bot_id"]
        if bot_id not in self._bots:
            return PlainTextResponse("no such bot", 404)
        try:
            body = await asyncio.wait_for(_read(request), SLOWEST_BODY)
        except TimeoutError:
            return PlainTextResponse("too slow", 408)
        if body is None:
            return PlainTextResponse("too large", 413)
        try:
            raw = json.loads(body)
        except (ValueError, RecursionError):
            raw = None
        if not isinstance(raw, dict):
            # Telegram itself never sends this, and would repeat it for a day if we refused.
            log.warning("webhook_not_an_update", size=len(body))
            return PlainTextResponse("ok")
        try:
            stored = await self._db.write(
                inbox.store, bot_id=bot_id, updates=[to_update(bot_id, raw)], now=self._clock()
            )
        except Exception as error:
            log.error("webhook_not_stored", bot_id=bot_id, error=describe_error(error))
            return PlainTextResponse("try again", 503, headers={"Retry-After": "2"})
        self._worker.add(stored)
        return PlainTextResponse("ok")


async def _read(request: Request) -> bytes | None:
    """The body, or None once it is larger than it may be; the rest is not read."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > LARGEST_BODY:
            return None
        parts.append(part)
    return b"".join(parts)

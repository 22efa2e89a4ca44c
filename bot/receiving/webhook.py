"""Webhooks, with the same promise as polling: the update is stored and committed before it is confirmed with 200."""

import asyncio
import hmac
import json
from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import datetime

import structlog
from starlette.requests import Request
from starlette.responses import PlainTextResponse, Response
from starlette.routing import BaseRoute, Route

from bot.logs import describe_error
from bot.receiving.updates import to_update
from bot.receiving.worker import ConversationWorker
from crm_core.api.access import public
from crm_core.messaging import inbox
from crm_core.storage.database import Database

log = structlog.get_logger("receiving")

LARGEST_BODY = 1024 * 1024  # bytes; one update has at most 512 KiB (Telegram's queue), escapes make it longer
SLOWEST_BODY = 10.0  # seconds
SECRET_HEADER = "x-telegram-bot-api-secret-token"  # noqa: S105 - the name of a header


def webhook_routes(
    *, db: Database, worker: ConversationWorker, bots: Collection[int], secret: str, clock: Callable[[], datetime]
) -> list[BaseRoute]:
    """The route by which Telegram delivers to all bots: POST /telegram/<bot id>."""
    endpoint = _WebhookEndpoint(db, worker, bots, secret.encode(), clock)
    return [Route("/telegram/{bot_id}", endpoint.receive, methods=["POST"])]


@dataclass(frozen=True)
class _WebhookEndpoint:
    db: Database
    worker: ConversationWorker
    bots: Collection[int]
    secret: bytes
    clock: Callable[[], datetime]

    @public
    async def receive(self, request: Request) -> Response:
        # As bytes: comparing must not fail whatever the header holds, nor take longer the more characters agree.
        given = request.headers.get(SECRET_HEADER, "").encode("utf-8", "replace")
        if not hmac.compare_digest(given, self.secret):
            return PlainTextResponse("wrong secret", 401)
        named = request.path_params["bot_id"]
        # Not by int(): it reads other signs than these, and fails on thousands of digits.
        bot_id = next((one for one in self.bots if str(one) == named), None)
        if bot_id is None:
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
            # Telegram never sends this; if it did, it would repeat it for a day unless it is accepted.
            log.warning("webhook_not_an_update", size=len(body))
            return PlainTextResponse("ok")
        try:
            stored = await self.db.write(inbox.store, bot_id=bot_id, updates=[to_update(bot_id, raw)], now=self.clock())
        except Exception as error:
            log.error("webhook_not_stored", bot_id=bot_id, error=describe_error(error))
            return PlainTextResponse("try again", 503, headers={"Retry-After": "2"})
        self.worker.add(stored)
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

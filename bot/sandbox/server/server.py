"""Answers HTTP requests: routes, tokens, faults, limits, methods."""

import logging
from urllib.parse import unquote

from pydantic_core import to_json

from bot.sandbox.errors import ApiError
from bot.sandbox.methods.call import Call, Method
from bot.sandbox.methods.get_updates import get_updates
from bot.sandbox.methods.older import refuse_newer
from bot.sandbox.methods.register import METHODS
from bot.sandbox.methods.schema import check
from bot.sandbox.server.control import serve_control
from bot.sandbox.server.fault_injection import Apply, apply_fault
from bot.sandbox.server.replies import Reply, chat_id_of, refuse, refuse_through
from bot.sandbox.wire import forms
from bot.sandbox.wire.http import Request
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.state import World

_log = logging.getLogger(__name__)


class Server:
    """The request handler of one world."""

    def __init__(self, world: World) -> None:
        self.world = world

    def handle(self, request: Request) -> None:
        """Answer a request, now or later."""
        path = unquote(request.path) if "%" in request.path else request.path
        try:
            if path.startswith("/bot"):
                token, _, method = path[4:].partition("/")
                self._method(request, token, method)
            elif path.startswith("/file/bot"):
                token, _, file_path = path[9:].partition("/")
                self._file(request, token, file_path)
            elif path.startswith("/sandbox/"):
                serve_control(self.world, request, path[9:])
            else:
                refuse(request, ApiError(404, "Not Found"))
        except ApiError as error:
            refuse(request, error)
        except Exception:
            # A bug of the sandbox must not look like a bot that hangs.
            _log.exception("the sandbox failed on %s", request.path.rpartition("/")[2])
            refuse(request, ApiError(500, "Internal Server Error: the sandbox failed"))

    def _bot(self, token: str) -> BotAccount:
        bot = self.world.bots.get(token)
        if bot is None or bot.revoked:
            raise ApiError(401, "Unauthorized")
        return bot

    def _file(self, request: Request, token: str, path: str) -> None:
        self._bot(token)
        stored = self.world.files.by_path(path)
        if stored is None:
            raise ApiError(404, "Not Found")
        request.respond(200, stored.data, "application/octet-stream")

    def _method(self, request: Request, token: str, name: str) -> None:
        bot = self._bot(token)
        world = self.world
        polling = name.lower() == "getupdates"
        method = METHODS.get(name.lower())
        if method is None and not polling:
            raise ApiError(404, "Not Found")
        fields, uploads = forms.read(request.content_type, request.body, request.query)
        world.requests += 1
        call = Call(world, bot, method.name if method else "getUpdates", fields, uploads, world.requests)
        bot.calls[call.method] += 1
        if world.strict:
            check(call)
        apply = _applier(call, method)
        fault = world.faults.pick(bot.id, call.method, chat_id_of(fields)) if world.faults.active else None
        if fault is None:
            apply(request, request.respond)
        else:
            apply_fault(fault, call, request, apply)


def _applier(call: Call, method: Method | None) -> Apply:
    def run(request: Request, reply: Reply) -> None:
        assert method is not None
        try:
            if method.counted and call.world.limits.enabled:
                _count(call)
            if call.world.is_older:
                refuse_newer(call)
            reply(200, b'{"ok":true,"result":' + to_json(method.handler(call)) + b"}")
        except ApiError as error:
            refuse_through(reply, error, request)

    def poll(request: Request, reply: Reply) -> None:
        try:
            parked = get_updates(
                call,
                lambda updates: reply(200, b'{"ok":true,"result":' + updates + b"}"),
                lambda error: refuse_through(reply, error, request),
            )
        except ApiError as error:
            refuse_through(reply, error, request)
        else:
            request.on_disconnect = parked.stop if parked is not None else None

    return poll if method is None else run


def _count(call: Call) -> None:
    chat_id = chat_id_of(call.fields)
    if chat_id is None:
        return
    cost = 1
    for name in ("media", "message_ids"):
        several = call.json(name) if name in call.fields else None
        cost = len(several) if isinstance(several, list) and several else cost
    text = call.text("text") or call.text("caption")
    call.world.limits.check(call.bot.id, chat_id, call.method, call.world.now(), cost, text)

"""The way to Telegram, without a network: requests and answers travel as moves, and may be lost with the process."""

import asyncio
import json
from typing import Any

import aiohttp
from aiogram import Bot
from aiogram.client.session.base import BaseSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.exceptions import TelegramNetworkError
from aiogram.methods import TelegramMethod
from aiogram.methods.base import Response, TelegramType
from aiogram.types import WebhookInfo
from aiohttp import BytesPayload, FormData
from aiohttp.client_reqrep import ConnectionKey

from bot.sandbox.server.server import Server
from bot.telegram.session import Telegram, as_text
from tests.simulation.loop import TELEGRAM, Loop, Move

_KEPT = Response[WebhookInfo]  # pydantic makes it anew, in milliseconds, whenever nobody holds it
_NOWHERE = ConnectionKey("telegram", 443, True, True, None, None, None)


class Line:
    """One request on its way, as the sandbox's server takes it; the answer goes back as a move."""

    method = "POST"
    query = b""
    content_type = b"application/json"

    def __init__(self, wire: "Wire", path: str, body: bytes, answer: "asyncio.Future[tuple[int, str]]") -> None:
        self.path, self.body = path, body
        self.on_disconnect: Any = None
        self._wire, self._answer = wire, answer
        self.is_over = False

    def respond(
        self, status: int, body: bytes, content_type: str = "application/json", headers: dict[str, str] | None = None
    ) -> None:
        """Telegram answers."""
        if self.is_over:
            return
        self.is_over = True
        self._wire.loop.moves.append(Move(f"answer {status} to {self}", lambda: self._arrive(status, body)))

    def cut(self) -> None:
        """Telegram, or something before it, hangs up."""
        self.is_over = True
        self._wire.loop.moves.append(Move(f"cut {self}", self._break))

    def hang_up(self) -> None:
        """Nobody waits for the answer any more."""
        self.is_over = True
        if self.on_disconnect is not None:
            self.on_disconnect()

    @property
    def name(self) -> str:
        """The method."""
        return self.path.rpartition("/")[2]

    def __str__(self) -> str:
        chat_id = fields(self).get("chat_id")
        return self.name if chat_id is None else f"{self.name} in {chat_id}"

    def _arrive(self, status: int, body: bytes) -> None:
        if not self._answer.done():
            self._wire.heard(self, status, body)
            self._answer.set_result((status, as_text(body)))

    def _break(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(aiohttp.ServerDisconnectedError())


class Wire:
    """All connections of the one process that there is."""

    def __init__(self, loop: Loop, server: Server) -> None:
        self.loop, self.server = loop, server
        self.is_down = False
        """Whether no connection comes about."""
        self._open: list[Line] = []
        self.on_request: Any = lambda line: None
        self.on_answer: Any = lambda line, status, body: None

    def send(self, line: Line) -> None:
        """A request leaves; it arrives even if its sender ends meanwhile."""
        self._open.append(line)

        def arrive() -> None:
            if line.is_over and line.name == "getUpdates":
                return  # Telegram sees that nobody holds the connection any more
            self.on_request(line)
            self.server.handle(line)  # type: ignore[arg-type]

        self.loop.moves.append(Move(f"request {line}", arrive, TELEGRAM))

    def close(self, line: Line) -> None:
        """A request is over, one way or the other."""
        if line in self._open:
            self._open.remove(line)

    def heard(self, line: Line, status: int, body: bytes) -> None:
        """An answer has reached the process."""
        self.on_answer(line, status, body)

    def drop(self) -> None:
        """The process has ended, and its connections with it."""
        lines, self._open = self._open, []
        with self.loop.owned_by(TELEGRAM):
            for line in lines:
                line.hang_up()


class SimulatedTelegram(Telegram):
    """The product's own session up to the connection: bodies, classification of answers and errors are the same."""

    def __init__(self, wire: Wire) -> None:
        # Past aiogram's connector, whose certificates take twenty milliseconds to read, and which nobody would use.
        BaseSession.__init__(self, api=TelegramAPIServer.from_base("http://telegram"))
        self._wire = wire
        self._refused = set()

    async def close(self) -> None:
        """Nothing was opened."""

    async def _post(
        self, bot: Bot, method: TelegramMethod[TelegramType], body: FormData | BytesPayload, within: int | None
    ) -> TelegramType:
        assert isinstance(body, BytesPayload), f"{method.__api_method__} carries a file"
        wire = self._wire
        if wire.is_down:
            refused = aiohttp.ClientConnectorError(_NOWHERE, OSError(111, "Connection refused"))
            raise TelegramNetworkError(method=method, message="unreachable") from refused
        answer: asyncio.Future[tuple[int, str]] = wire.loop.create_future()
        line = Line(wire, f"/bot{bot.token}/{method.__api_method__}", bytes(body._value), answer)
        wire.send(line)
        try:
            status, content = await asyncio.wait_for(answer, within or self.timeout)
        except TimeoutError as error:
            raise TelegramNetworkError(method=method, message="Request timeout error") from error
        except aiohttp.ClientError as error:
            raise TelegramNetworkError(method=method, message=f"{type(error).__name__}: {error}") from error
        finally:
            wire.close(line)
            line.hang_up()
        return self.check_response(bot, method, status, content).result  # type: ignore[return-value]


def fields(line: Line) -> dict[str, Any]:
    """What a request says."""
    found: dict[str, Any] = json.loads(line.body or b"{}")
    return found

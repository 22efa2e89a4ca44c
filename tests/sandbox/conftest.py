"""A sandbox per test, a real aiogram client for each bot, and a check that everything produced is the Bot API's."""

from collections.abc import AsyncIterator, Callable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from aiogram import Bot
from aiogram.client.session.aiohttp import AiohttpSession
from aiogram.client.telegram import TelegramAPIServer
from aiogram.methods.base import Response, TelegramMethod
from aiogram.types import Message, Update
from pydantic import BaseModel
from pydantic_core import from_json

from bot.sandbox import BotHandle, Person, Sandbox
from bot.sandbox.updates import UpdateQueue

TOKEN = "42:secret"  # noqa: S105


def unknown_fields(value: Any, path: str = "") -> list[str]:
    """Where a parsed object has something that aiogram's types do not know."""
    if isinstance(value, BaseModel):
        found = [f"{path}.{name}" for name in value.model_extra or {}]
        for name in type(value).model_fields:
            found += unknown_fields(getattr(value, name), f"{path}.{name}")
        return found
    if isinstance(value, list):
        return [problem for item in value for problem in unknown_fields(item, f"{path}[]")]
    return []


class StrictSession(AiohttpSession):
    """Refuses answers with fields that the Bot API does not have; closes without aiogram's quarter of a second."""

    def check_response(self, bot: Bot, method: TelegramMethod[Any], status_code: int, content: str) -> Response[Any]:
        response = super().check_response(bot, method, status_code, content)
        assert unknown_fields(response.result) == []
        return response

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()


class Clock:
    """A clock that stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 21, 12, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now

    def forward(self, seconds: float) -> None:
        self.now += timedelta(seconds=seconds)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(autouse=True)
def produced_updates(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[dict[str, Any]]]:
    """Every update that was queued in this test, each a valid one."""
    produced: list[dict[str, Any]] = []
    push = UpdateQueue.push

    def record(queue: UpdateQueue, *arguments: Any, **named: Any) -> int | None:
        update_id = push(queue, *arguments, **named)
        if update_id is not None:
            produced.append(from_json(queue.items[update_id].body))
        return update_id

    monkeypatch.setattr(UpdateQueue, "push", record)
    yield produced
    for update in produced:
        assert unknown_fields(Update.model_validate(update)) == [], update


@pytest.fixture
async def sandbox(clock: Clock) -> AsyncIterator[Sandbox]:
    async with await Sandbox.start(clock=clock) as sandbox:
        yield sandbox
        for entry in sandbox.world.transcript.entries:
            if entry.event != "callback_answer":
                assert unknown_fields(Message.model_validate(entry.message)) == [], entry.message


@pytest.fixture
def shop(sandbox: Sandbox) -> BotHandle:
    return sandbox.add_bot(TOKEN, username="shop_bot", name="Shop")


Connect = Callable[[BotHandle], Bot]


@pytest.fixture
async def connect(sandbox: Sandbox) -> AsyncIterator[Connect]:
    """A real client for a bot of the sandbox."""
    made: list[Bot] = []

    def client(handle: BotHandle) -> Bot:
        made.append(Bot(handle.token, session=StrictSession(api=TelegramAPIServer.from_base(sandbox.url))))
        return made[-1]

    yield client
    for bot in made:
        await bot.session.close()


@pytest.fixture
def bot(connect: Connect, shop: BotHandle) -> Bot:
    return connect(shop)


@pytest.fixture
async def ivan(sandbox: Sandbox, shop: BotHandle) -> Person:
    """A client who has started the shop's bot."""
    ivan = sandbox.person("Ivan", last_name="Petrov", username="ivan", language_code="ru")
    await ivan.starts(shop)
    return ivan

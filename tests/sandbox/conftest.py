"""A sandbox per test, a real aiogram client for each bot, and a check that everything produced is the Bot API's."""

from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
from aiogram import Bot
from aiogram.types import Message, Update
from pydantic_core import from_json

from bot.sandbox import BotHandle, Person, Sandbox
from bot.sandbox.world.updates import UpdateQueue
from tests.support.telegram_kit import FrozenClock, strict_bot, unknown_fields

TOKEN = "42:secret"  # noqa: S105
Connect = Callable[[BotHandle], Bot]


@pytest.fixture
def clock() -> FrozenClock:
    return FrozenClock()


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
async def sandbox(clock: FrozenClock) -> AsyncIterator[Sandbox]:
    async with await Sandbox.start(clock=clock) as sandbox:
        yield sandbox
        for entry in sandbox.world.transcript.entries:
            if entry.event != "callback_answer":
                assert unknown_fields(Message.model_validate(entry.message)) == [], entry.message


@pytest.fixture
def shop(sandbox: Sandbox) -> BotHandle:
    return sandbox.add_bot(TOKEN, username="shop_bot", name="Shop")


@pytest.fixture
async def connect(sandbox: Sandbox) -> AsyncIterator[Connect]:
    """A real client for a bot of the sandbox."""
    made: list[Bot] = []

    def client(handle: BotHandle) -> Bot:
        made.append(strict_bot(sandbox.url, handle.token))
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

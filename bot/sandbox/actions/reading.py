"""What can be read from the sandbox, as plain values: chats, the transcript, counts; and what can be waited for."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

import asyncio
from base64 import b64encode
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from bot.sandbox.actions.acting import wire
from bot.sandbox.errors import SandboxError
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.chats import PrivateChat
from bot.sandbox.world.command_menus import seen_commands
from bot.sandbox.world.state import World

Json = dict[str, Any]
ACTION_SHOWN = 5  # seconds; https://core.telegram.org/bots/api#sendchataction


def view(world: World, *, person: int, place: int) -> Json:
    """What a person sees in a place: messages, oldest first, and what stands above and below them.

    Returns it with `seq`, the number of the place's last transcript entry, and `time`, the Unix time.
    """
    chat = world.place(person, place)
    messages = [wire(chat, chat.messages[message_id]) for message_id in sorted(chat.messages)]
    private = chat if isinstance(chat, PrivateChat) else None
    return {
        "seq": chat.seq,
        "messages": messages,
        "actions": chat.actions,
        "pinned": [one for one in chat.pinned if one in chat.messages],
        "acting": chat.actions[-1] if chat.actions and world.now() - chat.acted_at < ACTION_SHOWN else None,
        "topics": {str(topic.id): topic.name for topic in chat.topics.values()},
        "keyboard": chat.keyboard,
        "force_reply": chat.force_reply,
        "started": private is None or private.started,
        "blocked": private is not None and private.blocked,
        "time": world.now(),
    }


def file(world: World, *, file_id: str) -> Json:
    """The bytes behind a file id, in base64, and their MIME type as far as it was told."""
    stored = world.files.behind(file_id)
    if stored is None:
        raise SandboxError("there is no such file")
    return {"mime": stored.mime, "name": stored.name, "data": b64encode(stored.data).decode()}


def time(world: World) -> float:
    """The Unix time of this world."""
    return world.now()


def keyboard(world: World, *, person: int, place: int) -> Json | None:
    """The keyboard under the input field."""
    return world.place(person, place).keyboard


def transcript(world: World, *, since: int = 0, limit: int | None = None) -> list[Json]:
    """Entries of the transcript after number `since`."""
    return [entry.as_json() for entry in world.transcript.since(since, limit)]


def bots(world: World) -> list[Json]:
    """The bots whose tokens are valid."""
    return [
        {"id": bot.id, "token": bot.token, "username": bot.username, "name": bot.name}
        for bot in world.bots_by_id.values()
        if not bot.revoked
    ]


def stats(world: World) -> Json:
    """Counts: requests, calls by method, refusals, injected faults that fired, and each bot's queue."""
    return {
        "requests": world.requests,
        "refusals": len(world.limits.refusals),
        "faults": dict(world.faults.fired),
        "violations": len(world.violations),
        "transcript": world.transcript.seq,
        "bots": {str(bot.id): _bot_stats(bot) for bot in world.bots_by_id.values()},
    }


def _bot_stats(bot: BotAccount) -> Json:
    return {
        "username": bot.username,
        "calls": dict(bot.calls),
        "queued": len(bot.queue.items),
        "pushed": bot.queue.pushed,
        "dropped": bot.queue.dropped,
        "confirmed": len(bot.queue.confirmed_ids),
        "last_confirmed": bot.queue.confirmed_ids[-1] if bot.queue.confirmed_ids else None,
        "next_update_id": bot.queue.next_id,
        "polling": bot.poll is not None,
        "webhook": bot.webhook is not None,
        "revoked": bot.revoked,
    }


def confirmed(world: World, *, bot: int) -> list[int]:
    """The ids of all updates that a bot has confirmed, in order."""
    return list(world.bot(bot).queue.confirmed_ids)


def refusals(world: World) -> list[Json]:
    """Every 429 that was sent."""
    return [asdict(refusal) for refusal in world.limits.refusals]


def violations(world: World) -> list[Json]:
    """Everything in requests that does not conform to the Bot API's schema."""
    return [asdict(violation) for violation in world.violations]


def commands(world: World, *, person: int, bot: int, place: int | None = None) -> list[Json]:
    """The command menu that a person has in a place, by default the private chat with the bot."""
    return seen_commands(world, person, bot, place)


def callback(world: World, *, callback_id: str) -> Json | None:
    """The answer to a callback query; None until there is one."""
    found = world.callbacks.get(callback_id)
    if found is None:
        raise SandboxError(f"there is no callback query {callback_id}")
    return found.answer


async def callback_answer(world: World, *, callback_id: str, timeout: float) -> Json | None:
    """Wait for the answer to a pressed button, at most `timeout` seconds."""
    answer = callback(world, callback_id=callback_id)
    if answer is not None:
        return answer
    future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
    world.callbacks[callback_id].waiting.append(future)
    await asyncio.wait([future], timeout=timeout)
    return callback(world, callback_id=callback_id)


async def changed(world: World, *, person: int, place: int, after: int, timeout: float) -> int:
    """Wait for a transcript entry of a place with a number above `after`; the number of the last one."""
    chat = world.place(person, place)
    if chat.seq <= after:
        await world.transcript.changed(chat.bot_id if isinstance(chat, PrivateChat) else None, chat.id, timeout)
    return chat.seq


async def settled(world: World, *, timeout: float) -> bool:
    """Wait until every bot that receives has confirmed all its updates and waits for more; whether that happened.

    The bots have then *received* everything. Whether they have finished processing it, only they know: see
    `SandboxApi.settles_when`.
    """
    return await _until(world, lambda: all(map(is_idle, world.bots_by_id.values())), timeout)


async def online(world: World, *, bot: int, timeout: float) -> bool:
    """Wait until a bot waits for updates in a long poll or has set a webhook; whether that happened."""
    account = world.bot(bot)
    return await _until(world, lambda: account.poll is not None or account.webhook is not None, timeout)


async def _until(world: World, condition: Callable[[], bool], timeout: float) -> bool:
    """Wait for a condition, which is checked whenever a bot has received all its updates."""
    loop = asyncio.get_running_loop()
    end = loop.time() + timeout
    while not condition():
        future: asyncio.Future[None] = loop.create_future()
        listener = _resolver(future)
        world.on_parked.append(listener)
        await asyncio.wait([future], timeout=max(end - loop.time(), 0))
        world.on_parked.remove(listener)
        if loop.time() >= end:
            return condition()
    return True


def _resolver(future: "asyncio.Future[None]") -> Any:
    def resolve(_: BotAccount) -> None:
        if not future.done():
            future.set_result(None)

    return resolve


def is_idle(bot: BotAccount) -> bool:
    """Whether a bot has no updates left, and waits for more or does not receive at all."""
    if bot.webhook is not None:
        return not bot.queue.items
    return bot.revoked or (not bot.queue.items and (bot.poll is not None or not bot.calls["getUpdates"]))

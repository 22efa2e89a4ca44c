"""The state of the local Telegram, in memory: accounts, chats, files, callbacks, the transcript."""

import asyncio
import itertools
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

import aiohttp

from bot.sandbox.errors import SandboxError
from bot.sandbox.world.bots import BotAccount
from bot.sandbox.world.chats import Chat, Group, PersonRecord, PrivateChat, StoredMessage
from bot.sandbox.world.faults import Faults
from bot.sandbox.world.files import Files, localise
from bot.sandbox.world.limits import Limits
from bot.sandbox.world.transcript import NEW, Entry, Transcript
from bot.sandbox.world.updates import Lane

Json = dict[str, Any]
# Of a group, only its admins get these (https://core.telegram.org/bots/api#update).
FOR_ADMINS = frozenset({"chat_member", "message_reaction", "message_reaction_count"})
MEDIA = frozenset({"photo", "video", "video_note", "voice", "audio", "document", "animation", "sticker", "paid_media"})


def real_clock() -> datetime:
    """The real time, UTC."""
    return datetime.now(UTC)


@dataclass(slots=True)
class Callback:
    """A callback query; `answer` is the content of answerCallbackQuery, None until then."""

    id: str
    bot_id: int
    person_id: int
    chat_id: int
    time: float
    answer: Json | None = None
    waiting: list["asyncio.Future[None]"] = field(default_factory=list)


@dataclass(slots=True, frozen=True)
class Violation:
    """Something in a request that does not conform to the schema; Telegram ignores or misreads it."""

    bot_id: int
    method: str
    problem: str


class World:
    """State of the sandbox.

    Args:
        clock: current time as an aware datetime; dates, ages and rates follow it
        seed: of everything random
    """

    def __init__(self, clock: Callable[[], datetime] = real_clock, seed: int = 0) -> None:
        self.clock = clock
        self.random = Random(seed)
        self.bots: dict[str, BotAccount] = {}  # by token, revoked ones too
        self.bots_by_id: dict[int, BotAccount] = {}
        self.people: dict[int, PersonRecord] = {}
        self.private: dict[tuple[int, int], PrivateChat] = {}
        self.groups: dict[int, Group] = {}
        self.files = Files()
        self.transcript = Transcript()
        self.limits = Limits()
        self.faults = Faults(Random(seed + 1))
        self.callbacks: dict[str, Callback] = {}
        self.callback_life = 150.0  # seconds in which a callback query can be answered
        self.violations: list[Violation] = []
        self.strict = True
        self.is_older = False  # refuses what came with later versions of the Bot API (`bot.sandbox.methods.older`)
        self.paced = False  # research note R6: slow down polls of the same offset in a tight loop
        self.webhook_second = 1.0  # how long a second of Telegram's webhook back-off takes; shorter in tests
        self.requests = 0
        self.polls: dict[str, tuple[Chat, int]] = {}  # poll id -> its chat and message id
        self.on_parked: list[Callable[[BotAccount], None]] = []  # called when a bot waits and has confirmed everything
        self.on_cut: list[Callable[[], None]] = []  # how to drop all connections
        self._client: aiohttp.ClientSession | None = None
        self._people_ids = itertools.count(7_000_000_001)  # beyond 32 bits, as real ids are
        self._group_ids = itertools.count(1)

    def now(self) -> float:
        """Unix time."""
        return self.clock().timestamp()

    def polled(self, bot: BotAccount) -> None:
        """Notify the listeners that a bot waits with an empty queue: it has confirmed all its updates."""
        for listener in list(self.on_parked):
            listener(bot)

    def client(self) -> aiohttp.ClientSession:
        """The HTTP client that webhooks share."""
        if self._client is None:
            self._client = aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        return self._client

    async def close(self) -> None:
        """Stop all deliveries."""
        for bot in self.bots.values():
            if bot.poll is not None:
                bot.poll.stop()
            if bot.webhook is not None:
                bot.webhook.stop()
        if self._client is not None:
            await self._client.close()

    def long_id(self) -> str:
        """An identifier of 18 digits, as callback queries and polls have."""
        return str(self.random.randrange(10**17, 10**18))

    # Bots and people

    def add_bot(self, token: str, username: str, name: str) -> BotAccount:
        """Create a bot. A second token of the same id replaces a revoked one and keeps the chats and what waits."""
        if not token.partition(":")[0].isdigit():
            raise SandboxError(f"a token is <digits>:<secret>, not {token[:12]}…")
        bot = BotAccount(token, username, name, self.random, self.now)
        former = self.bots_by_id.get(bot.id)
        if former is not None:
            bot.queue, bot.commands = former.queue, former.commands
        self.bots[token] = self.bots_by_id[bot.id] = bot
        return bot

    def bot(self, bot_id: int) -> BotAccount:
        """The bot with an id."""
        if bot_id not in self.bots_by_id:
            raise SandboxError(f"there is no bot {bot_id}")
        return self.bots_by_id[bot_id]

    def add_person(self, user: Json, *, hidden_forwards: bool = False, forbids_voice: bool = False) -> PersonRecord:
        """Create a person from a Bot API User, whose id may be left out. An existing id returns that person."""
        if user.get("id") in self.people:
            return self.people[user["id"]]
        user = {"id": user.get("id") or next(self._people_ids), "is_bot": False} | {
            name: value for name, value in user.items() if value is not None and name != "id"
        }
        record = self.people[user["id"]] = PersonRecord(
            user, hidden_forwards=hidden_forwards, forbids_voice=forbids_voice
        )
        return record

    def person(self, person_id: int) -> PersonRecord:
        """The person with an id."""
        if person_id not in self.people:
            raise SandboxError(f"there is no person {person_id}")
        return self.people[person_id]

    def user(self, user_id: int) -> Json | None:
        """The User object of a person or a bot."""
        if user_id in self.people:
            return self.people[user_id].user
        return self.bots_by_id[user_id].user if user_id in self.bots_by_id else None

    # Chats

    def dialogue(self, bot_id: int, person_id: int) -> PrivateChat:
        """The private chat of a person and a bot, created on first use."""
        chat = self.private.get((bot_id, person_id))
        if chat is None:
            chat = self.private[bot_id, person_id] = PrivateChat(bot_id, self.person(person_id))
        return chat

    def group(self, group_id: int) -> Group:
        """The group with an id."""
        if group_id not in self.groups:
            raise SandboxError(f"there is no group {group_id}")
        return self.groups[group_id]

    def add_group(self, title: str, *, supergroup: bool, forum: bool) -> Group:
        """Create a group without members."""
        number = next(self._group_ids)
        group_id = -1_002_000_000_000 - number if supergroup else -4_000_000_000 - number
        group = self.groups[group_id] = Group(group_id, title, supergroup=supergroup, forum=forum)
        group.last_id = 1 if supergroup else 0  # its creation is message 1, and thread 1 is the General topic
        return group

    def place(self, person_id: int, place: int) -> Chat:
        """A chat of a person: their chat with the bot `place`, or the group `place` if that is negative."""
        return self.group(place) if place < 0 else self.dialogue(place, person_id)

    # Messages

    def record(
        self, chat: Chat, message: StoredMessage, event: str, actor: int | None, data: Json | None = None
    ) -> None:
        """Add to the transcript what people see now.

        Args:
            actor: the bot that acts, None for a person
        """
        bot_id = chat.bot_id if isinstance(chat, PrivateChat) else actor
        entry = Entry(
            self.now(),
            event,
            bot_id,
            chat.id,
            message.kind,
            message.json,
            message.copied_from,
            message.request_id,
            data,
        )
        message.seq = chat.seq = self.transcript.add(entry)

    def keep(self, chat: Chat, message: StoredMessage, actor: int | None = None) -> StoredMessage:
        """Add a new message to a chat and to the transcript."""
        chat.messages[message.id] = message
        if actor is not None:
            chat.acted_at = 0.0  # what a bot was about to do is done
        self.record(chat, message, NEW, actor)
        return message

    def notify(self, chat: Chat, kind: str, content: Json, *, lane: Lane, date: float | None, skip: int = 0) -> None:
        """Queue an update for every bot that sees the chat.

        Args:
            date: Unix time from which the lifetime of a message update is counted
            skip: the bot that caused it; bots get no updates about their own messages
        """
        if isinstance(chat, PrivateChat):
            if chat.bot_id != skip:
                self.bots_by_id[chat.bot_id].queue.push(kind, content, lane, date)
            return
        assert isinstance(chat, Group)
        for user_id in chat.members:
            bot = self.bots_by_id.get(user_id)
            may_see = chat.is_admin(user_id) if kind in FOR_ADMINS else chat.has(user_id)
            if bot is not None and user_id != skip and may_see:
                bot.queue.push(kind, self.seen_by(bot.id, chat, content), lane, date)

    def seen_by(self, bot_id: int, chat: Chat, content: Json) -> Json:
        """Bot API JSON with the file ids of this bot."""
        if isinstance(chat, PrivateChat):
            return content
        localised: Json = localise(content, bot_id)
        return localised

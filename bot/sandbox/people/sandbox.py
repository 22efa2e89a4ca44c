"""The sandbox for tests and the demo: one API, for a sandbox in this process or in another one."""

# ruff: noqa: ASYNC109 - these timeouts end with a failure that says what was expected

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any, Self

from bot.sandbox.methods import schema
from bot.sandbox.people.control_client import ControlClient, InProcessControlClient
from bot.sandbox.people.people import BotHandle, GroupHandle, Person, Place
from bot.sandbox.server.server import Server
from bot.sandbox.wire.http import HttpServer
from bot.sandbox.world.limits import Refusal
from bot.sandbox.world.state import Violation, World, real_clock

Json = dict[str, Any]


class SandboxApi:
    """The API of a sandbox, in whichever process it runs.

    Attributes:
        url: the base address for bots, such as "http://127.0.0.1:8081"
    """

    def __init__(self, control: ControlClient, url: str) -> None:
        self._control = control
        self._settled: list[Callable[[], Awaitable[Any]]] = []
        self.url = url

    # Bots, people and groups

    def add_bot(self, token: str, username: str, name: str | None = None) -> BotHandle:
        """Create a bot; `token` is "<digits>:<secret>" and the digits are its user id."""
        return BotHandle(**self._control.ask("add_bot", token=token, username=username, name=name or username))

    def person(
        self,
        first_name: str,
        last_name: str | None = None,
        username: str | None = None,
        language_code: str | None = None,
        id: int | None = None,
        *,
        hidden_forwards: bool = False,
        forbids_voice: bool = False,
    ) -> Person:
        """Create a person; ids count up from 7000000001 unless given."""
        user = {
            "id": id,
            "first_name": first_name,
            "last_name": last_name,
            "username": username,
            "language_code": language_code,
        }
        made = self._control.ask("add_person", user=user, hidden_forwards=hidden_forwards, forbids_voice=forbids_voice)
        return Person(self._control, made, self.settles)

    def group(
        self,
        title: str,
        members: "list[Person | BotHandle]",
        *,
        forum: bool = False,
        supergroup: bool = False,
        admins: bool = True,
    ) -> GroupHandle:
        """Create a group owned by the first person; its bots are administrators unless `admins=False`."""
        people = [member.id for member in members if isinstance(member, Person)]
        bots = [member.id for member in members if isinstance(member, BotHandle)]
        chat = self._control.ask(
            "add_group", title=title, people=people, bots=bots, forum=forum, supergroup=supergroup, admins=admins
        )
        return GroupHandle(self._control, chat)

    def bots(self) -> list[BotHandle]:
        """All bots with valid tokens."""
        return [BotHandle(**bot) for bot in self._control.ask("bots")]

    # Faults and outages

    def fail(
        self,
        *,
        kind: str,
        method: str | None = None,
        times: int | None = None,
        every: int | None = None,
        probability: float | None = None,
        bot: BotHandle | None = None,
        chat: "Person | GroupHandle | int | None" = None,
        **details: Any,
    ) -> int:
        """Inject a fault. Returns its number, for `clear_fault`.

        Args:
            kind: one of `faults.KINDS`
            method: a Bot API method, None for any
            times: how often; by default once, unless `every` or `probability` is given
            every: fires on each n-th matching call
            probability: fires at random with this probability
            chat: only calls about this person or group
            details: `applied`, `delay` (seconds), `code`, `text`, `retry_after` (seconds), `parameters`
        """
        chat_id = chat if chat is None or isinstance(chat, int) else chat.id
        fault = self._control.ask(
            "fail",
            kind=kind,
            method=method,
            times=times,
            every=every,
            probability=probability,
            bot_id=bot.id if bot else None,
            chat_id=chat_id,
            **details,
        )
        return int(fault["id"])

    def clear_fault(self, fault: int | None = None) -> None:
        """Remove one fault, or all of them."""
        self._control.ask("clear_fault", fault=fault)

    def limit(self, enabled: bool = True) -> None:
        """Switch the rate limits on or off."""
        self._control.ask("set_limits", enabled=enabled)

    def set_topics(self, bot: BotHandle, enabled: bool = True) -> None:
        """Switch topics in the private chats of a bot on or off."""
        self._control.ask("set_topics", bot=bot.id, enabled=enabled)

    def configure(self, **switches: Any) -> None:
        """Change switches: `strict`, `older`, `paced` and the others of `control_actions.configure`."""
        self._control.ask("configure", **switches)

    def revoke(self, bot: BotHandle) -> None:
        """Revoke a bot's token: 401 from now on, also for a waiting long poll."""
        self._control.ask("revoke", bot=bot.id)

    def inject_raw(self, bot: BotHandle, update: Json) -> int:
        """Queue any JSON object as an update, for instance one that cannot be parsed. Returns its update id."""
        return int(self._control.ask("inject", bot=bot.id, update=update))

    def jump(self, bot: BotHandle, to: int | None = None) -> int:
        """Continue the update ids at another number, possibly lower. Returns the next id."""
        return int(self._control.ask("jump", bot=bot.id, to=to))

    def cut_all(self) -> None:
        """Cut all connections of bots."""
        self._control.ask("cut_all")

    def preload(
        self, bot: BotHandle, people: int, each: int = 1, text: str = "message {number} of {person}"
    ) -> list[int]:
        """Queue `each` messages of each of `people` new clients. Returns the clients' ids."""
        made: list[int] = self._control.ask("preload", bot=bot.id, people=people, each=each, text=text)
        return made

    # Reading

    def transcript(self, since: int = 0, limit: int | None = None) -> list[Json]:
        """What people saw, in order (see `transcript.Entry.as_json`), after entry number `since`."""
        entries: list[Json] = self._control.ask("transcript", since=since, limit=limit)
        return entries

    def stats(self) -> Json:
        """Counts of requests, calls by method and bot, refusals, queue lengths."""
        found: Json = self._control.ask("stats")
        return found

    def confirmed_ids(self, bot: BotHandle) -> list[int]:
        """Ids of the updates that a bot has confirmed, in order."""
        found: list[int] = self._control.ask("confirmed", bot=bot.id)
        return found

    @property
    def refusals(self) -> list[Refusal]:
        """Every 429 that was sent."""
        return [Refusal(**refusal) for refusal in self._control.ask("refusals")]

    @property
    def strictness_violations(self) -> list[Violation]:
        """Everything in requests that does not conform to the Bot API; Telegram would ignore or misread it."""
        return [Violation(**violation) for violation in self._control.ask("violations")]

    def commands_seen_by(self, person: Person, bot: BotHandle, at: Place | None = None) -> list[Json]:
        """The command menu of a person, scopes and languages resolved."""
        place = at.place if at is not None else None
        found: list[Json] = self._control.ask("commands", person=person.id, bot=bot.id, place=place)
        return found

    # Waiting for bots

    def settles_when(self, hook: Callable[[], Awaitable[Any]]) -> None:
        """Add a hook that waits until the program under test has finished its work; `settles` awaits it last."""
        self._settled.append(hook)

    async def online(self, bot: BotHandle, timeout: float = 20) -> None:
        """Wait until a bot waits for updates, in a long poll or with a webhook.

        Raises AssertionError if it does not within `timeout` seconds.
        """
        if not await self._control.wait("online", bot=bot.id, timeout=timeout):
            raise AssertionError(f"@{bot.username} does not receive after {timeout} s")

    async def confirmed(self, timeout: float = 20) -> None:
        """Wait until every bot has confirmed its updates and waits for more.

        Raises AssertionError if that does not happen in `timeout` seconds.
        """
        if not await self._control.wait("settled", timeout=timeout):
            raise AssertionError(f"the bots are not idle after {timeout} s: {self.stats()['bots']}")

    async def settles(self, timeout: float = 20) -> None:
        """Wait until every bot has confirmed its updates and waits for more, and every hook has returned.

        Raises AssertionError if that does not happen in `timeout` seconds.
        """
        await self.confirmed(timeout)
        for hook in self._settled:
            try:
                async with asyncio.timeout(timeout):
                    await hook()
            except TimeoutError:
                raise AssertionError(f"the program is not idle after {timeout} s: {hook!r}") from None


class Sandbox(SandboxApi):
    """A sandbox in this process and this event loop.

    Attributes:
        world: its state, for tests that look deeper
    """

    def __init__(self, world: World, http: HttpServer, url: str) -> None:
        super().__init__(InProcessControlClient(world), url)
        self.world = world
        self._http = http

    @classmethod
    async def start(
        cls,
        port: int = 0,
        *,
        limits: bool = False,
        clock: Callable[[], datetime] = real_clock,
        seed: int = 0,
        strict: bool = True,
    ) -> Self:
        """Listen on 127.0.0.1.

        Args:
            port: 0 for any free port
            limits: enforce Telegram's rate limits
            clock: gives the current time, aware
            seed: of everything random: update ids, faults with a probability, dice
            strict: check every request against aiogram's models; only benchmarks switch this off
        """
        world = World(clock, seed)
        world.limits.enabled = limits
        world.strict = strict
        if strict:
            schema.load()
        http = HttpServer(Server(world).handle)
        world.on_cut.append(lambda: http.cut_all(spared="/sandbox/"))
        bound = await http.start(port)
        return cls(world, http, f"http://127.0.0.1:{bound}")

    async def stop(self) -> None:
        """Close all connections and the port."""
        await self.world.close()
        await self._http.stop()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.stop()

"""The demo: the shop opens, a morning, the rush hour, the result."""

import asyncio
import random
import re
import signal
import tempfile
import time
from collections.abc import Coroutine
from contextlib import suppress
from itertools import product
from pathlib import Path
from typing import Any

from bot.app import App
from bot.demo.arrivals import Arrivals
from bot.demo.audit import audit
from bot.demo.captions import CAPTIONS
from bot.demo.conversations import AT_A_GLANCE, READING, Conversations
from bot.demo.dialogues import CARE, CASTS, SHOP
from bot.demo.narrator import Channel, Colleague, Narrator
from bot.demo.result import show_result
from bot.demo.screen import Screen
from bot.demo.slips import SLIPS, SlipScene
from bot.logs import set_up_logging
from bot.sandbox import BotHandle, Person, Sandbox, SeenMessage
from bot.settings import Settings
from bot.texts import translator
from crm_core import statistics
from crm_core.routing import source_details, sources
from crm_core.team import operators

WEIGHTS = (30, 10, 60)
LIMITS = (2, 1, 3)  # small, so that some clients wait
RUSH_LIMIT = 150  # so large that the weights alone decide
RUSH = {SHOP: 60, CARE: 30}
SAMPLE = 6  # conversations of the rush hour that are shown
BETWEEN_CLIENTS, RUSH_BEGINS = (0.35, 0.75), (0.0, 1.5)  # seconds
INVITATION = re.compile(r"start=(\S+)")
TOKENS = {SHOP: "710001:" + "shop" * 9, CARE: "710002:" + "care" * 9}


class Show:
    """One run of the demo on one screen."""

    def __init__(self, screen: Screen, language: str, *, fast: bool = False) -> None:
        """
        Args:
            fast: without the pauses in which people read and write.
        """
        self.screen, self.language = screen, language
        self.captions, self.cast = CAPTIONS[language], CASTS[language]
        self._random = random.Random(30_10_60)
        self._slowness = 0.0 if fast else 1.0
        self.narrator = Narrator(screen, self.captions, translator(language))
        self.arrivals = Arrivals()
        self.bots: dict[str, BotHandle] = {}
        self.staff: dict[int, Person] = {}
        self.clients: dict[str, Person] = {}
        self.conversations = Conversations(self.arrivals, self.staff, self._pause)

    sandbox: Sandbox
    app: App
    admin: Person

    async def play(self, *, forever: bool) -> int:
        """Runs it. Returns the exit status."""
        set_up_logging(level="CRITICAL")
        stop = asyncio.Event()
        if forever:
            for number in (signal.SIGINT, signal.SIGTERM):
                asyncio.get_running_loop().add_signal_handler(number, stop.set)
        with tempfile.TemporaryDirectory(prefix="mini-crm-demo-") as folder:
            async with await Sandbox.start() as self.sandbox:
                for key, (username, name) in self.cast.bots.items():
                    self.bots[key] = self.sandbox.add_bot(TOKENS[key], username, name)
                async with App(self._settings(Path(folder)), limited=False) as self.app:
                    await self._open_shop()
                    await self._morning()
                    await self._slips()
                    await self._rush()
                    if forever:
                        self.screen.note(self.captions["api"].format(address=self.app.http.address))
                    while forever and not stop.is_set():
                        self.screen.note(self.captions["forever"])
                        await self._until(stop, self._morning())
                    return 0 if await self._finish(everybody=not stop.is_set()) else 1

    def _settings(self, folder: Path) -> Settings:
        # Not `load_settings`: nothing of a real installation's environment may reach the demo, tokens least of all.
        return Settings.model_construct(
            bot_tokens=list(TOKENS.values()),
            database_url=f"sqlite:///{folder / 'demo.db'}",
            telegram_api_url=self.sandbox.url,
            default_language=self.language,
            http_port=0,
        )

    # --- the shop opens --------------------------------------------------------------------------------------------

    async def _open_shop(self) -> None:
        await self.app.supervisor.settled()
        self.sandbox.settles_when(self.app.supervisor.idle)
        self.screen.heading(self.captions["staff"])
        await self._welcome_admin()
        for name, weight, limit in zip(self.cast.operators, WEIGHTS, LIMITS, strict=True):
            await self._hire(name, weight, limit)
        await self._command(f"/sources exact {self.bots[CARE].username}")
        bots = {key: f"@{bot.username}" for key, bot in self.bots.items()}
        self.screen.note(self.captions["bots"].format(**bots))
        await self._brief_narrator()

    async def _welcome_admin(self) -> None:
        link = await self.app.first_admin_link()
        assert link is not None
        self.admin = self._person(self.cast.admin)
        await self.admin.starts(self.bots[SHOP], link.partition("start=")[2])
        await self.sandbox.settles()
        self.screen.row(None, self.cast.admin, self.captions["admin"])

    async def _command(self, command: str, wanted: re.Pattern[str] | None = None) -> SeenMessage:
        """The admin types a command. Returns the answer: its newest message, or the one with what is wanted."""
        sent = await self.admin.says(command, to=self.bots[SHOP])
        self.screen.row(None, f"{self.cast.admin} → @{self.bots[SHOP].username}", command)
        answer = await self.admin.sees(wanted, after=sent)
        await self.sandbox.settles()
        return answer

    async def _hire(self, name: str, weight: int, limit: int) -> None:
        answer = await self._command(f"/operators add {name} {limit}", INVITATION)
        invitation = INVITATION.search(answer.text)
        assert invitation is not None, answer.text
        person = self._person(name)
        self.staff[person.id] = person
        await person.starts(self.bots[SHOP], invitation[1])
        await self.sandbox.settles()
        self.screen.row(None, name, self.captions["joins"])
        for bot in self.bots.values():
            await self._command(f"/assign {bot.username} {name} {weight}")
        await person.starts(self.bots[CARE])
        await self.sandbox.settles()

    async def _brief_narrator(self) -> None:
        narrator = self.narrator
        narrator.admin = self.admin.id
        known = {one.bot: one for one in await self.app.db.read(sources.listing)}
        for bot in self.bots.values():
            source = known[bot.username]
            weights = await self.app.db.read(source_details.weights, source_id=source.id)
            by_id = {row.operator_id: row.weight for row in sorted(weights, key=lambda row: int(row.operator_id))}
            narrator.channels[source.id] = Channel(source.strategy, by_id)
            narrator.people[bot.id] = f"@{bot.username}"
        narrator.operators = {
            one.id: Colleague(one.name, one.max_leads) for one in await self.app.db.read(operators.listing)
        }
        self.app.db.listeners.append(narrator.note_events)
        self.sandbox.world.transcript.listeners += [self.arrivals.notice, narrator.notice]

    def _person(self, first_name: str, last_name: str | None = None) -> Person:
        person = self.sandbox.person(first_name, last_name, language_code=self.language)
        self.narrator.people[person.id] = " ".join(filter(None, (first_name, last_name)))
        return person

    def _client(self, first_name: str, last_name: str) -> Person:
        name = f"{first_name} {last_name}"
        if name not in self.clients:
            self.clients[name] = self._person(first_name, last_name)
            self.narrator.clients.add(self.clients[name].id)
        return self.clients[name]

    # --- conversations ---------------------------------------------------------------------------------------------

    async def _morning(self) -> None:
        self.screen.heading(self.captions["morning"], self.captions["morning_note"])
        self.conversations.pace = READING
        async with asyncio.TaskGroup() as running:
            for dialogue in self.cast.dialogues:
                client = self._client(dialogue.first_name, dialogue.last_name)
                running.create_task(self.conversations.converse(client, self.bots[dialogue.bot], dialogue))
                await self._pause(BETWEEN_CLIENTS)

    async def _slips(self) -> None:
        self.screen.heading(self.captions["slips"], self.captions["slips_note"])
        *others, holder = self.staff.values()
        scene = SlipScene(
            self.screen,
            self.captions,
            self.arrivals,
            self._pause,
            bot=self.bots[SHOP],
            operator=holder,
            settle=self.sandbox.settles,
        )
        slip = SLIPS[self.language]
        try:
            await scene.play(slip, (self._client(*slip.first), self._client(*slip.second)), others)
        except (TimeoutError, AssertionError):
            self.conversations.stuck.append(self.captions["slips"])

    async def _rush(self) -> None:
        count = sum(RUSH.values())
        note = self.captions["rush_note"].format(count=count)
        self.screen.heading(self.captions["rush"], note)
        for name in self.cast.operators:
            await self._command(f"/operators limit {name} {RUSH_LIMIT}")
        self.conversations.pace = AT_A_GLANCE
        self.narrator.is_brief = True
        begun, closed = time.monotonic(), self.narrator.closed
        progress = asyncio.create_task(self._show_progress(count, closed))
        async with asyncio.TaskGroup() as running:
            for number, (client, key) in enumerate(self._passers_by()):
                question, answer = self.cast.questions[number % len(self.cast.questions)]
                running.create_task(self._ask(number, client, key, question, answer))
        progress.cancel()
        self.narrator.is_brief = False
        self.screen.note(self.captions["rush_sample"].format(count=count - SAMPLE))
        self.screen.note(self.captions["rush_done"].format(count=count, seconds=time.monotonic() - begun))

    def _passers_by(self) -> list[tuple[Person, str]]:
        initials = [chr(ord("А" if self.language == "ru" else "A") + number) for number in range(10)]
        names = product(initials, self.cast.passers_by)
        keys = [key for key, count in RUSH.items() for _ in range(count)]
        self._random.shuffle(keys)
        return [(self._client(name, f"{initial}."), key) for (initial, name), key in zip(names, keys, strict=False)]

    async def _ask(self, number: int, client: Person, key: str, question: str, answer: str) -> None:
        await self._pause(RUSH_BEGINS)
        operator = await self.conversations.ask(client, self.bots[key], question, answer)
        if number < SAMPLE and operator is not None:
            self.screen.row(None, f"{client.first_name} ⇄ {operator.first_name}", f"{question} — {answer}")

    async def _pause(self, seconds: tuple[float, float]) -> None:
        await asyncio.sleep(self._random.uniform(*seconds) * self._slowness)

    async def _show_progress(self, count: int, closed_before: int) -> None:
        narrator = self.narrator
        while True:
            closed = narrator.closed - closed_before
            held = sum(one.load for one in narrator.operators.values())
            waiting = len(narrator.waiting)
            self.screen.passing(
                self.captions["rush_line"].format(
                    written=closed + held + waiting, held=held, waiting=waiting, closed=closed, count=count
                )
            )
            await asyncio.sleep(0.1)

    # --- the end ---------------------------------------------------------------------------------------------------

    async def _until(self, stop: asyncio.Event, act: Coroutine[Any, Any, None]) -> None:
        playing, stopping = asyncio.create_task(act), asyncio.create_task(stop.wait())
        await asyncio.wait({playing, stopping}, return_when=asyncio.FIRST_COMPLETED)
        for task in (playing, stopping):
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task

    async def _finish(self, *, everybody: bool) -> bool:
        await self.sandbox.settles(timeout=15)
        found = audit(self.sandbox.transcript(), operators=self.staff, names=self.narrator.people)
        numbers = await self.app.db.read(statistics.overview, since=None)
        stuck = self.conversations.stuck if everybody else []
        is_well = show_result(
            self.screen,
            self.captions,
            numbers,
            found,
            longest=self.narrator.longest,
            stuck=stuck,
            _=translator(self.language),
        )
        self.screen.plain("")
        self.screen.note(self.captions["next"])
        self.screen.plain("")
        return is_well

"""The play: the shop opens, a morning, the rush hour, the result."""

import asyncio
import random
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
from bot.demo.dialogues import CARE, CASTS, SHOP
from bot.demo.narrator import Channel, Colleague, Narrator
from bot.demo.result import show_result
from bot.demo.screen import Screen
from bot.demo.talks import AT_A_GLANCE, READING, Talks
from bot.demo.words import WORDS
from bot.joining import OPERATOR_PAYLOAD, new_code
from bot.logs import set_up_logging
from bot.sandbox import BotHandle, Person, Sandbox
from bot.settings import Settings
from bot.texts import translator
from crm_core import operators, sources, staff
from crm_core.access import SYSTEM
from crm_core.operators import OperatorFacts

WEIGHTS = (30, 10, 60)
LIMITS = (2, 1, 3)  # small, so that some clients wait
RUSH_LIMIT = 150  # so large that the weights alone decide
RUSH = {SHOP: 80, CARE: 40}
SAMPLE = 6  # conversations of the rush hour that are shown
BETWEEN_CLIENTS, RUSH_BEGINS = (0.35, 0.75), (0.0, 1.5)  # seconds
TOKENS = {SHOP: "710001:" + "shop" * 9, CARE: "710002:" + "care" * 9}


class Show:
    """One performance on one screen."""

    def __init__(self, screen: Screen, language: str, *, fast: bool = False) -> None:
        """
        Args:
            fast: without the pauses in which people read and write.
        """
        self.screen, self.language = screen, language
        self.words, self.cast = WORDS[language], CASTS[language]
        self._chance = random.Random(30_10_60)
        self._slowness = 0.0 if fast else 1.0
        self.narrator = Narrator(screen, self.words, translator(language))
        self.arrivals = Arrivals()
        self.bots: dict[str, BotHandle] = {}
        self.staff: dict[int, Person] = {}
        self.clients: dict[str, Person] = {}
        self.talks = Talks(self.arrivals, self.staff, self._pause)

    sandbox: Sandbox
    app: App

    async def play(self, *, forever: bool) -> int:
        """Plays it. Returns the exit status."""
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
                    await self._rush()
                    while forever and not stop.is_set():
                        self.screen.note(self.words["forever"])
                        await self._until(stop, self._morning())
                    return 0 if await self._finish(everybody=not stop.is_set()) else 1

    def _settings(self, folder: Path) -> Settings:
        # Not `load_settings`: nothing of a real installation's environment may reach the demo, tokens least of all.
        return Settings.model_construct(
            bot_tokens=list(TOKENS.values()), database_url=f"sqlite:///{folder / 'demo.db'}",
            telegram_api_url=self.sandbox.url, default_language=self.language,
        )  # fmt: skip

    # --- the shop opens --------------------------------------------------------------------------------------------

    async def _open_shop(self) -> None:
        await self.app.fleet.settled()
        self.sandbox.settles_when(self.app.fleet.idle)
        self.screen.heading(self.words["staff"])
        await self._welcome_admin()
        for name, weight, limit in zip(self.cast.operators, WEIGHTS, LIMITS, strict=True):
            await self._hire(name, weight, limit)
        await self.app.db.write(
            sources.set_strategy, source_id=(await self._sources())[CARE], strategy="exact", actor=SYSTEM,
            now=self.app.clock(),
        )  # fmt: skip
        bots = {key: f"@{bot.username}" for key, bot in self.bots.items()}
        self.screen.note("· " + self.words["bots"].format(**bots))
        await self._brief_narrator()

    async def _welcome_admin(self) -> None:
        link = await self.app.first_admin_link()
        assert link is not None
        olga = self._person(self.cast.admin)
        self.narrator.admin = olga.id
        await olga.starts(self.bots[SHOP], link.partition("start=")[2])
        await self.sandbox.settles()
        self.screen.note("· " + self.words["admin"].format(admin=self.cast.admin))

    async def _hire(self, name: str, weight: int, limit: int) -> None:
        db, now, code = self.app.db, self.app.clock(), new_code()
        operator_id = await db.write(operators.add, name=name, max_leads=limit, actor=SYSTEM, now=now)
        for source_id in (await self._sources()).values():
            await db.write(
                sources.set_weight, source_id=source_id, operator_id=operator_id, weight=weight, actor=SYSTEM, now=now,
                chance=self.app.chance,
            )  # fmt: skip
        await db.write(staff.invite, code=code, role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
        person = self._person(name)
        self.staff[person.id] = person
        await person.starts(self.bots[SHOP], OPERATOR_PAYLOAD + code)
        await self.sandbox.settles()
        await person.starts(self.bots[CARE])
        await self.sandbox.settles()
        self.screen.note("· " + self.words["joins"].format(operator=name, weight=weight, limit=limit))

    async def _sources(self) -> dict[str, int]:
        known = {one.bot: one.id for one in await self.app.db.read(sources.listing) if one.slug is None}
        return {key: known[bot.username] for key, bot in self.bots.items()}

    async def _brief_narrator(self) -> None:
        narrator = self.narrator
        for key, source_id in (await self._sources()).items():
            source = await self.app.db.read(sources.one, source_id=source_id)
            weights = await self.app.db.read(sources.weights, source_id=source_id)
            by_id = {row.operator_id: row.weight for row in sorted(weights, key=lambda row: int(row.operator_id))}
            narrator.channels[source_id] = Channel(source.name, source.strategy, by_id)
            narrator.people[self.bots[key].id] = f"@{self.bots[key].username}"
        narrator.operators = {one.id: Colleague(one.name, one.max_leads) for one in await self._operators()}
        self.app.db.listeners.append(narrator.hear)
        self.sandbox.world.transcript.listeners += [self.arrivals.notice, narrator.notice]

    async def _operators(self) -> list[OperatorFacts]:
        return await self.app.db.read(operators.listing)

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
        self.screen.heading(self.words["morning"], self.words["morning_note"])
        self.talks.pace = READING
        async with asyncio.TaskGroup() as talking:
            for dialogue in self.cast.dialogues:
                client = self._client(dialogue.first_name, dialogue.last_name)
                talking.create_task(self.talks.converse(client, self.bots[dialogue.bot], dialogue))
                await self._pause(BETWEEN_CLIENTS)

    async def _rush(self) -> None:
        count = sum(RUSH.values())
        note = self.words["rush_note"].format(admin=self.cast.admin, limit=RUSH_LIMIT, count=count)
        self.screen.heading(self.words["rush"], note)
        for one in await self._operators():
            await self.app.db.write(
                operators.set_limit, operator_id=one.id, max_leads=RUSH_LIMIT, actor=SYSTEM, now=self.app.clock(),
                chance=self.app.chance,
            )  # fmt: skip
            self.narrator.operators[one.id].limit = RUSH_LIMIT
        self.talks.pace = AT_A_GLANCE
        self.narrator.is_brief = True
        begun, closed = time.monotonic(), self.narrator.closed
        progress = asyncio.create_task(self._show_progress(count, closed))
        async with asyncio.TaskGroup() as talking:
            for number, (client, key) in enumerate(self._passers_by()):
                question, answer = self.cast.questions[number % len(self.cast.questions)]
                talking.create_task(self._ask(number, client, key, question, answer))
        progress.cancel()
        self.narrator.is_brief = False
        self.screen.note(self.words["rush_sample"].format(count=count - SAMPLE))
        self.screen.note(self.words["rush_done"].format(count=count, seconds=time.monotonic() - begun))

    def _passers_by(self) -> list[tuple[Person, str]]:
        initials = [chr(ord("А" if self.language == "ru" else "A") + number) for number in range(10)]
        names = product(initials, self.cast.passers_by)
        keys = [key for key, count in RUSH.items() for _ in range(count)]
        self._chance.shuffle(keys)
        return [(self._client(name, f"{initial}."), key) for (initial, name), key in zip(names, keys, strict=False)]

    async def _ask(self, number: int, client: Person, key: str, question: str, answer: str) -> None:
        await self._pause(RUSH_BEGINS)
        operator = await self.talks.ask(client, self.bots[key], question, answer)
        if number < SAMPLE and operator is not None:
            self.screen.row(None, f"{client.first_name} ⇄ {operator.first_name}", f"{question} — {answer}")

    async def _pause(self, seconds: tuple[float, float]) -> None:
        await asyncio.sleep(self._chance.uniform(*seconds) * self._slowness)

    async def _show_progress(self, count: int, closed_before: int) -> None:
        narrator = self.narrator
        while True:
            closed = narrator.closed - closed_before
            held = sum(one.load for one in narrator.operators.values())
            waiting = len(narrator.waiting)
            self.screen.passing(
                self.words["rush_line"].format(
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
        is_well = show_result(self.screen, self.words, self.narrator, found, self.talks.stuck if everybody else [])
        self.screen.plain("")
        self.screen.note(self.words["next"])
        self.screen.plain("")
        return is_well

"""`make sandbox`: a page with telephones over a world (`bot.demo.world`), until Ctrl-C."""

import asyncio
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Self
from zoneinfo import ZoneInfo

import click
from tzlocal import get_localzone_name

from bot.demo.playground_texts import TEXTS
from bot.demo.world import World
from bot.sandbox.page.routes import Page
from bot.sandbox.page.scene import Phone, Scene, Switch
from bot.sandbox.people.control_client import InProcessControlClient
from crm_core.api.server import HttpServer

HOST = "127.0.0.1"
OTHER = {"en": "ru", "ru": "en"}


class Playground:
    """The page and the world behind it: `async with Playground(…)`; a new start replaces the world.

    Attributes:
        address: of the page.
    """

    world: World
    page: Page
    address: str

    def __init__(
        self, *, language: str, port: int = 0, zone: str | None = None, begins: datetime | None = None
    ) -> None:
        """
        Args:
            language, zone, begins: see `World`; the zone of this machine by default.
            port: of the page; 0 for any free one.
        """
        self._language, self._port, self._begins = language, port, begins
        self._zone = zone or get_localzone_name() or "UTC"
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        self.world = await World(self._language, self._zone, begins=self._begins).__aenter__()
        self.page = Page(self._scene())
        self._http = HttpServer(self.page.app, host=HOST, port=self._port)
        await self._http.start()
        self.address = self._http.address
        return self

    async def __aexit__(self, *_: object) -> None:
        self.page.close()
        await self._http.stop()
        await self.world.__aexit__()

    def _scene(self) -> Scene:
        world, texts = self.world, TEXTS[self._language]
        people = [*world.clients, *world.operators, world.admin]
        keys = ("client", "client2", "operator", "operator2", "admin")
        phones = [
            Phone(key, person.id, person.first_name, texts[key]) for key, person in zip(keys, people, strict=True)
        ]
        return Scene(
            control=InProcessControlClient(world.sandbox.world),
            bot=world.bot,
            phones=phones,
            language=self._language,
            zone=ZoneInfo(self._zone),
            switches=self._switches(),
            steps=[texts[f"step{number}"] for number in range(1, 6)],
        )

    # --- what can be done to the world -----------------------------------------------------------------------------

    def _switches(self) -> list[Switch]:
        texts = TEXTS[self._language]
        return [
            Switch("restart", texts["restart"], texts["restart_hint"], self.start_over),
            Switch("language", texts["language"], texts["language_hint"], self._change_language),
        ]

    async def start_over(self) -> None:
        """Another world in place of this one."""
        async with self._starting:
            before = self.world
            self.world = await World(self._language, self._zone, begins=self._begins).__aenter__()
            self.page.show(self._scene())
            await before.__aexit__()

    async def _change_language(self) -> None:
        self._language = OTHER[self._language]
        await self.start_over()


@asynccontextmanager
async def _stopped() -> AsyncIterator[asyncio.Event]:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    yield stop


async def serve(*, port: int, language: str) -> None:
    """Serves the page until SIGINT or SIGTERM, and prints its address."""
    texts = TEXTS[language]
    click.echo(texts["starting"])
    async with _stopped() as stop, Playground(language=language, port=port) as playground:
        click.echo(texts["address"].format(address=playground.address))
        await stop.wait()

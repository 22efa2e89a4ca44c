"""`make sandbox`: a page with telephones over a world (`bot.demo.world`), until Ctrl-C."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime
from pathlib import Path
from typing import Self
from zoneinfo import ZoneInfo

import click
from tzlocal import get_localzone_name

from bot.demo.inside import Insight
from bot.demo.panels import Panels
from bot.demo.playground_texts import TEXTS
from bot.demo.product_process import ProductProcess
from bot.demo.tour import Tour
from bot.demo.world import World
from bot.sandbox.page.routes import Page
from bot.sandbox.page.scene import Phone, Scene, Switch
from bot.sandbox.people.control_client import InProcessControlClient
from crm_core.api.server import HttpServer

HOST = "127.0.0.1"
FLOOD_WAIT, HOUR = 10, 3600  # seconds
CROWD = 50
ANSWERS = "copyMessage"  # how what people write to each other is passed on
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
        self,
        *,
        language: str,
        port: int = 0,
        zone: str | None = None,
        begins: datetime | None = None,
        product: Callable[[Path], ProductProcess] = ProductProcess,
    ) -> None:
        """
        Args:
            language, zone, begins, product: see `World`; the zone of this machine by default.
            port: of the page; 0 for any free one.
        """
        self._language, self._port, self._begins, self._new_product = language, port, begins, product
        self._zone = zone or get_localzone_name() or "UTC"
        self._starting = asyncio.Lock()

    async def __aenter__(self) -> Self:
        await self._open_world()
        self.page = Page(self.scene())
        self._http = HttpServer(self.page.app, host=HOST, port=self._port)
        await self._http.start()
        self.address = self._http.address
        return self

    async def __aexit__(self, *_: object) -> None:
        self.page.close()
        await self._http.stop()
        await self._insight.close()
        await self.world.__aexit__()

    async def _open_world(self) -> None:
        world = World(self._language, self._zone, begins=self._begins, product=self._new_product)
        self.world = await world.__aenter__()
        self._insight = Insight(self.world)

    def scene(self) -> Scene:
        """The telephones, panes and switches of the world as it is now."""
        world, texts = self.world, TEXTS[self._language]
        people = [world.clients[0], *world.operators, *world.clients[1:], world.admin]
        # Both operators beside the first client, so that the first card comes in sight, whoever gets it.
        keys = ("client", "operator", "operator2", "client2", "admin")
        phones = [
            Phone(key, person.id, person.first_name, texts[key]) for key, person in zip(keys, people, strict=True)
        ]
        return Scene(
            control=InProcessControlClient(world.sandbox.world),
            bot=world.bot,
            phones=phones,
            language=self._language,
            zone=ZoneInfo(self._zone),
            panels=Panels(world, self._insight, texts).all(),
            switches=self._switches(),
            steps=Tour(world, self._insight, texts).steps(),
        )

    # --- what can be done to the world -----------------------------------------------------------------------------

    def _switches(self) -> list[Switch]:
        world = self.world
        acts: dict[str, tuple[Callable[[], Awaitable[None]], Callable[[], bool] | None]] = {
            "kill": (world.kill_product, None),
            "away": (self._telegram_away, lambda: world.is_away),
            "flood": (self._flood, None),
            "lost": (self._lost, None),
            "block": (self._block, lambda: world.is_blocked),
            "hour": (self._hour, None),
            "crowd": (self._crowd, None),
            "restart": (self.start_over, None),
            "language": (self._change_language, None),
        }
        return [self._switch(key, act, is_on) for key, (act, is_on) in acts.items()]

    def _switch(self, key: str, act: Callable[[], Awaitable[None]], is_on: Callable[[], bool] | None) -> Switch:
        texts = TEXTS[self._language]

        async def done() -> str | None:
            await act()
            return texts.get(f"{key}_done") if is_on is None or is_on() else texts.get(f"{key}_undone")

        return Switch(key, texts[key], texts[f"{key}_hint"], done, is_on)

    async def _telegram_away(self) -> None:
        if self.world.is_away:
            self.world.come_back()
        else:
            self.world.go_away()

    async def _flood(self) -> None:
        self.world.sandbox.fail(kind="flood", method=ANSWERS, retry_after=FLOOD_WAIT)

    async def _lost(self) -> None:
        self.world.sandbox.fail(kind="silent", method=ANSWERS)

    async def _block(self) -> None:
        client, bot = self.world.clients[0], self.world.bot
        await (client.unblocks(bot) if self.world.is_blocked else client.blocks(bot))

    async def _hour(self) -> None:
        self.world.forward(HOUR)

    async def _crowd(self) -> None:
        self.world.sandbox.preload(self.world.bot, CROWD, text=TEXTS[self._language]["crowd_says"])

    async def start_over(self) -> None:
        """Another world in place of this one."""
        async with self._starting:
            before, insight = self.world, self._insight
            await self._open_world()
            self.page.show(self.scene())
            await insight.close()
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

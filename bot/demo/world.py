"""The world of `make sandbox`: a Telegram, the product in a process of its own, and a shop that has just opened."""

import asyncio
import re
import tempfile
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from typing import Self

from bot.demo.dialogues import CASTS, SHOP
from bot.demo.product_order import Clock, Order
from bot.demo.product_process import ProductProcess
from bot.random_codes import new_key
from bot.sandbox import BotHandle, Person, Sandbox

TOKEN = "710001:" + "shop" * 9
WEIGHTS = (60, 40)
LIMIT = 5
INVITATION = re.compile(r"start=(\S+)")
TYPING = 4  # seconds of this world between two messages while the shop opens: the bot's pace is never in the way
OPENING = 30  # seconds of this world that it takes, at most


class World:
    """One world, from its start to its end: `async with World(…) as world`.

    Attributes:
        bot, admin, operators, clients: who is in it.
        product: the process of the product.
        key: of the product's API, for reading.
    """

    bot: BotHandle
    admin: Person
    operators: list[Person]
    clients: list[Person]
    sandbox: Sandbox
    product: ProductProcess

    def __init__(
        self,
        language: str,
        zone: str,
        *,
        begins: datetime | None = None,
        product: Callable[[Path], ProductProcess] = ProductProcess,
    ) -> None:
        """
        Args:
            language: "ru" or "en", of everybody.
            zone: of the product, by its IANA name.
            begins: the present moment in this world at its start; None for that of the machine.
            product: makes the process of the product, which logs to that file.
        """
        self.language, self.zone = language, zone
        self._present = 0.0 if begins is None else (begins - datetime.now(UTC)).total_seconds()
        self.clock = Clock(self._present - OPENING)
        self.key = new_key()
        self._new_product = product
        self._stack = AsyncExitStack()
        self._away = 0
        self._reviving: asyncio.Task[None] | None = None

    async def __aenter__(self) -> Self:
        try:
            folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="mini-crm-sandbox-")))
            self._database = f"sqlite:///{folder / 'sandbox.db'}"
            # Not strict: that takes the models of aiogram, which are seconds of a start, and this is no test.
            sandbox = await Sandbox.start(clock=self.clock, limits=True, strict=False)
            self.sandbox = await self._stack.enter_async_context(sandbox)
            cast = CASTS[self.language]
            self.bot = self.sandbox.add_bot(TOKEN, *cast.bots[SHOP])
            self.admin = self._person(cast.admin, "olga_lumen")
            self.operators = [self._person(name) for name in cast.operators[: len(WEIGHTS)]]
            self.clients = [
                self._person(one.first_name, last_name=one.last_name) for one in cast.dialogues[: len(WEIGHTS)]
            ]
            self.product = self._new_product(folder / "product.log")
            self._stack.push_async_callback(self.product.stop)
            await self.start_product()
            await self._open_shop()
        except BaseException:
            await self._stack.aclose()
            raise
        return self

    async def __aexit__(self, *_: object) -> None:
        if self._reviving is not None:
            self._reviving.cancel()
            await asyncio.gather(self._reviving, return_exceptions=True)
        await self.product.kill()  # nobody will read what it would still finish
        await self._stack.aclose()

    async def start_product(self) -> None:
        """Starts the product, also again after a kill. Raises NotStarted."""
        await self.product.start(self._order)

    def _order(self) -> bytes:
        order = Order(
            token=TOKEN,
            database_url=self._database,
            telegram_url=self.sandbox.url,
            language=self.language,
            zone=self.zone,
            key=self.key,
            ahead=self.clock.ahead,
        )
        return order.line()

    async def kill_product(self) -> None:
        """SIGKILL in the middle of whatever it does. It is started again, as a service manager does."""
        if self.product.is_up:
            await self.product.kill()
            self._reviving = asyncio.create_task(self.start_product())

    # --- what may happen -------------------------------------------------------------------------------------------

    @property
    def is_away(self) -> bool:
        """Whether Telegram cannot be reached."""
        return any(fault.id == self._away for fault in self.sandbox.world.faults.active)

    def go_away(self) -> None:
        """Telegram cannot be reached: every call is cut, those that wait too."""
        self._away = self.sandbox.fail(kind="cut", every=1)
        self.sandbox.cut_all()

    def come_back(self) -> None:
        """Telegram can be reached again."""
        self.sandbox.clear_fault(self._away)

    @property
    def is_blocked(self) -> bool:
        """Whether the first client has blocked the bot."""
        return self.sandbox.world.dialogue(self.bot.id, self.clients[0].id).blocked

    def forward(self, seconds: float) -> None:
        """Lets time pass at once, for everybody."""
        self._set_ahead(self.clock.ahead + seconds)

    def _set_ahead(self, seconds: float) -> None:
        self.clock.ahead = seconds
        self.product.set_ahead(seconds)

    # --- the shop opens --------------------------------------------------------------------------------------------

    async def _open_shop(self) -> None:
        """An admin comes by the first link, invites two operators, and gives each a weight; as people would.

        It has happened just before the present moment, so that nobody waits while they type.
        """
        assert self.product.link is not None
        admin, bot = self.admin, self.bot
        sent = await admin.starts(bot, self.product.link.partition("start=")[2])
        await admin.sees(after=sent)
        for operator, weight in zip(self.operators, WEIGHTS, strict=True):
            self.forward(TYPING)
            sent = await admin.says(f"/operators add {operator.first_name} {LIMIT}")
            invitation = INVITATION.search((await admin.sees(INVITATION, after=sent)).text)
            assert invitation is not None
            self.forward(TYPING)
            joined = await operator.starts(bot, invitation[1])
            await operator.sees(after=joined)
            await admin.sees("🎉", after=sent)
            self.forward(TYPING)
            sent = await admin.says(f"/assign {bot.username} {operator.first_name} {weight}")
            await admin.sees(operator.first_name, after=sent)
            await operator.sees(bot.username, after=joined)
        self._set_ahead(self._present)

    def _person(self, first_name: str, username: str | None = None, last_name: str | None = None) -> Person:
        return self.sandbox.person(first_name, last_name, username, language_code=self.language)

"""The people of the stories, and the running application that they meet in.

Anna is the assigned operator, Boris a colleague, Charlie a stranger; Ivan is a client, Olga an admin.
"""

import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from bot.app import App
from bot.random_codes import new_code
from bot.runtime.schedule import JOBS, with_intervals
from bot.sandbox import BotHandle, Person, Sandbox
from bot.screens.links import OPERATOR_PAYLOAD
from bot.settings import Settings, load_settings
from crm_core.access.actors import SYSTEM
from crm_core.routing import sources
from crm_core.storage.database import Database
from crm_core.team import invitations, operators
from tests.support.clock import MovableClock

# What stories see must not depend on how long they take; those about overviews let the job run when they want.
QUIET_JOBS = with_intervals(JOBS, refresh_overviews=3_600)
TOKEN = "700001:" + "shop" * 9
SECOND_TOKEN = "700002:" + "help" * 9


class RunningApp:
    """A running installation against a sandbox, with short ways to people of every role.

    What a story is about goes through Telegram; what it only needs to be so is arranged directly.
    """

    def __init__(self, sandbox: Sandbox, settings: Settings, clock: Callable[[], datetime], **options: Any) -> None:
        self.sandbox, self.settings, self.clock = sandbox, settings, clock
        self.app = App(settings, clock=clock, **{"limited": False, "jobs": QUIET_JOBS, **options})
        self._stack = AsyncExitStack()
        self.bots: list[BotHandle] = []
        self.olga: Person

    @classmethod
    async def open(
        cls,
        sandbox: Sandbox,
        database_url: str,
        *,
        clock: Callable[[], datetime] | None = None,
        tokens: dict[str, str] | None = None,
        admin: bool = True,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> "RunningApp":
        """Prepares an application; `async with` starts it.

        Args:
            tokens: bot tokens with their usernames; one bot, `shop_bot`, if not given.
            admin: whether Olga, an admin, has started the first bot.
            settings, options: further settings, and arguments of `App`.
        """
        named = tokens or {TOKEN: "shop_bot"}
        olga = sandbox.person("Olga", language_code="en")
        chosen = load_settings(
            **{
                "bot_tokens": list(named),
                "database_url": database_url,
                "telegram_api_url": sandbox.url,
                "admin_ids": [olga.id] if admin else [],
                "http_port": 0,
                **(settings or {}),
            }
        )
        crm = cls(sandbox, chosen, clock or MovableClock(), **options)
        known = {bot.token: bot for bot in sandbox.bots()}
        crm.bots = [known.get(token) or sandbox.add_bot(token, name) for token, name in named.items()]
        crm.olga = olga
        crm._meet = admin
        return crm

    _meet: bool = False

    async def __aenter__(self) -> "RunningApp":
        await self._stack.enter_async_context(self.app)
        await self.app.supervisor.settled()
        self.sandbox.settles_when(self.app.supervisor.idle)
        if self._meet:
            await self.olga.starts(self.shop)
            await self.settled()
        return self

    async def __aexit__(self, *_: object) -> None:
        await self._stack.aclose()

    @property
    def db(self) -> Database:
        return self.app.db

    @property
    def shop(self) -> BotHandle:
        """The first bot."""
        return self.bots[0]

    async def source_id(self, bot: BotHandle | None = None) -> int:
        """The source that a bot is."""
        username = (bot or self.shop).username
        return next(one.id for one in await self.db.read(sources.listing) if one.bot == username and one.slug is None)

    async def operator(
        self, name: str, *, weight: int = 1, limit: int = 10, bots: list[BotHandle] | None = None, language: str = "en"
    ) -> Person:
        """An operator who has joined by a link and works, with a weight, at these bots' sources (the first bot's)."""
        person = self.sandbox.person(name, language_code=language)
        operator_id = await self.db.write(operators.add, name=name, max_leads=limit, actor=SYSTEM, now=self.clock())
        for bot in bots or [self.shop]:
            await self.weight(operator_id, weight, bot=bot)
        code = new_code()
        await self.db.write(
            invitations.invite, code=code, role="operator", operator_id=operator_id, actor=SYSTEM, now=self.clock()
        )
        for number, bot in enumerate(bots or [self.shop]):
            await person.starts(bot, OPERATOR_PAYLOAD + code if number == 0 else "")
            await self.settled()
        return person

    async def weight(self, operator_id: int, weight: int, *, bot: BotHandle | None = None) -> None:
        """Sets a weight at a bot's source."""
        await self.db.write(
            sources.set_weight,
            source_id=await self.source_id(bot),
            operator_id=operator_id,
            weight=weight,
            actor=SYSTEM,
            now=self.clock(),
            rng=random.random,
        )

    def client(self, name: str = "Ivan", *, language: str = "en", **known: Any) -> Person:
        """Somebody who will write as a client."""
        return self.sandbox.person(name, language_code=language, **known)

    async def settled(self) -> None:
        """Waits until Telegram has nothing more for us, and we nothing more for Telegram."""
        await self.sandbox.settles()

"""The people of the stories, and the running application that they meet in.

Anna is the assigned operator, Boris a colleague, Charlie a stranger; Ivan is a client, Olga an admin.
"""

import asyncio
import random
from collections.abc import Callable
from contextlib import AsyncExitStack
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from bot.app import App
from bot.delivery.sender import Sender
from bot.random_codes import new_code
from bot.runtime.bot_session import BotSession
from bot.runtime.jobs import JOBS, with_intervals
from bot.sandbox import BotHandle, Person, Sandbox
from bot.screens.links import OPERATOR_PAYLOAD
from bot.settings import Settings, load_settings
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import weight_settings
from crm_core.routing.assignment import Rng
from crm_core.storage.database import Database
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Source
from crm_core.team import accounts, invitations, operators
from crm_core.team.accounts import Account
from tests.support.clock import MovableClock

# What stories see must not depend on how long they take; those about overviews let the job run when they want.
QUIET_JOBS = with_intervals(JOBS, refresh_overviews=3_600)
# Not `sources.listing`: built anew for each call, it would be a tenth of the work of arranging somebody.
_SOURCE_OF_BOT = Prepared(select(Source.id).where(Source.bot_id == bindparam("bot_id"), Source.slug.is_(None)))
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
        outage: bool = False,
        settings: dict[str, Any] | None = None,
        **options: Any,
    ) -> "RunningApp":
        """Prepares an application; `async with` starts it.

        Args:
            tokens: bot tokens with their usernames; one bot, `shop_bot`, if not given.
            admin: whether Olga, an admin, has started the first bot.
            outage: whether Telegram does not answer at the start; otherwise the bots work when it has started.
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
        crm._meet, crm._outage = admin, outage
        return crm

    _meet: bool = False
    _outage: bool = False

    async def __aenter__(self) -> "RunningApp":
        await self._stack.enter_async_context(self.app)
        await self._bots_work()
        self.sandbox.settles_when(self.app.supervisor.idle)
        if self._meet:
            if self.shop.id in await self.db.read(accounts.bot_usernames):
                await self._arrange(_meet, self.olga, self.shop)
            else:  # it could not start yet
                await self.olga.starts(self.shop)
            await self.settled()
        return self

    async def _bots_work(self) -> None:
        """Waits until each bot works or may not.

        On a busy machine Telegram's first answer may be late: then a bot is away, and works a moment later.
        """
        await self.app.supervisor.settled()
        if self._outage:
            return
        for session in self.app.supervisor.sessions:
            async with asyncio.timeout(15):
                while session.state == bots.AWAY:
                    session.settled.clear()
                    await session.settled.wait()
            session.settled.set()

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
        return await self.db.read(_source_id, bot_id=(bot or self.shop).id)

    async def operator(
        self,
        name: str,
        *,
        weight: int = 1,
        limit: int = 10,
        bots: list[BotHandle] | None = None,
        language: str = "en",
        **known: Any,
    ) -> Person:
        """An operator who works at these bots' sources, with a weight (the first bot's).

        As if they had joined long ago: their chats are empty. For who presses the link, see `newcomer`.
        """
        person = self.sandbox.person(name, language_code=language, **known)
        places = bots or [self.shop]
        weights = {bot.id: weight for bot in places}
        await self._arrange(_join, person, places[0], max_leads=limit, weights=weights)
        for bot in places[1:]:
            await self._arrange(_meet, person, bot)
        await self.settled()
        return person

    async def newcomer(self, name: str, *, limit: int = 10, language: str = "en") -> tuple[Person, str]:
        """An operator, with a weight at the first bot's source, who has just pressed the link of their invitation.

        Returns them and the payload of that link.
        """
        person, code = self.sandbox.person(name, language_code=language), new_code()
        made = await self.db.write(
            invitations.invite_operator, name=name, max_leads=limit, code=code, actor=SYSTEM, now=self.clock()
        )
        await self.weight(made.facts.id, 1)
        await person.starts(self.shop, OPERATOR_PAYLOAD + code)
        await self.settled()
        return person, OPERATOR_PAYLOAD + code

    async def _arrange(self, action: Callable[..., None], person: Person, bot: BotHandle, **values: Any) -> None:
        """Stores what pressing Start leads to, without a word in the chat."""
        self.sandbox.world.dialogue(bot.id, person.id).started = True
        person.is_at(bot)
        account = Account(person.id, person.first_name, person.user.get("username"), person.user.get("language_code"))
        now = self.clock()
        await self.db.write(action, account=account, bot_id=bot.id, now=now, rng=random.random, **values)

    async def weight(self, operator_id: int, weight: int, *, bot: BotHandle | None = None) -> None:
        """Sets a weight at a bot's source."""
        await self.db.write(
            weight_settings.set_weight,
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

    @property
    def session(self) -> BotSession:
        """What works for the first bot."""
        return self.app.supervisor.sessions[0]

    @property
    def sender(self) -> Sender:
        """What sends for the first bot now."""
        sender = self.session.sender
        assert sender is not None
        return sender

    async def settled(self) -> None:
        """Waits until Telegram has nothing more for us, and we nothing more for Telegram."""
        await self.sandbox.settles()


def _source_id(s: Session, *, bot_id: int) -> int:
    return int(execute(s, _SOURCE_OF_BOT, {"bot_id": bot_id}).scalar_one())


def _join(
    s: Session, *, account: Account, bot_id: int, max_leads: int, weights: dict[int, int], now: datetime, rng: Rng
) -> None:
    """A new operator, with a weight at the source of each of these bots, uses their invitation."""
    code = new_code()
    operator_id = operators.add(s, name=account.name, max_leads=max_leads, actor=SYSTEM, now=now)
    for place, weight in weights.items():
        source_id = _source_id(s, bot_id=place)
        weight_settings.set_weight(
            s, source_id=source_id, operator_id=operator_id, weight=weight, actor=SYSTEM, now=now, rng=rng
        )
    invitations.invite(s, code=code, role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
    invitations.join(s, code=code, account=account, bot_id=bot_id, now=now, rng=rng)


def _meet(s: Session, *, account: Account, bot_id: int, now: datetime, rng: Rng) -> None:
    """A member of staff writes to a bot for the first time."""
    accounts.update_profile(s, account=account)
    accounts.mark_reachable(s, telegram_id=account.telegram_id, bot_id=bot_id, now=now, rng=rng)

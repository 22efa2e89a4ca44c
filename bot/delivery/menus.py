"""The lists of commands that Telegram shows: set only if they have changed, since a request may cost a flood wait."""

import asyncio
import hashlib

import structlog
from aiogram import Bot
from aiogram.exceptions import TelegramRetryAfter
from aiogram.methods import DeleteMyCommands, SetMyCommands
from aiogram.types import BotCommandScopeChat, BotCommandScopeDefault

from bot.logs import describe_error
from bot.screens.menus import commands_for
from bot.telegram.reach import is_outage
from bot.telegram.verdict import bounded_wait
from bot.texts import LANGUAGES, translator
from crm_core.delivery import menus
from crm_core.storage.database import DATABASE_UNAVAILABLE, Database

log = structlog.get_logger("delivery")

MenuMethod = SetMyCommands | DeleteMyCommands
OUTAGE_PAUSE = 60.0  # seconds until the menu of everybody is tried again: nobody waits for it


class ShownMenus:
    """What one bot's users see as its menu, as far as we have set it."""

    def __init__(self, *, db: Database, bot_id: int) -> None:
        self._db, self._bot_id = db, bot_id
        self._digests: dict[menus.Key, str] | None = None

    async def is_shown(self, method: MenuMethod) -> bool:
        """Whether Telegram shows already what a request would set."""
        if self._digests is None:
            self._digests = await self._db.read(menus.shown, bot_id=self._bot_id)
        return self._digests.get(_key(method)) == _digest(method)

    async def note(self, method: MenuMethod) -> None:
        """Stores that a request was accepted. If it cannot be stored, the menu is set once more some day."""
        key, digest = _key(method), _digest(method)
        if self._digests is not None:
            self._digests[key] = digest
        try:
            await self._db.write_unflushed(menus.note, bot_id=self._bot_id, key=key, digest=digest)
        except DATABASE_UNAVAILABLE as error:
            log.warning("menu_not_noted", bot_id=self._bot_id, error=describe_error(error))


async def show_default_menus(bot: Bot, shown: ShownMenus, *, default_language: str) -> None:
    """Sets the menu of those who have no role: in each language, and in the default one for all others."""
    for language in (*LANGUAGES, None):
        commands = commands_for((), translator(language or default_language))
        method = SetMyCommands(commands=commands, scope=BotCommandScopeDefault(), language_code=language)
        while True:
            try:
                if await shown.is_shown(method):
                    break
                await bot(method)
                await shown.note(method)
            except TelegramRetryAfter as error:
                await asyncio.sleep(bounded_wait(error.retry_after))
            except Exception as error:  # the bot works without a menu
                log.warning("menu_not_set", bot_id=bot.id, error=describe_error(error))
                if not (is_outage(error) or isinstance(error, DATABASE_UNAVAILABLE)):
                    break
                await asyncio.sleep(OUTAGE_PAUSE)


def _key(method: MenuMethod) -> menus.Key:
    chat_id = method.scope.chat_id if isinstance(method.scope, BotCommandScopeChat) else 0
    return (chat_id if isinstance(chat_id, int) else 0), method.language_code or ""


def _digest(method: MenuMethod) -> str:
    commands = method.commands if isinstance(method, SetMyCommands) else []
    listed = [f"{one.command} {one.description}" for one in commands]
    return hashlib.sha256("\n".join(listed).encode()).hexdigest() if listed else ""

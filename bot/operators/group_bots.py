"""What our bots are in a group, and which of several there answers a command that names none: each gets it.

Only admins of a group surely get what is written there, so a bot that is none is passed over as if it were not there.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiogram import Bot
from aiogram.types import ChatMemberAdministrator, ResultChatMemberUnion

from bot.logs import describe_error

log = structlog.get_logger("telegram")

ASK_TIMEOUT = 5  # seconds; an admin waits for the answer


async def first_of(bot: Bot, chat_id: int, *, wanted: Sequence[int], bots: Sequence[int]) -> int | None:
    """The one of our bots that answers in a group; None if none of them is its admin, as far as Telegram says.

    Args:
        bot: asks Telegram.
        wanted: bots that the command may mean, by preference.
        bots: all that run, in the order of the settings. Of those, one that may make topics comes first.
    """
    every = list(dict.fromkeys((*wanted, *bots)))
    found = await asyncio.gather(*(membership(bot, chat_id, one) for one in every))
    admins = {one: held for one, held in zip(every, found, strict=True) if isinstance(held, ChatMemberAdministrator)}
    meant = [one for one in wanted if one in admins]
    able = [one for one, held in admins.items() if held.can_manage_topics]
    return next(iter((*meant, *able, *admins)), None)


async def can_manage_topics(bot: Bot, chat_id: int) -> bool:
    """Whether a bot may make topics in a group, as far as Telegram says."""
    held = await membership(bot, chat_id, bot.id)
    if held is None:
        return True  # what it may not do is refused later, and said then
    return isinstance(held, ChatMemberAdministrator) and bool(held.can_manage_topics)


async def membership(bot: Bot, chat_id: int, of_bot: int) -> ResultChatMemberUnion | None:
    """What a bot is in a group; None if Telegram does not say so."""
    try:
        return await bot.get_chat_member(chat_id, of_bot, request_timeout=ASK_TIMEOUT)
    except Exception as error:
        log.warning("forum_rights_unknown", bot_id=of_bot, error=describe_error(error))
        return None

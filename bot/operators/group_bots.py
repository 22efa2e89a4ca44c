"""Several of our bots in one group: each gets a command that names none, and one of them answers.

Only admins of a group surely get what is written there, so a bot that is none is passed over as if it were not there.
"""

import asyncio
from collections.abc import Sequence

import structlog
from aiogram import Bot
from aiogram.types import ChatMemberAdministrator

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
    found = await asyncio.gather(*(rights(bot, chat_id, one) for one in every))
    admins = {one: held for one, held in zip(every, found, strict=True) if held is not None}
    meant = [one for one in wanted if one in admins]
    able = [one for one, held in admins.items() if held.can_manage_topics]
    return next(iter((*meant, *able, *admins)), None)


async def rights(bot: Bot, chat_id: int, of_bot: int) -> ChatMemberAdministrator | None:
    """What a bot may do in a group as its admin; None if it is none, or Telegram does not say so."""
    try:
        member = await bot.get_chat_member(chat_id, of_bot, request_timeout=ASK_TIMEOUT)
    except Exception as error:
        log.warning("forum_rights_unknown", bot_id=of_bot, error=describe_error(error))
        return None
    return member if isinstance(member, ChatMemberAdministrator) else None

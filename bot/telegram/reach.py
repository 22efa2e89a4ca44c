"""Finding out that Telegram answers again: a question that changes nothing, asked until it is answered."""

import asyncio
from collections.abc import Callable

from aiogram import Bot
from aiogram.methods import GetMe
from aiogram.types import User

from bot.telegram.verdict import NotSent, OutcomeUnknown, judge

ASK_TIMEOUT = 15.0  # seconds for one question; the next one does not wait for it
HANGING_AT_MOST = 4  # questions without an answer at the same time


def is_outage(error: BaseException) -> bool:
    """Whether a request failed because Telegram cannot be reached or does not work, not because of what was asked."""
    return isinstance(judge(error), NotSent | OutcomeUnknown)


async def until_telegram_answers(
    bot: Bot, *, pause: Callable[[], float], on_silence: Callable[[], None] = lambda: None
) -> User:
    """Asks Telegram who the bot is until it answers, and returns the answer.

    A question that hangs does not delay the next one: whichever is answered first counts.

    Args:
        pause: seconds between two questions, different ones each time: many bots should not ask at the same moment.
        on_silence: called for each pause that passed without an answer.

    Raises what Telegram says if it refuses the token, or tells the bot to wait.
    """
    hanging: set[asyncio.Task[User]] = set()
    try:
        while True:
            if len(hanging) < HANGING_AT_MOST:
                hanging.add(asyncio.create_task(bot(GetMe(), request_timeout=ASK_TIMEOUT)))  # type: ignore[arg-type]
            until = asyncio.get_running_loop().time() + pause()
            while (left := until - asyncio.get_running_loop().time()) > 0:
                if not hanging:
                    await asyncio.sleep(left)
                    break
                answered, hanging = await asyncio.wait(hanging, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                for task in answered:
                    error = task.exception()
                    if error is None:
                        return task.result()
                    if not is_outage(error):
                        raise error
            on_silence()
    finally:
        for task in hanging:
            task.cancel()
        await asyncio.gather(*hanging, return_exceptions=True)

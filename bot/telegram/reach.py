"""Finding out that Telegram answers again: a question that changes nothing, asked until it is answered."""

import asyncio
from collections.abc import Callable

from aiogram import Bot
from aiogram.methods import GetMe
from aiogram.types import User

from bot.telegram.verdict import NotSent, OutcomeUnknown, judge

ASK_TIMEOUT = 15.0  # seconds for one question; the next one does not wait for it
HANGING_AT_MOST = 8  # questions without an answer at the same time; the oldest then makes room for a new one


def is_outage(error: BaseException) -> bool:
    """Whether a request failed because Telegram cannot be reached or does not work, not because of what was asked."""
    return isinstance(judge(error), NotSent | OutcomeUnknown)


async def until_telegram_answers(
    bot: Bot, *, pause: Callable[[], float], on_silence: Callable[[], None] = lambda: None
) -> User:
    """Asks Telegram who the bot is until it answers, and returns the answer.

    A question that hangs does not delay the next one: whichever is answered first counts. Those that began while there
    was no route may hang on when there is one again, so a new one begins after each pause, however many hang.

    Args:
        pause: seconds between two questions, different ones each time: many bots should not ask at the same moment.
        on_silence: called for each pause that passed without an answer.

    Raises what Telegram says if it refuses the token, or tells the bot to wait.
    """
    hanging: list[asyncio.Task[User]] = []
    try:
        while True:
            if len(hanging) >= HANGING_AT_MOST:
                hanging.pop(0).cancel()
            hanging.append(asyncio.create_task(bot(GetMe(), request_timeout=ASK_TIMEOUT)))  # type: ignore[arg-type]
            until = asyncio.get_running_loop().time() + pause()
            while (left := until - asyncio.get_running_loop().time()) > 0:
                if not hanging:
                    await asyncio.sleep(left)
                    break
                answered, _ = await asyncio.wait(hanging, timeout=left, return_when=asyncio.FIRST_COMPLETED)
                hanging = [task for task in hanging if task not in answered]
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

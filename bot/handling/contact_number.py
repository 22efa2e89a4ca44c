"""The number of a request in a typed command, and what follows it: `/history #15`, `/why 15`, `/return #15 …`."""

import re

from aiogram.types import Message

from bot.handling.act import Act
from bot.screens.message import text_message
from bot.texts import Translator

_NUMBER = re.compile(r"^/(\w+)\S*\s+[#№]?\s?([0-9]{1,18})(?:\s+(.+?))?\s*$", re.DOTALL)


def number_and_rest(text: str | None) -> tuple[int, str] | None:
    """The number that a command names, and the text behind it, which may be empty. None if it names none."""
    found = _NUMBER.match(text or "")
    return None if found is None else (int(found[2]), found[3] or "")


async def contact_number(message: Message, act: Act, _: Translator, *, missing: str) -> int | None:
    """The number that a command names. Where it names none, or more than a number, answers so, and returns None.

    Args:
        missing: the answer where it names none, with a correct example.
    """
    found = _NUMBER.match(message.text or "")
    if found is None:
        await act.answer(text_message(missing))
        return None
    number = int(found[2])
    if found[3]:
        await act.answer(text_message(_("The number is enough: {example}").format(example=f"/{found[1]} #{number}")))
        return None
    return number

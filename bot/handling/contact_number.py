"""The number of a request in a typed command, and what follows it: `/history #15`, `/why 15`, `/return #15 …`."""

import re

from aiogram.types import Message

from bot.handling.act import Act
from bot.screens.message import text_message

_NUMBER = re.compile(r"^/\S+\s+#?(\d{1,18})(?:\s+(.+?))?\s*$", re.DOTALL)


def number_and_rest(text: str | None) -> tuple[int, str] | None:
    """The number that a command names, and the text behind it, which may be empty. None if it names none."""
    found = _NUMBER.match(text or "")
    return None if found is None else (int(found[1]), found[2] or "")


async def contact_number(message: Message, act: Act, *, missing: str) -> int | None:
    """The number that a command names. Where it names none, or more than a number, answers so, and returns None.

    Args:
        missing: the answer, with a correct example.
    """
    found = number_and_rest(message.text)
    if found is None or found[1]:
        await act.answer(text_message(missing))
        return None
    return found[0]

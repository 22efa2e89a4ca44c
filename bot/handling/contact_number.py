"""The number of a request in a typed command: `/history #15`, `/why 15`."""

import re

from aiogram.types import Message

from bot.handling.act import Act
from bot.screens.message import text_message

_NUMBER = re.compile(r"^/\S+\s+#?(\d{1,18})\s*$")


async def contact_number(message: Message, act: Act, *, missing: str) -> int | None:
    """The number that a command names. Where it names none, or more than a number, answers so, and returns None.

    Args:
        missing: the answer, with a correct example.
    """
    found = _NUMBER.match(message.text or "")
    if found is None:
        await act.answer(text_message(missing))
        return None
    return int(found[1])

"""What is sent only to servers that know it: buttons and clocks that came with later versions of the Bot API.

A server of somebody's own may be older. It ignores a field that it does not know, but refuses a button that would do
nothing for it, and a kind of formatting that it has never heard of. Then the request is made once more without, and if
that succeeds, so is every later one to that server (`bot.telegram.session`). Texts say the same without them.
"""

from collections.abc import Collection, Mapping
from enum import Enum
from typing import Any

Fields = Mapping[str, Any]


class Part(Enum):
    """A part of a request that may have something newer in it, by the words that a refusal of it contains."""

    KEYBOARD = ("inline keyboard", "button")
    FORMATTING = ("entit",)


ENTITIES = ("entities", "caption_entities")
NEWER_ENTITIES = frozenset({"date_time"})
NEWER_ACTIONS = frozenset({"copy_text", "disabled"})
NEWER_LOOKS = frozenset({"style"})
NEWER_OF_KEYBOARD = frozenset({"force_reply"})


def named_in(refusal: str) -> Part | None:
    """The part of a request that a refusal is about, by its description; None if it is about something else."""
    text = refusal.lower()
    return next((part for part in Part if any(word in text for word in part.value)), None)


def without_newer(fields: Fields, parts: Collection[Part]) -> Fields | None:
    """A request without what an older server may not know; None if there is nothing of it in these parts.

    Args:
        fields: of the request, as they are sent.
    """
    older = dict(fields)
    for name in ENTITIES if Part.FORMATTING in parts else ():
        if fields.get(name):
            older[name] = [one for one in fields[name] if one.get("type") not in NEWER_ENTITIES]
    keyboard = fields.get("reply_markup")
    if Part.KEYBOARD in parts and isinstance(keyboard, Mapping) and "inline_keyboard" in keyboard:
        older["reply_markup"] = _older_keyboard(keyboard)
    return None if older == fields else older


def _older_keyboard(keyboard: Fields) -> Fields:
    lines = [
        [
            {name: value for name, value in button.items() if name not in NEWER_LOOKS}
            for button in line
            if NEWER_ACTIONS.isdisjoint(button)
        ]
        for line in keyboard["inline_keyboard"]
    ]
    kept = {name: value for name, value in keyboard.items() if name not in NEWER_OF_KEYBOARD}
    return {**kept, "inline_keyboard": [line for line in lines if line]}

"""A Bot API server of somebody's own that nobody has renewed: it does not know what later versions brought.

Fields that it does not know it ignores, as every version does. A button that has nothing else to do it refuses, and so
it does a kind of formatting.
"""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call

NEWER_ENTITIES = frozenset({"date_time"})
NEWER_ACTIONS = frozenset({"copy_text", "disabled"})
NEWER_OF_USER = frozenset({"has_topics_enabled"})


def without_newer(user: dict[str, Any]) -> dict[str, Any]:
    """A bot as an older server describes it."""
    return {name: value for name, value in user.items() if name not in NEWER_OF_USER}


def refuse_newer(call: Call) -> None:
    """Raises ApiError: 400 for a call with a button or an entity that an older server does not know."""
    markup = call.json("reply_markup") if "reply_markup" in call.fields else None
    for line in markup.get("inline_keyboard", ()) if isinstance(markup, dict) else ():
        if any(_is_newer(button) for button in line):
            raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    for name in ("entities", "caption_entities"):
        entities = call.json(name) if name in call.fields else None
        if any(isinstance(one, dict) and one.get("type") in NEWER_ENTITIES for one in entities or ()):
            raise bad_request("can't parse MessageEntity: unsupported type specified")


def _is_newer(button: Any) -> bool:
    return isinstance(button, dict) and not NEWER_ACTIONS.isdisjoint(button)

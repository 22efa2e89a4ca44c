"""Keyboards: what Telegram accepts below a message (https://core.telegram.org/bots/api#inlinekeyboardbutton)."""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call
from bot.sandbox.world.chats import Chat

Json = dict[str, Any]

MAX_CALLBACK_DATA = 64  # bytes
MAX_BUTTONS = 100
MAX_COPIED = 256  # characters
STYLES = ("danger", "success", "primary")
_ACTIONS = (
    "url", "callback_data", "web_app", "login_url", "switch_inline_query", "switch_inline_query_current_chat",
    "switch_inline_query_chosen_chat", "copy_text", "callback_game", "pay",
    "disabled",
)  # fmt: skip


def inline_markup(call: Call) -> Json | None:
    """The inline keyboard of an edit; None when there is none.

    Raises ApiError: 400 for a button that Telegram refuses, and for keyboards of other kinds.
    """
    markup = _markup(call)
    if markup is None:
        return None
    if "inline_keyboard" not in markup:
        raise bad_request("inline keyboard expected")
    return _checked(markup)


def apply_markup(call: Call, chat: Chat) -> Json | None:
    """The inline keyboard of a new message; any other kind becomes the keyboard of the chat."""
    markup = _markup(call)
    if markup is None:
        return None
    if "inline_keyboard" in markup:
        checked = _checked(markup)
        if checked is not None and "force_reply" in checked:
            chat.force_reply = {"message_id": chat.last_id + 1}
        return checked
    if "keyboard" in markup:
        chat.keyboard = {
            **markup,
            "keyboard": [[_reply_button(button) for button in row] for row in markup["keyboard"]],
        }
    elif markup.get("remove_keyboard"):
        chat.keyboard = None
    elif markup.get("force_reply"):
        asked = {"message_id": chat.last_id + 1, "placeholder": markup.get("input_field_placeholder")}
        chat.force_reply = {name: value for name, value in asked.items() if value is not None}
    return None


def _markup(call: Call) -> Json | None:
    markup = call.json("reply_markup")
    if markup is None or markup == {}:
        return None
    if not isinstance(markup, dict):
        raise bad_request("object expected as reply markup")
    return markup


def _reply_button(button: Any) -> Json:
    button = {"text": button} if isinstance(button, str) else button
    if not isinstance(button, dict) or not button.get("text"):
        raise bad_request("keyboard button text must be non-empty")
    return button


def _checked(markup: Json) -> Json | None:
    rows = markup["inline_keyboard"]
    if not isinstance(rows, list) or not all(isinstance(row, list) for row in rows):
        raise bad_request("can't parse inline keyboard markup JSON object")
    result = [[_inline_button(button) for button in row] for row in rows if row]
    if sum(map(len, result)) > MAX_BUTTONS:
        raise bad_request("reply markup is too long")
    if not result:
        return None
    return {"inline_keyboard": result, **({"force_reply": True} if markup.get("force_reply") else {})}


def _inline_button(button: Any) -> Json:
    if not isinstance(button, dict):
        raise bad_request("can't parse inline keyboard button: InlineKeyboardButton must be an Object")
    result: Json = {name: value for name, value in button.items() if value is not None}
    if not str(result.get("text", "")).strip():
        raise bad_request("can't parse inline keyboard button: Text must be non-empty")
    if not any(action in result for action in _ACTIONS):
        raise bad_request("can't parse inline keyboard button: Text buttons are unallowed in the inline keyboard")
    data = result.get("callback_data")
    if data is not None and not 1 <= len(str(data).encode()) <= MAX_CALLBACK_DATA:
        raise bad_request("BUTTON_DATA_INVALID")
    if "copy_text" in result and not 1 <= len(str(result["copy_text"].get("text", ""))) <= MAX_COPIED:
        raise bad_request("BUTTON_COPY_TEXT_INVALID")
    if result.get("style", STYLES[0]) not in STYLES:
        raise bad_request("can't parse inline keyboard button: invalid button style specified")
    url = result.get("url")
    if url is not None and not str(url).startswith(("http://", "https://", "tg://")) and "." not in str(url):
        raise bad_request(f"inline keyboard button URL '{url}' is invalid: Wrong HTTP URL")
    return result

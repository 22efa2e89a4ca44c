"""What the bot says to an operator about their own words: whom are these for, to whom they went, what was not sent."""

from typing import Any

from aiogram.filters.callback_data import CallbackData
from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup

from bot.screens.contact_buttons import ReopenAndSend, SendTo, TakeBack
from bot.screens.contact_label import contact_label, said_words
from bot.screens.message import shorten
from bot.texts import Translator

LABEL_LONGEST = 60
QUOTED = 3  # messages that are named in one line


def to_whom(p: dict[str, Any], _: Translator) -> str:
    """The question."""
    if p["count"] == 1:
        text = _("Who is this for? Pick one and I'll send it.")
    else:
        text = _("Who are these {n} messages for? Pick one and I'll send them.").format(n=p["count"])
    if p["more"]:
        text += " " + _("For another request, reply to its card.")
    return text


def closed_not_sent(p: dict[str, Any], _: Translator) -> str:
    """A closed contact gets no messages until it is opened again."""
    return _("#{id} is closed, so this was not sent.").format(id=p["contact"])


def went_to(p: dict[str, Any], _: Translator) -> str:
    """Who got words that replied to nothing."""
    return "→ " + contact_label(p["contact"], p["name"], _, longest=40)


def not_sent(p: dict[str, Any], _: Translator) -> str:
    """What was given up, since nobody said whom it was for."""
    said = [_("“{words}”").format(words=_words(one, _)) for one in p["said"][:QUOTED]]
    text = _("⚠️ Not sent: {words}").format(words=", ".join(said))
    return text + (" …" if len(p["said"]) > QUOTED else "")


def _words(one: dict[str, Any], _: Translator) -> str:
    return said_words(one["kind"], one["text"], _, longest=LABEL_LONGEST)


def buttons(p: dict[str, Any], _: Translator) -> InlineKeyboardMarkup | None:
    """The buttons under such a message, None for every other notice."""
    match p["code"]:
        case "to_whom":
            lines = [
                _button(_label(one, _), SendTo(contact_id=one["contact"], pending_id=p["pending"]))
                for one in p["options"]
            ]
        case "closed_not_sent":
            lines = [_button(_("↩️ Reopen and send"), ReopenAndSend(pending_id=p["pending"]))]
        case "went_to":
            lines = [_button(_("↩️ Take back"), TakeBack(pending_id=p["pending"]))]
        case _other:
            return None
    return InlineKeyboardMarkup(inline_keyboard=[[one] for one in lines])


def _button(text: str, data: CallbackData) -> InlineKeyboardButton:
    return InlineKeyboardButton(text=text, callback_data=data.pack())


def _label(option: dict[str, Any], _: Translator) -> str:
    new = "🆕 " if option["new"] else ""
    parts = [new + contact_label(option["contact"], option["name"], _), _words(option, _)]
    return shorten(" · ".join(filter(None, parts)), LABEL_LONGEST)

"""An invitation as a message of its own, which can be forwarded as it is, with a button that does so."""

from urllib.parse import quote

from aiogram.types import InlineKeyboardButton

from bot.screens.keyboards import keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator


def operator_invitation(name: str, bot: str, address: str, _: Translator) -> OutgoingMessage:
    """The invitation of an operator, to be forwarded to them."""
    text = _("{operator}, you are invited to be an operator of @{bot}. Open this link and press Start:")
    return _forwardable(text.format(operator=name, bot=bot), address, _)


def admin_invitation(bot: str, address: str, _: Translator) -> OutgoingMessage:
    """The invitation of an admin, to be forwarded to them."""
    text = _("You are invited to be an admin of @{bot}. Open this link and press Start:")
    return _forwardable(text.format(bot=bot), address, _)


def _forwardable(text: str, address: str, _: Translator) -> OutgoingMessage:
    validity = _("(It works once, within 7 days.)")
    share = f"https://t.me/share/url?url={quote(address, safe='')}&text={quote(f'{text} {validity}', safe='')}"
    send = InlineKeyboardButton(text=_("📨 Send…"), url=share)
    return text_message(f"{text}\n{address}\n{validity}", keyboard=keyboard([send]))

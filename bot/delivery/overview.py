"""The overview in an operator's chat: who waits, and what else is open, as buttons that show the cards. Pure."""

from datetime import datetime
from zoneinfo import ZoneInfo

from aiogram.methods import EditMessageText, SendMessage
from aiogram.types import InlineKeyboardButton

from bot.delivery.copies import NothingToSend
from bot.screens.buttons import ShowCard
from bot.screens.contact_label import contact_label
from bot.screens.message import rows
from bot.texts import Translator
from bot.texts.phrases import clock_time
from crm_core.conversation.overviews import Line, Shown
from crm_core.delivery.claims import ClaimedRow

BUTTONS = 10  # more would fill the screen; the others are in /my


def overview_message(row: ClaimedRow, _: Translator, *, now: datetime, zone: ZoneInfo) -> SendMessage | EditMessageText:
    """The request that sends an overview, or changes it in place. Raises NothingToSend."""
    shown = row.overview
    message_id = row.payload.get("message_id")
    if shown is None or (message_id is None and not (shown.is_kept and shown.lines)):
        raise NothingToSend(row.kind)
    buttons = [_button(one, _, now=now, zone=zone) for one in shown.lines[:BUTTONS]]
    keyboard = rows(buttons, each=2) if buttons else None
    if message_id is None:
        return SendMessage(chat_id=row.chat_id, text=_text(shown, _), reply_markup=keyboard, disable_notification=True)
    return EditMessageText(chat_id=row.chat_id, message_id=message_id, text=_text(shown, _), reply_markup=keyboard)


def _text(shown: Shown, _: Translator) -> str:
    if not shown.is_kept:
        return _("This overview is no longer kept.")
    if not shown.lines:
        return _("✅ Nothing is open.")
    waits = sum(one.waits_since is not None for one in shown.lines)
    others = len(shown.lines) - waits
    parts = []
    if waits:
        parts.append(_.plural("🔴 {n} waiting", "🔴 {n} waiting", waits).format(n=waits))
    if others:
        parts.append(_("🟢 {n} in progress").format(n=others))
    if len(shown.lines) > BUTTONS:
        parts.append("/my")
    return " · ".join(parts)


def _button(one: Line, _: Translator, *, now: datetime, zone: ZoneInfo) -> InlineKeyboardButton:
    label = contact_label(one.contact_id, one.lead_name, _, longest=16)
    if one.waits_since is None:
        text = f"🟢 {label}"
    else:
        text = f"🔴 {label} · {clock_time(one.waits_since, zone=zone, now=now, _=_)}"
    return InlineKeyboardButton(text=text, callback_data=ShowCard(contact_id=one.contact_id).pack())

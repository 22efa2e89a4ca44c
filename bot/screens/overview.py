"""The overview of an operator's open requests: what waits for whom and until when, a page of lines, each with its card.

A line's number is a link that makes the bot show the card (`bot.operators.card_links`). A button does it at a touch,
and without a message of the operator's; but it can show a card only in its own bot's chat, so elsewhere it is a link.
"""

from datetime import datetime
from zoneinfo import ZoneInfo

from aiogram.types import InlineKeyboardButton, InlineKeyboardMarkup
from aiogram.utils.formatting import Bold, Text, TextLink, as_list

from bot.screens.contact_buttons import ShowCard, TurnOverview
from bot.screens.contact_label import contact_label, said_words
from bot.screens.keyboards import in_lines, keyboard, of_pages, turning
from bot.screens.links import card_link
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.phrases import clock_time
from crm_core.conversation.overview_pages import LINES, Is, Shown
from crm_core.conversation.waiting import Talk

IN_A_ROW = 5  # buttons: they have a number and nothing else


def overview_screen(shown: Shown, _: Translator, *, now: datetime, zone: ZoneInfo) -> OutgoingMessage:
    """The message that shows an overview, or says that it does so no longer.

    Args:
        zone: by whose clocks times are shown.
    """
    match shown.state:
        case Is.OVER:
            return text_message(_("This overview is no longer kept."))
        case Is.BELOW:
            return text_message(_("⬇️ The overview is below."))
        case Is.KEPT | Is.ONCE:
            lines = [_line(one, shown, now, zone, _) for one in shown.on_page]
            text = as_list(Bold(_title(shown, now, _)), *lines) if lines else Text(_("✅ Nothing is open."))
            return text_message(text, keyboard=_keyboard(shown), is_protected=shown.is_protected)


def _title(shown: Shown, now: datetime, _: Translator) -> str:
    """How much waits, and for what: as short as possible, since Telegram shows it above the chat."""
    overdue = shown.overdue(now)
    waiting, answered = shown.waiting - overdue, len(shown.lines) - shown.waiting - shown.asleep
    counts = {
        _("❗️ {n} overdue"): overdue,
        _.plural("🔴 {n} waiting", "🔴 {n} waiting", waiting): waiting,
        _("🟢 {n} in progress"): answered,
        _("😴 {n} snoozed"): shown.asleep,
    }
    parts = [text.format(n=number) for text, number in counts.items() if number]
    return " · ".join(filter(None, [*parts, of_pages(shown.page, len(shown.lines), _, each=LINES)]))


def _line(one: Talk, shown: Shown, now: datetime, zone: ZoneInfo, _: Translator) -> Text:
    label = contact_label(one.contact_id, one.lead_name, _)
    parts = [_state(one, now, zone, _), said_words(one.kind, one.text, _) if shown.has_words_of(one) else ""]
    if _is_elsewhere(one, shown):
        parts.append(f"@{one.bot}")  # its card and conversation are in that bot's chat
    linked = TextLink(label, url=card_link(one.bot, one.contact_id)) if one.bot else label
    return Text(f"{_mark(one, now)} ", linked, *(f" · {part}" for part in parts if part))


def _mark(one: Talk, now: datetime) -> str:
    if one.wakes_at is not None:
        return "😴"
    if one.waits_since is None:
        return "🟢"
    return "❗️" if one.is_overdue(now) else "🔴"


def _state(one: Talk, now: datetime, zone: ZoneInfo, _: Translator) -> str:
    """Until when or since when: by the clock, which stays true in an old message."""

    def clock(text: str, at: datetime) -> str:
        return text.format(time=clock_time(at, zone=zone, now=now, _=_))

    if one.wakes_at is not None:
        return clock(_("until {time}"), one.wakes_at)
    if one.waits_since is not None:
        waits = clock(_("since {time}"), one.waits_since)
        if one.due_at is not None:
            waits = clock(_("overdue since {time}") if one.is_overdue(now) else _("reply by {time}"), one.due_at)
        return f"🆕 {waits}" if one.is_new else waits
    if one.answered_at is None:
        return clock(_("yours since {time}"), one.held_since)
    return clock(_("you answered: {time}") if one.is_own_answer else _("answered: {time}"), one.answered_at)


def _keyboard(shown: Shown) -> InlineKeyboardMarkup | None:
    buttons = in_lines([_button(one, shown) for one in shown.on_page], IN_A_ROW)
    turns = turning(shown.page, len(shown.lines), lambda page: TurnOverview(page=page), each=LINES)
    return keyboard(*buttons, turns) if buttons else None


def _button(one: Talk, shown: Shown) -> InlineKeyboardButton:
    label = f"#{one.contact_id}"
    if one.bot is not None and _is_elsewhere(one, shown):
        return InlineKeyboardButton(text=label, url=card_link(one.bot, one.contact_id))
    return InlineKeyboardButton(text=label, callback_data=ShowCard(contact_id=one.contact_id).pack())


def _is_elsewhere(one: Talk, shown: Shown) -> bool:
    return one.bot is not None and one.bot_id != shown.bot_id

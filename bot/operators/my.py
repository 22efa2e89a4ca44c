"""/my: the operator's open requests, those first whose clients wait for an answer."""

from datetime import datetime
from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import InlineKeyboardButton, Message
from aiogram.utils.formatting import Bold, Text, as_list

from bot.handling.act import Act
from bot.screens.buttons import ShowCard
from bot.screens.contact_label import contact_label, said_words
from bot.screens.keyboards import typed
from bot.screens.links import chat_link
from bot.screens.message import OutgoingMessage, rows, text_message
from bot.texts import Translator
from bot.texts.phrases import clock_time
from crm_core.access.actors import Actor
from crm_core.conversation import waiting
from crm_core.conversation.waiting import Talk
from crm_core.storage.database import Database

router = Router(name="operators.my")

SHOWN = 15  # requests in one list: with the longest names and messages it stays within one message


@router.message(typed("my"))
async def on_my(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """The operator's open requests, with what each client said last, and a button for each card."""
    mine = await db.read(waiting.open_talks, actor=actor)
    await act.answer(_screen(mine, act, ZoneInfo(timezone), _))


def _screen(mine: list[Talk], act: Act, zone: ZoneInfo, _: Translator) -> OutgoingMessage:
    if not mine:
        return text_message(_("You have no open requests."))
    lines: list[Text] = [Bold(_title(mine, _))]
    lines += [Text(_line(one, act, zone, _)) for one in mine[:SHOWN]]
    if len(mine) > SHOWN:
        lines.append(Text(_("… and {n} more").format(n=len(mine) - SHOWN)))
    is_protected = any(one.protect_content and one.waits_since is not None for one in mine[:SHOWN])
    buttons = rows([_button(one, act, _) for one in mine[:SHOWN]], each=2)
    return text_message(as_list(*lines), keyboard=buttons, is_protected=is_protected)


def _title(mine: list[Talk], _: Translator) -> str:
    title = _.plural("{n} open request", "{n} open requests", len(mine)).format(n=len(mine))
    waits = sum(one.waits_since is not None for one in mine)
    if not waits:
        return f"{title}, " + _("nobody waits for your answer")
    return f"{title}, " + _.plural("{n} waits for your answer", "{n} wait for your answer", waits).format(n=waits)


def _line(one: Talk, act: Act, zone: ZoneInfo, _: Translator) -> str:
    parts = [contact_label(one.contact_id, one.lead_name, _), _state(one, act.clock(), zone, _)]
    if one.waits_since is not None:
        parts.append(said_words(one.kind, one.text, _))
    if _is_elsewhere(one, act):
        parts.append(f"@{one.bot}")  # its card and conversation are in that bot's chat
    mark = "🟢" if one.waits_since is None else "🔴"
    return f"{'😴' if one.wakes_at is not None else mark} {' · '.join(filter(None, parts))}"


def _state(one: Talk, now: datetime, zone: ZoneInfo, _: Translator) -> str:
    """Since when a client waits, or when they were answered: by the clock, which stays true in an old message."""
    if one.wakes_at is not None:
        return _("until {time}").format(time=clock_time(one.wakes_at, zone=zone, now=now, _=_))
    if one.waits_since is not None:
        since = clock_time(one.waits_since, zone=zone, now=now, _=_)
        return (_("🆕 since {time}") if one.is_new else _("since {time}")).format(time=since)
    if one.answered_at is None:
        return _("yours since {time}").format(time=clock_time(one.held_since, zone=zone, now=now, _=_))
    answered = _("you answered: {time}") if one.is_own_answer else _("answered: {time}")
    return answered.format(time=clock_time(one.answered_at, zone=zone, now=now, _=_))


def _button(one: Talk, act: Act, _: Translator) -> InlineKeyboardButton:
    if _is_elsewhere(one, act):
        text = f"{contact_label(one.contact_id, one.lead_name, _, longest=16)} · @{one.bot}"
        return InlineKeyboardButton(text=text, url=chat_link(one.bot or ""))
    return InlineKeyboardButton(
        text=contact_label(one.contact_id, one.lead_name, _), callback_data=ShowCard(contact_id=one.contact_id).pack()
    )


def _is_elsewhere(one: Talk, act: Act) -> bool:
    return one.bot is not None and one.bot_id != act.bot_id

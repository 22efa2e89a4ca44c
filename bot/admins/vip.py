"""/vip #42: the requests of a client come before others in the queue."""

import re

from aiogram import Router
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.handling.act import Act
from bot.handling.contact_number import number_and_rest
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import SetVip
from bot.screens.contact_label import contact_label
from bot.screens.keyboards import PAGE, button, in_lines, keyboard, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import vip
from crm_core.names import means_off
from crm_core.routing import waiting_list
from crm_core.routing.waiting_list import Waiting
from crm_core.storage.database import Database

router = Router(name="admins.vip")

_MINUTES = re.compile(r"[0-9]{1,18}")


@router.message(typed("vip"))
async def on_vip(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """`/vip #42`, `/vip #42 120`, `/vip #42 off`; alone, it offers those who wait."""
    found = number_and_rest(message.text)
    minutes = None if found is None else _minutes(found[1])
    if found is None or minutes is None:
        waiting = await read_as_admin(db, actor, waiting_list.waiting, limit=PAGE)
        await act.answer(_screen(waiting, _))
        return
    number = found[0]
    said = _said(number, minutes, _)
    await act(vip.mark, contact_id=number, minutes=minutes, actor=actor, reply=lambda nothing: text_message(said))


@router.callback_query(SetVip.filter())
async def on_press(query: CallbackQuery, callback_data: SetVip, actor: Actor, act: Act, _: Translator) -> None:
    """A client who waits is marked, or not any more."""
    number, minutes = callback_data.contact_id, callback_data.value
    said = _said(number, minutes, _)
    await act(vip.mark, contact_id=number, minutes=minutes, actor=actor, screen=lambda nothing: text_message(said))


def _minutes(text: str) -> int | None:
    """The minutes that are typed behind a number; the usual ones for nothing, 0 for `off`, None for anything else."""
    if not text:
        return vip.USUAL
    if means_off(text):
        return 0
    return int(text) if _MINUTES.fullmatch(text) else None


def _screen(waiting: list[Waiting], _: Translator) -> OutgoingMessage:
    """Who could be marked, and how it is typed."""
    lines = [
        _("Add the number of a request, and minutes if you like: /vip #42, /vip #42 120, /vip #42 off"),
        _("In the queue the client's requests count as if they had waited so much longer."),
    ]
    return text_message("\n".join(lines), keyboard=keyboard(*in_lines([_of(one, _) for one in waiting], 2)))


def _of(one: Waiting, _: Translator) -> InlineKeyboardButton:
    sign, minutes = ("✖️", 0) if one.is_vip else ("⭐", vip.USUAL)
    label = f"{sign} {contact_label(one.id, one.lead_name, _)}"
    return button(label, SetVip(contact_id=one.id, value=minutes))


def _said(number: int, minutes: int, _: Translator) -> str:
    if minutes:
        text = _("⭐ The client of #{id} comes before others in the queue, by {n} min, now and in later requests.")
    else:
        text = _("The client of #{id} waits like everybody else.")
    return text.format(id=number, n=minutes)

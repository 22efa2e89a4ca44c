"""The list of what an operator still holds who goes: its buttons, each of which shows what is left then."""

from functools import partial
from typing import Any

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handling.act import Act
from bot.operators.giving_back import given_back_text
from bot.screens.contact_buttons import KeepHeld, LeaveAll, LeaveContact
from bot.screens.leaving import leaving_buttons, leaving_text
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import giving_back, lifecycle
from crm_core.conversation import leaving
from crm_core.conversation.leaving import Held

router = Router(name="operators.leaving")


def leaving_screen(held: list[Held], _: Translator, *, note: str = "") -> OutgoingMessage:
    """What is still open, below a note of what was just done."""
    if not held:
        return text_message("\n".join(filter(None, [note, _("You have no open requests.")])))
    text = "\n\n".join(filter(None, [note, leaving_text(held, _)]))
    return text_message(text, keyboard=leaving_buttons(held, _))


@router.callback_query(LeaveContact.filter())
async def on_leave(query: CallbackQuery, callback_data: LeaveContact, actor: Actor, act: Act, _: Translator) -> None:
    """[Give back] or [Close] of one request."""
    number = callback_data.contact_id

    def done(result: Any, held: list[Held]) -> OutgoingMessage:
        closed = _("#{id} is closed.").format(id=number)
        return leaving_screen(held, _, note=closed if callback_data.is_closed else given_back_text(number, result, _))

    what: dict[str, Any] = {"contact_id": number, "version": callback_data.version, "actor": actor}
    left = partial(leaving.mine, actor=actor)
    if callback_data.is_closed:
        await act(lifecycle.close, **what, then_read=left, screen=done)
    else:
        await act(giving_back.give_back, **what, note=None, then_read=left, screen=done)


@router.callback_query(LeaveAll.filter())
async def on_leave_all(query: CallbackQuery, actor: Actor, act: Act, _: Translator) -> None:
    """[Unanswered]."""

    def done(number: int, held: list[Held]) -> OutgoingMessage:
        text = _.plural("{n} request is given back.", "{n} requests are given back.", number)
        return leaving_screen(held, _, note=text.format(n=number))

    await act(leaving.give_back_unanswered, actor=actor, then_read=partial(leaving.mine, actor=actor), screen=done)


@router.callback_query(KeepHeld.filter())
async def on_keep(query: CallbackQuery, actor: Actor, act: Act, _: Translator) -> None:
    """[Keep them]."""
    await act.show(text_message(_("They stay with you. /my shows them.")))

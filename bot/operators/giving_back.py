"""Giving a request back to the queue: by a card's button, or with a note for the next operator: `/return #42 …`."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.handling.contact_number import number_and_rest
from bot.screens.contact_buttons import MoreOfContact, ReturnContact
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.screens.own_requests import which_request
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import cards, giving_back
from crm_core.contacts.giving_back import GivenBack
from crm_core.conversation import leaving
from crm_core.conversation.leaving import Held
from crm_core.storage.database import Database

router = Router(name="operators.giving_back")


@router.callback_query(MoreOfContact.filter())
async def on_more(query: CallbackQuery, callback_data: MoreOfContact, actor: Actor, act: Act) -> None:
    """[⋯]: the card shows what else can be done."""
    await act(
        cards.show_more,
        contact_id=callback_data.contact_id,
        actor=actor,
        **act.pressed_place,
    )


@router.callback_query(ReturnContact.filter())
async def on_return(query: CallbackQuery, callback_data: ReturnContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Give back]."""
    number = callback_data.contact_id
    became = await act(giving_back.give_back, contact_id=number, version=callback_data.version, note=None, actor=actor)
    return given_back_text(number, became, _)


@router.message(typed("return"))
async def on_typed(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """`/return #42 speaks German`; alone, it offers the operator's requests."""
    found = number_and_rest(message.text)
    if found is None:
        usage = _("Add the number of the request, and a note if you like: /return #42 …")
        held = await db.read(leaving.mine, actor=actor)
        await act.answer(which_request(usage, held, "📤", _return_button, _))
        return
    number, note = found
    await act(
        giving_back.give_back,
        contact_id=number,
        version=None,
        note=note or None,
        actor=actor,
        reply=lambda became: text_message(given_back_text(number, became, _)),
    )


def _return_button(one: Held) -> ReturnContact:
    return ReturnContact(contact_id=one.contact_id, version=one.version)


def given_back_text(number: int, became: GivenBack, _: Translator) -> str:
    """What became of a request that was given back."""
    match became:
        case GivenBack.ELSEWHERE:
            text = _("#{id} is with somebody else now.")
        case GivenBack.WAITS:
            text = _("#{id} is back in the queue. Nobody else can take it now.")
        case GivenBack.YOURS:
            text = _("Nobody else is there, so #{id} stays yours.")
    return text.format(id=number)

"""The buttons of a card."""

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handling.act import Act
from bot.screens.buttons import CloseContact, ReopenContact, SendTo, ShowCard, TakeContact
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import cards, lifecycle, reopening
from crm_core.conversation import operator_messages

router = Router(name="operators.buttons")


@router.callback_query(TakeContact.filter())
async def on_take(query: CallbackQuery, callback_data: TakeContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Take]."""
    await act(lifecycle.take, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return _("#{id} is yours. Reply to the card to write to the client.").format(id=callback_data.contact_id)


@router.callback_query(CloseContact.filter())
async def on_close(query: CallbackQuery, callback_data: CloseContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Close]."""
    await act(lifecycle.close, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return _("#{id} is closed.").format(id=callback_data.contact_id)


@router.callback_query(ReopenContact.filter())
async def on_reopen(query: CallbackQuery, callback_data: ReopenContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Reopen]."""
    await act(reopening.reopen, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return _("#{id} is open again, and yours.").format(id=callback_data.contact_id)


@router.callback_query(ShowCard.filter())
async def on_show_card(query: CallbackQuery, callback_data: ShowCard, actor: Actor, act: Act) -> None:
    """A contact of /my: sends its card again at the end of the chat."""
    await act(cards.show, contact_id=callback_data.contact_id, bot_id=act.bot_id, actor=actor)


@router.callback_query(SendTo.filter())
async def on_send_to(query: CallbackQuery, callback_data: SendTo, actor: Actor, act: Act, _: Translator) -> str:
    """The contact that a waiting message is for."""
    number = callback_data.contact_id
    await act(
        operator_messages.send_pending,
        pending_id=callback_data.pending_id,
        contact_id=number,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        actor=actor,
        screen=lambda sent: text_message(_("Sent to #{id}.").format(id=number)),
    )
    return _("Sent to #{id}.").format(id=number)

"""The buttons of a card."""

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handling.act import Act
from bot.screens.buttons import (
    CloseContact,
    CloseUntaken,
    DismissLate,
    KeepContact,
    ReopenContact,
    SendTo,
    ShowCard,
    TakeContact,
)
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import cards, closing, lifecycle, reopening
from crm_core.conversation import late_messages, operator_messages

router = Router(name="operators.buttons")


@router.callback_query(TakeContact.filter())
async def on_take(query: CallbackQuery, callback_data: TakeContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Take]."""
    number = callback_data.contact_id
    taken = await act(lifecycle.take, contact_id=number, version=callback_data.version, actor=actor)
    if taken.chat_id is None:
        return _("#{id} is yours. Phone and e-mail are on the card.").format(id=number)
    return _("#{id} is yours. Reply to the card to write to the client.").format(id=number)


@router.callback_query(CloseContact.filter())
async def on_close(
    query: CallbackQuery, callback_data: CloseContact, actor: Actor, act: Act, _: Translator
) -> str | None:
    """[Close]: what nobody has taken is closed only after a question."""
    number = callback_data.contact_id
    is_closed = await act(
        closing.press_close,
        contact_id=number,
        version=callback_data.version,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        message_id=act.pressed,
        actor=actor,
    )
    return _("#{id} is closed.").format(id=number) if is_closed else None


@router.callback_query(CloseUntaken.filter())
async def on_close_untaken(
    query: CallbackQuery, callback_data: CloseUntaken, actor: Actor, act: Act, _: Translator
) -> str:
    """[Close it] under that question."""
    await act(lifecycle.close, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return _("#{id} is closed.").format(id=callback_data.contact_id)


@router.callback_query(KeepContact.filter())
async def on_keep(query: CallbackQuery, callback_data: KeepContact, actor: Actor, act: Act) -> None:
    """[No] under that question."""
    await act(
        cards.keep,
        contact_id=callback_data.contact_id,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        message_id=act.pressed,
        actor=actor,
    )


@router.callback_query(ReopenContact.filter())
async def on_reopen(query: CallbackQuery, callback_data: ReopenContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Reopen]."""
    await act(reopening.reopen, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return _("#{id} is open again, and yours.").format(id=callback_data.contact_id)


@router.callback_query(DismissLate.filter())
async def on_not_needed(query: CallbackQuery, callback_data: DismissLate, actor: Actor, act: Act, _: Translator) -> str:
    """[Not needed] about what a client wrote after closing."""
    await act(late_messages.dismiss, contact_id=callback_data.contact_id, actor=actor)
    return _("#{id} stays closed.").format(id=callback_data.contact_id)


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

"""The buttons of a card."""

from collections.abc import Callable
from typing import Any

from aiogram import Router
from aiogram.types import CallbackQuery, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.handling.act import Act
from bot.screens.contact_buttons import (
    CloseContact,
    CloseUntaken,
    DeclineBecause,
    DeclineContact,
    DismissLate,
    KeepContact,
    ReopenAndSend,
    ReopenContact,
    SendTo,
    ShowCard,
    TakeBack,
    TakeContact,
)
from bot.screens.contact_label import contact_label
from bot.screens.message import OutgoingMessage, rows, text_message
from bot.texts import Translator
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor
from crm_core.contacts import cards, closing, lifecycle, offering, reopening
from crm_core.conversation import late_messages, operator_messages, taking_back
from crm_core.conversation.taking_back import TakenBack
from crm_core.errors import NumberNotChosen

router = Router(name="operators.buttons")


@router.callback_query(TakeContact.filter())
async def on_take(query: CallbackQuery, callback_data: TakeContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Take]."""
    taken = await act(lifecycle.take, contact_id=callback_data.contact_id, version=callback_data.version, actor=actor)
    return taken_text(taken, _)


def taken_text(taken: Any, _: Translator) -> str:
    """What an operator reads after taking a request, and how they reach its client."""
    if taken.chat_id is None:
        return _("#{id} is yours. The card says how to reach the client.").format(id=taken.id)
    return _("#{id} is yours. Reply to the card to write to the client.").format(id=taken.id)


@router.callback_query(DeclineContact.filter())
async def on_decline(query: CallbackQuery, callback_data: DeclineContact, actor: Actor, act: Act) -> None:
    """[Decline]: the card asks for the reason."""
    await act(
        offering.ask_why,
        contact_id=callback_data.contact_id,
        version=callback_data.version,
        actor=actor,
        **act.pressed_place,
    )


@router.callback_query(DeclineBecause.filter())
async def on_decline_because(
    query: CallbackQuery, callback_data: DeclineBecause, actor: Actor, act: Act, _: Translator
) -> str:
    """A reason under that question."""
    number = callback_data.contact_id
    await act(
        offering.decline,
        contact_id=number,
        version=callback_data.version,
        reason=callback_data.reason,
        actor=actor,
    )
    return _("You have declined #{id}.").format(id=number)


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
        actor=actor,
        **act.pressed_place,
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
        actor=actor,
        **act.pressed_place,
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
    """A contact of the overview: sends its card again at the end of the chat."""
    await act(cards.show, contact_id=callback_data.contact_id, bot_id=act.bot_id, actor=actor)


@router.callback_query(SendTo.filter())
async def on_send_to(query: CallbackQuery, callback_data: SendTo, actor: Actor, act: Act, _: Translator) -> str:
    """The contact that waiting messages are for."""
    text = _("Sent to #{id}.").format(id=callback_data.contact_id)
    await _send(
        operator_messages.send_pending,
        query,
        callback_data.pending_id,
        act,
        _,
        contact_id=callback_data.contact_id,
        actor=actor,
        screen=lambda sent: _with_take_back(text, callback_data.pending_id, _),
    )
    return text


@router.callback_query(ReopenAndSend.filter())
async def on_reopen_and_send(
    query: CallbackQuery, callback_data: ReopenAndSend, actor: Actor, act: Act, _: Translator
) -> str:
    """[Reopen and send] under what was written to a closed contact."""
    text = _("#{id} is open again. Sent.")
    contact_id = await _send(
        operator_messages.reopen_and_send,
        query,
        callback_data.pending_id,
        act,
        _,
        actor=actor,
        screen=lambda contact_id: _with_take_back(text.format(id=contact_id), callback_data.pending_id, _),
    )
    return text.format(id=contact_id)


async def _send(
    action: Callable[..., int], query: CallbackQuery, pending_id: int, act: Act, _: Translator, **inputs: Any
) -> int:
    """Sends what waits, or adds a button of the request that it names. Raises what the action raises."""
    try:
        return await act(action, pending_id=pending_id, bot_id=act.bot_id, chat_id=act.chat_id, **inputs)
    except NumberNotChosen as error:
        await act.show(_with_named(query.message, error, pending_id, _))
        raise


def _with_named(pressed: Any, error: NumberNotChosen, pending_id: int, _: Translator) -> OutgoingMessage:
    """The pressed message as it stands, with a button of the request whose number stands before the words."""
    number = error.fields["number"]
    send = SendTo(contact_id=number, pending_id=pending_id).pack()
    button = InlineKeyboardButton(text=contact_label(number, error.fields["name"], _), callback_data=send)
    if not isinstance(pressed, Message) or pressed.text is None:  # too old for Telegram to show it to bots
        return text_message(refusal(error, _), keyboard=rows([button]))
    before = pressed.reply_markup.inline_keyboard if pressed.reply_markup is not None else []
    is_there = any(one.callback_data == send for line in before for one in line)
    lines = before if is_there else [[button], *before]
    return text_message(pressed.text, keyboard=InlineKeyboardMarkup(inline_keyboard=lines))


def _with_take_back(text: str, pending_id: int, _: Translator) -> OutgoingMessage:
    button = InlineKeyboardButton(text=_("↩️ Take back"), callback_data=TakeBack(pending_id=pending_id).pack())
    return text_message(text, keyboard=rows([button]))


@router.callback_query(TakeBack.filter())
async def on_take_back(query: CallbackQuery, callback_data: TakeBack, actor: Actor, act: Act, _: Translator) -> str:
    """[Take back] under what went to a client."""
    taken_back = await act(
        taking_back.take_back,
        pending_id=callback_data.pending_id,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        actor=actor,
        screen=lambda taken_back: text_message(taken_back_text(taken_back, _)),
    )
    return taken_back_text(taken_back, _)


def taken_back_text(taken_back: TakenBack, _: Translator) -> str:
    """What became of words that were taken back."""
    if taken_back.was_unsent:
        return _("Taken back before it was sent to #{id}.").format(id=taken_back.contact_id)
    return _("Taken back: the bot asks Telegram to delete it in the chat of #{id}.").format(id=taken_back.contact_id)

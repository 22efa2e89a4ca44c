"""Buttons: presses, answers, expiry, forgeries (research note L14)."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest
from aiogram.types import CallbackQuery, InaccessibleMessage, InlineKeyboardButton, InlineKeyboardMarkup, Message

from bot.sandbox import BotHandle, Person
from tests.support.telegram_kit import FrozenClock

TAKE = InlineKeyboardMarkup(inline_keyboard=[[InlineKeyboardButton(text="✅ Take", callback_data="take:15:3")]])
TOO_OLD = "query is too old and response timeout expired or query ID is invalid"


async def newest_query(bot: Bot) -> CallbackQuery:
    query = (await bot.get_updates())[-1].callback_query
    assert query is not None
    return query.as_(bot)


async def test_press_can_be_answered_only_once(bot: Bot, ivan: Person) -> None:
    await bot.send_message(ivan.id, "#15", reply_markup=TAKE)
    press = await ivan.presses(await ivan.sees("#15"), "Take")
    query = await newest_query(bot)
    assert (query.data, query.from_user.id) == ("take:15:3", ivan.id)
    assert isinstance(query.message, Message)
    assert not press.answered
    await query.answer("Contact #15 is yours")
    assert await press.answer() == "Contact #15 is yours"
    with pytest.raises(TelegramBadRequest, match=TOO_OLD):
        await query.answer("again")


async def test_late_callback_answer_is_refused(bot: Bot, ivan: Person, clock: FrozenClock) -> None:
    await bot.send_message(ivan.id, "#15", reply_markup=TAKE)
    press = await ivan.presses(await ivan.sees("#15"), callback_data="take:15:3")
    query = await newest_query(bot)
    clock.forward(151)
    with pytest.raises(TelegramBadRequest, match=TOO_OLD):
        await query.answer()
    with pytest.raises(AssertionError, match="did not answer the button 'take:15:3'"):
        await press.answer(timeout=0)


async def test_callback_answer_is_limited_to_200_characters(bot: Bot, ivan: Person) -> None:
    await ivan.presses_forged(BotHandle(42, "", "", ""), "x")
    query = await newest_query(bot)
    with pytest.raises(TelegramBadRequest, match="MESSAGE_TOO_LONG"):
        await query.answer("x" * 201)
    await query.answer("x" * 200, show_alert=True)


async def test_press_of_missing_button_fails_unless_stale(bot: Bot, ivan: Person) -> None:
    sent = await bot.send_message(ivan.id, "#15", reply_markup=TAKE)
    card = await ivan.sees("#15")
    with pytest.raises(AssertionError, match="finds no button 'Close'"):
        await ivan.presses(card, "Close")
    await bot.edit_message_text("#15 taken", chat_id=ivan.id, message_id=sent.message_id)
    with pytest.raises(AssertionError, match="finds no button 'Take'"):
        await ivan.presses(card, "Take")
    await ivan.presses(card, "Take", stale=True)
    assert (await newest_query(bot)).data == "take:15:3"


async def test_forged_press_carries_the_given_message_or_none(bot: Bot, ivan: Person, shop: BotHandle) -> None:
    await ivan.presses_forged(shop, "take:99:1", message=1)
    query = await newest_query(bot)
    assert isinstance(query.message, Message)
    assert query.message.text == "/start"
    await ivan.presses_forged(shop, "take:99:1", message=1, inaccessible=True)
    assert isinstance((await newest_query(bot)).message, InaccessibleMessage)
    await ivan.presses_forged(shop, "take:99:1")
    query = await newest_query(bot)
    assert (query.message, query.inline_message_id is None) == (None, False)

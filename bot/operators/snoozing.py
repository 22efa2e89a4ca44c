"""Letting a request sleep until a moment: by a card's button, or `/snooze #42 tomorrow 10:00`."""

from zoneinfo import ZoneInfo

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.handling.contact_number import number_and_rest
from bot.handling.prompts import AnswersPrompt, operator_answers
from bot.screens.contact_buttons import SnoozeContact, SnoozeUntil, TypeSnooze, WakeContact
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.screens.own_requests import which_request
from bot.texts import Translator
from bot.texts.phrases import weekday_and_time
from crm_core.access.actors import Actor
from crm_core.contacts import cards, snoozing
from crm_core.contacts.snoozing import Asleep
from crm_core.conversation import leaving, prompts
from crm_core.conversation.prompts import OpenPrompt, Role
from crm_core.storage.database import Database

router = Router(name="operators.snoozing")


@router.message(typed("snooze"))
async def on_typed(message: Message, actor: Actor, act: Act, db: Database, timezone: str, _: Translator) -> None:
    """`/snooze #42 tomorrow 10:00`; with a number alone it asks until when, without one also which request."""
    found = number_and_rest(message.text)
    if found is None:
        usage = _("Add the number of the request, and until when: /snooze #42 tomorrow 10:00")
        held = await db.read(leaving.mine, actor=actor)
        await act.answer(which_request(usage, held, "⏰", lambda one: TypeSnooze(contact_id=one.contact_id), _))
    elif not found[1]:
        await _ask(act, actor, found[0], _)
    else:
        await _snooze(act, actor, found[0], found[1], timezone, _)


async def _snooze(act: Act, actor: Actor, number: int, words: str, timezone: str, _: Translator) -> None:
    await act(
        snoozing.snooze_as_typed,
        contact_id=number,
        words=words,
        zone=ZoneInfo(timezone),
        actor=actor,
        reply=lambda asleep: text_message(_asleep(number, asleep, _)),
    )


def _asleep(number: int, asleep: Asleep, _: Translator) -> str:
    when = weekday_and_time(asleep.until.timestamp(), asleep.zone, _)
    return _("😴 #{id} is snoozed until {when}. It comes back at once if the client writes.").format(
        id=number, when=when
    )


@router.callback_query(SnoozeContact.filter())
async def on_ask(query: CallbackQuery, callback_data: SnoozeContact, actor: Actor, act: Act) -> None:
    """[Snooze]: the card asks until when."""
    await act(
        cards.ask_until_when,
        contact_id=callback_data.contact_id,
        version=callback_data.version,
        actor=actor,
        **act.pressed_place,
    )


@router.callback_query(SnoozeUntil.filter())
async def on_chosen(
    query: CallbackQuery, callback_data: SnoozeUntil, actor: Actor, act: Act, timezone: str, _: Translator
) -> str:
    """One of the moments that it offers."""
    asleep = await act(
        snoozing.snooze_until_chosen,
        contact_id=callback_data.contact_id,
        version=callback_data.version,
        choice=callback_data.until,
        zone=ZoneInfo(timezone),
        actor=actor,
    )
    return _asleep(callback_data.contact_id, asleep, _)


@router.callback_query(TypeSnooze.filter())
async def on_other(query: CallbackQuery, callback_data: TypeSnooze, actor: Actor, act: Act, _: Translator) -> None:
    """Another moment: the next message says which."""
    await _ask(act, actor, callback_data.contact_id, _)


async def _ask(act: Act, actor: Actor, number: int, _: Translator) -> None:
    await act.db.read(snoozing.check_snoozable, contact_id=number, actor=actor)
    text = _("Until when should #{id} be snoozed? For example: tomorrow 10:00, mon 9:00, 2h, 12 dec").format(id=number)
    await act(
        prompts.ask,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        question="snooze",
        data={"contact_id": number},
        role=Role.OPERATOR,
        actor=actor,
        reply=lambda asked: text_message(text),
    )


@operator_answers.message(AnswersPrompt("snooze"))
async def on_answer(message: Message, asked: OpenPrompt, actor: Actor, act: Act, timezone: str, _: Translator) -> None:
    """The moment that was typed."""
    await _snooze(act, actor, asked.data["contact_id"], message.text or "", timezone, _)


@router.callback_query(WakeContact.filter())
async def on_wake(query: CallbackQuery, callback_data: WakeContact, actor: Actor, act: Act, _: Translator) -> str:
    """[Wake now]."""
    number = callback_data.contact_id
    await act(snoozing.wake, contact_id=number, version=callback_data.version, actor=actor)
    return _("#{id} is back.").format(id=number)

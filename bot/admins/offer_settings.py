"""Offers of a source, as admins see and set them: `/sources offer shop_bot 120`, `/sources duty shop_bot = Anna`."""

from functools import partial

from aiogram import Router
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.admins.operator_screens import mark
from bot.admins.previews import change_setting
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import source_and_rest, which_operator
from bot.screens.admin_buttons import ListReasons
from bot.screens.keyboards import back, button, in_lines, keyboard, page_of, sentences, titled, turning
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.source_buttons import AskDuty, AskOffers, SetDuty, SetOffers, ShowSource
from bot.texts import Translator
from bot.texts.phrases import lasted_seconds
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine
from crm_core.routing import offer_settings
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.operators import OperatorFacts, SourceTeam

router = Router(name="admins.offer_settings")

SECONDS = (0, 30, 60, 120, 300, 600)
ROUNDS = (1, 2, 3, 5)
MISSES = (0, 2, 3, 5)


def offers_screen(
    source: SourceListed, duty: OperatorFacts | None, _: Translator, *, note: str = ""
) -> OutgoingMessage:
    """What a source says of offers, and what can be chosen instead."""
    number = source.id
    lines = [*_lines(source, duty, _), "", _("How long may an operator think? Press, or send seconds.")]
    rounds = [button(f"🔁 {one}", SetOffers(source_id=number, what="offer_rounds", value=one)) for one in ROUNDS]
    never = _("🌙 never")
    misses = [
        button(f"🌙 {one}" if one else never, SetOffers(source_id=number, what="miss_limit", value=one))
        for one in MISSES
    ]
    seconds = [_of_seconds(number, one, _) for one in SECONDS]
    more = [
        rounds,
        misses,
        [button(_("👤 On duty"), AskDuty(source_id=number)), button(_("🙅 Reasons"), ListReasons())],
    ]
    buttons = keyboard(*in_lines(seconds, 3), *(more if source.offer_seconds else []), _back(source))
    return text_message(titled(f"⏳ {source.name}", lines, note=note), keyboard=buttons)


def _of_seconds(number: int, seconds: int, _: Translator) -> InlineKeyboardButton:
    label = lasted_seconds(seconds, _) if seconds else _("No offers")
    return button(label, SetOffers(source_id=number, what="offer_seconds", value=seconds))


def _back(source: SourceListed) -> list[InlineKeyboardButton]:
    return back(source.name, ShowSource(source_id=source.id))


def _lines(source: SourceListed, duty: OperatorFacts | None, _: Translator) -> list[str]:
    if not source.offer_seconds:
        return [_("Requests are not offered: each belongs at once to the operator who was chosen.")]
    time = lasted_seconds(source.offer_seconds, _)
    lines = [_("Each request is offered for {time}: the operator takes it or declines it.").format(time=time)]
    then = _("it goes to {operator}, who is on duty").format(operator=duty.name) if duty else _("admins are told")
    lines.append(_("🔁 Offers in vain: {n}, then {what}").format(n=source.offer_rounds, what=then))
    if source.miss_limit:
        lines.append(_("🌙 Offers missed in a row: {n}, then the operator is offline").format(n=source.miss_limit))
    else:
        lines.append(_("🌙 Nobody is set offline for missing offers."))
    return lines


def duty_screen(team: SourceTeam, _: Translator, *, page: int = 0) -> OutgoingMessage:
    """Who may be on duty."""
    source = team.source.source
    page, shown = page_of(team.operators, page)
    text = _("Who gets a request that was offered in vain? They get it over their limit, too.")
    buttons = [button(f"{mark(one)} {one.name}", SetDuty(source_id=source.id, operator_id=one.id)) for one in shown]
    return text_message(
        titled(f"👤 {source.name}", [text]),
        keyboard=keyboard(
            [button(_("Nobody: tell admins"), SetDuty(source_id=source.id, operator_id=0))],
            *in_lines(buttons, 2),
            turning(page, len(team.operators), lambda turned: AskDuty(source_id=source.id, page=turned)),
            back(_("Offers"), AskOffers(source_id=source.id)),
        ),
    )


@router.callback_query(AskOffers.filter())
async def on_offers(
    query: CallbackQuery, callback_data: AskOffers, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """What the source says of offers; typed seconds are a choice, too."""
    await _show(act, actor, db, callback_data.source_id, _)


async def _show(act: Act, actor: Actor, db: Database, source_id: int, _: Translator) -> None:
    team = await read_as_admin(db, actor, operators.source_team, source_id=source_id)
    screen = offers_screen(team.source.source, _on_duty(team), _)
    await offer(act, actor, "offer_seconds", screen, source_id=source_id)


def _on_duty(team: SourceTeam) -> OperatorFacts | None:
    return next((one for one in team.operators if one.id == team.source.source.duty_operator_id), None)


@router.callback_query(SetOffers.filter())
async def on_set(query: CallbackQuery, callback_data: SetOffers, actor: Actor, act: Act, _: Translator) -> None:
    """A number that was offered."""
    await _set(act, actor, callback_data.source_id, _, **{callback_data.what: callback_data.value})


@router.message(AnswersPrompt("offer_seconds"))
async def on_typed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed time."""
    await _set(act, actor, asked.data["source_id"], _, offer_seconds=offer_settings.read_seconds(message.text or ""))


@router.callback_query(AskDuty.filter())
async def on_duty(
    query: CallbackQuery, callback_data: AskDuty, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers operators."""
    team = await read_as_admin(db, actor, operators.source_team, source_id=callback_data.source_id)
    await act.show(duty_screen(team, _, page=callback_data.page))


@router.callback_query(SetDuty.filter())
async def on_set_duty(query: CallbackQuery, callback_data: SetDuty, actor: Actor, act: Act, _: Translator) -> None:
    """The operator who was chosen, or nobody."""
    await _set(act, actor, callback_data.source_id, _, duty_operator_id=callback_data.operator_id or None)


async def set_offer(typed: Typed) -> None:
    """`offer shop_bot` shows what is set, `offer shop_bot 120` sets it."""
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await show_usage(typed.act, typed._("Specify the source and the seconds"), typed.example)
        return
    source, time = found
    if time:
        await _set(typed.act, typed.actor, source.id, typed._, offer_seconds=offer_settings.read_seconds(time.raw))
    else:
        await _show(typed.act, typed.actor, typed.db, source.id, typed._)


async def set_duty(typed: Typed, source_id: int, name: str) -> None:
    """`duty shop_bot = Anna`; a dash for nobody."""
    duty = None if name.strip() == "-" else (await which_operator(typed.db, typed.actor, TypedLine.of(name))).id
    await _set(typed.act, typed.actor, source_id, typed._, duty_operator_id=duty)


async def _set(act: Act, actor: Actor, source_id: int, _: Translator, **values: int | None) -> None:
    def done(nothing: None, team: SourceTeam, said: str) -> OutgoingMessage:
        return offers_screen(team.source.source, _on_duty(team), _, note=sentences(_("Saved."), said))

    await change_setting(
        act,
        actor,
        offer_settings.set_offers,
        _,
        then_read=partial(operators.source_team, source_id=source_id),
        screen=done,
        source_id=source_id,
        values=values,
    )

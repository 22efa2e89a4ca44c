"""Limits beside that of open requests: at one source, per hour, and altogether. By command and by button."""

from collections.abc import Awaitable, Callable
from functools import partial

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.previews import change_setting
from bot.admins.setting_changes import change_operator
from bot.admins.source_screens import weights_screen
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import TypedWeight, which_operator
from bot.screens.keyboards import back, button, in_lines, keyboard, sentences, titled
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import AskCeiling, AskRate, SetCeiling, SetRate, ShowOperator
from bot.screens.source_buttons import AskLimitHere, AskWeight, SetLimitHere
from bot.texts import Translator
from bot.texts.phrases import assigned_note
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import read_number
from crm_core.routing import source_details, sources, weight_settings
from crm_core.routing.giving_out import Assigned
from crm_core.routing.source_details import SourceDetails
from crm_core.storage.database import Database
from crm_core.team import ceilings, operators, rates
from crm_core.team.operators import OperatorDetails, OperatorFacts, SourceTeam

router = Router(name="admins.narrower_limits")

NONE = "–"
RATES = (0, 2, 4, 6, 10, 15, 20, 30)
CEILINGS = (0, 10, 15, 20, 30, 50, 75, 100)
LIMITS_HERE = (0, 1, 2, 3, 5, 10, 15, 20)


# --- per hour --------------------------------------------------------------------------------------------------------


def rates_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Numbers of requests per hour to choose from."""
    lines = [
        _("How many requests is {operator} given in an hour at most? Now: {rate}.").format(
            operator=facts.name, rate=facts.rate or NONE
        ),
        _("In any 60 minutes; what comes beyond that goes to others, or waits. With 0, any number."),
    ]
    offered = [button(str(one), SetRate(operator_id=facts.id, limit=one)) for one in RATES]
    return text_message(
        "\n".join(lines), keyboard=keyboard(*in_lines(offered, 4), back(facts.name, ShowOperator(operator_id=facts.id)))
    )


@router.callback_query(AskRate.filter())
async def on_rate(
    query: CallbackQuery, callback_data: AskRate, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers numbers; a typed one is a choice, too."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await offer(act, actor, "operator_rate", rates_screen(facts, _), operator_id=facts.id)


@router.callback_query(SetRate.filter())
async def on_set_rate(query: CallbackQuery, callback_data: SetRate, actor: Actor, act: Act, _: Translator) -> None:
    """Sets one of the offered numbers."""
    await set_rate(act, actor, callback_data.operator_id, str(callback_data.limit), _)


@router.message(AnswersPrompt("operator_rate"), IsNumber())
async def on_typed_rate(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number."""
    await set_rate(act, actor, asked.data["operator_id"], (message.text or "").strip(), _)


async def type_rate(typed: Typed) -> None:
    """`rate Anna 6`."""
    await _type_number(typed, set_rate, usage=typed._("Specify the operator and the number per hour"))


async def _type_number(
    typed: Typed, set_number: Callable[[Act, Actor, int, str, Translator], Awaitable[None]], *, usage: str
) -> None:
    """An operator's name, and a number for them."""
    if len(typed.line) < 2:
        await show_usage(typed.act, usage, typed.example)
        return
    facts = await which_operator(typed.db, typed.actor, typed.line.from_word(0, -1))
    await set_number(typed.act, typed.actor, facts.id, typed.line.words[-1].text, typed._)


async def set_rate(act: Act, actor: Actor, operator_id: int, typed: str, _: Translator) -> None:
    """Sets how many requests an operator is given in an hour. Raises BadValue if that is not such a number."""
    rate = read_number(typed, field="rate", minimum=0, maximum=rates.RATE_LARGEST, off=0)

    def note(seen: OperatorDetails) -> str:
        text = (
            _("{operator} is given at most {rate} requests an hour.") if rate else _("{operator} has no hourly limit.")
        )
        return text.format(operator=seen.facts.name, rate=rate)

    await change_operator(act, actor, rates.set_rate, operator_id, _, note=note, rate=rate or None)


# --- altogether ------------------------------------------------------------------------------------------------------


def ceilings_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Ceilings to choose from."""
    lines = [
        _("How many requests can {operator} have altogether, snoozed ones included? Now: {ceiling}.").format(
            operator=facts.name, ceiling=facts.ceiling
        ),
        _("It holds by hand, too. With 0, it is three times their limit."),
    ]
    offered = [button(str(one), SetCeiling(operator_id=facts.id, limit=one)) for one in CEILINGS]
    return text_message(
        "\n".join(lines), keyboard=keyboard(*in_lines(offered, 4), back(facts.name, ShowOperator(operator_id=facts.id)))
    )


@router.callback_query(AskCeiling.filter())
async def on_ceiling(
    query: CallbackQuery, callback_data: AskCeiling, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers ceilings; a typed number is a choice, too."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await offer(act, actor, "operator_ceiling", ceilings_screen(facts, _), operator_id=facts.id)


@router.callback_query(SetCeiling.filter())
async def on_set_ceiling(
    query: CallbackQuery, callback_data: SetCeiling, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered ceilings."""
    await set_ceiling(act, actor, callback_data.operator_id, str(callback_data.limit), _)


@router.message(AnswersPrompt("operator_ceiling"), IsNumber())
async def on_typed_ceiling(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed ceiling."""
    await set_ceiling(act, actor, asked.data["operator_id"], (message.text or "").strip(), _)


async def type_ceiling(typed: Typed) -> None:
    """`ceiling Anna 20`."""
    await _type_number(typed, set_ceiling, usage=typed._("Specify the operator and the ceiling"))


async def set_ceiling(act: Act, actor: Actor, operator_id: int, typed: str, _: Translator) -> None:
    """Sets how much can be an operator's altogether. Raises BadValue if that is not such a number."""
    ceiling = read_number(typed, field="ceiling", minimum=0, maximum=ceilings.CEILING_LARGEST, off=0)

    def note(seen: OperatorDetails) -> str:
        text = _("{operator} can have at most {ceiling} requests altogether, snoozed ones included.")
        return text.format(operator=seen.facts.name, ceiling=seen.facts.ceiling)

    await change_operator(act, actor, ceilings.set_ceiling, operator_id, _, note=note, max_held=ceiling or None)


# --- at one source ---------------------------------------------------------------------------------------------------


def limits_here_screen(details: SourceDetails, facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """Limits of one operator at one source to choose from."""
    source = details.source
    now = next((share.limit for share in details.shares if share.operator_id == facts.id), None)
    lines = [
        _("How many open requests from here can they have at once? Now: {limit}.").format(limit=now or NONE),
        _("Their limit of all open requests ({limit}) holds beside it. With 0, it holds alone.").format(
            limit=facts.max_leads
        ),
    ]
    ids = {"source_id": source.id, "operator_id": facts.id}
    offered = [button(str(one), SetLimitHere(**ids, limit=one)) for one in LIMITS_HERE]
    return text_message(
        titled(f"🔢 {facts.name} · {source.name}", lines),
        keyboard=keyboard(*in_lines(offered, 4), back(_("Weight"), AskWeight(**ids))),
    )


@router.callback_query(AskLimitHere.filter())
async def on_limit_here(
    query: CallbackQuery, callback_data: AskLimitHere, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers limits; a typed number is a choice, too."""
    details = await read_as_admin(db, actor, source_details.details, source_id=callback_data.source_id)
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    ids = {"source_id": callback_data.source_id, "operator_id": facts.id}
    await offer(act, actor, "limit_here", limits_here_screen(details, facts, _), **ids)


@router.callback_query(SetLimitHere.filter())
async def on_set_limit_here(
    query: CallbackQuery, callback_data: SetLimitHere, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered limits."""
    await set_limit_here(act, actor, callback_data.source_id, callback_data.operator_id, str(callback_data.limit), _)


@router.message(AnswersPrompt("limit_here"), IsNumber())
async def on_typed_limit_here(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed limit."""
    typed = (message.text or "").strip()
    await set_limit_here(act, actor, asked.data["source_id"], asked.data["operator_id"], typed, _)


async def type_limit_here(typed: Typed) -> None:
    """`limit shop_bot Anna 3`."""
    known = await read_as_admin(typed.db, typed.actor, sources.listing)
    staff = await read_as_admin(typed.db, typed.actor, operators.listing)
    meant = TypedWeight.of(typed.line, known, staff)
    if meant.operator is None or meant.weight is None:
        await show_usage(typed.act, typed._("Specify the source, the operator and the limit"), typed.example)
        return
    await set_limit_here(typed.act, typed.actor, meant.source.id, meant.operator.id, meant.weight, typed._)


async def set_limit_here(act: Act, actor: Actor, source_id: int, operator_id: int, typed: str, _: Translator) -> None:
    """Sets a limit at a source. Raises BadValue if what was typed is none."""
    limit = read_number(typed, field="limit_here", minimum=0, maximum=weight_settings.LIMIT_LARGEST, off=0)

    def done(assigned: Assigned, team: SourceTeam, preview: str) -> OutgoingMessage:
        name = next(one.name for one in team.operators if one.id == operator_id)
        text = _("{operator} can have at most {limit} open requests from {source}.")
        if not limit:
            text = _("{operator} has no limit of their own at {source} any more.")
        note = text.format(operator=name, limit=limit, source=team.source.source.name)
        return weights_screen(team.source, team.operators, _, note=sentences(note, assigned_note(assigned, _), preview))

    await change_setting(
        act,
        actor,
        weight_settings.set_limit,
        _,
        then_read=partial(operators.source_team, source_id=source_id),
        screen=done,
        source_id=source_id,
        operator_id=operator_id,
        limit=limit or None,
    )

"""/assign: a weight, or a request that is assigned manually, as it is typed."""

import re

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import InlineKeyboardButton, Message

from bot.admins import weight_buttons
from bot.admins.assign_contact import assign, operators_to_choose
from bot.admins.queue import queue_screen
from bot.admins.source_screens import weight_screen, weights_screen
from bot.admins.weight_buttons import sources_to_choose
from bot.admins.weights import set_weight
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import TypedWeight, UnknownPair
from bot.screens.keyboards import button, in_lines, keyboard, typed
from bot.screens.message import text_message
from bot.screens.source_buttons import AskWeight, SetWeight
from bot.texts import Translator
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor
from crm_core.names import TypedLine
from crm_core.routing import source_details, sources
from crm_core.routing.weight_settings import WEIGHT_LARGEST
from crm_core.storage.database import Database
from crm_core.team import operators

router = Router(name="admins.assign")
router.include_router(weight_buttons.router)

_NUMBER = re.compile(r"\s*[#№]\s*(\d{1,9})(?=\s|$)")


@router.message(typed("assign", "weights", "give"))
async def on_assign(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """`/assign shop_bot Anna 30`, `/assign #42 Anna`, or alone: then buttons. `/weights` and `/give` read the same."""
    line = TypedLine.of(command.args or "")
    if not line and command.command.lower() == "give":
        await act.answer(
            await queue_screen(act, db, actor, timezone, _, hint=_("To assign any request: /assign #42 Anna"))
        )
        return
    if not line:
        await act.answer(sources_to_choose(await read_as_admin(db, actor, sources.listing), _))
        return
    number = _NUMBER.match(line.raw)
    if number is not None:
        named = TypedLine.of(line.raw[number.end() :].strip())
        await _assign_contact(int(number[1]), named, act, actor, db, timezone, _)
        return
    known = await read_as_admin(db, actor, sources.listing)
    staff = await read_as_admin(db, actor, operators.listing)
    try:
        await _assign_weight(TypedWeight.of(line, known, staff), act, actor, db, _)
    except UnknownPair as unknown:
        buttons = [_suggestion(one) for one in unknown.similar]
        await act.answer(text_message(refusal(unknown.error, _), keyboard=keyboard(*in_lines(buttons, 1))))


async def _assign_contact(
    contact_id: int, line: TypedLine, act: Act, actor: Actor, db: Database, timezone: str, _: Translator
) -> None:
    known = await read_as_admin(db, actor, operators.listing)
    if not line:
        await act.answer(await operators_to_choose(db, actor, contact_id, 0, timezone, _))
        return
    facts = operators.pick(known, line)
    if facts is not None:
        await assign(act, actor, contact_id, facts.id, _)
        return
    error = operators.missed(known, line)
    await act.answer(await operators_to_choose(db, actor, contact_id, 0, timezone, _, note=refusal(error, _)))


async def _assign_weight(meant: TypedWeight, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    source, facts = meant.source, meant.operator
    if facts is not None and meant.weight is not None:
        await set_weight(act, actor, source.id, facts.id, meant.weight, _)
    elif facts is not None:
        await act.answer(
            weight_screen(await read_as_admin(db, actor, source_details.details, source_id=source.id), facts, _)
        )
    else:
        team = await read_as_admin(db, actor, operators.source_team, source_id=source.id)
        await act.answer(weights_screen(team.source, team.operators, _))


def _suggestion(meant: TypedWeight) -> InlineKeyboardButton:
    """A button that does what the line says, with a known name that is similar to the typed one."""
    source, facts, weight = meant.source, meant.operator, meant.weight
    assert facts is not None
    label = f"{source.name} · {facts.name}" + (f" · {weight}" if weight else "")
    if weight is not None and 0 <= int(weight) <= WEIGHT_LARGEST:
        return button(label, SetWeight(source_id=source.id, operator_id=facts.id, weight=int(weight)))
    return button(label, AskWeight(source_id=source.id, operator_id=facts.id))

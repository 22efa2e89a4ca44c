"""Working hours of operators, as admins see and set them: `/operators hours Anna mon-fri 9-18`, and by button."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.operator_settings import working_hours
from bot.admins.setting_changes import change_operator
from bot.admins.typed_hours import read_hours
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import operator_and_rest
from bot.screens.keyboards import back, button, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import AskHours, ClearHours, ShowOperator
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.hours.calendar import Calendar
from crm_core.storage.database import Database
from crm_core.team import operators, shifts
from crm_core.team.operators import OperatorDetails, OperatorFacts

router = Router(name="admins.operator_hours")


def hours_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """The working hours, and how to change them."""
    now = working_hours(facts, _) or [_("always, while online")]
    lines = [
        _("🕘 When do new requests come to {operator}?").format(operator=facts.name),
        *(f"  {line}" for line in now),
        "",
        _("Send the hours as you would write them: mon-fri 9-18 break 13-14, sat 10-14"),
        _("Dates and leave are added to what is there: 31 dec 10-15; leave 1 jul - 14 jul"),
    ]
    buttons = keyboard(
        [button(_("Always, while online"), ClearHours(operator_id=facts.id))] if facts.hours is not None else [],
        back(facts.name, ShowOperator(operator_id=facts.id)),
    )
    return text_message("\n".join(lines), keyboard=buttons)


@router.callback_query(AskHours.filter())
async def on_hours(
    query: CallbackQuery, callback_data: AskHours, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Shows the hours; what is typed next changes them."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await offer(act, actor, "operator_hours", hours_screen(facts, _), operator_id=facts.id)


@router.callback_query(ClearHours.filter())
async def on_clear(query: CallbackQuery, callback_data: ClearHours, actor: Actor, act: Act, _: Translator) -> None:
    """No hours: requests come whenever the operator is online."""
    await _set(act, actor, callback_data.operator_id, None, _)


@router.message(AnswersPrompt("operator_hours"))
async def on_typed(
    message: Message, asked: OpenPrompt, actor: Actor, act: Act, db: Database, timezone: str, _: Translator
) -> None:
    """Sets the typed hours."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=asked.data["operator_id"])
    await _set_typed(act, actor, facts, message.text or "", timezone, _)


async def set_hours(typed: Typed) -> None:
    """`hours Anna` shows them, `hours Anna mon-fri 9-18` sets them."""
    found = await operator_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await show_usage(typed.act, typed._("Specify the operator and the hours"), typed.example)
        return
    facts, hours = found
    if hours:
        await _set_typed(typed.act, typed.actor, facts, hours.raw, typed.timezone, typed._)
    else:
        await offer(typed.act, typed.actor, "operator_hours", hours_screen(facts, typed._), operator_id=facts.id)


async def _set_typed(act: Act, actor: Actor, facts: OperatorFacts, text: str, timezone: str, _: Translator) -> None:
    """Sets typed hours. Raises BadHours with the part that was not understood."""
    hours = read_hours(act, text, before=facts.hours, timezone=timezone)
    await _set(act, actor, facts.id, hours, _)


async def _set(act: Act, actor: Actor, operator_id: int, hours: Calendar | None, _: Translator) -> None:
    def note(seen: OperatorDetails) -> str:
        text = _("{operator} gets new requests whenever they are online.")
        if hours is not None:
            text = _("{operator}'s working hours are set.")
        return text.format(operator=seen.facts.name)

    await change_operator(act, actor, shifts.set_hours, operator_id, _, note=note, hours=hours)

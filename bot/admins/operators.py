"""/operators: the list, one operator, or a change, as it is typed."""

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import Message

from bot.admins import narrower_limits, operator_actions, operator_buttons, operator_hours, skills
from bot.admins.operator_screens import operator_screen, operators_screen, removal_screen
from bot.admins.verbs import Subject, Typed, Verb, carry_out, of_one, offer_similar, show_usage, verb_of, with_text
from bot.handling.act import Act
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_operator
from bot.screens.keyboards import typed
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.errors import OperatorNotFound
from crm_core.names import TypedLine
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.accounts import Member

router = Router(name="admins.operators")
router.include_routers(operator_buttons.router, operator_hours.router, narrower_limits.router, skills.router)

SUBJECT = Subject("/operators", find=which_operator, listing=operators.listing, pick=operators.pick)


@router.message(typed("operators"))
async def on_operators(
    message: Message,
    command: CommandObject,
    actor: Actor,
    act: Act,
    db: Database,
    member: Member,
    timezone: str,
    _: Translator,
) -> None:
    """`/operators`, `/operators Anna`, `/operators limit Anna 15`."""
    line = TypedLine.of(command.args or "")
    if not line:
        known = await read_as_admin(db, actor, operators.listing)
        await act.answer(operators_screen(known, _, is_operator=member.operator_id is not None))
        return
    if verb_of(line) == "add":
        await operator_actions.add(act, actor, db, line.from_word(1), _)
        return
    wanted = Typed(line, act, actor, db, _, timezone=timezone)
    if await carry_out(wanted, SUBJECT, VERBS, missing=_("Specify who you mean")):
        return
    try:
        facts = await which_operator(db, actor, line)
    except OperatorNotFound:
        if await offer_similar(wanted, SUBJECT, VERBS, besides="add"):
            return
        raise
    await act.answer(operator_screen(await read_as_admin(db, actor, operators.details, operator_id=facts.id), _))


async def _set_limit(typed: Typed) -> None:
    if len(typed.line) < 2:
        await show_usage(typed.act, typed._("Specify the operator and the limit"), typed.example)
        return
    facts = await which_operator(typed.db, typed.actor, typed.line.from_word(0, -1))
    await operator_actions.set_limit(typed.act, typed.actor, facts.id, typed.line.words[-1].text, typed._)


async def _switch_on(typed: Typed, operator_id: int) -> None:
    await operator_actions.switch(typed.act, typed.actor, operator_id, True, typed._)


async def _switch_off(typed: Typed, operator_id: int) -> None:
    await operator_actions.switch(typed.act, typed.actor, operator_id, False, typed._)


async def _invite(typed: Typed, operator_id: int) -> None:
    await operator_actions.invite(typed.act, typed.actor, typed.db, operator_id, typed._)


async def _rename(typed: Typed, operator_id: int, name: str) -> None:
    await operator_actions.rename(typed.act, typed.actor, operator_id, name, typed._)


async def _ask_to_remove(typed: Typed) -> None:
    facts = await which_operator(typed.db, typed.actor, typed.line)
    await typed.act.answer(removal_screen(facts, typed._))


VERBS = {
    "limit": Verb(lambda _: _("limit Anna 15"), _set_limit),
    "rate": Verb(lambda _: _("rate Anna 6"), narrower_limits.type_rate),
    "ceiling": Verb(lambda _: _("ceiling Anna 20"), narrower_limits.type_ceiling),
    "skills": Verb(lambda _: _("skills Anna german, vip"), skills.type_skills),
    "hours": Verb(lambda _: _("hours Anna mon-fri 9-18"), operator_hours.set_hours),
    "on": Verb(lambda _: _("on Anna"), of_one(SUBJECT, _switch_on)),
    "off": Verb(lambda _: _("off Anna"), of_one(SUBJECT, _switch_off)),
    "remove": Verb(lambda _: _("remove Anna"), _ask_to_remove),
    "rename": Verb(
        lambda _: _("rename Anna = Anna Maria"),
        with_text(SUBJECT, _rename, lambda _: _("Specify both names with = between them")),
    ),
    "link": Verb(lambda _: _("link Anna"), of_one(SUBJECT, _invite)),
}

"""The buttons of `/operators`, and the answers to the questions that they ask."""

from aiogram import Router
from aiogram.filters import BaseFilter
from aiogram.types import CallbackQuery, Message

from bot.admins import operator_actions
from bot.admins.operator_screens import limits_screen, operator_screen, operators_screen, removal_screen
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, ask, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import which_operator
from bot.screens.operator_buttons import (
    AddOperator,
    AskLimit,
    GiveSource,
    InviteOperator,
    ListOperators,
    RemoveOperator,
    RenameOperator,
    SetLimit,
    ShowOperator,
    SwitchOperator,
    TypeLimit,
)
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine, normalise
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.accounts import Member
from crm_core.team.operators import LIMIT_LARGEST

router = Router(name="admins.operator_buttons")


@router.callback_query(ListOperators.filter())
async def on_list(
    query: CallbackQuery,
    callback_data: ListOperators,
    actor: Actor,
    act: Act,
    db: Database,
    member: Member,
    _: Translator,
) -> None:
    """A page of the list."""
    known = await read_as_admin(db, actor, operators.listing)
    is_operator = member.operator_id is not None
    await act.show(operators_screen(known, _, page=callback_data.page, is_operator=is_operator))


@router.callback_query(ShowOperator.filter())
async def on_show(
    query: CallbackQuery, callback_data: ShowOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """One operator."""
    details = await read_as_admin(db, actor, operators.details, operator_id=callback_data.operator_id)
    await act.show(operator_screen(details, _))


@router.callback_query(AddOperator.filter())
async def on_add(query: CallbackQuery, actor: Actor, act: Act, _: Translator) -> None:
    """Asks for the name."""
    text = _("Send the new operator's name and their limit of open requests, for example: Anna 10")
    await ask(act, actor, "operator_add", text, back=ListOperators().pack(), _=_)


@router.message(AnswersPrompt("operator_add"))
async def on_added(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """Adds the operator of the typed name and limit."""
    await operator_actions.add(act, actor, db, TypedLine.of(message.text or ""), _)


class RepeatsName(BaseFilter):
    """Passes the name of the operator who was just added, and a number: a limit that was forgotten, or is another."""

    async def __call__(self, message: Message, asked: OpenPrompt) -> bool:
        line = TypedLine.of(message.text or "")
        return line.number is not None and normalise(line.from_word(0, -1).name) == normalise(asked.data["name"])


@router.message(AnswersPrompt("operator_added"), RepeatsName())
async def on_corrected(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """`Anna 3` after Anna was added: sets the limit."""
    line = TypedLine.of(message.text or "")
    facts = await which_operator(db, actor, line.from_word(0, -1))
    await operator_actions.set_limit(act, actor, facts.id, line.words[-1].text, _)


@router.callback_query(AskLimit.filter())
async def on_limit(
    query: CallbackQuery, callback_data: AskLimit, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers limits."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await offer(act, actor, "operator_limit_offered", limits_screen(facts, _), operator_id=facts.id)


@router.callback_query(SetLimit.filter())
async def on_set_limit(query: CallbackQuery, callback_data: SetLimit, actor: Actor, act: Act, _: Translator) -> None:
    """Sets one of the offered limits."""
    await operator_actions.set_limit(act, actor, callback_data.operator_id, str(callback_data.limit), _)


@router.callback_query(TypeLimit.filter())
async def on_type_limit(
    query: CallbackQuery, callback_data: TypeLimit, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another limit."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    text = _("Send how many open requests {operator} can have at once, from 0 to {largest}.")
    await ask(
        act,
        actor,
        "operator_limit",
        text.format(operator=facts.name, largest=LIMIT_LARGEST),
        back=ShowOperator(operator_id=facts.id).pack(),
        _=_,
        operator_id=facts.id,
    )


@router.message(AnswersPrompt("operator_limit_offered"), IsNumber())
@router.message(AnswersPrompt("operator_limit"))
async def on_typed_limit(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed limit."""
    await operator_actions.set_limit(act, actor, asked.data["operator_id"], (message.text or "").strip(), _)


@router.callback_query(RenameOperator.filter())
async def on_rename(
    query: CallbackQuery, callback_data: RenameOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another name."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    text = _("Send a new name for {operator}. Clients will see it.").format(operator=facts.name)
    back = ShowOperator(operator_id=facts.id).pack()
    await ask(act, actor, "operator_name", text, back=back, _=_, operator_id=facts.id)


@router.message(AnswersPrompt("operator_name"))
async def on_renamed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed name."""
    await operator_actions.rename(act, actor, asked.data["operator_id"], message.text or "", _)


@router.callback_query(SwitchOperator.filter())
async def on_switch(query: CallbackQuery, callback_data: SwitchOperator, actor: Actor, act: Act, _: Translator) -> None:
    """Switches on or off."""
    await operator_actions.switch(act, actor, callback_data.operator_id, callback_data.is_on, _)


@router.callback_query(GiveSource.filter())
async def on_give_source(
    query: CallbackQuery, callback_data: GiveSource, actor: Actor, act: Act, _: Translator
) -> None:
    """Gives a first source, or all."""
    await operator_actions.give_source(act, actor, callback_data.operator_id, callback_data.source_id, _)


@router.callback_query(InviteOperator.filter())
async def on_invite(
    query: CallbackQuery, callback_data: InviteOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Makes a new invitation link."""
    await operator_actions.invite(act, actor, db, callback_data.operator_id, _)


@router.callback_query(RemoveOperator.filter())
async def on_remove(
    query: CallbackQuery, callback_data: RemoveOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks, and at the second press removes."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    if not callback_data.is_sure:
        await act.show(removal_screen(facts, _))
        return
    await operator_actions.remove(act, actor, facts, _)

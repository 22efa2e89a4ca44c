"""/operators: who handles contacts; by buttons, and typed."""

from functools import partial

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.admins.operator_screens import limits_screen, operator_screen, operators_screen, removal_screen
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, ask
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import new_name, say_usage, which_operator
from bot.random_codes import new_code
from bot.screens.buttons import (
    AddOperator,
    AskLimit,
    InviteOperator,
    ListOperators,
    RemoveOperator,
    RenameOperator,
    SetLimit,
    ShowOperator,
    SwitchOperator,
    TypeLimit,
)
from bot.screens.keyboards import sentences, typed
from bot.screens.links import OPERATOR_PAYLOAD, link
from bot.screens.message import OutgoingMessage
from bot.texts import Translator
from bot.texts.phrases import given_out
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine, read_number
from crm_core.storage.database import Database
from crm_core.team import accounts, departure, invitations, operators
from crm_core.team.operators import DEFAULT_LIMIT, LIMIT_LARGEST, OperatorDetails

router = Router(name="admins.operators")


# --- what can be done, however it was asked for -----------------------------------------------------------------------


async def _set_limit(act: Act, actor: Actor, operator_id: int, text: str, _: Translator) -> None:
    def done(given: int, seen: OperatorDetails) -> OutgoingMessage:
        words = _("{operator} can now have {limit} open requests at once.")
        note = words.format(operator=seen.facts.name, limit=seen.facts.max_leads)
        return operator_screen(seen, _, note=sentences(note, given_out(given, _)))

    limit = read_number(text, field="limit", minimum=0, maximum=LIMIT_LARGEST)
    await act(
        operators.set_limit,
        operator_id=operator_id,
        max_leads=limit,
        actor=actor,
        then_read=partial(operators.details, operator_id=operator_id),
        screen=done,
    )


async def _switch(act: Act, actor: Actor, operator_id: int, is_on: bool, _: Translator) -> None:
    def done(given: int, seen: OperatorDetails) -> OutgoingMessage:
        if is_on:
            words = _("{operator} is switched on: new requests can come.")
        else:
            words = _("{operator} is switched off: no new requests, open ones can still be finished.")
        note = words.format(operator=seen.facts.name)
        return operator_screen(seen, _, note=sentences(note, given_out(given, _)))

    await act(
        operators.set_active,
        operator_id=operator_id,
        is_active=is_on,
        actor=actor,
        then_read=partial(operators.details, operator_id=operator_id),
        screen=done,
    )


async def _rename(act: Act, actor: Actor, operator_id: int, name: str, _: Translator) -> None:
    await act(
        operators.rename,
        operator_id=operator_id,
        name=name,
        actor=actor,
        then_read=partial(operators.details, operator_id=operator_id),
        screen=lambda stored, seen: operator_screen(
            seen, _, note=_("The name is now {operator}.").format(operator=stored)
        ),
    )


async def _add(act: Act, actor: Actor, db: Database, line: TypedLine, _: Translator) -> None:
    """A name and perhaps a limit, as they were typed."""
    if not line:
        await say_usage(act, _("Specify the name and the limit"), "/operators add Anna 10")
        return
    limit = line.number if len(line) > 1 else None
    name = line.from_word(0, -1).name if limit is not None else line.name
    bots = await db.read(accounts.bot_usernames)
    code = new_code()
    address = link(bots[act.bot_id], OPERATOR_PAYLOAD + code)
    most = DEFAULT_LIMIT if limit is None else read_number(limit, field="limit", minimum=0, maximum=LIMIT_LARGEST)

    def done(hired: OperatorDetails) -> OutgoingMessage:
        words = _("{operator} has been added, with a limit of {limit}.")
        note = words.format(operator=hired.facts.name, limit=hired.facts.max_leads)
        return operator_screen(hired, _, note=note + "\n" + _invitation(hired.facts.name, address, _))

    await act(invitations.invite_operator, name=name, max_leads=most, code=code, actor=actor, reply=done)


def _invitation(name: str, address: str, _: Translator) -> str:
    words = _("Send this link to {operator}. It works once, within 7 days:")
    return words.format(operator=name) + f"\n{address}"


async def _invite(act: Act, actor: Actor, db: Database, operator_id: int, _: Translator) -> None:
    bots = await db.read(accounts.bot_usernames)
    code = new_code()
    address = link(bots[act.bot_id], OPERATOR_PAYLOAD + code)
    await act(
        invitations.invite,
        code=code,
        role="operator",
        operator_id=operator_id,
        actor=actor,
        then_read=partial(operators.details, operator_id=operator_id),
        screen=lambda made, seen: operator_screen(
            seen, _, note=sentences(_("Earlier links no longer work."), _invitation(seen.facts.name, address, _))
        ),
    )


# --- typed ------------------------------------------------------------------------------------------------------------


@router.message(typed("operators"))
async def on_operators(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The list, one operator, or a change: `/operators`, `/operators Anna`, `/operators limit Anna 15`."""
    line = TypedLine.of(command.args or "")
    if not line:
        await act.answer(operators_screen(await read_as_admin(db, actor, operators.listing), _))
        return
    verb, rest = line.words[0].text.casefold(), line.from_word(1)
    if verb == "add":
        await _add(act, actor, db, rest, _)
    elif verb in VERBS and not line.words[0].is_quoted:
        if rest:
            await VERBS[verb](rest, act, actor, db, _)
        else:
            await say_usage(act, _("Specify who you mean"), f"/operators {EXAMPLES[verb]}")
    else:
        facts = await which_operator(db, actor, line)
        await act.answer(operator_screen(await read_as_admin(db, actor, operators.details, operator_id=facts.id), _))


async def _type_limit(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    if len(line) < 2:
        await say_usage(act, _("Specify the operator and the limit"), f"/operators {EXAMPLES['limit']}")
        return
    facts = await which_operator(db, actor, line.from_word(0, -1))
    await _set_limit(act, actor, facts.id, line.words[-1].text, _)


async def _type_on(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _switch(act, actor, (await which_operator(db, actor, line)).id, True, _)


async def _type_off(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _switch(act, actor, (await which_operator(db, actor, line)).id, False, _)


async def _type_link(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _invite(act, actor, db, (await which_operator(db, actor, line)).id, _)


async def _type_remove(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await act.answer(removal_screen(await which_operator(db, actor, line), _))


async def _type_name(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    known = await read_as_admin(db, actor, operators.listing)
    found = new_name(line, partial(operators.pick, known))
    if found is None:
        await say_usage(act, _("Specify both names with = between them"), f"/operators {EXAMPLES['rename']}")
        return
    old, new = found
    facts = await which_operator(db, actor, old)
    await _rename(act, actor, facts.id, new.name, _)


VERBS = {
    "limit": _type_limit,
    "on": _type_on,
    "off": _type_off,
    "remove": _type_remove,
    "rename": _type_name,
    "link": _type_link,
}
EXAMPLES = {
    "limit": "limit Anna 15",
    "on": "on Anna",
    "off": "off Anna",
    "remove": "remove Anna",
    "rename": "rename Anna = Anna Maria",
    "link": "link Anna",
}


# --- by buttons -------------------------------------------------------------------------------------------------------


@router.callback_query(ListOperators.filter())
async def on_list(
    query: CallbackQuery, callback_data: ListOperators, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A page of the list."""
    await act.show(operators_screen(await read_as_admin(db, actor, operators.listing), _, page=callback_data.page))


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
    words = _("Send the new operator's name and their limit of open requests, for example: Anna 10")
    await ask(act, actor, "operator_add", words, back=ListOperators().pack(), _=_)


@router.message(AnswersPrompt("operator_add"))
async def on_added(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """The name and the limit."""
    await _add(act, actor, db, TypedLine.of(message.text or ""), _)


@router.callback_query(AskLimit.filter())
async def on_limit(
    query: CallbackQuery, callback_data: AskLimit, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers limits."""
    await act.show(
        limits_screen(await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id), _)
    )


@router.callback_query(SetLimit.filter())
async def on_set_limit(query: CallbackQuery, callback_data: SetLimit, actor: Actor, act: Act, _: Translator) -> None:
    """One of those offered."""
    await _set_limit(act, actor, callback_data.operator_id, str(callback_data.limit), _)


@router.callback_query(TypeLimit.filter())
async def on_type_limit(
    query: CallbackQuery, callback_data: TypeLimit, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another one."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    words = _("Send how many open requests {operator} can have at once, from 0 to {largest}.")
    await ask(
        act,
        actor,
        "operator_limit",
        words.format(operator=facts.name, largest=LIMIT_LARGEST),
        back=ShowOperator(operator_id=facts.id).pack(),
        _=_,
        operator_id=facts.id,
    )


@router.message(AnswersPrompt("operator_limit"))
async def on_typed_limit(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The limit."""
    await _set_limit(act, actor, asked.data["operator_id"], (message.text or "").strip(), _)


@router.callback_query(RenameOperator.filter())
async def on_rename(
    query: CallbackQuery, callback_data: RenameOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another name."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    words = _("Send a new name for {operator}. Clients will see it.").format(operator=facts.name)
    back = ShowOperator(operator_id=facts.id).pack()
    await ask(act, actor, "operator_name", words, back=back, _=_, operator_id=facts.id)


@router.message(AnswersPrompt("operator_name"))
async def on_renamed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The name."""
    await _rename(act, actor, asked.data["operator_id"], message.text or "", _)


@router.callback_query(SwitchOperator.filter())
async def on_switch(query: CallbackQuery, callback_data: SwitchOperator, actor: Actor, act: Act, _: Translator) -> None:
    """On or off."""
    await _switch(act, actor, callback_data.operator_id, callback_data.is_on, _)


@router.callback_query(InviteOperator.filter())
async def on_invite(
    query: CallbackQuery, callback_data: InviteOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A new invitation link."""
    await _invite(act, actor, db, callback_data.operator_id, _)


@router.callback_query(RemoveOperator.filter())
async def on_remove(
    query: CallbackQuery, callback_data: RemoveOperator, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks, and at the second press removes."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    if not callback_data.is_sure:
        await act.show(removal_screen(facts, _))
        return

    def done(removed: departure.Removed, known: list[operators.OperatorFacts]) -> OutgoingMessage:
        note = _("{operator} has been removed.").format(operator=facts.name)
        back = waits = ""
        if removed.returned:
            back = _.plural(
                "{n} request went back to the queue.", "{n} requests went back to the queue.", removed.returned
            ).format(n=removed.returned)
        if removed.waiting:
            waits = _.plural("{n} of them is waiting: /queue", "{n} of them are waiting: /queue", removed.waiting)
            waits = waits.format(n=removed.waiting)
        return operators_screen(known, _, note=sentences(note, back, waits))

    await act(departure.remove, operator_id=facts.id, actor=actor, then_read=operators.listing, screen=done)

"""Handing a request on, to another operator or to another source, with a note: `/transfer #42 Anna …`, or by buttons.

Operators hand on their own requests, admins all. The buttons ask to whom, then for a note.
"""

from collections.abc import Sequence
from typing import Any

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.handling.act import Act
from bot.handling.contact_number import number_and_rest
from bot.handling.prompts import AnswersPrompt, offer_as, operator_answers
from bot.handling.typed_names import with_rest
from bot.screens.contact_buttons import (
    ChooseColleague,
    ChooseTarget,
    HandNow,
    HandTo,
    MoveNow,
    MoveTo,
    ShowCard,
    TransferContact,
)
from bot.screens.contact_label import contact_label, one_line
from bot.screens.keyboards import button, in_lines, keyboard, page_of, titled, turning, typed
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.screens.own_requests import which_request
from bot.texts import Translator
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor
from crm_core.contacts import handing_on, moving
from crm_core.contacts.handing_on import Colleague, Ways
from crm_core.contacts.moving import Moved
from crm_core.conversation import leaving
from crm_core.conversation.leaving import Held
from crm_core.conversation.prompts import OpenPrompt, Role
from crm_core.errors import NeedsConfirmation, PromptEnded
from crm_core.names import TypedLine
from crm_core.routing import sources
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.accounts import Member
from crm_core.team.operators import OperatorFacts

NOTE, SURE = "transfer_note", "transfer_sure"
NAMED_LONGEST = 64  # characters of a name that nobody has
NAME_LONGEST = 11  # characters on a button, which has 20 with sign and load
TO = frozenset({"to", "в", "во", "на", "к", "ко"})


def transfer_router() -> Router:
    """A router for the command and its buttons; operators and admins each have one."""
    router = Router(name="transferring")
    router.message(typed("transfer"))(on_typed)
    router.callback_query(TransferContact.filter())(on_transfer)
    router.callback_query(ChooseColleague.filter())(on_page)
    router.callback_query(ChooseTarget.filter())(on_targets)
    router.callback_query(HandTo.filter())(on_colleague)
    router.callback_query(MoveTo.filter())(on_target)
    router.callback_query(HandNow.filter())(on_hand)
    router.callback_query(MoveNow.filter())(on_move)
    return router


async def on_typed(message: Message, actor: Actor, act: Act, db: Database, member: Member, _: Translator) -> None:
    """`/transfer #42 Anna a note`, `/transfer #42 to shop_bot a note`, `/transfer #42` or less: then buttons."""
    found = number_and_rest(message.text)
    if found is None:
        text = _("Add the number of the request, to whom, and a note if you like: {examples}")
        usage = text.format(examples=_("/transfer #42 Anna …, /transfer #42 to shop_bot …"))
        held = await db.read(leaving.mine, actor=actor) if member.operator_id is not None else []
        await act.answer(which_request(usage, held, "↪️", _transfer_button, _))
        return
    contact_id, rest = found
    line = TypedLine.of(rest)
    if not line:
        screen = await _colleagues(db, actor, act, contact_id, 0, _)
        await act.answer(screen)
        return
    await db.read(handing_on.ways, contact_id=contact_id, actor=actor, now=act.clock())  # not to whom it is no concern
    staff, known = await db.read(operators.listing), await db.read(sources.listing)
    where = line.from_word(1) if line.words[0].text.casefold() in TO and len(line) > 1 else None
    if where is not None and (at := with_rest(where, lambda part: sources.pick(known, part))) is not None:
        await _move(act, actor, contact_id, at[0].id, _, note=at[1].raw or None)
    elif (whom := _colleague(staff, line) or _colleague(staff, where)) is not None:
        await _hand(act, actor, member, contact_id, whom[0].id, _, note=whom[1].raw or None)
    else:
        # Not the usual refusal, which names commands that operators do not have.
        named = (line if where is None else where).from_word(0, 1).name
        note = _("There is no “{name}”.").format(name=one_line(shorten(named, NAMED_LONGEST)))
        await act.answer(await _colleagues(db, actor, act, contact_id, 0, _, note=note))


def _colleague(staff: Sequence[OperatorFacts], line: TypedLine | None) -> tuple[OperatorFacts, TypedLine] | None:
    """The operator whose name a text begins with, and what follows."""
    return None if line is None else with_rest(line, lambda part: operators.pick(staff, part))


def _transfer_button(one: Held) -> TransferContact:
    return TransferContact(contact_id=one.contact_id, version=one.version)


async def on_transfer(
    query: CallbackQuery, callback_data: TransferContact, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """[Transfer] on a card: a message of its own asks to whom, so that the card stays."""
    await act.answer(await _colleagues(db, actor, act, callback_data.contact_id, 0, _))


async def on_page(
    query: CallbackQuery, callback_data: ChooseColleague, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The operators to whom it can be handed on."""
    await act.show(await _colleagues(db, actor, act, callback_data.contact_id, callback_data.page, _))


async def on_targets(
    query: CallbackQuery, callback_data: ChooseTarget, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """[To another source]."""
    number = callback_data.contact_id
    found = await db.read(handing_on.ways, contact_id=number, actor=actor, now=act.clock())
    page, shown = page_of(list(found.others.items()), callback_data.page)
    buttons = [
        button(_label("📥", name), MoveTo(contact_id=number, version=found.version, source_id=source_id))
        for source_id, name in shown
    ]
    lines = [f"📥 {found.source}", _("To which source?") if buttons else _("There is no other source.")]
    back = button(_("◀️ Back"), ChooseColleague(contact_id=number, version=found.version))
    turns = turning(page, len(found.others), lambda to: ChooseTarget(contact_id=number, version=found.version, page=to))
    screen = titled(contact_label(number, found.lead, _, longest=64), lines)
    await act.show(text_message(screen, keyboard=keyboard(*in_lines(buttons, 2), turns, [back])))


async def _colleagues(
    db: Database, actor: Actor, act: Act, number: int, page: int, _: Translator, *, note: str = ""
) -> OutgoingMessage:
    """A request, and the operators who can get it: who is there comes first."""
    found: Ways = await db.read(handing_on.ways, contact_id=number, actor=actor, now=act.clock())
    page, shown = page_of(found.colleagues, page)
    buttons = [
        button(_whom(one), HandTo(contact_id=number, version=found.version, operator_id=one.operator_id))
        for one in shown
    ]
    lines = [f"📥 {found.source}", _("Who should get it?") if buttons else _("Nobody else can get it by hand.")]
    ways = [button(_("📥 To another source"), ChooseTarget(contact_id=number, version=found.version))]
    ways = ways if found.others else []
    turns = turning(
        page, len(found.colleagues), lambda to: ChooseColleague(contact_id=number, version=found.version, page=to)
    )
    screen = titled(contact_label(number, found.lead, _, longest=64), lines, note=note)
    card = button(_("📇 Card"), ShowCard(contact_id=number))
    return text_message(screen, keyboard=keyboard(*in_lines(buttons, 2), turns, [*ways, card]))


def _whom(one: Colleague) -> str:
    """`🟢 Anna 2/5`: whether they are there, and how many requests they have of how many."""
    return f"{_label('🟢' if one.is_there else '⚪️', one.name)} {one.load}/{one.limit}"


def _label(sign: str, name: str) -> str:
    return f"{sign} {one_line(shorten(name, NAME_LONGEST))}"


async def on_colleague(
    query: CallbackQuery, callback_data: HandTo, actor: Actor, act: Act, member: Member, _: Translator
) -> None:
    """An operator was chosen: asks for a note."""
    number, version = callback_data.contact_id, callback_data.version
    now = HandNow(contact_id=number, version=version, operator_id=callback_data.operator_id)
    about = {"contact": number, "version": version, "operator": callback_data.operator_id}
    await _ask_note(act, actor, member, number, now, about, _)


async def on_target(
    query: CallbackQuery, callback_data: MoveTo, actor: Actor, act: Act, member: Member, _: Translator
) -> None:
    """A source was chosen: asks for a note."""
    number, version = callback_data.contact_id, callback_data.version
    now = MoveNow(contact_id=number, version=version, source_id=callback_data.source_id)
    about = {"contact": number, "version": version, "source": callback_data.source_id}
    await _ask_note(act, actor, member, number, now, about, _)


async def _ask_note(
    act: Act,
    actor: Actor,
    member: Member,
    number: int,
    without: HandNow | MoveNow,
    about: dict[str, int],
    _: Translator,
) -> None:
    text = _("Write a note to #{id} for whoever gets it next. The client does not see it.").format(id=number)
    back = ChooseColleague(contact_id=number, version=without.version)
    ways = [button(_("✅ No note"), without), button(_("✖️ Cancel"), back)]
    await offer_as(_role(member), act, actor, NOTE, text_message(text, keyboard=keyboard(ways)), about)


def _role(member: Member) -> Role:
    return Role.ADMIN if member.is_admin else Role.OPERATOR


@operator_answers.message(AnswersPrompt(NOTE))
async def on_note(message: Message, asked: OpenPrompt, actor: Actor, act: Act, member: Member, _: Translator) -> None:
    """The note was typed."""
    about: dict[str, Any] = asked.data
    chosen = {"version": about["version"], "note": message.text}
    if "source" in about:
        await _move(act, actor, about["contact"], about["source"], _, **chosen)
    else:
        await _hand(act, actor, member, about["contact"], about["operator"], _, **chosen)


async def on_hand(
    query: CallbackQuery,
    callback_data: HandNow,
    actor: Actor,
    act: Act,
    member: Member,
    _: Translator,
    ended: OpenPrompt | None = None,
) -> None:
    """[No note]; or [Transfer anyway], perhaps with the note that was written before."""
    number, note = callback_data.contact_id, None
    if callback_data.has_note:
        if ended is None or ended.question != SURE or ended.data.get("contact") != number:
            raise PromptEnded()
        note = ended.data["note"]
    version, is_sure = callback_data.version, callback_data.is_sure
    whom = callback_data.operator_id
    await _hand(act, actor, member, number, whom, _, note=note, version=version, is_sure=is_sure)


async def on_move(query: CallbackQuery, callback_data: MoveNow, actor: Actor, act: Act, _: Translator) -> None:
    """[No note], to a source."""
    await _move(act, actor, callback_data.contact_id, callback_data.source_id, _, version=callback_data.version)


async def _hand(
    act: Act,
    actor: Actor,
    member: Member,
    contact_id: int,
    operator_id: int,
    _: Translator,
    *,
    note: str | None = None,
    version: int | None = None,
    is_sure: bool = False,
) -> None:
    """Hands it on; if the operator is full or away, asks for a press first, and keeps the note."""

    def done(name: str) -> OutgoingMessage:
        return text_message(_("#{id} is now with {operator}.").format(id=contact_id, operator=name))

    chosen: dict[str, Any] = {"contact_id": contact_id, "operator_id": operator_id}
    try:
        await act(
            handing_on.to_operator,
            **chosen,
            note=note,
            version=version,
            confirmed=is_sure,
            actor=actor,
            screen=done,
        )
    except NeedsConfirmation as error:
        sure = HandNow(**chosen, version=error.fields["version"], is_sure=True, has_note=note is not None)
        back = ChooseColleague(contact_id=contact_id, version=error.fields["version"])
        ways = [button(_("Transfer anyway"), sure), button(_("◀️ No"), back)]
        act.on_success = None  # this question takes the place of the one that was answered
        screen = text_message(refusal(error, _), keyboard=keyboard(ways))
        await offer_as(_role(member), act, actor, SURE, screen, {"contact": contact_id, "note": note})


async def _move(
    act: Act,
    actor: Actor,
    contact_id: int,
    source_id: int,
    _: Translator,
    *,
    note: str | None = None,
    version: int | None = None,
) -> None:
    def done(became: Moved) -> OutgoingMessage:
        if became.operator is None:
            text = _("#{id} waits in the queue of {source} now.")
        else:
            text = _("#{id} is at {source} now, with {operator}.")
        return text_message(text.format(id=contact_id, source=became.source, operator=became.operator))

    await act(
        moving.to_source,
        contact_id=contact_id,
        source_id=source_id,
        note=note,
        version=version,
        actor=actor,
        screen=done,
    )

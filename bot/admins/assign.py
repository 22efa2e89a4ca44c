"""/assign: weights, and contacts given by hand; by buttons, and typed."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, InlineKeyboardButton, Message

from bot.admins.assign_contact import give, operators_to_choose
from bot.admins.operator_screens import unreached
from bot.admins.source_screens import sign, weight_screen, weights_screen
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, ask
from bot.handling.queries import read_as_admin
from bot.screens.buttons import (
    AskWeight,
    AssignSource,
    SetWeight,
    ShowOperator,
    ShowQueue,
    TypeWeight,
    WeightsAt,
    WeightsOf,
)
from bot.screens.keyboards import back, button, in_lines, keyboard, page_of, sentences, titled, turning, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.phrases import given_out, percent
from bot.texts.refusals import refusal
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.errors import AmbiguousNames, CrmError
from crm_core.names import TypedLine, read_number
from crm_core.routing import sources
from crm_core.routing.sources import WEIGHT_LARGEST, SourceListed
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.operators import OperatorDetails, OperatorFacts, SourceTeam

router = Router(name="admins.assign")

_NUMBER = re.compile(r"#([0-9]{1,9})")


# --- what can be done, however it was asked for -----------------------------------------------------------------------


async def _set_weight(act: Act, actor: Actor, source_id: int, operator_id: int, text: str, _: Translator) -> None:
    weight = read_number(text, field="weight", minimum=0, maximum=WEIGHT_LARGEST)

    def done(given: int, crew: SourceTeam) -> OutgoingMessage:
        facts = next(one for one in crew.operators if one.id == operator_id)
        share = next((one for one in crew.source.shares if one.operator_id == operator_id), None)
        if share is None:
            words = _("{operator} no longer gets requests from {source}.")
            note = words.format(operator=facts.name, source=crew.source.source.name)
        else:
            words = _("{operator}'s weight at {source} is now {weight} ({part} of its requests).")
            note = words.format(
                operator=facts.name, weight=weight, source=crew.source.source.name, part=percent(share.part, _)
            )
        missing = unreached(facts, _) if crew.source.source.bot in facts.missing_bots else ""
        warning = f"⚠️ {facts.name}: {missing}." if missing else ""
        return weights_screen(crew.source, crew.operators, _, note=sentences(note, given_out(given, _), warning))

    await act(
        sources.set_weight,
        source_id=source_id,
        operator_id=operator_id,
        weight=weight,
        actor=actor,
        then_read=partial(operators.source_team, source_id=source_id),
        screen=done,
    )


# --- typed ------------------------------------------------------------------------------------------------------------


@router.message(typed("assign"))
async def on_assign(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """`/assign shop_bot Anna 30`, `/assign #15 Anna`, or alone: then buttons."""
    line = TypedLine.of(command.args or "")
    if not line:
        await act.answer(sources_to_choose(await read_as_admin(db, actor, sources.listing), _))
        return
    number = _NUMBER.fullmatch(line.words[0].text)
    if number is not None:
        await _give(int(number[1]), line.from_word(1), act, actor, db, _)
        return
    known_sources = await read_as_admin(db, actor, sources.listing)
    known_operators = await read_as_admin(db, actor, operators.listing)
    try:
        await _assign(Meaning.of(line, known_sources, known_operators), act, actor, db, _)
    except Missed as missed:
        await act.answer(text_message(refusal(missed.error, _), keyboard=keyboard(*in_lines(missed.buttons, 1))))


async def _give(contact_id: int, line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    known = await read_as_admin(db, actor, operators.listing)
    if not line:
        await act.answer(await operators_to_choose(db, actor, contact_id, 0, _))
        return
    facts = operators.pick(known, line)
    if facts is not None:
        await give(act, actor, contact_id, facts.id, _)
        return
    error = operators.missed(known, line)
    await act.answer(await operators_to_choose(db, actor, contact_id, 0, _, note=refusal(error, _)))


async def _assign(meaning: "Meaning", act: Act, actor: Actor, db: Database, _: Translator) -> None:
    source, facts = meaning.source, meaning.operator
    if facts is not None and meaning.weight is not None:
        await _set_weight(act, actor, source.id, facts.id, meaning.weight, _)
    elif facts is not None:
        await act.answer(weight_screen(await read_as_admin(db, actor, sources.details, source_id=source.id), facts, _))
    else:
        crew = await read_as_admin(db, actor, operators.source_team, source_id=source.id)
        await act.answer(weights_screen(crew.source, crew.operators, _))


class Missed(Exception):
    """A line that names nothing known; `buttons` do what it says with names that come close."""

    def __init__(self, error: CrmError, buttons: list[InlineKeyboardButton]) -> None:
        super().__init__(error.code)
        self.error = error
        self.buttons = buttons


@dataclass(frozen=True, slots=True)
class Meaning:
    """What `/assign` was told: a source, perhaps an operator there, perhaps a weight as it was typed."""

    source: SourceListed
    operator: OperatorFacts | None = None
    weight: str | None = None

    @classmethod
    def of(cls, line: TypedLine, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]) -> "Meaning":
        """Tries known names at every place where the line can be cut. Raises Missed, AmbiguousNames."""
        head, last = line.from_word(0, -1), line.words[-1].text
        if line.number is not None and (pair := _pair(head, known, staff)):
            return cls(*pair, last)
        if pair := _pair(line, known, staff):
            return cls(*pair)
        if source := sources.pick(known, line):
            return cls(source)
        if pair := _pair(head, known, staff):  # a weight that is no number: refused where it is set
            return cls(*pair, last)
        raise _missed(head if line.number is not None and head else line, line.number, known, staff)


def _pair(
    line: TypedLine, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]
) -> tuple[SourceListed, OperatorFacts] | None:
    found = {}
    for first, second in line.splits():
        source, facts = sources.pick(known, first), operators.pick(staff, second)
        if source is not None and facts is not None:
            found[source.id, facts.id] = (source, facts)
    if len(found) > 1:
        raise AmbiguousNames(example='/assign "shop" "Anna Maria" 30')
    return next(iter(found.values()), None)


def _missed(
    line: TypedLine, weight: str | None, known: Sequence[SourceListed], staff: Sequence[OperatorFacts]
) -> Missed:
    """Which of the names is wrong, and buttons for what may have been meant."""

    def meant(source: SourceListed, facts: OperatorFacts) -> InlineKeyboardButton:
        label = f"{source.name} · {facts.name}" + (f" · {weight}" if weight else "")
        if weight is not None and 0 <= int(weight) <= WEIGHT_LARGEST:
            return button(label, SetWeight(source_id=source.id, operator_id=facts.id, weight=int(weight)))
        return button(label, AskWeight(source_id=source.id, operator_id=facts.id))

    for first, second in line.splits():
        if source := sources.pick(known, first):
            error: CrmError = operators.missed(staff, second)
            close = [facts for name in error.fields["close"] for facts in staff if facts.name == name]
            return Missed(error, [meant(source, facts) for facts in close])
    for first, second in line.splits():
        if facts := operators.pick(staff, second):
            error = sources.missed(known, first)
            near = [source for name in error.fields["close"] for source in known if source.name == name]
            return Missed(error, [meant(source, facts) for source in near])
    return Missed(sources.missed(known, line.from_word(0, 1)), [])


# --- by buttons -------------------------------------------------------------------------------------------------------


def sources_to_choose(known: Sequence[SourceListed], _: Translator, *, page: int = 0) -> OutgoingMessage:
    """`/assign` alone: at which source should a weight change, or should a waiting contact be given?"""
    page, shown = page_of(known, page)
    lines = [
        _("Which source's weights do you want to change?"),
        _("As a command: /assign shop_bot Anna 30. To assign a request manually: /assign #15 Anna."),
    ]
    buttons = keyboard(
        *in_lines([button(f"{sign(one)} {one.name}", WeightsAt(source_id=one.id)) for one in shown], 2),
        turning(page, len(known), lambda turned: AssignSource(page=turned)),
        [button(_("⏳ Waiting requests"), ShowQueue())],
    )
    return text_message(titled(_("⚖️ Assign"), lines), keyboard=buttons)


@router.callback_query(AssignSource.filter())
async def on_choose_source(
    query: CallbackQuery, callback_data: AssignSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A further page of sources."""
    await act.show(sources_to_choose(await read_as_admin(db, actor, sources.listing), _, page=callback_data.page))


@router.callback_query(WeightsAt.filter())
async def on_weights_at(
    query: CallbackQuery, callback_data: WeightsAt, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Who works at a source."""
    crew = await read_as_admin(db, actor, operators.source_team, source_id=callback_data.source_id)
    await act.show(weights_screen(crew.source, crew.operators, _, page=callback_data.page))


def _weights_of(details: OperatorDetails, known: Sequence[SourceListed], _: Translator, page: int) -> OutgoingMessage:
    facts = details.facts
    mine = {share.source_id: share for share in details.shares}
    page, shown = page_of(known, page)
    buttons = [
        button(
            f"{sign(one)} {one.name} · {mine[one.id].weight if one.id in mine else '–'}",
            AskWeight(source_id=one.id, operator_id=facts.id),
        )
        for one in shown
    ]
    return text_message(
        titled(f"⚖️ {facts.name}", [_("For which source do you want to change the weight?")]),
        keyboard=keyboard(
            *in_lines(buttons, 1),
            turning(page, len(known), lambda turned: WeightsOf(operator_id=facts.id, page=turned)),
            back(facts.name, ShowOperator(operator_id=facts.id)),
        ),
    )


@router.callback_query(WeightsOf.filter())
async def on_weights_of(
    query: CallbackQuery, callback_data: WeightsOf, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Where an operator works."""
    details = await read_as_admin(db, actor, operators.details, operator_id=callback_data.operator_id)
    await act.show(_weights_of(details, await read_as_admin(db, actor, sources.listing), _, callback_data.page))


@router.callback_query(AskWeight.filter())
async def on_weight(
    query: CallbackQuery, callback_data: AskWeight, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers weights."""
    details = await read_as_admin(db, actor, sources.details, source_id=callback_data.source_id)
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await act.show(weight_screen(details, facts, _))


@router.callback_query(SetWeight.filter())
async def on_set_weight(query: CallbackQuery, callback_data: SetWeight, actor: Actor, act: Act, _: Translator) -> None:
    """One of those offered."""
    await _set_weight(act, actor, callback_data.source_id, callback_data.operator_id, str(callback_data.weight), _)


@router.callback_query(TypeWeight.filter())
async def on_type_weight(
    query: CallbackQuery, callback_data: TypeWeight, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another one."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    words = _("Send {operator}'s weight at {source}, from 0 to {largest}.")
    await ask(
        act,
        actor,
        "weight",
        words.format(operator=facts.name, source=source.name, largest=WEIGHT_LARGEST),
        back=WeightsAt(source_id=source.id).pack(),
        _=_,
        source_id=source.id,
        operator_id=facts.id,
    )


@router.message(AnswersPrompt("weight"))
async def on_typed_weight(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The weight."""
    await _set_weight(act, actor, asked.data["source_id"], asked.data["operator_id"], (message.text or "").strip(), _)

"""The buttons of `/assign`: which source, whose weight, and how much."""

from collections.abc import Sequence

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.source_screens import sign, weight_screen, weights_screen
from bot.admins.weights import set_weight
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, ask, offer
from bot.handling.queries import read_as_admin
from bot.screens.admin_buttons import ShowQueue
from bot.screens.keyboards import back, button, in_lines, keyboard, page_of, titled, turning
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import ShowOperator, WeightsOf
from bot.screens.source_buttons import AskWeight, AssignSource, SetWeight, TypeWeight, WeightsAt
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.routing import source_details, sources
from crm_core.routing.sources import SourceListed
from crm_core.routing.weight_settings import WEIGHT_LARGEST
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.operators import OperatorDetails

router = Router(name="admins.weight_buttons")


def sources_to_choose(known: Sequence[SourceListed], _: Translator, *, page: int = 0) -> OutgoingMessage:
    """`/assign` alone: asks for which source to change weights, and leads to the waiting requests."""
    page, shown = page_of(known, page)
    lines = [
        _("Which source's weights do you want to change?"),
        _("As a command: /assign shop_bot Anna 30. To assign a request manually: /assign #42 Anna."),
    ]
    buttons = keyboard(
        *in_lines([button(f"{sign(one)} {one.name}", WeightsAt(source_id=one.id)) for one in shown], 2),
        turning(page, len(known), lambda turned: AssignSource(page=turned)),
        [button(_("⏳ Waiting requests"), ShowQueue())],
    )
    return text_message(titled(_("⚖️ Weights"), lines), keyboard=buttons)


@router.callback_query(AssignSource.filter())
async def on_choose_source(
    query: CallbackQuery, callback_data: AssignSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Another page of sources."""
    await act.show(sources_to_choose(await read_as_admin(db, actor, sources.listing), _, page=callback_data.page))


@router.callback_query(WeightsAt.filter())
async def on_weights_at(
    query: CallbackQuery, callback_data: WeightsAt, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The weights at a source."""
    team = await read_as_admin(db, actor, operators.source_team, source_id=callback_data.source_id)
    await act.show(weights_screen(team.source, team.operators, _, page=callback_data.page))


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
    """The weights of an operator."""
    details = await read_as_admin(db, actor, operators.details, operator_id=callback_data.operator_id)
    await act.show(_weights_of(details, await read_as_admin(db, actor, sources.listing), _, callback_data.page))


@router.callback_query(AskWeight.filter())
async def on_weight(
    query: CallbackQuery, callback_data: AskWeight, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers weights."""
    details = await read_as_admin(db, actor, source_details.details, source_id=callback_data.source_id)
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    screen = weight_screen(details, facts, _)
    ids = {"source_id": callback_data.source_id, "operator_id": facts.id}
    await offer(act, actor, "weight_offered", screen, **ids)


@router.callback_query(SetWeight.filter())
async def on_set_weight(query: CallbackQuery, callback_data: SetWeight, actor: Actor, act: Act, _: Translator) -> None:
    """Sets one of the offered weights."""
    await set_weight(act, actor, callback_data.source_id, callback_data.operator_id, str(callback_data.weight), _)


@router.callback_query(TypeWeight.filter())
async def on_type_weight(
    query: CallbackQuery, callback_data: TypeWeight, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another weight."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    text = _("Send {operator}'s weight at {source}, from 0 to {largest}.")
    await ask(
        act,
        actor,
        "weight",
        text.format(operator=facts.name, source=source.name, largest=WEIGHT_LARGEST),
        back=WeightsAt(source_id=source.id).pack(),
        _=_,
        source_id=source.id,
        operator_id=facts.id,
    )


@router.message(AnswersPrompt("weight_offered"), IsNumber())
@router.message(AnswersPrompt("weight"))
async def on_typed_weight(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed weight."""
    await set_weight(act, actor, asked.data["source_id"], asked.data["operator_id"], (message.text or "").strip(), _)

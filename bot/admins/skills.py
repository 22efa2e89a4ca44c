"""Skills of operators, and what sources require of them: `/operators skills Anna german, vip`, and by button."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins.setting_changes import change_operator, change_source
from bot.admins.source_settings import needed
from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import operator_and_rest, source_and_rest, which_operator, which_source
from bot.screens.keyboards import back, keyboard
from bot.screens.message import OutgoingMessage, text_message
from bot.screens.operator_buttons import AskSkills, ShowOperator
from bot.screens.source_buttons import AskNeeded, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.routing import skills, source_settings, sources
from crm_core.routing.source_details import SourceDetails
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database
from crm_core.team import operators
from crm_core.team.operators import OperatorDetails, OperatorFacts

router = Router(name="admins.skills")


# --- of operators ----------------------------------------------------------------------------------------------------


def skills_screen(facts: OperatorFacts, _: Translator) -> OutgoingMessage:
    """The skills of an operator, and how to change them."""
    lines = [
        _("🎓 What can {operator} do? Now: {skills}").format(
            operator=facts.name, skills=", ".join(sorted(skills.tags(facts.skills))) or "–"
        ),
        _("Send words with commas between them, for example: german, vip. A dash (-) removes them."),
        _("Requests that require a skill come only to those who have it."),
    ]
    return text_message("\n".join(lines), keyboard=keyboard(back(facts.name, ShowOperator(operator_id=facts.id))))


@router.callback_query(AskSkills.filter())
async def on_skills(
    query: CallbackQuery, callback_data: AskSkills, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Shows the skills; what is typed next replaces them."""
    facts = await read_as_admin(db, actor, operators.one, operator_id=callback_data.operator_id)
    await offer(act, actor, "operator_skills", skills_screen(facts, _), operator_id=facts.id)


@router.message(AnswersPrompt("operator_skills"))
async def on_typed_skills(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed skills."""
    await set_skills(act, actor, asked.data["operator_id"], message.text or "", _)


async def type_skills(typed: Typed) -> None:
    """`skills Anna` shows them, `skills Anna german, vip` sets them."""
    found = await operator_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await which_operator(typed.db, typed.actor, typed.line.from_word(0, 1))  # refused with names that come close
        await show_usage(typed.act, typed._("Specify the operator and the skills"), typed.example)
        return
    facts, tags = found
    if tags:
        await set_skills(typed.act, typed.actor, facts.id, tags.raw, typed._)
    else:
        await offer(typed.act, typed.actor, "operator_skills", skills_screen(facts, typed._), operator_id=facts.id)


async def set_skills(act: Act, actor: Actor, operator_id: int, text: str, _: Translator) -> None:
    """Sets the skills of an operator. Raises BadSkills."""
    tags = list(skills.typed(text, with_minutes=False))

    def note(seen: OperatorDetails) -> str:
        return _("{operator}'s skills are set.").format(operator=seen.facts.name)

    await change_operator(act, actor, operators.set_skills, operator_id, _, note=note, tags=tags)


# --- of sources ------------------------------------------------------------------------------------------------------


def needed_screen(source: SourceListed, _: Translator) -> OutgoingMessage:
    """What a source requires, and how to change that."""
    lines = [
        _("🎓 What do requests from {source} require? Now: {skills}").format(
            source=source.name, skills=needed(source, _) or "–"
        ),
        _("Send words with commas between them, for example: german, vip. A dash (-) removes them."),
        _("A number behind one drops it after so many minutes of waiting: german 30"),
    ]
    return text_message("\n".join(lines), keyboard=keyboard(back(source.name, ShowSource(source_id=source.id))))


@router.callback_query(AskNeeded.filter())
async def on_needed(
    query: CallbackQuery, callback_data: AskNeeded, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Shows what is required; what is typed next replaces it."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "source_skills", needed_screen(source, _), source_id=source.id)


@router.message(AnswersPrompt("source_skills"))
async def on_typed_needed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets what is required."""
    await set_needed(act, actor, asked.data["source_id"], message.text or "", _)


async def type_needed(typed: Typed) -> None:
    """`skills shop_bot` shows what is required, `skills shop_bot german 30, vip` sets it."""
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await which_source(typed.db, typed.actor, typed.line.from_word(0, 1))  # refused with names that come close
        await show_usage(typed.act, typed._("Specify the source and the skills"), typed.example)
        return
    source, required = found
    if required:
        await set_needed(typed.act, typed.actor, source.id, required.raw, typed._)
    else:
        await offer(typed.act, typed.actor, "source_skills", needed_screen(source, typed._), source_id=source.id)


async def set_needed(act: Act, actor: Actor, source_id: int, text: str, _: Translator) -> None:
    """Sets what a source requires. Raises BadSkills."""
    required = skills.typed(text, with_minutes=True)

    def note(seen: SourceDetails) -> str:
        if required:
            text = _("Requests from {source} now require: {skills}")
        else:
            text = _("Requests from {source} require no skills any more.")
        return text.format(source=seen.source.name, skills=needed(seen.source, _))

    await change_source(act, actor, source_settings.set_skills, source_id, _, note=note, required=required)

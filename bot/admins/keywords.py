"""Keyword rules: `/keywords shop_bot refund*, money back: billing 30, +60`, and by buttons."""

from collections.abc import Sequence
from functools import partial

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.admins.verbs import Typed, show_usage
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, offer
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import source_and_rest, which_source
from bot.screens.admin_buttons import ListKeywords, RemoveKeywords
from bot.screens.keyboards import back, button, in_lines, keyboard, page_of, titled, turning
from bot.screens.keyboards import typed as command_typed
from bot.screens.message import OutgoingMessage, shorten, text_message
from bot.screens.source_buttons import AskKeywords, ShowSource
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine
from crm_core.routing import keyword_settings, keywords, sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database

router = Router(name="admins.keywords")

ALL = {"all", "все"}
ADD = {"add", "добавить"}
RULES_LONGEST = 3_000  # characters of all rules of a source, which fit one message with what else it says
RULE_LONGEST = 150  # of a rule in a note


def sources_screen(known: Sequence[SourceListed], _: Translator, *, page: int = 0, note: str = "") -> OutgoingMessage:
    """The sources, and how many rules each has."""
    page, shown = page_of(known, page)
    lines = [
        _("By words of its first message, a request can require skills, or get a head start in the queue."),
        _("Choose a source, or type: /keywords shop_bot refund*, money back: billing 30, +60"),
        _("The same for all sources: /keywords all refund*: billing"),
    ]
    each = [
        button(f"{one.name} · {len(keywords.read(one.keywords)) or '–'}", AskKeywords(source_id=one.id))
        for one in shown
    ]
    buttons = keyboard(*in_lines(each, 2), turning(page, len(known), lambda number: ListKeywords(page=number)))
    return text_message(titled(_("🔤 Keywords"), lines, note=note), keyboard=buttons)


def rules_screen(source: SourceListed, _: Translator, *, note: str = "") -> OutgoingMessage:
    """The rules of a source, and how to change them."""
    rules = keywords.read(source.keywords)
    longest = RULES_LONGEST // max(1, len(rules))
    lines = [f"• {shorten(str(rule), longest)}" for rule in rules] or [_("No rules yet.")]
    lines += [
        "",
        _("Send a rule: refund*, money back: billing 30, +60"),
        _(
            "Before the colon: words of the first message; * is for all that begin so. Behind it: skills that the "
            "request requires then, 30 for how many minutes, and its head start in the queue, +60 minutes."
        ),
        _("Skills of several rules count together; of their head starts, the largest. Rules hold for new requests."),
    ]
    each = [button(f"🗑 {rule}", RemoveKeywords(source_id=source.id, handle=rule.handle)) for rule in rules]
    buttons = keyboard(*in_lines(each, 1 if len(each) <= 6 else 2), back(source.name, ShowSource(source_id=source.id)))
    return text_message(titled(f"🔤 {source.name}", lines, note=note), keyboard=buttons)


@router.message(command_typed("keywords"))
async def on_keywords(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """`/keywords`, `/keywords shop_bot`, `/keywords add shop_bot refund: billing`, `/keywords all refund: +60`."""
    line = TypedLine.of(command.args or "")
    if line and line.words[0].text.casefold() in ADD:
        line = line.from_word(1)
    if not line:
        await act.answer(sources_screen(await read_as_admin(db, actor, sources.listing), _))
        return
    await type_rule(
        Typed(line, act, actor, db, _, example=_("/keywords shop_bot refund*, money back: billing 30, +60"))
    )


async def type_rule(typed: Typed) -> None:
    """`shop_bot` shows its rules, `shop_bot refund*: billing 30` adds one, `all refund*: billing` one to all."""
    first = typed.line.words[0]
    if first.text.casefold() in ALL and not first.is_quoted and len(typed.line) > 1:
        await _add(typed.act, typed.actor, None, typed.line.from_word(1).raw, typed._)
        return
    found = await source_and_rest(typed.db, typed.actor, typed.line)
    if found is None:
        await which_source(typed.db, typed.actor, typed.line.from_word(0, 1))  # refused with names that come close
        await show_usage(typed.act, typed._("Specify the source and the rule"), typed.example)
        return
    source, rule = found
    if rule:
        await _add(typed.act, typed.actor, source.id, rule.raw, typed._)
    else:
        await offer(typed.act, typed.actor, "keywords", rules_screen(source, typed._), source_id=source.id)


@router.callback_query(ListKeywords.filter())
async def on_list(
    query: CallbackQuery, callback_data: ListKeywords, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A page of the sources."""
    known = await read_as_admin(db, actor, sources.listing)
    await act.show(sources_screen(known, _, page=callback_data.page))


@router.callback_query(AskKeywords.filter())
async def on_rules(
    query: CallbackQuery, callback_data: AskKeywords, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The rules of a source; what is typed next is another one."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "keywords", rules_screen(source, _), source_id=source.id)


@router.message(AnswersPrompt("keywords"))
async def on_typed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Adds the typed rule. Raises BadKeywords, BadSkills with the part that was not understood."""
    await _add(act, actor, asked.data["source_id"], message.text or "", _)


@router.callback_query(RemoveKeywords.filter())
async def on_remove(query: CallbackQuery, callback_data: RemoveKeywords, actor: Actor, act: Act, _: Translator) -> None:
    """Removes a rule."""
    await act(
        keyword_settings.remove_rule,
        source_id=callback_data.source_id,
        handle=callback_data.handle,
        actor=actor,
        then_read=partial(sources.one, source_id=callback_data.source_id),
        screen=lambda nothing, source: rules_screen(source, _, note=_("Saved.")),
    )


async def _add(act: Act, actor: Actor, source_id: int | None, text: str, _: Translator) -> None:
    rule = keywords.read_rule(text)
    note = _("New requests are looked at by this rule: {rule}").format(rule=shorten(str(rule), RULE_LONGEST))

    def done(nothing: None, known: list[SourceListed]) -> OutgoingMessage:
        changed = next((one for one in known if one.id == source_id), None)
        return sources_screen(known, _, note=note) if changed is None else rules_screen(changed, _, note=note)

    await act(
        keyword_settings.add_rule,
        source_id=source_id,
        rule=rule,
        actor=actor,
        then_read=sources.listing,
        screen=done,
    )

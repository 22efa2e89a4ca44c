"""/sources: channels that contacts come from; by buttons, and typed."""

from functools import partial

from aiogram import Router
from aiogram.filters import CommandObject
from aiogram.types import CallbackQuery, Message

from bot.admins.source_screens import source_screen, sources_screen, weights_screen
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, ask
from bot.handling.queries import read_as_admin
from bot.handling.typed_names import new_name, say_usage, which_source
from bot.screens.buttons import (
    AddLink,
    DescribeSource,
    ListSources,
    RenameSource,
    SetStrategy,
    ShowSource,
    SwitchSource,
)
from bot.screens.keyboards import back, button, in_lines, keyboard, sentences, typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from bot.texts.phrases import given_out
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine
from crm_core.routing import sources
from crm_core.routing.sources import SourceDetails
from crm_core.storage.database import Database
from crm_core.team import accounts, operators

router = Router(name="admins.sources")


# --- what can be done, however it was asked for -----------------------------------------------------------------------


async def _switch(act: Act, actor: Actor, source_id: int, is_on: bool, _: Translator) -> None:
    def done(given: int, seen: SourceDetails) -> OutgoingMessage:
        words = _("{source} is switched on.") if is_on else _("{source} is switched off.")
        return source_screen(seen, _, note=sentences(words.format(source=seen.source.name), given_out(given, _)))

    await act(
        sources.set_active,
        source_id=source_id,
        is_active=is_on,
        actor=actor,
        then_read=partial(sources.details, source_id=source_id),
        screen=done,
    )


async def _rename(act: Act, actor: Actor, source_id: int, name: str, _: Translator) -> None:
    await act(
        sources.rename,
        source_id=source_id,
        name=name,
        actor=actor,
        then_read=partial(sources.details, source_id=source_id),
        screen=lambda stored, seen: source_screen(seen, _, note=_("The name is now {source}.").format(source=stored)),
    )


async def _describe(act: Act, actor: Actor, source_id: int, text: str, _: Translator) -> None:
    def done(stored: str | None, seen: SourceDetails) -> OutgoingMessage:
        return source_screen(
            seen, _, note=_("The description has been changed.") if stored else _("The description has been removed.")
        )

    await act(
        sources.describe,
        source_id=source_id,
        description="" if text.strip() == "-" else text,
        actor=actor,
        then_read=partial(sources.details, source_id=source_id),
        screen=done,
    )


async def _set_strategy(act: Act, actor: Actor, source_id: int, is_exact: bool, _: Translator) -> None:
    def done(nothing: None, seen: SourceDetails) -> OutgoingMessage:
        note = (
            _("Each request now goes to the operator who is furthest below their share.")
            if is_exact
            else _("Requests are now assigned at random, by weight.")
        )
        return source_screen(seen, _, note=note)

    await act(
        sources.set_strategy,
        source_id=source_id,
        strategy="exact" if is_exact else "random",
        actor=actor,
        then_read=partial(sources.details, source_id=source_id),
        screen=done,
    )


async def _add_link(act: Act, actor: Actor, bot_id: int, line: TypedLine, _: Translator) -> None:
    """The word of the link, then the name of the source."""
    if not line:
        await say_usage(act, _("Specify a word for the link and a name"), "/sources link vk VK ads")
        return
    slug, name = line.from_word(0, 1).name, line.from_word(1).name or line.from_word(0, 1).name

    def done(seen: SourceDetails) -> OutgoingMessage:
        words = _("{source} has been added. Clients who use its link are counted there.")
        return source_screen(seen, _, note=words.format(source=seen.source.name))

    await act(sources.new_link, bot_id=bot_id, slug=slug, name=name, actor=actor, reply=done)


# --- typed ------------------------------------------------------------------------------------------------------------


@router.message(typed("sources"))
async def on_sources(
    message: Message, command: CommandObject, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The list, one source, or a change: `/sources`, `/sources vk`, `/sources link vk VK ads`."""
    line = TypedLine.of(command.args or "")
    if not line:
        await act.answer(sources_screen(await read_as_admin(db, actor, sources.listing), _))
        return
    verb, rest = line.words[0].text.casefold(), line.from_word(1)
    if verb == "link":
        await _add_link(act, actor, act.bot_id, rest, _)
    elif verb in VERBS and not line.words[0].is_quoted:
        if rest:
            await VERBS[verb](rest, act, actor, db, _)
        else:
            await say_usage(act, _("Specify the source"), f"/sources {EXAMPLES[verb]}")
    else:
        source = await which_source(db, actor, line)
        await act.answer(source_screen(await read_as_admin(db, actor, sources.details, source_id=source.id), _))


async def _type_on(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _switch(act, actor, (await which_source(db, actor, line)).id, True, _)


async def _type_off(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _switch(act, actor, (await which_source(db, actor, line)).id, False, _)


async def _type_exact(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _set_strategy(act, actor, (await which_source(db, actor, line)).id, True, _)


async def _type_random(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    await _set_strategy(act, actor, (await which_source(db, actor, line)).id, False, _)


async def _type_weights(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    source = await which_source(db, actor, line)
    crew = await read_as_admin(db, actor, operators.source_team, source_id=source.id)
    await act.answer(weights_screen(crew.source, crew.operators, _))


async def _type_name(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    found = new_name(line, partial(sources.pick, await read_as_admin(db, actor, sources.listing)))
    if found is None:
        await say_usage(act, _("Specify both names with = between them"), f"/sources {EXAMPLES['rename']}")
        return
    source = await which_source(db, actor, found[0])
    await _rename(act, actor, source.id, found[1].name, _)


async def _type_description(line: TypedLine, act: Act, actor: Actor, db: Database, _: Translator) -> None:
    found = new_name(line, partial(sources.pick, await read_as_admin(db, actor, sources.listing)))
    if found is None:
        await say_usage(act, _("Specify the source, = and the description"), f"/sources {EXAMPLES['describe']}")
        return
    source = await which_source(db, actor, found[0])
    await _describe(act, actor, source.id, found[1].name, _)


VERBS = {
    "on": _type_on,
    "off": _type_off,
    "exact": _type_exact,
    "random": _type_random,
    "weights": _type_weights,
    "rename": _type_name,
    "describe": _type_description,
}
EXAMPLES = {
    "on": "on shop_bot",
    "off": "off shop_bot",
    "exact": "exact shop_bot",
    "random": "random shop_bot",
    "weights": "weights shop_bot",
    "rename": "rename shop_bot = Shop",
    "describe": "describe shop_bot = The bot of the shop",
}


# --- by buttons -------------------------------------------------------------------------------------------------------


@router.callback_query(ListSources.filter())
async def on_list(
    query: CallbackQuery, callback_data: ListSources, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A page of the list."""
    await act.show(sources_screen(await read_as_admin(db, actor, sources.listing), _, page=callback_data.page))


@router.callback_query(ShowSource.filter())
async def on_show(
    query: CallbackQuery, callback_data: ShowSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """One source."""
    await act.show(source_screen(await read_as_admin(db, actor, sources.details, source_id=callback_data.source_id), _))


@router.callback_query(SwitchSource.filter())
async def on_switch(query: CallbackQuery, callback_data: SwitchSource, actor: Actor, act: Act, _: Translator) -> None:
    """On or off."""
    await _switch(act, actor, callback_data.source_id, callback_data.is_on, _)


@router.callback_query(SetStrategy.filter())
async def on_strategy(query: CallbackQuery, callback_data: SetStrategy, actor: Actor, act: Act, _: Translator) -> None:
    """How it chooses."""
    await _set_strategy(act, actor, callback_data.source_id, callback_data.is_exact, _)


@router.callback_query(RenameSource.filter())
async def on_rename(
    query: CallbackQuery, callback_data: RenameSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another name."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    words = _("Send a new name for {source}. Only staff will see it.").format(source=source.name)
    back_to = ShowSource(source_id=source.id).pack()
    await ask(act, actor, "source_name", words, back=back_to, _=_, source_id=source.id)


@router.message(AnswersPrompt("source_name"))
async def on_renamed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The name."""
    await _rename(act, actor, asked.data["source_id"], message.text or "", _)


@router.callback_query(DescribeSource.filter())
async def on_describe(
    query: CallbackQuery, callback_data: DescribeSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for a description."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    words = _("Send a short description of {source} for the staff. A dash (-) removes it.").format(source=source.name)
    back_to = ShowSource(source_id=source.id).pack()
    await ask(act, actor, "source_about", words, back=back_to, _=_, source_id=source.id)


@router.message(AnswersPrompt("source_about"))
async def on_described(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The description."""
    await _describe(act, actor, asked.data["source_id"], message.text or "", _)


@router.callback_query(AddLink.filter())
async def on_add_link(
    query: CallbackQuery, callback_data: AddLink, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks into which bot, where there are several, then for the word and the name."""
    bots = await read_as_admin(db, actor, accounts.bot_usernames)
    bot_id = callback_data.bot_id if len(bots) > 1 else act.bot_id
    if bot_id not in bots:
        choices = [button(f"@{username}", AddLink(bot_id=one)) for one, username in bots.items()]
        buttons = keyboard(*in_lines(choices, 1), back(_("Sources"), ListSources()))
        await act.show(text_message(_("Which bot should the link open?"), keyboard=buttons))
        return
    words = _("Send a word for the link to @{bot} and a name for the source, for example: vk VK ads")
    await ask(act, actor, "source_link", words.format(bot=bots[bot_id]), back=ListSources().pack(), _=_, bot_id=bot_id)


@router.message(AnswersPrompt("source_link"))
async def on_link_added(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """The word and the name."""
    await _add_link(act, actor, asked.data["bot_id"], TypedLine.of(message.text or ""), _)

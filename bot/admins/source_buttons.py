"""The buttons of `/sources`, and the answers to the questions that they ask."""

from aiogram import Router
from aiogram.types import CallbackQuery, Message

from bot.admins import source_actions
from bot.admins.source_screens import (
    late_hours_screen,
    more_screen,
    priority_screen,
    source_screen,
    sources_screen,
    sticky_days_screen,
)
from bot.handling.act import Act
from bot.handling.prompts import AnswersPrompt, IsNumber, ask, offer
from bot.handling.queries import read_as_admin
from bot.screens.keyboards import back, button, in_lines, keyboard
from bot.screens.message import text_message
from bot.screens.source_buttons import (
    AddLink,
    AskLateHours,
    AskPriority,
    AskStickyDays,
    DescribeSource,
    EndForum,
    ListSources,
    MoreOfSource,
    RenameSource,
    SetLateHours,
    SetPriority,
    SetProtection,
    SetStickyDays,
    SetStickyMode,
    SetStrategy,
    ShowForum,
    ShowSource,
    SwitchSource,
    TypeLateHours,
)
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation.prompts import OpenPrompt
from crm_core.names import TypedLine
from crm_core.routing import source_details, source_settings, sources
from crm_core.storage.database import Database
from crm_core.team import accounts

router = Router(name="admins.source_buttons")


@router.callback_query(ListSources.filter())
async def on_list(
    query: CallbackQuery, callback_data: ListSources, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """A page of the list."""
    known = await read_as_admin(db, actor, source_details.overview, now=act.clock())
    await act.show(sources_screen(known, _, page=callback_data.page))


@router.callback_query(ShowSource.filter())
async def on_show(
    query: CallbackQuery, callback_data: ShowSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """One source."""
    seen = await read_as_admin(db, actor, source_details.details, source_id=callback_data.source_id, now=act.clock())
    await act.show(source_screen(seen, _))


@router.callback_query(MoreOfSource.filter())
async def on_more(
    query: CallbackQuery, callback_data: MoreOfSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """The further settings of a source."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await act.show(more_screen(source, _))


@router.callback_query(SwitchSource.filter())
async def on_switch(query: CallbackQuery, callback_data: SwitchSource, actor: Actor, act: Act, _: Translator) -> None:
    """Switches on or off."""
    await source_actions.switch(act, actor, callback_data.source_id, callback_data.is_on, _)


@router.callback_query(SetStrategy.filter())
async def on_strategy(query: CallbackQuery, callback_data: SetStrategy, actor: Actor, act: Act, _: Translator) -> None:
    """Sets how the source chooses operators."""
    await source_actions.set_strategy(act, actor, callback_data.source_id, callback_data.is_exact, _)


@router.callback_query(SetProtection.filter())
async def on_protect(query: CallbackQuery, callback_data: SetProtection, actor: Actor, act: Act, _: Translator) -> None:
    """Sets whether operators can forward and save what clients send."""
    await source_actions.protect(act, actor, callback_data.source_id, callback_data.is_on, _)


@router.callback_query(ShowForum.filter())
async def on_forum(
    query: CallbackQuery, callback_data: ShowForum, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Says how a source gets a team's forum."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    buttons = keyboard(back(source.name, ShowSource(source_id=source.id)))
    await act.show(text_message(source_actions.forum_hint(source, _), keyboard=buttons))


@router.callback_query(EndForum.filter())
async def on_no_forum(query: CallbackQuery, callback_data: EndForum, actor: Actor, act: Act, _: Translator) -> None:
    """Switches the team's forum of a source off."""
    await source_actions.end_forum(act, actor, callback_data.source_id, _)


@router.callback_query(RenameSource.filter())
async def on_rename(
    query: CallbackQuery, callback_data: RenameSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for another name."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    text = _("Send a new name for {source}. Only staff will see it.").format(source=source.name)
    back_to = ShowSource(source_id=source.id).pack()
    await ask(act, actor, "source_name", text, back=back_to, _=_, source_id=source.id)


@router.message(AnswersPrompt("source_name"))
async def on_renamed(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed name."""
    await source_actions.rename(act, actor, asked.data["source_id"], message.text or "", _)


@router.callback_query(DescribeSource.filter())
async def on_describe(
    query: CallbackQuery, callback_data: DescribeSource, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for a description."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    text = _("Send a short description of {source} for the staff. A dash (-) removes it.").format(source=source.name)
    back_to = ShowSource(source_id=source.id).pack()
    await ask(act, actor, "source_about", text, back=back_to, _=_, source_id=source.id)


@router.message(AnswersPrompt("source_about"))
async def on_described(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed description."""
    await source_actions.describe(act, actor, asked.data["source_id"], message.text or "", _)


@router.callback_query(AskLateHours.filter())
async def on_late_hours(
    query: CallbackQuery, callback_data: AskLateHours, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers hours."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "late_hours_offered", late_hours_screen(source, _), source_id=source.id)


@router.callback_query(SetLateHours.filter())
async def on_set_late_hours(
    query: CallbackQuery, callback_data: SetLateHours, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered hours."""
    await source_actions.set_late_hours(act, actor, callback_data.source_id, str(callback_data.hours), _)


@router.callback_query(TypeLateHours.filter())
async def on_type_late_hours(
    query: CallbackQuery, callback_data: TypeLateHours, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks for other hours."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    text = _("Send for how many hours after closing messages join the closed request of {source}, from 0 to {largest}.")
    text = text.format(source=source.name, largest=source_settings.LATE_LONGEST)
    await ask(act, actor, "late_hours", text, back=ShowSource(source_id=source.id).pack(), _=_, source_id=source.id)


@router.message(AnswersPrompt("late_hours_offered"), IsNumber())
@router.message(AnswersPrompt("late_hours"))
async def on_typed_late_hours(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed hours."""
    typed = (message.text or "").strip()
    await source_actions.set_late_hours(act, actor, asked.data["source_id"], typed, _)


@router.callback_query(AskStickyDays.filter())
async def on_sticky_days(
    query: CallbackQuery, callback_data: AskStickyDays, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers days; a typed number is a choice, too."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "sticky_days", sticky_days_screen(source, _), source_id=source.id)


@router.callback_query(SetStickyDays.filter())
async def on_set_sticky_days(
    query: CallbackQuery, callback_data: SetStickyDays, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered numbers of days."""
    await source_actions.set_sticky(act, actor, callback_data.source_id, str(callback_data.days), _)


@router.callback_query(SetStickyMode.filter())
async def on_set_sticky_mode(
    query: CallbackQuery, callback_data: SetStickyMode, actor: Actor, act: Act, _: Translator
) -> None:
    """Whether these requests count in exact shares."""
    mode: source_settings.StickyMode = "charged" if callback_data.is_charged else "apart"
    await source_actions.set_sticky(act, actor, callback_data.source_id, None, _, mode=mode)


@router.message(AnswersPrompt("sticky_days"), IsNumber())
async def on_typed_sticky_days(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number of days."""
    await source_actions.set_sticky(act, actor, asked.data["source_id"], (message.text or "").strip(), _)


@router.callback_query(AskPriority.filter())
async def on_priority(
    query: CallbackQuery, callback_data: AskPriority, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Offers minutes; a typed number is a choice, too."""
    source = await read_as_admin(db, actor, sources.one, source_id=callback_data.source_id)
    await offer(act, actor, "priority_minutes", priority_screen(source, _), source_id=source.id)


@router.callback_query(SetPriority.filter())
async def on_set_priority(
    query: CallbackQuery, callback_data: SetPriority, actor: Actor, act: Act, _: Translator
) -> None:
    """Sets one of the offered numbers of minutes."""
    await source_actions.set_priority(act, actor, callback_data.source_id, str(callback_data.value), _)


@router.message(AnswersPrompt("priority_minutes"), IsNumber())
async def on_typed_priority(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Sets the typed number of minutes."""
    await source_actions.set_priority(act, actor, asked.data["source_id"], (message.text or "").strip(), _)


@router.callback_query(AddLink.filter())
async def on_add_link(
    query: CallbackQuery, callback_data: AddLink, actor: Actor, act: Act, db: Database, _: Translator
) -> None:
    """Asks which bot the link should open, if there are several, then for the word and the name."""
    bots = await read_as_admin(db, actor, accounts.bot_usernames)
    bot_id = callback_data.bot_id if len(bots) > 1 else act.bot_id
    if bot_id not in bots:
        choices = [button(f"@{username}", AddLink(bot_id=one)) for one, username in bots.items()]
        buttons = keyboard(*in_lines(choices, 1), back(_("Sources"), ListSources()))
        await act.show(text_message(_("Which bot should the link open?"), keyboard=buttons))
        return
    text = _("Send a word for the link to @{bot} and a name for the source, for example: vk VK ads")
    await ask(act, actor, "source_link", text.format(bot=bots[bot_id]), back=ListSources().pack(), _=_, bot_id=bot_id)


@router.message(AnswersPrompt("source_link"))
async def on_link_added(message: Message, asked: OpenPrompt, actor: Actor, act: Act, _: Translator) -> None:
    """Adds the link of the typed word and name."""
    await source_actions.add_link(act, actor, asked.data["bot_id"], TypedLine.of(message.text or ""), _)

"""What admins can change about sources, by buttons and typed alike; each change ends with the source's screen."""

from bot.admins.setting_changes import change_source
from bot.admins.source_screens import source_screen
from bot.admins.verbs import show_usage
from bot.handling.act import Act
from bot.screens.keyboards import sentences
from bot.screens.message import OutgoingMessage
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.names import TypedLine, read_number
from crm_core.routing import forum_settings, new_sources, priority, source_settings, sources
from crm_core.routing.source_details import SourceDetails
from crm_core.routing.sources import SourceListed


async def switch(act: Act, actor: Actor, source_id: int, is_on: bool, _: Translator) -> None:
    """Switches a source on or off."""
    text = _("{source} is switched on.") if is_on else _("{source} is switched off.")

    def note(seen: SourceDetails) -> str:
        return text.format(source=seen.source.name)

    await change_source(act, actor, source_settings.set_active, source_id, _, note=note, is_active=is_on)


async def rename(act: Act, actor: Actor, source_id: int, name: str, _: Translator) -> None:
    """Renames a source."""

    def note(seen: SourceDetails) -> str:
        return _("The name is now {source}.").format(source=seen.source.name)

    await change_source(act, actor, sources.rename, source_id, _, note=note, name=name)


async def describe(act: Act, actor: Actor, source_id: int, text: str, _: Translator) -> None:
    """Changes a source's description; a dash removes it."""

    def note(seen: SourceDetails) -> str:
        is_there = seen.source.description is not None
        return _("The description has been changed.") if is_there else _("The description has been removed.")

    description = "" if text.strip() == "-" else text
    await change_source(act, actor, sources.describe, source_id, _, note=note, description=description)


async def set_strategy(act: Act, actor: Actor, source_id: int, is_exact: bool, _: Translator) -> None:
    """Sets whether a source keeps exact shares or chooses at random by weight."""

    def note(seen: SourceDetails) -> str:
        if is_exact:
            return _("Each request now goes to the operator who is furthest below their share.")
        return _("Requests are now assigned at random, by weight.")

    strategy = "exact" if is_exact else "random"
    await change_source(act, actor, source_settings.set_strategy, source_id, _, note=note, strategy=strategy)


async def protect(act: Act, actor: Actor, source_id: int, is_on: bool, _: Translator) -> None:
    """Sets whether operators can forward and save what the clients of a source send."""

    def note(seen: SourceDetails) -> str:
        if is_on:
            return _("From the next message on, operators can't forward or save what clients send.")
        return _("From the next message on, operators can forward and save what clients send.")

    await change_source(act, actor, source_settings.set_protection, source_id, _, note=note, protect_content=is_on)


async def end_forum(act: Act, actor: Actor, source_id: int, _: Translator) -> None:
    """A source has no team's forum any more."""

    def note(seen: SourceDetails) -> str:
        return _("{source} has no forum any more. The topics stay, and what is written in them goes nowhere.").format(
            source=seen.source.name
        )

    await change_source(act, actor, forum_settings.set_forum, source_id, _, note=note, forum=None)


def forum_hint(source: SourceListed, _: Translator) -> str:
    """How a source gets a team's forum."""
    text = _(
        "In a forum all operators read the requests of {source}, one in each topic. Make a group, switch its topics "
        "on, add {bot} as an admin who may manage topics, and write there: /forum {source}"
    )
    bot = _("the bot") if source.bot is None else f"@{source.bot}"
    return text.format(source=source.name, bot=bot)


async def set_late_hours(act: Act, actor: Actor, source_id: int, typed: str, _: Translator) -> None:
    """Sets for how many hours after closing messages join the closed request. Raises BadValue."""
    hours = read_number(typed, field="late_hours", minimum=0, maximum=source_settings.LATE_LONGEST, off=0)
    await change_source(act, actor, source_settings.set_late_hours, source_id, _, late_hours=hours)


async def set_sticky(
    act: Act,
    actor: Actor,
    source_id: int,
    typed: str | None,
    _: Translator,
    *,
    mode: source_settings.StickyMode | None = None,
) -> None:
    """Sets for how many days a client goes to the operator they had, and whether that counts in exact shares.

    Args:
        typed: the days; None leaves them as they are, as for the mode.

    Raises BadValue.
    """
    days = None
    if typed is not None:
        days = read_number(typed, field="sticky_days", minimum=0, maximum=source_settings.STICKY_LONGEST, off=0)
    await change_source(act, actor, source_settings.set_sticky, source_id, _, sticky_days=days, sticky_mode=mode)


async def set_priority(act: Act, actor: Actor, source_id: int, typed: str, _: Translator) -> None:
    """Sets the head start of the source's requests in the queue. Raises BadValue."""
    minutes = read_number(typed, field="priority_minutes", minimum=0, maximum=priority.LONGEST, off=0)
    await change_source(act, actor, source_settings.set_priority, source_id, _, minutes=minutes)


async def add_link(act: Act, actor: Actor, bot_id: int, line: TypedLine, _: Translator) -> None:
    """Adds a link from its typed word and the name of its source."""
    if not line:
        await show_usage(act, _("Specify a word for the link and a name"), _("/sources link vk VK ads"))
        return
    slug, name = line.from_word(0, 1).name, line.from_word(1).name or line.from_word(0, 1).name

    def done(seen: SourceDetails) -> OutgoingMessage:
        text = _("{source} has been added. Clients who use its link are counted there.")
        weights = _("Its weights are those of @{bot}.").format(bot=seen.source.bot) if seen.shares else ""
        return source_screen(seen, _, note=sentences(text.format(source=seen.source.name), weights))

    await act(new_sources.new_link, bot_id=bot_id, slug=slug, name=name, actor=actor, reply=done)

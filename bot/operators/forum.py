"""The team's forum of a source: a group with topics, where an admin binds it and whoever holds a request answers.

Whatever else happens in groups is nobody's business here: it is neither answered nor stored.
"""

import re
from collections.abc import Sequence
from typing import Any

from aiogram import Bot, Router
from aiogram.filters import BaseFilter, CommandObject
from aiogram.types import Message, MessageReactionUpdated

from bot.handling.act import Act
from bot.handling.filters import IsAdmin, IsOperator, IsUserContent
from bot.handling.incoming import content_of
from bot.handling.queries import read_as_admin
from bot.handling.reactions import reacted
from bot.operators.buttons import taken_back_text
from bot.operators.group_bots import can_manage_topics, first_of
from bot.screens.keyboards import typed
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import edits, operator_messages, reactions, taking_back
from crm_core.delivery import bots
from crm_core.errors import ForumOfOtherBot, NothingToTakeBack
from crm_core.names import TypedLine, means_off
from crm_core.routing import forum_settings, sources
from crm_core.routing.sources import SourceListed
from crm_core.storage.database import Database
from crm_core.team.accounts import Member

router = Router(name="forum")
_MENTION = re.compile(r"/\w+@(\w+)")


class IsInTopic(BaseFilter):
    """Passes what is written in a topic."""

    async def __call__(self, message: Message, act: Act) -> bool:
        return act.topic is not None


class IsForThisBot(BaseFilter):
    """Passes what names no other bot: several may read a group, and `/forum@desk_bot off` is for one of them."""

    async def __call__(self, message: Message, bot: Bot) -> bool:
        named = _MENTION.match(message.text or message.caption or "")
        return named is None or named[1].casefold() == ((await bot.me()).username or "").casefold()


router.message.filter(IsForThisBot())


@router.message(typed("forum"), IsAdmin())
async def on_forum(
    message: Message,
    command: CommandObject,
    actor: Actor,
    act: Act,
    bot: Bot,
    db: Database,
    member: Member,
    _: Translator,
) -> None:
    """Binds the group to a source, or no longer. Of several bots that get this, the one answers that is meant."""
    line = TypedLine.of(command.args or "")
    reply_to, is_named = message.message_id, command.mention is not None
    known = await read_as_admin(db, actor, sources.listing)
    source = sources.pick(known, line) if line else None
    if not is_named and not await _is_meant(bot, db, act.chat_id, source, known):
        return
    if not line:
        text = _("Which source is this group for? For example: {example}").format(example="/forum shop_bot")
        await act.answer(text_message(text, reply_to=reply_to))
        return
    if means_off(line.raw):
        await act(
            forum_settings.unbind,
            chat_id=act.chat_id,
            bot_id=act.bot_id if is_named else None,
            actor=actor,
            reply=lambda names: _unbound(names, reply_to, _),
        )
        return
    if source is None:
        raise sources.missed(known, line)
    if source.bot is not None and source.bot != (await bot.me()).username:
        raise ForumOfOtherBot(source=source.name, bot=source.bot)
    await act(
        forum_settings.bind,
        source_id=source.id,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        is_forum=bool(message.chat.is_forum),
        can_manage=await can_manage_topics(bot, act.chat_id),
        language=member.language,
        actor=actor,
        reply=lambda name: _bound(name, reply_to, _),
    )


async def _is_meant(
    bot: Bot, db: Database, chat_id: int, source: SourceListed | None, known: Sequence[SourceListed]
) -> bool:
    """Whether this bot is who answers a command that names none: that of the source, or that of the group's forum."""
    running = await db.read(bots.running)
    if len(running) < 2:
        return True
    of_source = [one for one, username in running.items() if source is not None and username == source.bot]
    here = {one.forum_bot_id for one in known if one.forum_chat_id == chat_id}
    wanted = [*of_source, *(one for one in running if one in here)]
    first = await first_of(bot, chat_id, wanted=wanted, bots=list(running))
    return first in (None, bot.id)


def _bound(name: str, reply_to: int, _: Translator) -> OutgoingMessage:
    text = _(
        "Requests from {source} have a topic each here from now on. All can read; what the one who has a request "
        "writes in its topic goes to the client. /forum off ends that."
    )
    return text_message(text.format(source=name), reply_to=reply_to)


def _unbound(names: list[str], reply_to: int, _: Translator) -> OutgoingMessage:
    if not names:
        return text_message(_("This group is the forum of no source."), reply_to=reply_to)
    text = _("No more topics here for {sources}. Those that are here stay, and what is written in them goes nowhere.")
    return text_message(text.format(sources=", ".join(names)), reply_to=reply_to)


@router.message(IsInTopic(), IsOperator(), typed("del", "delete"))
async def on_delete(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """Words of a request's operator that went to its client are taken back there; no others are anybody's business."""
    replied = message.reply_to_message
    place: dict[str, Any] = {"bot_id": act.bot_id, "chat_id": act.chat_id}
    if replied is None or not await db.read(edits.is_known, message_id=replied.message_id, **place):
        return
    try:
        await act(
            taking_back.take_back_message,
            message_id=replied.message_id,
            actor=actor,
            reply=lambda taken_back: text_message(taken_back_text(taken_back, _), reply_to=message.message_id),
            **place,
        )
    except NothingToTakeBack:  # a colleague's
        return


@router.message(IsInTopic(), IsOperator(), IsUserContent())
async def on_words(message: Message, actor: Actor, act: Act, is_correction: bool = False) -> None:
    """What the holder of a request writes in its topic goes to the client; what others write goes nowhere."""
    replied = message.reply_to_message
    content, *further = act.contents(message)
    await act(
        operator_messages.answer_in_topic,
        topic_id=act.topic,
        actor=actor,
        content=content,
        further=further,
        corrected_from=message.date if is_correction else None,
        is_to_person=replied is not None and replied.from_user is not None and replied.from_user.id != act.bot_id,
    )


@router.edited_message(IsInTopic(), IsOperator(), IsUserContent())
async def on_edited(message: Message, actor: Actor, act: Act, db: Database) -> None:
    """What went to a client is changed there too; what went nowhere is the team's own talk."""
    place: dict[str, Any] = {"bot_id": act.bot_id, "chat_id": act.chat_id, "message_id": message.message_id}
    if await db.read(edits.is_known, **place):
        await act(edits.operator_edits, actor=actor, content=content_of(message, bot_id=act.bot_id, raw=act.said))


@router.message_reaction(IsOperator())
async def on_reaction(event: MessageReactionUpdated, actor: Actor, act: Act) -> None:
    """What the holder of a request sets on a message of it shows at the client; what others set stays there."""
    await act(reactions.react_in_forum, actor=actor, **reacted(event, act))

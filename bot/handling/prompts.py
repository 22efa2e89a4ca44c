"""Prompts: questions whose answer is typed. A button asks, the next text message answers, a command or button cancels.

What waits for an answer is a row (`crm_core.conversation.prompts`), so a restart in between loses nothing. A prompt
ends in the very transaction of what its answer changes; an answer that is refused leaves it open for another try. A
command of the same person ends it too, and so does a button of the role that they were asked in; so Cancel is simply
the way back.

Handlers of answers take the filter `AnswersPrompt`. Those of admins stand in the admins' routers; those of operators
and clients are registered on `operator_answers` and `client_answers`, which come first when a question waits.
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiogram import BaseMiddleware, Router
from aiogram.filters import BaseFilter
from aiogram.types import InlineKeyboardButton, Message, TelegramObject
from sqlalchemy.orm import Session

from bot.handling.act import Act
from bot.screens.message import OutgoingMessage, rows, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import prompts
from crm_core.conversation.prompts import Asked, OpenPrompt, Role
from crm_core.names import typed_number
from crm_core.storage.database import Database

REMEMBERED = 1.0  # seconds in which a question of another process may be unknown here: nobody answers as fast

operator_answers = Router(name="operators.answers")
client_answers = Router(name="clients.answers")


async def ask(
    act: Act,
    actor: Actor,
    question: str,
    text: str,
    *,
    back: str,
    _: Translator,
    role: Role = Role.ADMIN,
    **data: Any,
) -> None:
    """Asks a question in place of the pressed screen.

    Args:
        question: its name, for which `AnswersPrompt` waits.
        text: what the person reads.
        back: callback data of the screen that Cancel leads to.
        role: as what they are asked.
        data: what the answer is about: ids.
    """
    cancel = rows([InlineKeyboardButton(text=_("✖️ Cancel"), callback_data=back)])
    await _ask(act, actor, question, text_message(text, keyboard=cancel), role=role, data=data)


async def offer(act: Act, actor: Actor, question: str, screen: OutgoingMessage, **data: Any) -> None:
    """Shows an admin a screen with choices. What is typed next is a choice, too.

    Args:
        question: its name; the handler of the answer takes the filter `AnswersPrompt`, and where only numbers are
            answers, `IsNumber`.
        data: what the choice is about: ids.
    """
    await offer_as(Role.ADMIN, act, actor, question, screen, data)


async def offer_as(
    role: Role, act: Act, actor: Actor, question: str, screen: OutgoingMessage, data: dict[str, Any]
) -> None:
    """`offer` to somebody in a role of theirs."""
    await _ask(act, actor, question, screen, role=role, data=data)


def await_correction(act: Act, actor: Actor, question: str, **data: Any) -> None:
    """Lets the next text correct what this update is about to do, if it succeeds; the question that it answers ends.

    Args:
        question: its name; the handler takes the filter `AnswersPrompt` and one for what corrects it.
        data: what it is about.
    """
    end_answered = act.on_success

    def end_and_ask(s: Session) -> None:
        if end_answered is not None:
            end_answered(s)
        chat = {"bot_id": act.bot_id, "chat_id": act.chat_id}
        prompts.ask(s, **chat, question=question, data=data, role=Role.ADMIN, actor=actor, now=act.clock())

    act.on_success = end_and_ask


async def _ask(
    act: Act, actor: Actor, question: str, screen: OutgoingMessage, *, role: Role, data: dict[str, Any]
) -> None:
    await act(
        prompts.ask,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        question=question,
        data=data,
        role=role,
        actor=actor,
        screen=lambda asked: screen,
    )


class IsNumber(BaseFilter):
    """Passes texts that are a whole number, in any script, perhaps with `%`."""

    async def __call__(self, message: Message) -> bool:
        return typed_number(message.text or "") is not None


class AnswersPrompt(BaseFilter):
    """Passes messages that answer this question; the handler gets it as `asked`."""

    def __init__(self, question: str) -> None:
        self._question = question

    async def __call__(self, event: TelegramObject, asked: OpenPrompt | None = None) -> bool:
        return asked is not None and asked.question == self._question


class PromptCache:
    """The chats in which a question waits, remembered so that all other messages cost no query.

    It may name a chat whose question has ended; it never misses one that this process asked.
    """

    def __init__(self, db: Database) -> None:
        self._db = db
        self._chats: set[tuple[int, int]] = set()
        self._asked: set[tuple[int, int]] = set()  # since the last read began
        self._stale_at = 0.0
        self._reading: asyncio.Task[None] | None = None
        db.listeners.append(self._notice)

    async def has_prompt(self, bot_id: int, chat_id: int) -> bool:
        """Whether a question may wait in a chat; whether it can be answered is for `prompts.waiting` to say."""
        if asyncio.get_running_loop().time() >= self._stale_at:
            if self._reading is None or self._reading.done():
                self._reading = asyncio.create_task(self._read())
            await asyncio.shield(self._reading)
        return (bot_id, chat_id) in self._chats or (bot_id, chat_id) in self._asked

    async def pending(self, act: Act, actor: Actor | None, *, reply_to: int | None = None) -> OpenPrompt | None:
        """The question that waits in the chat of an update for this person.

        Args:
            reply_to: Telegram's id of the message that theirs replies to.
        """
        chat = {"bot_id": act.bot_id, "chat_id": act.chat_id}
        if actor is None or not await self.has_prompt(**chat):
            return None
        return await self._db.read(prompts.waiting, **chat, actor=actor, now=act.clock(), reply_to=reply_to)

    async def _read(self) -> None:
        began, before = asyncio.get_running_loop().time(), self._asked
        self._asked = set()
        try:
            self._chats = await self._db.read(prompts.chats)
        except BaseException:
            self._asked |= before
            raise
        self._stale_at = began + REMEMBERED

    def _notice(self, announcements: list[Any]) -> None:
        self._asked.update((one.bot_id, one.chat_id) for one in announcements if isinstance(one, Asked))


async def find_asked(cache: PromptCache, message: Message, act: Act, actor: Actor | None) -> OpenPrompt | None:
    """The question that a text message answers, which ends with the effect of the answer; a command ends it, too."""
    if message.text is None:
        return None
    if message.text.startswith("/"):
        if await cache.pending(act, actor):
            act.before = _end(act)
        return None
    replied = message.reply_to_message
    asked = await cache.pending(act, actor, reply_to=replied.message_id if replied else None)
    if asked is not None:
        act.on_success = partial(prompts.end_answered, prompt=asked, bot_id=act.bot_id, chat_id=act.chat_id)
    return asked


Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class EndPromptMiddleware(BaseMiddleware):
    """Before the effect of a button: a question that was asked in the button's role ends without an answer.

    The handler gets it as `ended`: what it was about may belong to the button.
    """

    def __init__(self, role: Role) -> None:
        self._role = role

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        act: Act = data["act"]
        cache: PromptCache = data["prompt_cache"]
        asked = await cache.pending(act, data["actor"])
        if asked is not None and asked.role is self._role:
            act.before = _end(act)
            data["ended"] = asked
        return await handler(event, data)


def _end(act: Act) -> Callable[[Session], None]:
    """Ends the prompt of a chat in the transaction of the update: an update that comes again ends no later one."""
    return partial(prompts.end, bot_id=act.bot_id, chat_id=act.chat_id)

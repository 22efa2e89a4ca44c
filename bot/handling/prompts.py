"""Questions to admins whose answer is typed: asked by a button, answered by the next words, ended by anything else.

What waits for an answer is a row (`crm_core.conversation.prompts`), so a restart in between loses nothing. A question
ends in the very transaction of what its answer changes; an answer that is refused leaves it open for another try. A
command or a button of an admin ends it too, so that Cancel is simply the way back.
"""

from collections.abc import Awaitable, Callable
from functools import partial
from typing import Any

from aiogram import BaseMiddleware
from aiogram.filters import BaseFilter
from aiogram.types import InlineKeyboardButton, Message, TelegramObject

from bot.handling.act import Act
from bot.screens.message import rows, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import prompts
from crm_core.conversation.prompts import OpenPrompt
from crm_core.storage.database import Database


async def ask(act: Act, actor: Actor, question: str, words: str, *, back: str, _: Translator, **data: Any) -> None:
    """Puts a question in place of the pressed screen.

    Args:
        question: its name, for which `Answers` waits.
        words: what is asked.
        back: callback data of the screen that Cancel leads to.
        data: what the answer is about: ids.
    """
    cancel = rows([InlineKeyboardButton(text=_("✖️ Cancel"), callback_data=back)])
    await act(
        prompts.ask,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        question=question,
        data=data,
        actor=actor,
        screen=lambda noted: text_message(words, keyboard=cancel),
    )


class AnswersPrompt(BaseFilter):
    """Passes words that answer this question; the handler gets it as `asked`."""

    def __init__(self, question: str) -> None:
        self._question = question

    async def __call__(self, event: TelegramObject, asked: OpenPrompt | None = None) -> bool:
        return asked is not None and asked.question == self._question


async def _pending(act: Act, db: Database, reply_to: int | None) -> OpenPrompt | None:
    return await db.read(prompts.waiting, bot_id=act.bot_id, chat_id=act.chat_id, now=act.clock(), reply_to=reply_to)


Handler = Callable[[TelegramObject, dict[str, Any]], Awaitable[Any]]


class PromptMiddleware(BaseMiddleware):
    """Before an admin's message: finds the question that it answers, or ends it if the message is a command."""

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        member, act, db = data["member"], data["act"], data["db"]
        if member is None or not member.is_admin or not isinstance(event, Message) or event.text is None:
            return await handler(event, data)
        if event.text.startswith("/"):
            await _end(act, db)
        else:
            reply_to = event.reply_to_message.message_id if event.reply_to_message else None
            data["asked"] = await _pending(act, db, reply_to)
            act.also = partial(prompts.forget, bot_id=act.bot_id, chat_id=act.chat_id) if data["asked"] else None
        return await handler(event, data)


class EndPromptMiddleware(BaseMiddleware):
    """Before the effect of an admin's button: whatever was asked is not wanted any more."""

    async def __call__(self, handler: Handler, event: TelegramObject, data: dict[str, Any]) -> Any:
        await _end(data["act"], data["db"])
        return await handler(event, data)


async def _end(act: Act, db: Database) -> None:
    if await _pending(act, db, None):
        await db.write(prompts.forget, bot_id=act.bot_id, chat_id=act.chat_id)

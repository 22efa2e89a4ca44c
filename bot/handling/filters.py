"""Filters for routers, by who writes and what. They only pick the handlers: rights are checked in the transaction.

Every filter is a coroutine: aiogram runs plain functions and magic expressions in a thread, which costs a message more
time than everything else. (A magic `F.…` is fine where updates are few.)
"""

import re

from aiogram.filters import BaseFilter
from aiogram.types import Message, TelegramObject

from bot.handling.act import Act
from bot.handling.incoming import is_user_content
from crm_core.team.accounts import Member


class IsOperator(BaseFilter):
    """Passes operators."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is not None and member.operator_id is not None


class IsAdmin(BaseFilter):
    """Passes admins."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is not None and member.is_admin


class IsNoAdmin(BaseFilter):
    """Passes whoever is not an admin."""

    async def __call__(self, event: TelegramObject, member: Member | None) -> bool:
        return member is None or not member.is_admin


class IsCommand(BaseFilter):
    """Passes texts that begin with a slash."""

    async def __call__(self, message: Message) -> bool:
        return message.text is not None and message.text.startswith("/")


class IsUserContent(BaseFilter):
    """Passes content that a person sent, of any kind, including commands."""

    async def __call__(self, message: Message, act: Act) -> bool:
        return is_user_content(message, act.said)


class IsForOperator(BaseFilter):
    """Passes a client's messages to an operator: all but their own phone, and the commands that the bot answers itself.

    Args:
        besides: names of those commands; any other text that begins with a slash is a message.
    """

    def __init__(self, *, besides: frozenset[str]) -> None:
        self._besides = besides

    async def __call__(self, message: Message, act: Act) -> bool:
        return (
            is_user_content(message, act.said) and _command(message) not in self._besides and not is_own_phone(message)
        )


class IsOwnPhone(BaseFilter):
    """Passes Telegram's contact button: a contact that is the sender."""

    async def __call__(self, message: Message) -> bool:
        return is_own_phone(message)


def is_own_phone(message: Message) -> bool:
    """Whether a message is its sender's own contact; anybody else's is an ordinary message, and not their phone."""
    contact, sender = message.contact, message.from_user
    return contact is not None and sender is not None and contact.user_id == sender.id


_LONE_COMMAND = re.compile(r"/\w{1,64}(@\w+)?\s*")


def is_lone_command(message: Message) -> bool:
    """Whether a text is a word behind a slash and nothing else: with more behind it, somebody has said something."""
    return message.text is not None and _LONE_COMMAND.fullmatch(message.text) is not None


def _command(message: Message) -> str | None:
    text = message.text
    if text is None or not text.startswith("/"):
        return None
    return text[1:].split(maxsplit=1)[0].split("@")[0].casefold() if len(text) > 1 else None

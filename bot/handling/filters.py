"""Who writes and what, as filters for routers. They only pick the handlers: rights are asked at the effect.

Every filter is a coroutine: aiogram runs plain functions and magic expressions in a thread, which costs each message
more than all the rest of its way. (A magic `F.…` is fine where few updates come by.)
"""

from aiogram.filters import BaseFilter
from aiogram.types import Message, TelegramObject

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
    """Passes what a person says, of any kind, commands too."""

    async def __call__(self, message: Message) -> bool:
        return is_user_content(message)


class IsForOperator(BaseFilter):
    """Passes what a client says to an operator: all but his own phone, and the commands that the bot answers itself.

    Args:
        besides: names of those commands; any other word with a slash is words like all others.
    """

    def __init__(self, *, besides: frozenset[str]) -> None:
        self._besides = besides

    async def __call__(self, message: Message) -> bool:
        return is_user_content(message) and _command(message) not in self._besides and not is_own_phone(message)


class IsOwnPhone(BaseFilter):
    """Passes Telegram's contact button: a contact that is the sender himself."""

    async def __call__(self, message: Message) -> bool:
        return is_own_phone(message)


def is_own_phone(message: Message) -> bool:
    """Whether a message is its sender's own contact; anybody else's is words, and no phone of his."""
    contact, sender = message.contact, message.from_user
    return contact is not None and sender is not None and contact.user_id == sender.id


def _command(message: Message) -> str | None:
    text = message.text
    if text is None or not text.startswith("/"):
        return None
    return text[1:].split(maxsplit=1)[0].split("@")[0].casefold() if len(text) > 1 else None

"""Requests of people who are on the staff now: they go on being their clients until these are closed.

What they write without replying to anything is for whoever answers them; a reply goes where it points, and `#6 hello`
to request 6. So nothing of it goes to a client of theirs by guess.
"""

from aiogram import Router
from aiogram.filters import BaseFilter
from aiogram.types import Message

from bot.clients import data, messages
from bot.handling.act import Act
from bot.handling.filters import IsCommand, IsOwnPhone, IsUserContent
from bot.handling.incoming import content_of
from crm_core.conversation import edits, known_clients
from crm_core.storage.database import Database

router = Router(name="clients.own_requests")


class IsForOwnRequest(BaseFilter):
    """Passes what a member of staff writes as the client of a request of their own."""

    async def __call__(self, message: Message, act: Act, db: Database) -> bool:
        content = content_of(message, bot_id=act.bot_id, raw=act.said)
        return await db.read(known_clients.is_for_own_request, content=content)


class IsWrittenAsClient(BaseFilter):
    """Passes an edit of what somebody wrote as a client."""

    async def __call__(self, message: Message, act: Act, db: Database) -> bool:
        place = {"bot_id": act.bot_id, "chat_id": act.chat_id, "message_id": message.message_id}
        return await db.read(edits.is_of_client, **place)


router.message.register(data.on_own_phone, IsOwnPhone())
router.message.register(messages.on_message, IsUserContent(), ~IsCommand(), IsForOwnRequest())
router.edited_message.register(messages.on_edited, IsUserContent(), IsWrittenAsClient())

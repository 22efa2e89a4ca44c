"""What clients do: begin, write, complete their data, ask for help."""

from aiogram import F, Router
from aiogram.enums import ChatType

from bot.clients import data, messages, start
from bot.filters import IsClient

router = Router(name="clients")
for observer in (router.message, router.edited_message):
    observer.filter(F.chat.type == ChatType.PRIVATE, IsClient())
# Commands first; whatever is left is words for an operator.
router.include_routers(start.router, data.router, messages.router)

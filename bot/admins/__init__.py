"""What admins do."""

from aiogram import F, Router
from aiogram.enums import ChatType

from bot.filters import IsAdmin

router = Router(name="admins")
router.message.filter(F.chat.type == ChatType.PRIVATE, IsAdmin())
router.callback_query.filter(IsAdmin())

"""What admins do."""

from aiogram import Router

from bot.filters import IsAdmin

router = Router(name="admins")
router.message.filter(IsAdmin())
router.callback_query.filter(IsAdmin())

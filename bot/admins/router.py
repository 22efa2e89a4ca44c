"""The router of admins."""

from aiogram import Router

from bot.admins import admins, assign, export, operators, queue, sources, start, stats
from bot.admins import assign_contact as giving
from bot.handling.filters import IsAdmin
from bot.handling.prompts import EndPromptMiddleware, PromptMiddleware

router = Router(name="admins")
router.message.outer_middleware(PromptMiddleware())
router.message.filter(IsAdmin())
router.callback_query.middleware(EndPromptMiddleware())
router.callback_query.filter(IsAdmin())
router.include_routers(
    start.router,
    stats.router,
    export.router,
    assign.router,
    giving.router,
    operators.router,
    sources.router,
    queue.router,
    admins.router,
    start.hints,
)

"""The router of admins."""

from aiogram import Router

from bot.admins import (
    admins,
    assign,
    assign_contact,
    changes,
    decline_reasons,
    export,
    invitations,
    keywords,
    operators,
    queue,
    replay,
    report,
    setup,
    sources,
    start,
    stats,
    undo,
    vip,
)
from bot.handling.filters import IsAdmin
from bot.handling.history import history_router
from bot.handling.prompts import EndPromptMiddleware
from bot.handling.transferring import transfer_router
from bot.handling.why import why_router
from crm_core.conversation.prompts import Role

router = Router(name="admins")
router.message.filter(IsAdmin())
router.callback_query.middleware(EndPromptMiddleware(Role.ADMIN))
router.callback_query.filter(IsAdmin())
router.include_routers(
    start.router,
    setup.router,
    stats.router,
    report.router,
    replay.router,
    undo.router,
    changes.router,
    export.router,
    assign.router,
    assign_contact.router,
    operators.router,
    sources.router,
    decline_reasons.router,
    queue.router,
    vip.router,
    keywords.router,
    history_router(),
    why_router(),
    transfer_router(),
    admins.router,
    invitations.router,
    start.hints,
)

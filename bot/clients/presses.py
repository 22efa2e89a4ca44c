"""Presses of buttons under notices to clients (`bot.delivery.client_notices`).

A feature that puts buttons under a notice registers its handlers on `router`, or includes its own router before
`_unknown`. Whatever none of them handles gets a polite answer and changes nothing.
"""

from aiogram import Router
from aiogram.types import CallbackQuery

from bot.handling.prompts import EndPromptMiddleware
from bot.texts import Translator
from crm_core.conversation.prompts import Role
from crm_core.monitoring.security_log import security

router = Router(name="clients.presses")
router.callback_query.middleware(EndPromptMiddleware(Role.CLIENT))
_unknown = Router(name="clients.presses.unknown")
router.include_routers(_unknown)  # asked after the handlers of `router` itself


@_unknown.callback_query()
async def on_unknown(query: CallbackQuery, _: Translator) -> str:
    """An old button, one that is left from a time on the staff, or forged data."""
    security.report("press_refused", code="unknown_button", user_id=query.from_user.id)
    return _("Sorry, this button no longer works.")

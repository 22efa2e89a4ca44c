"""The router of operators."""

from aiogram import Router

from bot.handling.filters import IsOperator
from bot.handling.history import history_router
from bot.handling.prompts import EndPromptMiddleware
from bot.handling.reactions import reaction_router
from bot.handling.transferring import transfer_router
from bot.handling.why import why_router
from bot.operators import buttons, commands, giving_back, leaving, my, presence, replies, snoozing, topics
from bot.operators import card_links as links
from crm_core.conversation.prompts import Role

card_links = links.router  # before admins' own /start
router = Router(name="operators")
for observer in (router.message, router.edited_message, router.message_reaction):
    observer.filter(IsOperator())
router.callback_query.middleware(EndPromptMiddleware(Role.OPERATOR))
router.callback_query.filter(IsOperator())
router.include_routers(
    presence.router,
    my.router,
    topics.router,
    history_router(),
    why_router(),
    transfer_router(),
    commands.router,
    buttons.router,
    giving_back.router,
    snoozing.router,
    leaving.router,
    replies.router,
    reaction_router(),
)

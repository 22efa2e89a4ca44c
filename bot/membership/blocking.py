"""Somebody blocked a bot, or let it in again."""

from aiogram import F, Router
from aiogram.enums import ChatMemberStatus
from aiogram.types import ChatMemberUpdated

from bot.handling.act import Act
from crm_core.conversation import blocked_clients
from crm_core.team import accounts, departure
from crm_core.team.accounts import Member


def membership_router() -> Router:
    """A router for changes of the private chat itself: staff and clients have the same, each in their dispatcher."""
    router = Router(name="membership")
    router.my_chat_member.register(on_blocked, F.new_chat_member.status == ChatMemberStatus.KICKED)
    router.my_chat_member.register(on_unblocked, F.new_chat_member.status == ChatMemberStatus.MEMBER)
    return router


async def on_blocked(change: ChatMemberUpdated, member: Member | None, act: Act) -> None:
    """The bot can no longer write to this person."""
    if member is not None:
        await act(departure.mark_unreachable, telegram_id=member.telegram_id, bot_id=act.bot_id)
    else:
        await act(blocked_clients.block, bot_id=act.bot_id, chat_id=act.chat_id)


async def on_unblocked(change: ChatMemberUpdated, member: Member | None, act: Act) -> None:
    """The bot can write to this person again."""
    if member is not None:
        await act(accounts.mark_reachable, telegram_id=member.telegram_id, bot_id=act.bot_id)
    else:
        await act(blocked_clients.set_blocked, bot_id=act.bot_id, chat_id=act.chat_id, is_blocked=False)

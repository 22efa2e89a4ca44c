"""Start links that give a role: `op_<code>` for an operator, `admin_<code>` for an admin. Each opens once."""

from aiogram import F, Router
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import Message, User

from bot.admins.help import help_text as admin_help
from bot.admins.setup import setup_screen
from bot.handling.act import Act
from bot.handling.filters import IsCommand
from bot.handling.incoming import account_of
from bot.operators.presence import help_text as operator_help
from bot.operators.presence import unstarted
from bot.screens.keyboards import sentences
from bot.screens.links import ADMIN_PAYLOAD, OPERATOR_PAYLOAD
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.team import invitations
from crm_core.team.invitations import Joined
from crm_core.team.operators import Standing


async def on_invited(message: Message, command: CommandObject, event_from_user: User, act: Act, _: Translator) -> None:
    """Somebody opened an invitation."""
    code = (command.args or "").removeprefix(OPERATOR_PAYLOAD).removeprefix(ADMIN_PAYLOAD)
    account = account_of(event_from_user)
    await act(invitations.join, code=code, account=account, bot_id=act.bot_id, reply=lambda joined: _welcome(joined, _))


def joining_router() -> Router:
    """A router for invitations: staff and strangers alike may open one, and each have their own dispatcher."""
    router = Router(name="joining")
    router.message.filter(IsCommand())
    invited = F.args.startswith(OPERATOR_PAYLOAD) | F.args.startswith(ADMIN_PAYLOAD)
    start = CommandStart(deep_link=True, magic=invited, ignore_case=True, ignore_mention=True)
    router.message.register(on_invited, start)
    return router


def _welcome(joined: Joined, _: Translator) -> OutgoingMessage:
    own = ""
    if joined.own_request is not None:
        text = _(
            "Your own request #{id} stays open: what you write here without replying to a message goes to whoever "
            "answers it. To answer a client, reply to their card."
        )
        own = text.format(id=joined.own_request)
    if joined.progress is not None and not joined.progress.is_ready:
        return setup_screen(
            joined.progress, _, note="\n".join(filter(None, [_("Welcome! You are now an admin."), own]))
        )
    if joined.operator is None or joined.standing is None:
        welcome, explained = _("Welcome! You are now an admin."), admin_help(_)
    else:
        welcome = _("Welcome, {operator}! You are now an operator.").format(operator=joined.operator)
        welcome += "\n" + set_up(joined.standing, _)
        explained = operator_help(_)
    return text_message("\n\n".join(filter(None, [welcome, own, explained])))


def set_up(standing: Standing, _: Translator) -> str:
    """What an operator gets, and how much of it at once."""
    names = ", ".join([*standing.sources, *standing.off_sources])
    text = (
        _("Your sources: {sources}. No more than {limit} at once.")
        if names
        else _(
            "Your sources: none yet. When an admin gives you one, I'll tell you, and requests come; no more than "
            "{limit} at once."
        )
    )
    return sentences(
        text.format(sources=names, limit=standing.facts.max_leads), unstarted(standing.facts.missing_bots, _)
    )

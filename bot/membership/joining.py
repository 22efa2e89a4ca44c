"""Start links that give a role: `op_<code>` for an operator, `admin_<code>` for an admin. Each opens once."""

from aiogram import F, Router
from aiogram.filters import CommandObject, CommandStart
from aiogram.types import Message, User

from bot.admins.help import help_text as admin_help
from bot.handling.act import Act
from bot.handling.filters import IsCommand
from bot.handling.incoming import account_of
from bot.operators.presence import help_text as operator_help
from bot.screens.links import ADMIN_PAYLOAD, OPERATOR_PAYLOAD
from bot.screens.message import OutgoingMessage, text_message
from bot.texts import Translator
from crm_core.team import invitations
from crm_core.team.invitations import Joined


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
    if joined.operator is not None:
        return text_message(
            _("Welcome, {operator}! You are now an operator.").format(operator=joined.operator)
            + "\n\n"
            + operator_help(_)
        )
    return text_message(_("Welcome! You are now an admin.") + "\n\n" + admin_help(_))

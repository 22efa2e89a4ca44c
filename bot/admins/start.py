"""/start and /help for admins, and a word to those who just write."""

from aiogram import Router
from aiogram.filters import CommandStart
from aiogram.types import Message

from bot.admins.help import help_text
from bot.handling.act import Act
from bot.handling.filters import IsOperator, IsUserContent
from bot.operators.presence import help_text as operator_help
from bot.operators.presence import start_text as operator_start
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.storage.database import Database
from crm_core.team.accounts import Member

router = Router(name="admins.start")
hints = Router(name="admins.hints")


@router.message(CommandStart(ignore_mention=True, ignore_case=True))
async def on_start(message: Message, member: Member, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """What an admin is here for; and what an operator is, if he is one too."""
    parts = [_("You are an admin here."), help_text(_)]
    if member.operator_id is not None:
        parts.append(await operator_start(actor, db, _))
    await act.answer(text_message("\n\n".join(parts)))


@router.message(typed("help"))
async def on_help(message: Message, member: Member, act: Act, _: Translator) -> None:
    """What an admin can do; and an operator, if he is one too."""
    parts = [help_text(_)]
    if member.operator_id is not None:
        parts.append(operator_help(_))
    await act.answer(text_message("\n\n".join(parts)))


@hints.message(IsUserContent(), ~IsOperator())
async def on_words(message: Message, act: Act, _: Translator) -> None:
    """An admin who is no operator has nobody to talk to here; silence would leave him wondering."""
    if message.text is not None and message.text.startswith("/"):
        await act.answer(text_message(_("There is no such command. /help lists all commands.")))
        return
    await act.answer(
        text_message(_("You are an admin, not an operator, so this went to nobody. /help shows what you can do."))
    )

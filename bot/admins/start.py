"""/start and /help for admins, and a hint for those who just write."""

from aiogram import Router
from aiogram.filters import CommandStart
from aiogram.types import Message

from bot.admins.help import help_text
from bot.admins.setup import setup_screen
from bot.handling.act import Act
from bot.handling.filters import IsOperator, IsUserContent
from bot.handling.queries import read_as_admin
from bot.operators.presence import help_text as operator_help
from bot.operators.presence import start_text as operator_start
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.storage.database import Database
from crm_core.team import setup
from crm_core.team.accounts import Member

router = Router(name="admins.start")
hints = Router(name="admins.hints")


@router.message(CommandStart(ignore_mention=True, ignore_case=True))
async def on_start(message: Message, member: Member, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """What an admin does here, and what an operator does if the admin is one too."""
    progress = await read_as_admin(db, actor, setup.progress, bot_id=act.bot_id, telegram_id=member.telegram_id)
    if not progress.is_ready:
        await act.answer(setup_screen(progress, _))
        return
    parts = [_("You are an admin here."), help_text(_)]
    if member.operator_id is not None:
        parts.append(await operator_start(actor, db, _))
    await act.answer(text_message("\n\n".join(parts)))


@router.message(typed("help"))
async def on_help(message: Message, member: Member, act: Act, _: Translator) -> None:
    """What an admin can do, and what an operator can if the admin is one too."""
    parts = [help_text(_)]
    if member.operator_id is not None:
        parts.append(operator_help(_))
    await act.answer(text_message("\n\n".join(parts)))


@hints.message(IsUserContent(), ~IsOperator())
async def on_words(message: Message, act: Act, _: Translator) -> None:
    """The message of an admin who is not an operator goes to nobody: says so."""
    if message.text is not None and message.text.startswith("/"):
        words = _("There is no such command. /help lists all commands.")
        if message.text.casefold().startswith("/forum"):
            place = _("/forum belongs in a group with topics: add this bot there as an admin who may manage topics.")
            words = place + " " + _("Then send {example} there.").format(example="/forum shop_bot")
        await act.answer(text_message(words))
        return
    await act.answer(
        text_message(_("You are an admin, not an operator, so this went to nobody. /help shows what you can do."))
    )

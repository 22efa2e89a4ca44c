"""/take, /close and /del, as replies to a message, or with the number of a request: what the buttons do."""

from aiogram import Router
from aiogram.types import Message

from bot.handling.act import Act
from bot.handling.contact_number import contact_number, number_and_rest
from bot.operators.buttons import taken_back_text, taken_text
from bot.screens.keyboards import typed
from bot.screens.message import text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.contacts import lifecycle
from crm_core.conversation import taking_back
from crm_core.errors import NothingToTakeBack
from crm_core.messaging import messages
from crm_core.storage.database import Database

router = Router(name="operators.commands")


@router.message(typed("take"))
async def on_take_command(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """[Take], typed."""
    missing = _("Reply to a card with /take, or add its number: /take #42.")
    if (number := await _meant(message, act, db, _, missing=missing)) is None:
        return
    await act(
        lifecycle.take,
        contact_id=number,
        version=None,
        actor=actor,
        reply=lambda taken: text_message(taken_text(taken, _)),
    )


@router.message(typed("close"))
async def on_close_command(message: Message, actor: Actor, act: Act, db: Database, _: Translator) -> None:
    """[Close], typed."""
    missing = _("Reply to a card with /close, or add its number: /close #42.")
    if (number := await _meant(message, act, db, _, missing=missing)) is None:
        return
    text = _("#{id} is closed.").format(id=number)
    await act(lifecycle.close, contact_id=number, version=None, actor=actor, reply=lambda closed: text_message(text))


@router.message(typed("del", "delete"))
async def on_delete_command(message: Message, actor: Actor, act: Act, _: Translator) -> None:
    """[Take back], typed as a reply to what went to the client."""
    replied = message.reply_to_message
    if replied is None:
        raise NothingToTakeBack()
    await act(
        taking_back.take_back_message,
        bot_id=act.bot_id,
        chat_id=act.chat_id,
        message_id=replied.message_id,
        actor=actor,
        reply=lambda taken_back: text_message(taken_back_text(taken_back, _)),
    )


async def _meant(message: Message, act: Act, db: Database, _: Translator, *, missing: str) -> int | None:
    """The number of the request that a command names, or to a message of which it replies; otherwise answers so.

    Args:
        missing: the answer where it does neither.
    """
    if number_and_rest(message.text) is not None:
        return await contact_number(message, act, _, missing=missing)
    replied, target = message.reply_to_message, None
    if replied is not None:
        place = {"bot_id": act.bot_id, "chat_id": act.chat_id, "message_id": replied.message_id}
        target = await db.read(messages.reply_target, **place)
    if target is None:
        await act.answer(text_message(missing))
        return None
    return target.contact_id

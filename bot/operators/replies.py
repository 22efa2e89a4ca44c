"""An operator's message: it reaches the client it is meant for, or the operator is asked which; it is never lost."""

from aiogram import Router
from aiogram.types import InlineKeyboardButton, Message

from bot.handling.act import Act
from bot.handling.filters import IsUserContent
from bot.handling.incoming import content_of
from bot.screens.buttons import SendTo
from bot.screens.contact_label import contact_label
from bot.screens.message import OutgoingMessage, rows, shorten, text_message
from bot.texts import Translator
from crm_core.access.actors import Actor
from crm_core.conversation import edits, operator_messages
from crm_core.conversation.operator_messages import NeedsTarget, Option, Sent

router = Router(name="operators.replies")


@router.message(IsUserContent())
async def on_message(message: Message, actor: Actor, act: Act, _: Translator) -> None:
    """Any content that an operator sends, except their commands."""
    await act(
        operator_messages.route,
        actor=actor,
        content=content_of(message, bot_id=act.bot_id),
        album=message.media_group_id,
        reply=lambda routed: _question(routed, message.message_id, _),
    )


OPTIONS_SHOWN = 20  # the latest; a longer list is found quicker by replying to the card


def _question(routed: Sent | NeedsTarget, message_id: int, _: Translator) -> OutgoingMessage | None:
    if isinstance(routed, Sent) or not routed.options:
        return None
    buttons = [
        InlineKeyboardButton(
            text=_label(option, _),
            callback_data=SendTo(contact_id=option.contact_id, pending_id=routed.pending_id).pack(),
        )
        for option in routed.options[-OPTIONS_SHOWN:]
    ]
    text = _("Who is this for? It will be sent when you choose.")
    if len(routed.options) > OPTIONS_SHOWN:
        text += " " + _("These are your latest requests; for another one, reply to its card.")
    return text_message(text, keyboard=rows(buttons), reply_to=message_id)


def _label(option: Option, _: Translator) -> str:
    parts = [contact_label(option.contact_id, option.lead_name, _, longest=40), option.message]
    return shorten(" · ".join(filter(None, parts)), 60)


@router.edited_message(IsUserContent())
async def on_edited(message: Message, actor: Actor, act: Act) -> None:
    """An operator edited a message; the client's copy changes too."""
    await act(edits.operator_edits, actor=actor, content=content_of(message, bot_id=act.bot_id))

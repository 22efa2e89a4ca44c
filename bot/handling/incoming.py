"""Turns Telegram's messages and users into what `crm_core` stores."""

from typing import Any

from aiogram.enums import ContentType
from aiogram.types import Message, User

from crm_core.contacts.leads import LeadFacts, telegram_external_id
from crm_core.messaging.messages import MessageContent
from crm_core.team.accounts import Account

# What copyMessage accepts (Bot API). For anything else the operator gets a notice that names the kind.
COPYABLE = frozenset(
    {
        ContentType.TEXT,
        ContentType.PHOTO,
        ContentType.VIDEO,
        ContentType.VOICE,
        ContentType.VIDEO_NOTE,
        ContentType.AUDIO,
        ContentType.DOCUMENT,
        ContentType.ANIMATION,
        ContentType.STICKER,
        ContentType.LOCATION,
        ContentType.VENUE,
        ContentType.CONTACT,
        ContentType.POLL,
        ContentType.DICE,
        ContentType.LIVE_PHOTO,
        ContentType.RICH_MESSAGE,
    }
)
# What people send, whether or not it can be copied; other kinds are Telegram's own messages about the chat.
SPOKEN = COPYABLE | frozenset(
    {
        ContentType.STORY,
        ContentType.GAME,
        ContentType.INVOICE,
        ContentType.GIVEAWAY,
        ContentType.GIVEAWAY_WINNERS,
        ContentType.PAID_MEDIA,
        ContentType.GIFT,
        ContentType.UNIQUE_GIFT,
        ContentType.CHECKLIST,
        ContentType.UNKNOWN,
        ContentType.USER_SHARED,
        ContentType.PASSPORT_DATA,
        ContentType.SUCCESSFUL_PAYMENT,
    }
)


def is_user_content(message: Message) -> bool:
    """Whether a person sent it, rather than Telegram reporting an event of the chat."""
    return message.content_type in SPOKEN


def content_of(message: Message, *, bot_id: int) -> MessageContent:
    """The content of a message, and where its original is."""
    kind = ContentType(message.content_type).value
    text = message.text if message.text is not None else message.caption
    entities = message.entities if message.text is not None else message.caption_entities
    replied = message.reply_to_message
    return MessageContent(
        kind=kind,
        text=text,
        entities=[_entity(one) for one in entities] if entities else None,
        bot_id=bot_id,
        chat_id=message.chat.id,
        message_id=message.message_id,
        reply_to=replied.message_id if replied and replied.message_id else None,
        can_copy=_can_copy(message),
    )


def _entity(entity: Any) -> dict[str, Any]:
    data: dict[str, Any] = entity.model_dump(exclude_none=True, mode="json")
    return data


def _can_copy(message: Message) -> bool:
    if message.content_type not in COPYABLE or message.has_protected_content:
        return False
    # A quiz can be copied only by a bot that knows its right answer.
    return not (message.poll and message.poll.type == "quiz" and message.poll.correct_option_ids is None)


def person_of(user: User) -> LeadFacts:
    """A Telegram account as a lead."""
    return LeadFacts(
        external_id=telegram_external_id(user.id),
        full_name=user.full_name,
        username=user.username,
        language=user.language_code,
    )


def account_of(user: User) -> Account:
    """A Telegram account as a member of staff."""
    return Account(user.id, user.full_name, user.username, user.language_code)

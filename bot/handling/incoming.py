"""Turns Telegram's messages and users into what `crm_core` stores."""

from collections.abc import Iterator
from typing import Any

from aiogram.enums import ContentType
from aiogram.types import Message, User

from bot.handling import origins
from crm_core.contacts.leads import LeadFacts, telegram_external_id
from crm_core.graphemes import beginning
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


def is_user_content(message: Message, raw: dict[str, Any]) -> bool:
    """Whether a person sent it, rather than Telegram reporting an event of the chat.

    Args:
        raw: the message as Telegram sent it: of an event that cannot be read, the name is there.
    """
    return _kind(message, raw) in SPOKEN


_KINDS = frozenset(ContentType)


def content_of(message: Message, *, bot_id: int, raw: dict[str, Any], ends_album: bool = False) -> MessageContent:
    """The content of a message, and where its original is.

    Args:
        raw: the message as Telegram sent it, of which `message` is what can be read. Its number is that of the
            content: parts of an album that differ in nothing else are read once.
        ends_album: as in `MessageContent`.
    """
    kind = _kind(message, raw)
    text = message.text if message.text is not None else message.caption
    entities = message.entities if message.text is not None else message.caption_entities
    can_copy = _can_copy(message, kind)
    if text is None and (not can_copy or kind == ContentType.UNKNOWN):
        text, entities = words_within(raw), None
    replied, number = message.reply_to_message, raw.get("message_id")
    return MessageContent(
        kind=kind,
        text=text,
        entities=[_entity(one) for one in entities] if entities else None,
        bot_id=bot_id,
        chat_id=message.chat.id,
        message_id=number if isinstance(number, int) else message.message_id,
        reply_to=replied.message_id if replied and replied.message_id else None,
        can_copy=can_copy,
        forwarded_from=origins.forwarded_from(raw),
        about=origins.about(raw),
        media=origins.media(raw),
        album=message.media_group_id,
        ends_album=ends_album,
        written_at=message.date,
    )


def _kind(message: Message, raw: dict[str, Any]) -> str:
    """Telegram's name of the content. Of one that cannot be read only its name is known; of a text not even that."""
    kind = message.content_type  # a property that looks for it
    if kind != ContentType.UNKNOWN:
        return ContentType(kind).value
    return next((name for name in raw if name in _KINDS and name != ContentType.TEXT), ContentType.UNKNOWN.value)


LANGUAGE_LONGEST = 16  # characters of a language tag that are stored
WORDS = frozenset({"title", "text", "caption", "question", "description", "prize_description"})
WORDS_LONGEST = 4_000  # characters


def words_within(raw: dict[str, Any]) -> str | None:
    """The words of a content that a bot cannot pass on as it is, such as a checklist: its title, a line for each task.

    Args:
        raw: a message as Telegram sent it; what it replies to, and who wrote it, is not looked at.
    """
    return beginning("\n".join(_lines(raw)), WORDS_LONGEST) or None


# Parts of a message that are not what is said in it.
ABOUT = frozenset(
    {
        "from", "chat", "chats", "sender_chat", "sender_business_bot", "via_bot", "forward_origin", "reply_to_message",
        "external_reply", "reply_to_story", "quote", "reply_markup", "user", "users",
    }
)  # fmt: skip


def _lines(value: Any) -> Iterator[str]:
    if isinstance(value, list):
        for one in value:
            marked = isinstance(one, dict) and isinstance(one.get("text"), str)
            yield from (f"• {line}" if marked else line for line in _lines(one))
    elif isinstance(value, dict):
        for name, one in value.items():
            if isinstance(one, str):
                if name in WORDS and one.strip():
                    yield one.strip()
            elif name not in ABOUT:
                yield from _lines(one)


def _entity(entity: Any) -> dict[str, Any]:
    data: dict[str, Any] = entity.model_dump(exclude_none=True, mode="json")
    return data


def _can_copy(message: Message, kind: str) -> bool:
    # What nobody knows yet is tried: Telegram copies messages of nearly every kind.
    if (kind not in COPYABLE and kind != ContentType.UNKNOWN) or message.has_protected_content:
        return False
    # A quiz can be copied only by a bot that knows its right answer.
    return not (message.poll and message.poll.type == "quiz" and message.poll.correct_option_ids is None)


def person_of(user: User) -> LeadFacts:
    """A Telegram account as a lead."""
    return LeadFacts(
        external_id=telegram_external_id(user.id),
        full_name=user.full_name,
        username=user.username,
        language=_language(user),
    )


def account_of(user: User) -> Account:
    """A Telegram account as a member of staff."""
    return Account(user.id, user.full_name, user.username, _language(user))


def _language(user: User) -> str | None:
    """The language of somebody's Telegram, if it is short enough to be one."""
    code = user.language_code
    return code if code is not None and len(code) <= LANGUAGE_LONGEST else None

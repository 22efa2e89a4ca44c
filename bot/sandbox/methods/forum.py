"""Topics of forums and private chats (https://core.telegram.org/bots/api#createforumtopic and after).

Private chats have them if the bot's owner wants so, and cannot close them. The bot gets the service messages of its own
topic calls as updates (research note R10).
"""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.sending import has_topics
from bot.sandbox.methods.targets import writable_chat
from bot.sandbox.world.chats import Chat, Group, StoredMessage, Topic, take_out
from bot.sandbox.world.transcript import DELETED

Json = dict[str, Any]

MAX_NAME = 128
DEFAULT_COLOR = 0x6FB9F0
COLORS = (0x6FB9F0, 0xFFD67E, 0xCB86DB, 0x8EEE98, 0xFF93B2, 0xFB6F5F)


def _forum(call: Call, *, is_group: bool = False) -> Chat:
    """The chat whose topics a call is about.

    Args:
        is_group: whether private chats are refused.
    """
    chat = writable_chat(call)
    if not has_topics(call, chat) or (is_group and not isinstance(chat, Group)):
        raise bad_request("the chat is not a forum")
    if isinstance(chat, Group) and not chat.is_admin(call.bot.id):
        raise bad_request("not enough rights to manage topics")
    return chat


def _topic(call: Call, forum: Chat) -> Topic:
    topic = forum.topics.get(call.integer("message_thread_id") or 0)
    if topic is None:
        raise bad_request("TOPIC_ID_INVALID")
    return topic


def _name(call: Call) -> str:
    name = (call.text("name") or "").strip()
    if not 1 <= len(name) <= MAX_NAME:
        raise bad_request("TOPIC_TITLE_EMPTY" if not name else "TOPIC_TITLE_TOO_LONG")
    return name


def _announce(call: Call, forum: Chat, content: Json, thread_id: int | None = None) -> StoredMessage:
    message_id = forum.next_id()
    now = call.world.now()
    message: Json = {
        "message_id": message_id,
        "from": call.bot.user,
        "chat": forum.json,
        "date": int(now),
        "message_thread_id": thread_id or message_id,
        "is_topic_message": True,
        **content,
    }
    stored = call.world.keep(forum, StoredMessage(message, "service", request_id=call.request_id), call.bot.id)
    call.world.notify(forum, "message", message, lane=("chat", forum.id), date=now)
    return stored


@method("createForumTopic", counted=True)
def create_topic(call: Call) -> Json:
    """https://core.telegram.org/bots/api#createforumtopic"""
    forum = _forum(call)
    name, color = _name(call), call.integer("icon_color") or DEFAULT_COLOR
    if color not in COLORS:
        raise bad_request("TOPIC_ICON_COLOR_INVALID")
    emoji = call.text("icon_custom_emoji_id")
    shown: Json = {"name": name, "icon_color": color} | ({"icon_custom_emoji_id": emoji} if emoji else {})
    topic = Topic(_announce(call, forum, {"forum_topic_created": shown}).id, name, color, emoji)
    forum.topics[topic.id] = topic
    return {"message_thread_id": topic.id, **shown}


@method("editForumTopic", counted=True)
def edit_topic(call: Call) -> bool:
    """https://core.telegram.org/bots/api#editforumtopic"""
    forum = _forum(call)
    topic = _topic(call, forum)
    changes: Json = {}
    if call.text("name") is not None and _name(call) != topic.name:
        topic.name = changes["name"] = _name(call)
    emoji = call.fields.get("icon_custom_emoji_id")
    if emoji is not None and (emoji or None) != topic.icon_custom_emoji_id:
        topic.icon_custom_emoji_id = emoji or None
        changes["icon_custom_emoji_id"] = emoji
    if not changes:
        raise bad_request("TOPIC_NOT_MODIFIED")
    _announce(call, forum, {"forum_topic_edited": changes}, topic.id)
    return True


@method("closeForumTopic", counted=True)
def close_topic(call: Call) -> bool:
    """https://core.telegram.org/bots/api#closeforumtopic"""
    return _set_closed(call, True, "forum_topic_closed")


@method("reopenForumTopic", counted=True)
def reopen_topic(call: Call) -> bool:
    """https://core.telegram.org/bots/api#reopenforumtopic"""
    return _set_closed(call, False, "forum_topic_reopened")


def _set_closed(call: Call, closed: bool, service: str) -> bool:
    forum = _forum(call, is_group=True)
    topic = _topic(call, forum)
    if topic.closed == closed:
        raise bad_request("TOPIC_NOT_MODIFIED")
    topic.closed = closed
    _announce(call, forum, {service: {}}, topic.id)
    return True


@method("deleteForumTopic", counted=True)
def delete_topic(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deleteforumtopic: with all its messages, whatever their age."""
    forum = _forum(call)
    topic = _topic(call, forum)
    for message in take_out(forum, topic.id):
        message.request_id = call.request_id
        call.world.record(forum, message, DELETED, call.bot.id)
    return True

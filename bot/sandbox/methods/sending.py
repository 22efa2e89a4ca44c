"""What all sending methods share: texts within limits, replies, topics, keyboards, and the finished message."""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.markup.entities import MAX_CAPTION, MAX_TEXT, format_text, utf16_length
from bot.sandbox.methods.call import Call
from bot.sandbox.methods.markup import apply_markup
from bot.sandbox.world.chats import Chat, Group, PrivateChat, StoredMessage

Json = dict[str, Any]
SPOKEN = ("voice", "video_note")


def text_content(call: Call) -> Json:
    """`text` and `entities` of a text message.

    Raises ApiError: 400 "message text is empty", "message is too long", "can't parse entities".
    """
    text, entities = format_text(call.text("text") or "", call.text("parse_mode"), call.json("entities"))
    if not text:
        raise bad_request("message text is empty")
    if len(text) > MAX_TEXT or utf16_length(text) > MAX_TEXT:
        raise bad_request("message is too long")
    return {"text": text, "entities": entities} if entities else {"text": text}


def caption_content(call: Call, name: str = "caption", entities_name: str = "caption_entities") -> Json:
    """`caption` and `caption_entities` of a media message; empty without a caption.

    Raises ApiError: 400 "message caption is too long", "can't parse entities".
    """
    source = call.text(name)
    if source is None:
        return {}
    caption, entities = format_text(source, call.text("parse_mode"), call.json(entities_name))
    if utf16_length(caption) > MAX_CAPTION:
        raise bad_request("message caption is too long")
    if not caption:
        return {}
    content: Json = {"caption": caption, "caption_entities": entities} if entities else {"caption": caption}
    if call.flag("show_caption_above_media"):
        content["show_caption_above_media"] = True
    return content


def reply_content(call: Call, chat: Chat) -> Json:
    """`reply_to_message` and `quote` as `reply_parameters` ask for.

    Raises ApiError: 400 "message to be replied not found" unless `allow_sending_without_reply`.
    """
    parameters = call.json("reply_parameters")
    if parameters is None:
        replied_id = call.integer("reply_to_message_id")
        if not replied_id:
            return {}
        parameters = {
            "message_id": replied_id,
            "allow_sending_without_reply": call.flag("allow_sending_without_reply"),
        }
    if not isinstance(parameters, dict) or "message_id" not in parameters:
        raise bad_request("can't parse reply parameters JSON object")
    other = parameters.get("chat_id")
    if other is not None and str(other) != str(chat.id):
        return {}  # a reply to another chat is shown as an external one, which nobody here needs
    replied = chat.messages.get(int(parameters["message_id"]))
    if replied is None:
        if parameters.get("allow_sending_without_reply"):
            return {}
        raise bad_request("message to be replied not found")
    content: Json = {"reply_to_message": plain(call.world.seen_by(call.bot.id, chat, replied.json))}
    if parameters.get("quote"):
        quoted = str(parameters["quote"])
        if quoted not in str(replied.json.get("text", replied.json.get("caption", ""))):
            raise bad_request("message to be replied not found: QUOTE_TEXT_INVALID")
        content["quote"] = {"text": quoted, "position": 0, "is_manual": True}
    return content


def plain(message: Json) -> Json:
    """A message as it stands inside another one: without the message that it replies to itself."""
    return {name: value for name, value in message.items() if name not in ("reply_to_message", "pinned_message")}


def has_topics(call: Call, chat: Chat) -> bool:
    """Whether a chat has topics: a forum, and a private chat with a bot whose owner wants so."""
    if isinstance(chat, Group):
        return chat.forum
    return call.bot.has_topics and not call.world.is_older


def topic_content(call: Call, chat: Chat, reply: Json) -> Json:
    """`message_thread_id` of a message to a topic; a reply stays in the topic of what it replies to.

    Raises ApiError: 400 "message thread not found".
    """
    thread_id = call.integer("message_thread_id")
    if not has_topics(call, chat):
        if thread_id and not call.world.is_older:  # which does not know that field
            raise bad_request("message thread not found")
        return {}
    if not thread_id:
        thread_id = reply.get("reply_to_message", {}).get("message_thread_id")
        return {"message_thread_id": thread_id, "is_topic_message": True} if thread_id else {}
    if thread_id == 1:
        raise bad_request("message thread not found")  # the General topic is addressed without an id
    topic = chat.topics.get(thread_id)
    if topic is None:
        raise bad_request("message thread not found")
    if topic.closed and isinstance(chat, Group) and not chat.is_admin(call.bot.id):
        raise bad_request("TOPIC_CLOSED")
    return {"message_thread_id": thread_id, "is_topic_message": True}


def send(
    call: Call, chat: Chat, kind: str, content: Json, *, copied_from: tuple[int, int] | None = None
) -> StoredMessage:
    """Put a message of the bot into the chat, with reply, topic and keyboard as the call says.

    Raises ApiError: 400 "VOICE_MESSAGES_FORBIDDEN" where the person's settings forbid these.
    """
    if kind in SPOKEN and isinstance(chat, PrivateChat) and chat.person.forbids_voice:
        raise bad_request("VOICE_MESSAGES_FORBIDDEN")
    fields = call.fields
    reply = reply_content(call, chat) if "reply_parameters" in fields or "reply_to_message_id" in fields else {}
    topic = topic_content(call, chat, reply) if "message_thread_id" in fields or reply else {}
    markup = apply_markup(call, chat) if "reply_markup" in fields else None
    message: Json = {
        "message_id": chat.next_id(),
        "from": call.bot.user,
        "chat": chat.json,
        "date": int(call.world.now()),
        **topic,
        **reply,
        **content,
    }
    if markup is not None:
        message["reply_markup"] = markup
    if "protect_content" in fields and call.flag("protect_content"):
        message["has_protected_content"] = True
    stored = StoredMessage(message, kind, copied_from, call.request_id)
    call.world.keep(chat, stored, call.bot.id)
    return stored

"""copyMessage(s) and forwardMessage(s): the same content in another chat, without and with its origin."""

import itertools
from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.messages import message_ids
from bot.sandbox.methods.sending import caption_content, send
from bot.sandbox.methods.targets import readable_chat, writable_chat
from bot.sandbox.world.chats import Chat, StoredMessage
from bot.sandbox.world.state import World

Json = dict[str, Any]

# Kinds that the documentation of copyMessage names as impossible to copy.
UNCOPYABLE = frozenset({"service", "paid_media", "giveaway", "giveaway_winners", "invoice"})
CAPTIONED = frozenset({"photo", "video", "audio", "voice", "document", "animation"})
# Fields that belong to the chat of a message and not to its content.
PLACE = frozenset(
    {
        "message_id",
        "from",
        "chat",
        "date",
        "edit_date",
        "reply_to_message",
        "quote",
        "reply_markup",
        "message_thread_id",
        "is_topic_message",
        "forward_origin",
        "media_group_id",
        "has_protected_content",
    }
)


@method("copyMessage", counted=True)
def copy_message(call: Call) -> Json:
    """https://core.telegram.org/bots/api#copymessage"""
    chat = writable_chat(call)
    source_chat = readable_chat(call, "from_chat_id")
    source = source_chat.messages.get(call.integer("message_id") or 0)
    if source is None:
        raise bad_request("message to copy not found")
    if not copyable(source):
        raise bad_request("message can't be copied")
    content = copied_content(call, source_chat, source)
    if "caption" in call.fields and source.kind in CAPTIONED:
        content = {name: value for name, value in content.items() if name not in ("caption", "caption_entities")}
        content |= caption_content(call)
    sent = send(call, chat, source.kind, content, copied_from=(source_chat.id, source.id))
    return {"message_id": sent.id}


@method("copyMessages", counted=True)
def copy_messages(call: Call) -> list[Json]:
    """https://core.telegram.org/bots/api#copymessages: messages that cannot be copied are left out silently."""
    chat = writable_chat(call)
    source_chat = readable_chat(call, "from_chat_id")
    ids = message_ids(call)
    if any(later <= earlier for earlier, later in itertools.pairwise(ids)):
        raise bad_request("message identifiers are not in a strictly increasing order")
    found = [source_chat.messages.get(message_id) for message_id in ids]
    if not any(found):
        raise bad_request("message to copy not found")
    sources = [source for source in found if source is not None and copyable(source)]
    sources = sources[:-1] if call.skips else sources
    groups: dict[str, str] = {}

    def content(source: StoredMessage) -> Json:
        result = copied_content(call, source_chat, source)
        if call.flag("remove_caption"):
            result = {name: value for name, value in result.items() if name not in ("caption", "caption_entities")}
        album = source.json.get("media_group_id")
        return result | {"media_group_id": groups.setdefault(album, call.world.long_id())} if album else result

    return send_several(call, chat, source_chat, sources, content)


@method("forwardMessage", counted=True)
def forward_message(call: Call) -> Json:
    """https://core.telegram.org/bots/api#forwardmessage"""
    chat = writable_chat(call)
    source_chat = readable_chat(call, "from_chat_id")
    source = source_chat.messages.get(call.integer("message_id") or 0)
    if source is None:
        raise bad_request("message to forward not found")
    if not forwardable(source):
        raise bad_request("the message can't be forwarded")
    content = copied_content(call, source_chat, source) | {"forward_origin": origin(call.world, source)}
    return send(call, chat, source.kind, content, copied_from=(source_chat.id, source.id)).json


@method("forwardMessages", counted=True)
def forward_messages(call: Call) -> list[Json]:
    """https://core.telegram.org/bots/api#forwardmessages"""
    chat = writable_chat(call)
    source_chat = readable_chat(call, "from_chat_id")
    found = [source_chat.messages.get(message_id) for message_id in message_ids(call)]
    sources = [source for source in found if source is not None and forwardable(source)]
    if not any(found):
        raise bad_request("message to forward not found")

    def content(source: StoredMessage) -> Json:
        return copied_content(call, source_chat, source) | {"forward_origin": origin(call.world, source)}

    return send_several(call, chat, source_chat, sources, content)


def send_several(call: Call, chat: Chat, source_chat: Chat, sources: list[StoredMessage], content: Any) -> list[Json]:
    """Send one after another.

    Raises ApiError: 400 if an injected fault makes the last one fail; the others stay delivered (research note L10).
    """
    result = []
    for source in sources[:-1] if call.partial else sources:
        sent = send(call, chat, source.kind, content(source), copied_from=(source_chat.id, source.id))
        result.append({"message_id": sent.id})
    if call.partial:
        raise bad_request(f'failed to send message #{len(sources)} with the error message "INTERNAL"')
    return result


def copied_content(call: Call, chat: Chat, source: StoredMessage) -> Json:
    """The content of a message that is copied: text, media, entities."""
    seen = call.world.seen_by(call.bot.id, chat, source.json)
    content = {name: value for name, value in seen.items() if name not in PLACE}
    if "live_period" in content.get("location", {}):  # a copy stands still
        kept = ("latitude", "longitude", "horizontal_accuracy")
        content["location"] = {name: content["location"][name] for name in kept if name in content["location"]}
    return content


def copyable(source: StoredMessage) -> bool:
    """Whether it can be copied; a quiz only if the bot knows the answer."""
    if source.kind in UNCOPYABLE or source.json.get("has_protected_content"):
        return False
    poll = source.json.get("poll")
    return poll is None or poll["type"] != "quiz" or "correct_option_id" in poll or "correct_option_ids" in poll


def forwardable(source: StoredMessage) -> bool:
    """Whether it can be forwarded: anything but service messages and protected content."""
    return source.kind != "service" and not source.json.get("has_protected_content")


def origin(world: World, source: StoredMessage) -> Json:
    """MessageOrigin: the first author, or only their name if they hide their account in forwards."""
    known: Json | None = source.json.get("forward_origin")
    if known is not None:
        return known
    user = source.json["from"]
    date = source.json["date"]
    person = world.people.get(user["id"])
    if person is not None and person.hidden_forwards:
        name = " ".join(filter(None, (user["first_name"], user.get("last_name"))))
        return {"type": "hidden_user", "date": date, "sender_user_name": name}
    return {"type": "user", "date": date, "sender_user": user}

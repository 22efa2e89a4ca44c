"""Texts: sending, editing, deleting, reacting."""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.markup import inline_markup
from bot.sandbox.methods.sending import caption_content, send, text_content
from bot.sandbox.methods.targets import known_chat, own_message, writable_chat
from bot.sandbox.world.chats import Chat, Group, StoredMessage
from bot.sandbox.world.transcript import DELETED, EDITED, REACTION

Json = dict[str, Any]

NOT_MODIFIED = (
    "message is not modified: specified new message content and reply markup are exactly the same as a current content"
    " and reply markup of the message"
)
DELETABLE = 48 * 3600  # seconds; https://core.telegram.org/bots/api#deletemessage
ACTIONS = frozenset(
    {
        "typing",
        "upload_photo",
        "record_video",
        "upload_video",
        "record_voice",
        "upload_voice",
        "upload_document",
        "choose_sticker",
        "find_location",
        "record_video_note",
        "upload_video_note",
    }
)


@method("sendMessage", counted=True)
def send_message(call: Call) -> Json:
    """https://core.telegram.org/bots/api#sendmessage"""
    chat = writable_chat(call)
    return send(call, chat, "text", text_content(call)).json


@method("editMessageText", counted=True)
def edit_text(call: Call) -> Json:
    """https://core.telegram.org/bots/api#editmessagetext"""
    chat = writable_chat(call)
    message = own_message(call, chat)
    if message.kind != "text":
        raise bad_request("there is no text in the message to edit")
    return replace(call, chat, message, text_content(call), without=("text", "entities"))


@method("editMessageCaption", counted=True)
def edit_caption(call: Call) -> Json:
    """https://core.telegram.org/bots/api#editmessagecaption"""
    chat = writable_chat(call)
    message = own_message(call, chat)
    if message.kind not in ("photo", "video", "audio", "voice", "document", "animation"):
        raise bad_request("there is no caption in the message to edit")
    replaced = ("caption", "caption_entities", "show_caption_above_media")
    return replace(call, chat, message, caption_content(call), without=replaced)


@method("editMessageReplyMarkup", counted=True)
def edit_markup(call: Call) -> Json:
    """https://core.telegram.org/bots/api#editmessagereplymarkup"""
    chat = writable_chat(call)
    return replace(call, chat, own_message(call, chat), {}, without=())


def replace(call: Call, chat: Chat, message: StoredMessage, content: Json, *, without: tuple[str, ...]) -> Json:
    """Change a message's content and keyboard; a keyboard that is left out is removed.

    Raises ApiError: 400 "message is not modified".
    """
    markup = inline_markup(call) if "reply_markup" in call.fields else None
    changed = {
        name: value for name, value in message.json.items() if name not in (*without, "edit_date", "reply_markup")
    }
    changed |= content
    if markup is not None:
        changed["reply_markup"] = markup
    if changed == {name: value for name, value in message.json.items() if name != "edit_date"}:
        raise bad_request(NOT_MODIFIED)
    changed["edit_date"] = int(call.world.now())
    message.json = changed
    message.request_id = call.request_id
    call.world.record(chat, message, EDITED, call.bot.id)
    return changed


@method("deleteMessage")
def delete_message(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deletemessage"""
    chat = known_chat(call)
    message = chat.messages.get(call.integer("message_id") or 0)
    if message is None:
        raise bad_request("message to delete not found")
    _check_deletable(call, chat, message)
    _delete(call, chat, message)
    return True


@method("deleteMessages")
def delete_messages(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deletemessages: what cannot be found is skipped."""
    chat = known_chat(call)
    for message_id in message_ids(call):
        message = chat.messages.get(message_id)
        if message is not None:
            _check_deletable(call, chat, message)
            _delete(call, chat, message)
    return True


def message_ids(call: Call) -> list[int]:
    """`message_ids`: 1-100 identifiers.

    Raises ApiError: 400 for none or too many.
    """
    ids = call.json("message_ids")
    if not isinstance(ids, list) or not ids:
        raise bad_request("message identifiers are not specified")
    if len(ids) > 100:
        raise bad_request("too many message identifiers specified")
    return [int(message_id) for message_id in ids]


def _check_deletable(call: Call, chat: Chat, message: StoredMessage) -> None:
    own = message.json.get("from", {}).get("id") == call.bot.id
    if isinstance(chat, Group) and not own and not chat.is_admin(call.bot.id):
        raise bad_request("message can't be deleted")
    if call.world.now() - message.json["date"] > DELETABLE:
        raise bad_request("message can't be deleted for everyone")


def _delete(call: Call, chat: Chat, message: StoredMessage) -> None:
    del chat.messages[message.id]
    message.request_id = call.request_id
    call.world.record(chat, message, DELETED, call.bot.id)


@method("setMessageReaction")
def set_reaction(call: Call) -> bool:
    """https://core.telegram.org/bots/api#setmessagereaction"""
    chat = writable_chat(call)
    message = chat.messages.get(call.integer("message_id") or 0)
    if message is None:
        raise bad_request("message to react not found")
    reaction = call.json("reaction") or []
    if not isinstance(reaction, list) or len(reaction) > 1:
        raise bad_request("REACTIONS_TOO_MANY")
    if message.kind == "service":
        raise bad_request("MESSAGE_NOT_MODIFIED")
    message.reactions[call.bot.id] = reaction
    call.world.record(chat, message, REACTION, call.bot.id, {"reaction": reaction})
    return True


@method("sendChatAction")
def send_chat_action(call: Call) -> bool:
    """https://core.telegram.org/bots/api#sendchataction"""
    chat = writable_chat(call)
    action = call.text("action")
    if action not in ACTIONS:
        raise bad_request("wrong parameter action in request")
    chat.actions.append(action)
    chat.acted_at = call.world.now()
    call.world.transcript.wake(call.bot.id, chat.id)
    return True

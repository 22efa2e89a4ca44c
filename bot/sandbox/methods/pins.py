"""Pinned messages (https://core.telegram.org/bots/api#pinchatmessage and after).

In a private chat a bot may always pin; everybody sees a service message, and no notification comes with it.
"""

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.targets import writable_chat
from bot.sandbox.world.chats import Chat, Group, StoredMessage


def _chat(call: Call) -> Chat:
    chat = writable_chat(call)
    if isinstance(chat, Group) and not chat.is_admin(call.bot.id):
        raise bad_request("not enough rights to manage pinned messages in the chat")
    return chat


@method("pinChatMessage", counted=True)
def pin(call: Call) -> bool:
    """https://core.telegram.org/bots/api#pinchatmessage"""
    chat = _chat(call)
    message = chat.messages.get(call.integer("message_id") or 0)
    if message is None:
        raise bad_request("message to pin not found")
    if message.id in chat.pinned[-1:]:
        return True
    chat.pinned = [one for one in chat.pinned if one != message.id] + [message.id]
    shown = {name: value for name, value in message.json.items() if name != "reply_to_message"}
    service = {
        "message_id": chat.next_id(),
        "from": call.bot.user,
        "chat": chat.json,
        "date": int(call.world.now()),
        "pinned_message": shown,
    }
    call.world.keep(chat, StoredMessage(service, "service", request_id=call.request_id), call.bot.id)
    return True


@method("unpinChatMessage", counted=True)
def unpin(call: Call) -> bool:
    """https://core.telegram.org/bots/api#unpinchatmessage: without a number, the one that was pinned last."""
    chat = _chat(call)
    wanted = call.integer("message_id") or (chat.pinned[-1] if chat.pinned else 0)
    if wanted not in chat.pinned:
        raise bad_request("message to unpin not found")
    chat.pinned = [one for one in chat.pinned if one != wanted]
    return True


@method("unpinAllChatMessages", counted=True)
def unpin_all(call: Call) -> bool:
    """https://core.telegram.org/bots/api#unpinallchatmessages"""
    _chat(call).pinned = []
    return True

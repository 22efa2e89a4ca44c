"""Which chat a call means, and whether the bot may act in it (research note L13)."""

from bot.sandbox.errors import bad_request, forbidden
from bot.sandbox.methods.call import Call
from bot.sandbox.world.chats import Chat, Group, PrivateChat, StoredMessage


def chat_number(call: Call, name: str = "chat_id") -> int:
    """The numeric chat id of a call.

    Raises ApiError: 400 "chat_id is empty", or "chat not found" for a @username, since no chat here has one.
    """
    value = call.fields.get(name)
    if value is None or value == "":
        raise bad_request(f"{name} is empty")
    try:
        return int(value)
    except (TypeError, ValueError):
        raise bad_request("chat not found") from None


def known_chat(call: Call, name: str = "chat_id") -> Chat:
    """The chat, if the bot knows it, whether it may write there or not.

    Raises ApiError: 400 "chat not found".
    """
    chat_id = chat_number(call, name)
    world = call.world
    chat: Chat | None = world.groups.get(chat_id) if chat_id < 0 else None
    if chat_id > 0 and chat_id in world.people:
        chat = world.dialogue(call.bot.id, chat_id)
    if chat is None or (isinstance(chat, Group) and call.bot.id not in chat.members):
        raise bad_request("chat not found")
    return chat


def readable_chat(call: Call, name: str) -> Chat:
    """The chat, if the bot may read what is there.

    Raises ApiError: 400 and 403 with Telegram's descriptions.
    """
    chat = known_chat(call, name)
    if isinstance(chat, Group):
        _check_group(call, chat)
    return chat


def writable_chat(call: Call) -> Chat:
    """The chat, if the bot may write there.

    Raises ApiError: 400 and 403 with Telegram's descriptions.
    """
    if call.world.bots_by_id.get(chat_number(call)) is not None:
        raise forbidden("bot can't send messages to bots")
    chat = known_chat(call)
    if isinstance(chat, PrivateChat):
        if chat.person.deactivated:
            raise forbidden("user is deactivated")
        if chat.blocked:
            raise forbidden("bot was blocked by the user")
        if not chat.started:
            raise forbidden("bot can't initiate conversation with a user")
    elif isinstance(chat, Group):
        _check_group(call, chat)
    return chat


def _check_group(call: Call, group: Group) -> None:
    title = str(group.json["type"])
    if group.migrated_to is not None:
        raise bad_request("group chat was upgraded to a supergroup chat", migrate_to_chat_id=group.migrated_to)
    if group.deleted:
        raise forbidden("the group chat was deleted")
    status = group.members.get(call.bot.id)
    if status == "kicked":
        raise forbidden(f"bot was kicked from the {title} chat")
    if status in (None, "left"):
        raise forbidden(f"bot is not a member of the {title} chat")


def own_message(call: Call, chat: Chat) -> StoredMessage:
    """The message that an edit is about.

    Raises ApiError: 400 "message to edit not found", "message can't be edited" for what the bot did not send, or too
    long ago.
    """
    message_id = call.integer("message_id")
    if not message_id:
        raise bad_request("message identifier is not specified")
    message = chat.messages.get(message_id)
    if message is None:
        raise bad_request("message to edit not found")
    if message.json.get("from", {}).get("id") != call.bot.id or message.kind == "service" or message.is_old:
        raise bad_request("message can't be edited")
    return message

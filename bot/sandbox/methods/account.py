"""Who the bot is and whom it talks to: getMe, getChat, getChatMember, logOut, close."""

from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.older import without_newer
from bot.sandbox.methods.targets import known_chat
from bot.sandbox.world.chats import Group, PrivateChat

Json = dict[str, Any]

_PERMISSIONS = (
    "can_send_messages", "can_send_audios", "can_send_documents", "can_send_photos", "can_send_videos",
    "can_send_video_notes", "can_send_voice_notes", "can_send_polls", "can_send_other_messages",
    "can_add_web_page_previews", "can_react_to_messages", "can_edit_tag", "can_change_info", "can_invite_users",
    "can_pin_messages", "can_manage_topics",
)  # fmt: skip
_RIGHTS = (
    "can_be_edited", "is_anonymous", "can_manage_chat", "can_delete_messages", "can_manage_video_chats",
    "can_restrict_members", "can_promote_members", "can_change_info", "can_invite_users", "can_post_stories",
    "can_edit_stories", "can_delete_stories", "can_pin_messages", "can_manage_topics",
    "can_send_welcome_messages",
)  # fmt: skip


@method("getMe")
def get_me(call: Call) -> Json:
    """https://core.telegram.org/bots/api#getme"""
    me = call.bot.get_me()
    return without_newer(me) if call.world.is_older else me


@method("logOut")
def log_out(call: Call) -> bool:
    """https://core.telegram.org/bots/api#logout: nothing changes on a local server."""
    return True


@method("close")
def close(call: Call) -> bool:
    """https://core.telegram.org/bots/api#close: nothing changes on a local server."""
    return True


@method("getChat")
def get_chat(call: Call) -> Json:
    """https://core.telegram.org/bots/api#getchat"""
    chat = known_chat(call)
    accepted = {
        "unlimited_gifts": False,
        "limited_gifts": False,
        "unique_gifts": False,
        "premium_subscription": False,
        "gifts_from_channels": False,
    }
    result: Json = {**chat.json, "accent_color_id": 0, "max_reaction_count": 11, "accepted_gift_types": accepted}
    if isinstance(chat, Group):
        result["permissions"] = dict.fromkeys(_PERMISSIONS, True)
    return result


@method("getChatMember")
def get_chat_member(call: Call) -> Json:
    """https://core.telegram.org/bots/api#getchatmember"""
    chat = known_chat(call)
    user_id = call.integer("user_id")
    user = call.world.user(user_id) if user_id is not None else None
    if user is None:
        raise bad_request("invalid user_id specified")
    if isinstance(chat, PrivateChat):
        return {"status": "member", "user": user}
    assert isinstance(chat, Group)
    return member(chat, user)


@method("getChatMemberCount")
def get_chat_member_count(call: Call) -> int:
    """https://core.telegram.org/bots/api#getchatmembercount"""
    chat = known_chat(call)
    return sum(map(chat.has, chat.members)) if isinstance(chat, Group) else 2


@method("getChatAdministrators")
def get_chat_administrators(call: Call) -> list[Json]:
    """https://core.telegram.org/bots/api#getchatadministrators: people only, other bots are left out."""
    chat = known_chat(call)
    if not isinstance(chat, Group):
        raise bad_request("there are no administrators in the private chat")
    users = [call.world.user(user_id) for user_id in chat.members if chat.is_admin(user_id)]
    return [member(chat, user) for user in users if user and (not user["is_bot"] or user["id"] == call.bot.id)]


def member(chat: Group, user: Json) -> Json:
    """The ChatMember object of a user in a group."""
    status = chat.members.get(user["id"], "left")
    result: Json = {"status": status, "user": user}
    if status == "creator":
        result["is_anonymous"] = False
    elif status == "administrator":
        result |= {right: right != "is_anonymous" for right in _RIGHTS}
    elif status == "kicked":
        result["until_date"] = 0
    return result

"""Command menus and the bot's profile texts (https://core.telegram.org/bots/api#setmycommands)."""

import re
from typing import Any

from bot.sandbox.errors import bad_request
from bot.sandbox.methods.call import Call, method
from bot.sandbox.methods.targets import known_chat

Json = dict[str, Any]

MAX_COMMANDS = 100
_COMMAND = re.compile(r"/?([a-z0-9_]{1,32})")
_PLAIN_SCOPES = ("default", "all_private_chats", "all_group_chats", "all_chat_administrators")
_CHAT_SCOPES = ("chat", "chat_administrators", "chat_member")


def _key(call: Call) -> tuple[str, str]:
    scope = call.json("scope") or {"type": "default"}
    kind = scope.get("type") if isinstance(scope, dict) else None
    language = call.text("language_code") or ""
    if language and not re.fullmatch(r"[a-z]{2}", language):
        raise bad_request("invalid language code specified")
    if kind in _PLAIN_SCOPES:
        return kind, language
    if kind not in _CHAT_SCOPES:
        raise bad_request("can't parse BotCommandScope: unsupported type specified")
    chat = known_chat(call.with_fields(scope))
    if chat.id > 0 and kind != "chat":
        raise bad_request("can't change commands in private chats")
    member = f":{scope.get('user_id')}" if kind == "chat_member" else ""
    return f"{kind}:{chat.id}{member}", language


@method("setMyCommands")
def set_commands(call: Call) -> bool:
    """https://core.telegram.org/bots/api#setmycommands"""
    commands = call.json("commands")
    if not isinstance(commands, list):
        raise bad_request("commands are not specified")
    if len(commands) > MAX_COMMANDS:
        raise bad_request("too many commands specified")
    call.bot.commands[_key(call)] = [_command(command) for command in commands]
    return True


def _command(command: Any) -> Json:
    if not isinstance(command, dict):
        raise bad_request("can't parse BotCommand: expected an Object")
    name = _COMMAND.fullmatch(str(command.get("command", "")))
    description = str(command.get("description", "")).strip()
    if name is None:
        raise bad_request("BOT_COMMAND_INVALID")
    if not 1 <= len(description) <= 256:
        raise bad_request("BOT_COMMAND_DESCRIPTION_INVALID")
    return {"command": name[1], "description": description}


@method("getMyCommands")
def get_commands(call: Call) -> list[Json]:
    """https://core.telegram.org/bots/api#getmycommands: exactly this scope and language, no inheritance."""
    return call.bot.commands.get(_key(call), [])


@method("deleteMyCommands")
def delete_commands(call: Call) -> bool:
    """https://core.telegram.org/bots/api#deletemycommands"""
    call.bot.commands.pop(_key(call), None)
    return True


def _profile(title: str, field: str, limit: int) -> None:
    def write(call: Call) -> bool:
        value = call.text(field) or ""
        if len(value) > limit:
            raise bad_request(f"{field.replace('_', ' ')} is too long")
        call.bot.profile[f"{field}:{call.text('language_code') or ''}"] = value
        return True

    def read(call: Call) -> Json:
        found = call.bot.profile.get(f"{field}:{call.text('language_code') or ''}")
        return {field: found or call.bot.profile.get(f"{field}:", call.bot.name if field == "name" else "")}

    method(f"setMy{title}")(write)
    method(f"getMy{title}")(read)


_profile("Name", "name", 64)
_profile("Description", "description", 512)
_profile("ShortDescription", "short_description", 120)

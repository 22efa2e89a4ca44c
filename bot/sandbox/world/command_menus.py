"""Command menus: which of a bot's lists a person sees (https://core.telegram.org/bots/api#botcommandscope)."""

from typing import Any

from bot.sandbox.world.state import World

Json = dict[str, Any]


def seen_commands(world: World, person: int, bot: int, place: int | None = None) -> list[Json]:
    """The menu of `person` in the private chat with the bot, or in the group `place`.

    The narrowest scope that has commands wins, in the order of the documentation; within a scope, commands in the
    person's language are preferred to those without a language.
    """
    account = world.bot(bot)
    language = world.person(person).user.get("language_code", "")
    if place is None or place > 0:
        scopes = [f"chat:{person}", "all_private_chats", "default"]
    else:
        group = world.group(place)
        scopes = [f"chat_member:{place}:{person}"]
        if group.is_admin(person):
            scopes.append(f"chat_administrators:{place}")
        scopes.append(f"chat:{place}")
        if group.is_admin(person):
            scopes.append("all_chat_administrators")
        scopes += ["all_group_chats", "default"]
    for scope in scopes:
        for code in (language, ""):
            found = account.commands.get((scope, code))
            if found:
                return found
    return []

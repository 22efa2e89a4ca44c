"""Groups, topics, migration, command menus."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest, TelegramForbiddenError, TelegramMigrateToChat
from aiogram.types import (
    BotCommand,
    BotCommandScopeAllGroupChats,
    BotCommandScopeAllPrivateChats,
    BotCommandScopeChat,
    BotCommandScopeChatAdministrators,
    ChatMemberAdministrator,
    ChatMemberOwner,
)

from bot.sandbox import BotHandle, GroupHandle, Person, Sandbox


@pytest.fixture
def forum(sandbox: Sandbox, shop: BotHandle, ivan: Person) -> GroupHandle:
    return sandbox.group("Desk", [ivan, shop], forum=True)


async def test_group_returns_its_members_and_roles(bot: Bot, forum: GroupHandle, ivan: Person, shop: BotHandle) -> None:
    chat = await bot.get_chat(forum.id)
    assert (chat.type, chat.title, chat.is_forum) == ("supergroup", "Desk", True)
    assert (await bot.get_chat(ivan.id)).username == "ivan"
    assert isinstance(await bot.get_chat_member(forum.id, ivan.id), ChatMemberOwner)
    assert isinstance(await bot.get_chat_member(forum.id, shop.id), ChatMemberAdministrator)
    assert await bot.get_chat_member_count(forum.id) == 2
    assert len(await bot.get_chat_administrators(forum.id)) == 2
    with pytest.raises(TelegramBadRequest, match="invalid user_id specified"):
        await bot.get_chat_member(forum.id, 5)


async def test_group_messages_reach_bot_and_members(bot: Bot, ivan: Person, forum: GroupHandle) -> None:
    said = await ivan.says("hello", to=forum)
    message = (await bot.get_updates())[-1].message
    assert message is not None
    assert (message.chat.id, message.message_id) == (forum.id, said.id)
    await bot.send_message(forum.id, "hello, Ivan")
    assert (await ivan.sees("hello", bot=forum)).text == "hello, Ivan"


async def test_topics_are_created_edited_closed_and_deleted(bot: Bot, ivan: Person, forum: GroupHandle) -> None:
    topic = await bot.create_forum_topic(forum.id, "Ivan Petrov")
    created = (await bot.get_updates())[-1].message
    assert created is not None
    assert created.forum_topic_created is not None
    thread = topic.message_thread_id
    await bot.send_message(forum.id, "card", message_thread_id=thread)
    card = await ivan.sees("card", bot=forum)
    assert card.thread == thread
    assert (await ivan.replies(card, "ok")).thread == thread
    await bot.edit_forum_topic(forum.id, thread, name="Ivan")
    with pytest.raises(TelegramBadRequest, match="TOPIC_NOT_MODIFIED"):
        await bot.edit_forum_topic(forum.id, thread, name="Ivan")
    await bot.close_forum_topic(forum.id, thread)
    with pytest.raises(TelegramBadRequest, match="TOPIC_NOT_MODIFIED"):
        await bot.close_forum_topic(forum.id, thread)
    await bot.reopen_forum_topic(forum.id, thread)
    await bot.delete_forum_topic(forum.id, thread)
    assert ivan.chat(forum) == []
    with pytest.raises(TelegramBadRequest, match="message thread not found"):
        await bot.send_message(forum.id, "card", message_thread_id=thread)
    with pytest.raises(TelegramBadRequest, match="TOPIC_ID_INVALID"):
        await bot.close_forum_topic(forum.id, thread)


async def test_topic_calls_need_a_forum_and_the_right(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle, forum: GroupHandle
) -> None:
    plain = sandbox.group("Plain", [ivan, shop])
    with pytest.raises(TelegramBadRequest, match="the chat is not a forum"):
        await bot.create_forum_topic(plain.id, "x")
    topic = await bot.create_forum_topic(forum.id, "x")
    await bot.close_forum_topic(forum.id, topic.message_thread_id)
    forum.set_member(shop, "member")
    with pytest.raises(TelegramBadRequest, match="not enough rights to manage topics"):
        await bot.create_forum_topic(forum.id, "x")
    with pytest.raises(TelegramBadRequest, match="TOPIC_CLOSED"):
        await bot.send_message(forum.id, "x", message_thread_id=topic.message_thread_id)


async def test_group_upgrade_migrates_to_a_supergroup(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle
) -> None:
    group = sandbox.group("Desk", [ivan, shop])
    old = group.id
    group.upgrade()
    with pytest.raises(TelegramMigrateToChat) as caught:
        await bot.send_message(old, "x")
    assert caught.value.migrate_to_chat_id == group.id
    messages = [update.message for update in (await bot.get_updates())[-2:]]
    assert messages[0] is not None
    assert messages[0].migrate_to_chat_id == group.id
    assert messages[1] is not None
    assert messages[1].migrate_from_chat_id == old
    await bot.send_message(group.id, "x")


async def test_removed_bot_cannot_send_to_group(bot: Bot, forum: GroupHandle, shop: BotHandle) -> None:
    forum.set_member(shop, "kicked")
    with pytest.raises(TelegramForbiddenError, match="bot was kicked from the supergroup chat"):
        await bot.send_message(forum.id, "x")
    forum.set_member(shop, "left")
    with pytest.raises(TelegramForbiddenError, match="bot is not a member of the supergroup chat"):
        await bot.send_message(forum.id, "x")


async def test_removed_bot_cannot_copy_from_group(bot: Bot, forum: GroupHandle, shop: BotHandle, ivan: Person) -> None:
    await ivan.starts(shop)
    words = await bot.send_message(forum.id, "x")
    forum.set_member(shop, "kicked")
    with pytest.raises(TelegramForbiddenError, match="bot was kicked from the supergroup chat"):
        await bot.copy_message(ivan.id, forum.id, words.message_id)


def commands(*names: str) -> list[BotCommand]:
    return [BotCommand(command=name, description=f"what {name} does") for name in names]


async def test_command_menu_follows_scope_and_language(
    bot: Bot, sandbox: Sandbox, shop: BotHandle, ivan: Person, forum: GroupHandle
) -> None:
    anna = sandbox.person("Anna", language_code="en")

    def menu(person: Person, at: GroupHandle | None = None) -> list[str]:
        return [command["command"] for command in sandbox.commands_seen_by(person, shop, at)]

    assert menu(ivan) == []
    await bot.set_my_commands(commands("start"))
    await bot.set_my_commands(commands("privet"), BotCommandScopeAllPrivateChats(), language_code="ru")
    await bot.set_my_commands(commands("group"), BotCommandScopeAllGroupChats())
    await bot.set_my_commands(commands("admin"), BotCommandScopeChatAdministrators(chat_id=forum.id))
    assert (menu(ivan), menu(anna), menu(ivan, forum), menu(anna, forum)) == (
        ["privet"],
        ["start"],
        ["admin"],
        ["group"],
    )
    await bot.set_my_commands(commands("mine"), BotCommandScopeChat(chat_id=ivan.id))
    assert menu(ivan) == ["mine"]
    await bot.delete_my_commands(BotCommandScopeChat(chat_id=ivan.id))
    assert menu(ivan) == ["privet"]
    assert [command.command for command in await bot.get_my_commands()] == ["start"]
    assert await bot.get_my_commands(BotCommandScopeAllPrivateChats()) == []
    with pytest.raises(TelegramBadRequest, match="BOT_COMMAND_INVALID"):
        await bot.set_my_commands(commands("Big-Letters"))
    await bot.set_my_description("A shop")
    assert (await bot.get_my_description()).description == "A shop"


async def test_log_out_and_close_succeed(bot: Bot) -> None:
    assert await bot.log_out()
    assert await bot.close()

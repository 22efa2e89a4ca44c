"""Topics in private chats with a bot whose owner has switched them on."""

import pytest
from aiogram import Bot
from aiogram.exceptions import TelegramBadRequest

from bot.sandbox import BotHandle, Person, Sandbox

NO_FORUM = "the chat is not a forum"
UNKNOWN = "message thread not found"


async def test_bot_says_whether_it_has_topics(bot: Bot, sandbox: Sandbox, shop: BotHandle) -> None:
    assert (await bot.get_me()).has_topics_enabled is False
    sandbox.set_topics(shop)
    assert (await bot.get_me()).has_topics_enabled is True
    sandbox.configure(older=True)
    assert (await bot.get_me()).has_topics_enabled is None


async def test_private_topic_is_created_renamed_and_written_to(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle
) -> None:
    sandbox.set_topics(shop)
    topic = (await bot.create_forum_topic(ivan.id, "#1 Ivan")).message_thread_id
    await bot.edit_forum_topic(ivan.id, topic, name="✔️ #1 Ivan")
    assert ivan.topics(shop) == {topic: "✔️ #1 Ivan"}
    sent = await bot.send_message(ivan.id, "card", message_thread_id=topic)
    assert (sent.message_thread_id, sent.is_topic_message) == (topic, True)
    words = await ivan.replies(await ivan.sees("card", bot=shop), "ok")
    assert words.thread == topic
    assert (await bot.copy_message(ivan.id, ivan.id, words.id, message_thread_id=topic)).message_id == words.id + 1
    assert ivan.chat(shop)[-1].thread == topic
    answer = await bot.send_message(ivan.id, "answer", reply_to_message_id=words.id)
    assert answer.message_thread_id == topic
    with pytest.raises(TelegramBadRequest, match=NO_FORUM):  # not in private chats
        await bot.close_forum_topic(ivan.id, topic)


async def test_topic_that_a_person_deleted_is_unknown(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle
) -> None:
    sandbox.set_topics(shop)
    topic = (await bot.create_forum_topic(ivan.id, "#1 Ivan")).message_thread_id
    await bot.send_message(ivan.id, "card", message_thread_id=topic)
    await ivan.deletes_topic(topic, at=shop)
    assert ivan.looks("card", bot=shop) is None
    with pytest.raises(TelegramBadRequest, match=UNKNOWN):
        await bot.send_message(ivan.id, "more", message_thread_id=topic)
    with pytest.raises(TelegramBadRequest, match="TOPIC_ID_INVALID"):
        await bot.edit_forum_topic(ivan.id, topic, name="#1")


async def test_bot_without_topics_makes_none_and_an_older_server_ignores_them(
    bot: Bot, sandbox: Sandbox, ivan: Person, shop: BotHandle
) -> None:
    with pytest.raises(TelegramBadRequest, match=NO_FORUM):
        await bot.create_forum_topic(ivan.id, "#1 Ivan")
    sandbox.set_topics(shop)
    topic = (await bot.create_forum_topic(ivan.id, "#1 Ivan")).message_thread_id
    sandbox.configure(older=True)
    with pytest.raises(TelegramBadRequest, match=NO_FORUM):
        await bot.create_forum_topic(ivan.id, "#2 Petra")
    assert (await bot.send_message(ivan.id, "card", message_thread_id=topic)).message_thread_id is None
    sandbox.configure(older=False)
    sandbox.set_topics(shop, enabled=False)
    with pytest.raises(TelegramBadRequest, match=UNKNOWN):
        await bot.send_message(ivan.id, "card", message_thread_id=topic)

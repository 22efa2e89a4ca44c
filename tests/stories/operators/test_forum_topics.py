"""Topics of a team's forum that people delete, a group that the bot has left, and whom a reply in a topic is for."""

import pytest

from bot.sandbox import Person
from bot.sandbox.people.people import GroupHandle
from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, closes, count, until
from tests.stories.clients.test_albums import THREE
from tests.stories.operators.test_forum import (
    holding,
    only_topic,
    said,
    topics,
    two_in_one_message,
    with_forum,
    with_two_forums,
    written,
)
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

ON = "forum_chat_id IS NOT NULL"


async def empty_topic(crm: RunningApp) -> tuple[Person, Person, GroupHandle]:
    """Anna has Ivan's request, whose topic is made; its group has to wait before anything can stand there."""
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    group = await with_forum(crm, anna)
    crm.sandbox.fail(kind="flood", method="sendMessage", chat=group, times=1, retry_after=30)
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    await until(crm, "SELECT count(*) FROM gates", 1)
    return anna, ivan, group


@pytest.mark.fault("F242")
async def test_topic_that_is_deleted_before_anything_stands_there_is_made_again(
    crm: RunningApp, clock: MovableClock
) -> None:
    _, _, group = await empty_topic(crm)
    await crm.olga.deletes_topic(only_topic(crm, group), at=group)
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert topics(crm, group) == ["🆕 #1 Ivan"]
    assert said(crm, group) == ["📥 shop_bot: Anna has it\nIvan: Hello"]


@pytest.mark.postgres_too
@pytest.mark.fault("F242")
async def test_forum_where_no_topic_can_be_used_is_switched_off(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    group = await with_forum(crm, anna)
    gone = "Bad Request: message thread not found"
    crm.sandbox.fail(kind="error", method="sendMessage", chat=group, text=gone, times=9)
    await ask(crm, ivan, anna)
    await crm.settled()
    assert len(topics(crm, group)) == 2
    assert await count(crm, "sources", ON) == 0


@pytest.mark.fault("F242")
async def test_deleted_topic_of_a_request_with_nobody_named_leaves_the_forum_on(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan, group = await empty_topic(crm)
    card = anna.looks("Hello", bot=crm.shop)
    assert card is not None
    await anna.presses(card, "Take")
    await anna.says("/close #1")
    await anna.sees("#1 is closed")
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert (said(crm, group), topics(crm, group)) == (["Ivan: Hello"], ["✔️ #1 Ivan"])
    await crm.olga.deletes_topic(only_topic(crm, group), at=group)
    await ivan.says("Thank you")
    await crm.settled()
    assert await count(crm, "sources", ON) == 1


@pytest.mark.fault("F243")
async def test_topic_that_is_made_again_has_what_was_written_in_the_deleted_one(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    await anna.says("It is 300", to=group, thread=topic)
    await anna.sends(kinds.photo(), to=group, thread=topic, caption="Look")
    await ivan.sees("Look")
    await crm.settled()
    await crm.olga.deletes_topic(topic, at=group)
    await ivan.says("Where am I?")
    await crm.settled()
    assert said(crm, group) == [
        "📥 shop_bot: Anna has it\nIvan: Hello\nAnna: It is 300\nAnna: [photo] Look\nIvan: Where am I?"
    ]
    await anna.says("Here", to=group, thread=only_topic(crm, group))
    await ivan.sees("Here")
    await crm.settled()
    assert len(said(crm, group)) == 1


@pytest.mark.fault("F244")
async def test_reply_of_the_holder_to_a_colleague_is_not_for_the_client(crm: RunningApp) -> None:
    anna, boris, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    talk = await boris.says("What a pest", to=group, thread=topic)
    words = await anna.says("He is", to=group, thread=topic, reply_to=talk)
    refused = await anna.sees(lambda one: one.reply_to == words.id, bot=group)
    assert (refused.thread, refused.text.startswith("Not sent to the client")) == (topic, True)
    await crm.settled()
    assert ivan.looks("He is") is None
    assert await count(crm, "messages", "author = 'operator'") == 0


@pytest.mark.fault("F245")
async def test_reply_in_a_topic_arrives_as_a_reply_to_the_same_words(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    asked = await ivan.says("What does it cost?")
    await crm.settled()
    line = written(crm, group)[-1]
    quote = {"quote": {"text": "cost", "position": 14}}
    words = await anna.sends(kinds.text("300"), to=group, thread=topic, reply_to=line, parts=quote)
    answer = await ivan.sees("300")
    assert (answer.reply_to, answer.raw["quote"]["text"]) == (asked.id, "cost")
    await anna.says("Or 250", to=group, thread=topic, reply_to=words)
    assert (await ivan.sees("Or 250")).reply_to == answer.id
    await anna.says("No hurry", to=group, thread=topic)
    assert (await ivan.sees("No hurry")).reply_to is None


@pytest.mark.fault("F245")
async def test_reply_to_several_words_at_once_arrives_without_being_one(crm: RunningApp, clock: MovableClock) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    await two_in_one_message(crm, clock, anna, ivan, group)
    await anna.sends_all(THREE, to=group, thread=topic, reply_to=written(crm, group)[-1])
    assert (await ivan.sees(lambda one: "media_group_id" in one.raw, bot=crm.shop)).reply_to is None


async def removed_before_sending(crm: RunningApp, clock: MovableClock, content: kinds.Content) -> tuple[Person, Person]:
    """Anna writes in the topic of Ivan's request, and before that can be copied the bot is removed from the group."""
    anna, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="flood", method="copyMessage", chat=ivan, times=1, retry_after=30)
    await anna.sends(content, to=group, thread=only_topic(crm, group))
    await until(crm, "SELECT count(*) FROM gates", 1)
    group.set_member(crm.shop, "kicked")
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert await count(crm, "chats", "is_blocked") == 0
    return anna, ivan


@pytest.mark.fault("F38")
async def test_words_from_a_group_that_the_bot_has_left_arrive_as_text(crm: RunningApp, clock: MovableClock) -> None:
    _, ivan = await removed_before_sending(crm, clock, kinds.text("It is 300"))
    assert ivan.looks("It is 300") is not None


@pytest.mark.fault("F38")
async def test_file_from_a_group_that_the_bot_has_left_is_named_to_its_author(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan = await removed_before_sending(crm, clock, kinds.photo())
    assert ivan.looks(lambda one: one.kind == "photo") is None
    assert anna.looks("could not be delivered", bot=crm.shop) is not None


@pytest.mark.fault("F38")
async def test_forum_stays_on_when_the_bot_has_left_the_one_a_request_came_from(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    await anna.sends(kinds.photo(), to=group, thread=only_topic(crm, group), caption="Look")
    await ivan.sees("Look")
    await crm.settled()
    group.set_member(crm.shop, "kicked")
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    await ivan.says("Hello, Carla")
    await crm.settled()
    assert said(crm, other)[-1] == "Ivan: Hello, Carla"
    assert await count(crm, "sources", ON) == 1


@pytest.mark.postgres_too
@pytest.mark.fault("F38")
async def test_file_from_a_forum_that_the_bot_has_left_is_named_in_the_next_one(crm: RunningApp) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    for caption in ("Look", "And here"):
        await anna.sends(kinds.photo(), to=group, thread=only_topic(crm, group), caption=caption)
        await ivan.sees(caption)
    await ivan.sends(kinds.photo(), caption="My cat")
    await crm.settled()
    group.set_member(crm.shop, "kicked")
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    assert said(crm, other) == [
        "📥 Refunds: Carla has it\nIvan: Hello",
        "Anna: [photo] Look",
        "Anna: [photo] And here",
        "Ivan:\nMy cat",
    ]


@pytest.mark.postgres_too
async def test_edit_right_after_words_in_a_topic_is_not_lost(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    for number in range(5):
        words = await anna.says(f"It is {number}", to=group, thread=topic)
        await anna.edits(words, f"No, it is {number}")
    await ivan.sees("No, it is 4")
    await crm.settled()
    answers = [one.text for one in ivan.chat(crm.shop) if one.text.endswith(tuple("01234"))]
    assert answers == [f"No, it is {number}" for number in range(5)]


async def test_words_taken_back_right_after_they_were_written_in_a_topic_are_gone(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    for number in range(5):
        words = await anna.says(f"It is {number}", to=group, thread=topic)
        await anna.says("/del", reply_to=words, to=group, thread=topic)
    await crm.settled()
    assert ivan.looks("It is") is None


@pytest.mark.fault("F226")
async def test_words_in_a_group_that_forbids_to_save_are_sent_and_edited(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    words = await anna.says("It is 300", to=group, thread=topic, protected=True)
    await ivan.sees("It is 300")
    await crm.settled()
    await anna.edits(words, "It is 350")
    await ivan.sees("It is 350")
    await anna.sends(kinds.photo(), to=group, thread=topic, protected=True)
    await anna.sees("doesn't let bots forward", bot=group)


@pytest.mark.fault("F224")
async def test_forum_switched_off_again_right_after_it_was_bound_is_told_again(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    for number in (1, 2):
        group.set_member(crm.shop, "kicked")
        await ivan.says(f"Words {number}")
        await crm.settled()
        group.set_member(crm.shop, "administrator")
        await crm.olga.says("/forum shop_bot", to=group)
        await crm.settled()
    notices = [one for one in crm.olga.chat(crm.shop) if "The forum of shop_bot is switched off" in one.text]
    assert len(notices) == 2
    assert said(crm, group)[1:] == ["Ivan: Words 1", "Ivan: Words 2"]


@pytest.mark.postgres_too
@pytest.mark.fault("F224")
async def test_closed_topic_of_a_bot_that_is_no_admin_switches_the_forum_off(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await closes(anna, card)
    await ivan.sees("is closed")
    await crm.settled()
    group.set_member(crm.shop, "member")
    await ivan.says("Thank you")
    await anna.sees("Thank you", bot=crm.shop)
    await crm.settled()
    assert await count(crm, "sources", ON) == 0
    assert await count(crm, "forum_topics") == 1

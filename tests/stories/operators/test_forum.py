"""The team's forum of a source: a topic for each open request, where all read and whoever has it answers."""

import random
from typing import Any

import pytest

from bot.delivery.rate_limit import RateLimiter
from bot.receiving.dispatcher import _may_be_forum
from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.people.people import GroupHandle
from bot.sandbox.world import content as kinds
from crm_core.access.actors import SYSTEM
from crm_core.routing import new_sources, weight_settings
from tests.stories.arranging import ask, count, give, operator_id
from tests.stories.clients.test_albums import THREE
from tests.stories.operators.test_protected_content import protect
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


async def with_forum(crm: RunningApp, *people: Person) -> GroupHandle:
    """A group of an admin and these people that is the forum of the shop's source."""
    group = crm.sandbox.group("Team", [crm.olga, *people, crm.shop], forum=True, supergroup=True)
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.olga.sees("have a topic each here", bot=group)
    return group


def topics(crm: RunningApp, group: GroupHandle) -> list[str]:
    """The names of the topics."""
    return list(crm.olga.topics(group).values())


def said(crm: RunningApp, group: GroupHandle) -> list[str]:
    """What the bot has written in topics, in order."""
    return [one.text for one in written(crm, group)]


def written(crm: RunningApp, group: GroupHandle) -> list[SeenMessage]:
    """The messages of the bot in topics."""
    seen = crm.olga.chat(group)
    return [one for one in seen if one.sender == crm.shop.id and one.thread and one.kind != "service"]


def calls(crm: RunningApp, method: str) -> int:
    """How often a method was called."""
    return int(crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"].get(method, 0))


async def holding(crm: RunningApp) -> tuple[Person, Person, Person, GroupHandle, SeenMessage]:
    """Anna has Ivan's request, Boris looks on; the forum, and Anna's card."""
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris", weight=0)
    group = await with_forum(crm, anna, boris)
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Hello")
    await crm.settled()
    return anna, boris, ivan, group, card


def only_topic(crm: RunningApp, group: GroupHandle) -> int:
    """The one topic that there is."""
    [topic] = crm.olga.topics(group)
    return topic


def newest_with(crm: RunningApp, who: Person, label: str) -> SeenMessage:
    """The newest message of the bot in somebody's chat that has a button."""
    return next(one for one in reversed(who.chat(crm.shop)) if one.button(label))


async def two_in_one_message(
    crm: RunningApp, clock: MovableClock, anna: Person, ivan: Person, group: GroupHandle
) -> None:
    """Ivan writes twice while Telegram takes nothing for the group: one message in the topic shows both."""
    crm.sandbox.fail(kind="flood", chat=group, times=1, retry_after=30)
    await ivan.says("One")
    await ivan.says("Two")
    await anna.sees("Two", bot=crm.shop)
    clock.forward(seconds=31)
    await crm.settled()


# --- which group it is ------------------------------------------------------------------------------------------------


async def test_open_requests_get_topics_when_a_forum_is_bound(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    for name in ("Ivan", "Petra"):
        await ask(crm, crm.client(name), anna, f"{name} asks")
    group = await with_forum(crm, anna)
    await crm.settled()
    assert topics(crm, group) == ["🆕 #1 Ivan", "🆕 #2 Petra"]
    assert said(crm, group) == [
        "📥 shop_bot: Anna has it\nIvan: Ivan asks",
        "📥 shop_bot: Anna has it\nPetra: Petra asks",
    ]


async def test_forum_is_switched_off_by_its_button_and_put_back_by_undo(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    screen = await types(crm, crm.olga, "/sources shop_bot", to=crm.shop)
    assert "🗂 A forum shows the team all requests" in screen.text
    screen = await presses(crm, crm.olga, screen, "More")
    screen = await presses(crm, crm.olga, screen, "🗂 Forum off")
    assert "shop_bot has no forum any more" in screen.text
    assert "🗂 A forum" not in screen.text
    await ivan.says("Meanwhile")
    await anna.sees("Meanwhile", bot=crm.shop)
    question = await types(crm, crm.olga, "/undo")
    assert "The team's forum of shop_bot: on → off" in question.text
    await presses(crm, crm.olga, question, "↩️ Undo")
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: Meanwhile"
    await types(crm, crm.olga, "/sources noforum shop_bot", to=crm.shop)
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 0


async def test_screen_says_how_a_forum_is_made(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot", to=crm.shop)
    screen = await presses(crm, crm.olga, screen, "More")
    hint = await presses(crm, crm.olga, screen, "🗂 Forum")
    assert "add @shop_bot as an admin" in hint.text
    assert hint.text.endswith("/forum shop_bot")
    assert (await types(crm, crm.olga, "/sources forum shop_bot")).text == hint.text
    await presses(crm, crm.olga, hint, "◀️ shop_bot")


@pytest.mark.fault("F224")
async def test_group_that_cannot_be_a_forum_is_refused_in_words(crm: RunningApp) -> None:
    plain = crm.sandbox.group("Plain", [crm.olga, crm.shop], forum=False, supergroup=True)
    await crm.olga.says("/forum shop_bot", to=plain)
    assert "This group has no topics" in (await crm.olga.sees(bot=plain)).text
    weak = crm.sandbox.group("Weak", [crm.olga, crm.shop], forum=True, supergroup=True, admins=False)
    await crm.olga.says("/forum shop_bot", to=weak)
    assert "who may manage topics" in (await crm.olga.sees(bot=weak)).text
    await crm.olga.says("/forum nothing", to=weak)
    await crm.olga.sees("nothing", bot=weak)
    await crm.olga.says("/forum", to=weak)
    await crm.olga.sees("Which source is this group for?", bot=weak)
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F226")
async def test_nobody_but_an_admin_binds_a_forum_and_others_get_no_answer(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    group = crm.sandbox.group("Team", [anna, ivan, crm.shop], forum=True, supergroup=True)
    for person in (anna, ivan):
        await person.says("/forum shop_bot", to=group)
        await person.says("/forum off", to=group)
    await crm.settled()
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 0
    assert await count(crm, "outbox", "chat_id < 0") == 0
    assert await count(crm, "inbox", "state <> 'done'") == 0


async def test_forum_that_is_switched_off_shows_and_sends_nothing_more(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    await crm.olga.says("/forum off", to=group)
    await crm.olga.sees("No more topics here for shop_bot", bot=group)
    await crm.olga.says("/forum off", to=group)
    await crm.olga.sees("the forum of no source", bot=group)
    before = said(crm, group)
    await ivan.says("More")
    await anna.says("Into the void", to=group, thread=topic)
    await crm.settled()
    assert said(crm, group) == before
    assert ivan.looks("Into the void") is None


async def test_only_the_bot_of_a_source_shows_its_requests(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "desk_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        desk = crm.bots[1]
        await crm.olga.starts(desk)
        group = crm.sandbox.group("Team", [crm.olga, desk], forum=True, supergroup=True)
        await crm.olga.says("/forum shop_bot", to=group)
        assert "come to @shop_bot" in (await crm.olga.sees(bot=group)).text


# --- what stands in a topic -------------------------------------------------------------------------------------------


async def test_what_both_sides_say_stands_in_the_topic_without_a_sound(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await anna.replies(card, "Good morning")
    await crm.settled()
    await ivan.sends(kinds.photo(), caption="My cat")
    await ivan.sends_all(THREE)
    await ivan.sends(kinds.location(1, 2))
    await crm.settled()
    seen = written(crm, group)
    texts = [one.text for one in seen]
    assert texts[:3] == ["📥 shop_bot: Anna has it\nIvan: Hello", "Anna: Good morning", "Ivan:\nMy cat"]
    assert seen[3].text.startswith("Ivan:")
    assert texts[6:] == ["Ivan: [location]"]
    assert seen[2].copied_from
    assert {one.thread for one in seen} == {only_topic(crm, group)}
    assert topics(crm, group) == ["🟢 #1 Ivan"]


async def test_topic_of_a_queued_request_says_later_who_has_it(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=0)
    group = await with_forum(crm, anna)
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await crm.settled()
    await ivan.says("Anybody?")
    await crm.settled()
    await give(crm, 1, anna)
    await crm.settled()
    assert said(crm, group) == [
        "📥 shop_bot: nobody has it yet\nIvan: Hello",
        "Ivan: Anybody?",
        "📥 shop_bot: Anna has it",
    ]


async def test_topic_is_closed_and_reopened_with_its_request(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await crm.settled()
    assert topics(crm, group) == ["🟢 #1 Ivan"]
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["✔️ #1 Ivan"]
    assert calls(crm, "closeForumTopic") == 1
    card = newest_with(crm, anna, "Reopen")
    await anna.presses(card, "Reopen")
    await crm.settled()
    assert topics(crm, group) == ["🟢 #1 Ivan"]
    assert calls(crm, "reopenForumTopic") == 1
    await ivan.says("Once more")
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: Once more"


@pytest.mark.fault("F235")
async def test_words_after_closing_stand_in_the_closed_topic(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    await ivan.says("Thank you")
    await anna.sees("Thank you", bot=crm.shop)
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: Thank you"
    assert (topics(crm, group), calls(crm, "reopenForumTopic")) == (["✔️ #1 Ivan"], 0)


async def test_snoozed_request_is_marked_so(crm: RunningApp) -> None:
    anna, _, _, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await anna.says("/snooze #1 2h", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["😴 #1 Ivan"]


async def test_protected_words_stay_protected_in_the_forum(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    await protect(crm)
    await ivan.says("Secret")
    await crm.settled()
    assert written(crm, group)[-1].is_protected


# --- what is changed later ------------------------------------------------------------------------------------------


@pytest.mark.fault("F231")
async def test_edited_words_are_changed_in_the_topic_among_the_others(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    crm.sandbox.fail(kind="flood", chat=group, times=1, retry_after=1)
    first = await ivan.says("The first")
    await ivan.says("The second")
    answer = await anna.replies(card, "One moment")
    await crm.settled()
    before = said(crm, group)
    await ivan.edits(first, "The very first")
    await anna.edits(answer, "One minute")
    await crm.settled()
    assert said(crm, group) == [
        one.replace("The first", "The very first").replace("One moment", "One minute") for one in before
    ]
    assert said(crm, group) != before


@pytest.mark.fault("F231")
async def test_edit_keeps_who_had_the_request_above_the_words(crm: RunningApp) -> None:
    anna, boris, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await give(crm, 1, boris)
    await crm.settled()
    await ivan.edits(next(one for one in ivan.chat(crm.shop) if one.text == "Hello"), "Hello there")
    await crm.settled()
    assert said(crm, group) == ["📥 shop_bot: Anna has it\nIvan: Hello there", "📥 shop_bot: Boris has it"]


@pytest.mark.fault("F231")
async def test_edited_file_is_changed_in_the_topic_with_its_words(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    photo = await ivan.sends(kinds.photo(), caption="My cat")
    await crm.settled()
    await ivan.edits(photo, kinds.photo(b"another", caption="My dog"))
    await crm.settled()
    shown = written(crm, group)[-1]
    assert shown.text == "Ivan:\nMy dog"
    assert shown.raw["photo"][-1]["file_unique_id"] == ivan.chat(crm.shop)[-1].raw["photo"][-1]["file_unique_id"]


@pytest.mark.fault("F231")
async def test_what_is_taken_back_is_taken_from_the_topic(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    words = await anna.replies(card, "The wrong price")
    await crm.settled()
    picture = await anna.sends(kinds.photo(), caption="A wrong picture", reply_to=card)
    await crm.settled()
    for one in (words, picture):
        await anna.says("/del", reply_to=one, to=crm.shop)
    await crm.settled()
    assert said(crm, group)[-1] == "Anna: (taken back)"
    assert ivan.looks("The wrong price") is None
    assert not any("picture" in one for one in said(crm, group))


@pytest.mark.fault("F231")
async def test_holder_takes_their_words_back_in_the_topic_and_nobody_else_does(crm: RunningApp) -> None:
    anna, boris, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    words = await anna.says("Too early", to=group, thread=topic)
    await ivan.sees("Too early")
    before = len(crm.olga.chat(group))
    talk = await boris.says("A talk", to=group, thread=topic)
    for one in (words, talk):
        await boris.says("/del", reply_to=one, to=group, thread=topic)
    await crm.settled()
    assert ivan.looks("Too early") is not None
    assert [one for one in crm.olga.chat(group)[before:] if one.sender == crm.shop.id] == []
    await anna.says("/del", reply_to=words, to=group, thread=topic)
    await crm.settled()
    assert ivan.looks("Too early") is None
    assert crm.olga.chat(group)[-1].thread == topic


@pytest.mark.postgres_too
@pytest.mark.fault("F231")
async def test_edit_that_comes_while_its_words_are_being_shown_is_not_lost(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="slow", method="sendMessage", chat=group, delay=0.3, times=1)
    words = await ivan.says("As it was")
    await crm.olga.sees("As it was", bot=group)  # Telegram has it, and its answer is on the way
    await ivan.edits(words, "As it is")
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: As it is"


async def test_reactions_show_where_a_message_stands_by_itself(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    topic = only_topic(crm, group)
    await anna.replies(card, "Good morning")
    await anna.says("It is 300", to=group, thread=topic)
    await ivan.sees("It is 300")
    await crm.settled()
    for text in ("Good morning", "It is 300"):
        await ivan.reacts(next(one for one in ivan.chat(crm.shop) if one.text == text), "👍")
    await crm.settled()
    liked = {one.text for one in crm.olga.chat(group) if any(one.reactions)}
    assert liked == {"Anna: Good morning", "It is 300"}


@pytest.mark.postgres_too
@pytest.mark.fault("F231")
async def test_message_that_cannot_be_edited_any_more_stays_and_the_rest_comes(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    words = await ivan.says("As it was")
    await crm.settled()
    crm.sandbox.fail(kind="error", method="editMessageText", chat=group, times=1)
    await ivan.edits(words, "As it is")
    await ivan.says("After it")
    await crm.settled()
    assert said(crm, group)[-2:] == ["Ivan: As it was", "Ivan: After it"]
    assert await count(crm, "forum_lines", "is_stale") == 0


# --- albums -----------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F232")
async def test_album_comes_as_one_album_by_one_request_that_counts_its_parts(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    await ivan.sends_all(THREE)
    await crm.settled()
    parts = written(crm, group)[-3:]
    assert len({one.raw["media_group_id"] for one in parts}) == 1
    assert parts[0].text == "Ivan:\nall of it"
    assert calls(crm, "sendMediaGroup") == 1
    sent = [one for one in ivan.chat(crm.shop) if "media_group_id" in one.raw]
    await ivan.edits(sent[1], kinds.photo(b"another", caption="Two"))
    await crm.settled()
    assert written(crm, group)[-2].text == "Two"


@pytest.mark.fault("F232")
async def test_album_that_is_refused_comes_part_by_part(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="error", method="sendMediaGroup", chat=group, times=9)
    await ivan.sends_all(THREE)
    await crm.settled()
    assert all(one.copied_from for one in written(crm, group)[-3:])
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 1


# --- a request that is moved to another source ------------------------------------------------------------------------


async def with_two_forums(crm: RunningApp) -> tuple[Person, Person, GroupHandle, GroupHandle, SeenMessage]:
    """Anna of the shop has Ivan's request, Carla is at the source Refunds; each source has a forum."""
    anna, _, ivan, group, card = await holding(crm)
    carla = await crm.operator("Carla")
    refunds = await crm.db.write(new_sources.add, name="Refunds", description=None, actor=SYSTEM, now=crm.clock())
    who: dict[str, Any] = {
        "operator_id": await operator_id(crm, carla),
        "actor": SYSTEM,
        "now": crm.clock(),
        "rng": random.random,
    }
    await crm.db.write(weight_settings.set_weight, source_id=refunds, weight=1, **who)
    await crm.db.write(weight_settings.set_weight, source_id=await crm.source_id(), weight=0, **who)
    other = crm.sandbox.group("Refunds", [crm.olga, anna, carla, crm.shop], forum=True, supergroup=True)
    await crm.olga.says("/forum Refunds", to=other)
    await crm.olga.sees("have a topic each here", bot=other)
    await crm.settled()
    return anna, ivan, group, other, card


@pytest.mark.fault("F230")
async def test_moved_request_leaves_a_closed_topic_that_says_where_it_went(crm: RunningApp) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    assert (topics(crm, group), topics(crm, other)) == (["➡️ #1 Ivan"], ["🆕 #1 Ivan"])
    assert said(crm, group)[-1] == "➡️ The request is with Refunds now, and is not shown here any more"
    assert calls(crm, "closeForumTopic") == 1
    assert said(crm, other) == ["📥 Refunds: Carla has it\nIvan: Hello"]
    before = len(crm.olga.chat(group))
    await ivan.says("More")
    await crm.settled()
    assert said(crm, other)[-1] == "Ivan: More"
    assert len(crm.olga.chat(group)) == before


@pytest.mark.fault("F230")
async def test_request_that_comes_back_goes_on_in_its_first_topic(crm: RunningApp) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    await ivan.says("Hello, Carla")
    await types(crm, crm.olga, "/transfer #1 to shop_bot", to=crm.shop)
    await crm.settled()
    assert (topics(crm, group), topics(crm, other)) == (["🆕 #1 Ivan"], ["➡️ #1 Ivan"])
    assert (calls(crm, "closeForumTopic"), calls(crm, "reopenForumTopic")) == (2, 1)
    assert said(crm, group)[-1] == "📥 shop_bot: Anna has it\nIvan: Hello, Carla"
    await anna.says("I am here", to=group, thread=only_topic(crm, group))
    await ivan.sees("I am here")


@pytest.mark.fault("F230")
async def test_moved_request_is_closed_in_its_forum_though_its_new_source_has_none(crm: RunningApp) -> None:
    anna, ivan, group, other, _ = await with_two_forums(crm)
    await crm.olga.says("/forum off", to=other)
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["➡️ #1 Ivan"]
    topic = only_topic(crm, group)
    await anna.says("Into the void", to=group, thread=topic)
    await crm.settled()
    assert ivan.looks("Into the void") is None


@pytest.mark.fault("F230")
async def test_request_that_is_moved_from_the_queue_leaves_a_closed_topic(crm: RunningApp) -> None:
    anna, _, group, other, _ = await with_two_forums(crm)
    await anna.says("/offline", to=crm.shop)
    await anna.says("/return #1")
    await crm.settled()
    assert said(crm, group)[-1] == "📥 shop_bot: nobody has it yet"
    await types(crm, crm.olga, "/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    assert (topics(crm, group), topics(crm, other)) == (["➡️ #1 Ivan"], ["🆕 #1 Ivan"])


@pytest.mark.fault("F233")
async def test_forum_of_two_sources_shows_no_request_of_the_one_that_leaves_it(crm: RunningApp) -> None:
    _, _, group, _, _ = await with_two_forums(crm)
    await crm.olga.says("/forum Refunds", to=group)
    await crm.settled()
    await types(crm, crm.olga, "/sources noforum shop_bot", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["➡️ #1 Ivan"]
    assert calls(crm, "closeForumTopic") == 1


@pytest.mark.fault("F233")
async def test_group_that_is_refused_is_switched_off_for_all_its_sources(crm: RunningApp) -> None:
    _, ivan, group, _, _ = await with_two_forums(crm)
    await crm.olga.says("/forum Refunds", to=group)
    await crm.settled()
    group.set_member(crm.shop, "kicked")
    await ivan.says("Still here")
    await crm.settled()
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 0
    notices = [one.text for one in crm.olga.chat(crm.shop) if "is switched off" in one.text]
    assert sorted(one.split(" is switched")[0] for one in notices) == [
        "🗂 The forum of Refunds",
        "🗂 The forum of shop_bot",
    ]


# --- who answers there ------------------------------------------------------------------------------------------------


@pytest.mark.fault("F226")
async def test_words_of_the_holder_go_to_the_client_and_of_nobody_else(crm: RunningApp) -> None:
    anna, boris, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    before = len(crm.olga.chat(group))
    await boris.says("I know this one", to=group, thread=topic)
    await crm.olga.says("So do I", to=group, thread=topic)
    await anna.says("Not here", to=group)
    words = await anna.says("It is 300", to=group, thread=topic)
    await anna.sends(kinds.photo(), to=group, thread=topic, caption="Look")
    await ivan.sees("Look")
    await crm.settled()
    seen = [one.text for one in ivan.chat(crm.shop) if one.sender == crm.shop.id]
    assert "It is 300" in seen
    assert not {"I know this one", "So do I", "Not here"} & set(seen)
    assert topics(crm, group) == ["🟢 #1 Ivan"]
    new = [one for one in crm.olga.chat(group)[before:] if one.sender == crm.shop.id]
    assert [one.kind for one in new] == ["service"]  # a new name; what was written there is not repeated
    await anna.edits(words, "It is 350")
    await ivan.sees("It is 350")
    await boris.says("Fine", to=group, thread=topic)
    await crm.settled()
    assert await count(crm, "messages", "author = 'operator'") == 2


async def test_album_of_the_holder_arrives_as_an_album(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    await anna.sends_all(THREE, to=group, thread=only_topic(crm, group))
    await ivan.sees(lambda one: "media_group_id" in one.raw, bot=crm.shop)
    await crm.settled()
    assert sum("media_group_id" in one.raw for one in ivan.chat(crm.shop)) == 3


@pytest.mark.fault("F226")
async def test_former_holder_is_a_reader_like_others(crm: RunningApp) -> None:
    anna, boris, ivan, group, card = await holding(crm)
    topic = only_topic(crm, group)
    await anna.presses(card, "Take")
    await give(crm, 1, boris)
    await crm.settled()
    assert said(crm, group)[-1] == "📥 shop_bot: Boris has it"
    await anna.says("One more thing", to=group, thread=topic)
    await boris.says("I go on", to=group, thread=topic)
    await ivan.sees("I go on")
    await crm.settled()
    assert ivan.looks("One more thing") is None


async def test_what_cannot_be_sent_is_refused_in_the_topic(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    words = await anna.says("/nonsense", to=group, thread=topic)
    refused = await anna.sees(lambda one: one.reply_to == words.id, bot=group)
    assert refused.thread == topic
    await ivan.blocks(crm.shop)
    await crm.settled()
    words = await anna.says("Are you there?", to=group, thread=topic)
    refused = await anna.sees(lambda one: one.reply_to == words.id, bot=group)
    assert refused.thread == topic


def test_words_of_an_anonymous_admin_or_a_channel_concern_nobody() -> None:
    message = {"text": "/forum shop_bot", "message_thread_id": 4, "is_topic_message": True}
    group = {"id": -100, "type": "supergroup"}
    assert _may_be_forum({"message": message}, group)
    assert not _may_be_forum({"message": {**message, "sender_chat": group}}, group)
    assert not _may_be_forum({"message": {"text": "Lunch?"}}, group)
    assert not _may_be_forum({"message": message}, {"id": -100, "type": "channel"})
    reaction = {"message_id": 5, "new_reaction": []}
    assert _may_be_forum({"message_reaction": {**reaction, "user": {"id": 7}}}, group)
    assert not _may_be_forum({"message_reaction": {**reaction, "actor_chat": group}}, group)
    assert not _may_be_forum({"message_reaction_count": reaction}, group)


# --- where Telegram refuses -------------------------------------------------------------------------------------------


@pytest.mark.postgres_too
@pytest.mark.fault("F38", "F224")
@pytest.mark.parametrize("status", ["kicked", "member"])
async def test_refusal_switches_the_forum_off_with_one_notice(crm: RunningApp, status: str) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    group.set_member(crm.shop, status)
    petra = crm.client("Petra")
    await ask(crm, petra, anna, "Petra asks")
    await ivan.says("Still here")
    await anna.sees("Still here")
    await petra.says("Petra, too")
    await crm.settled()
    notices = [one.text for one in crm.olga.chat(crm.shop) if "The forum of shop_bot is switched off" in one.text]
    assert len(notices) == 1
    assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 0
    assert await count(crm, "outbox", "kind = 'forum' AND state IN ('pending', 'sending')") == 0
    assert await count(crm, "chats", "is_blocked") == 0


async def test_deleted_topic_is_made_again(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    await crm.olga.deletes_topic(only_topic(crm, group), at=group)
    await ivan.says("Where am I?")
    await crm.settled()
    assert topics(crm, group) == ["🆕 #1 Ivan"]
    assert said(crm, group) == ["📥 shop_bot: Anna has it\nIvan: Hello\nIvan: Where am I?"]


async def test_message_that_cannot_be_copied_is_left_out_and_the_rest_comes(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="error", method="copyMessage", chat=group, times=1)
    await ivan.sends(kinds.photo(), caption="Lost")
    await ivan.says("After it")
    await anna.sees("After it")
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: After it"


# --- limits and losses ------------------------------------------------------------------------------------------------


@pytest.mark.fault("F225")
async def test_what_waits_too_long_is_counted_in_a_line(crm: RunningApp, clock: MovableClock) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="flood", chat=group, times=1, retry_after=30)
    for number in range(20):
        await ivan.says(f"Line {number}")
    await anna.sees("Line 19")
    clock.forward(seconds=31)
    await crm.settled()
    [_, late] = said(crm, group)
    assert late.splitlines() == [
        "… 8 earlier messages: /history #1",
        *(f"Ivan: Line {number}" for number in range(8, 20)),
    ]


@pytest.mark.fault("F225")
async def test_flood_waits_of_groups_do_not_stop_private_chats(crm: RunningApp) -> None:
    limiter = RateLimiter(clock=crm.clock)
    for group in (-1, -2, -3, -4):
        assert [chat for chat, _ in limiter.flood(group, 30)] == [group]
    assert limiter.wait_bot() == 0
    assert limiter.gate(5) == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F225")
async def test_lost_answer_repeats_a_line_and_loses_none(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="silent", method="sendMessage", chat=group, times=1)
    await ivan.says("Once or twice")
    await crm.settled()
    assert set(said(crm, group)[1:]) == {"Ivan: Once or twice"}

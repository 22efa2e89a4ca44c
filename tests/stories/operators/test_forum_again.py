"""A group becomes a forum again: what happened meanwhile shows in the topics that are there."""

import pytest

from bot.sandbox.people.people import GroupHandle
from tests.stories.arranging import closes, give, link
from tests.stories.clients.test_late_messages import five_minutes_later
from tests.stories.operators.test_forum import calls, holding, said, topics, with_two_forums
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

pytestmark = pytest.mark.postgres_too


@pytest.mark.fault("F265")
async def test_request_closed_elsewhere_is_marked_when_its_source_has_the_group(crm: RunningApp) -> None:
    anna, _, group, other, card = await with_two_forums(crm)
    await anna.presses(card, "Take")
    await crm.olga.says("/forum off", to=other)
    await anna.says("/transfer #1 to Refunds", to=crm.shop)
    await crm.settled()
    await give(crm, 1, anna)
    await crm.settled()
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["➡️ #1 Ivan"]
    await crm.olga.says("/forum Refunds", to=group)
    await crm.settled()
    assert topics(crm, group) == ["✔️ #1 Ivan"]
    assert (calls(crm, "closeForumTopic"), calls(crm, "reopenForumTopic")) == (1, 0)


@pytest.mark.fault("F265")
async def test_request_closed_while_its_group_was_anothers_forum_is_marked_so(crm: RunningApp) -> None:
    anna, _, group, _, card = await with_two_forums(crm)
    await anna.presses(card, "Take")
    await crm.olga.says("/forum Refunds", to=group)
    await crm.settled()
    await types(crm, crm.olga, "/sources noforum shop_bot", to=crm.shop)
    await crm.settled()
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    assert topics(crm, group) == ["➡️ #1 Ivan"]
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    assert topics(crm, group) == ["✔️ #1 Ivan"]


@pytest.mark.fault("F265")
async def test_words_after_closing_come_into_the_topic_when_the_forum_is_on_again(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    await crm.olga.says("/forum off", to=group)
    await crm.settled()
    await ivan.says("Thank you")
    await anna.sees("Thank you", bot=crm.shop)
    await crm.settled()
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: Thank you"
    assert topics(crm, group) == ["✔️ #1 Ivan"]


@pytest.mark.fault("F265")
async def test_words_edited_while_a_forum_was_off_are_changed_when_it_is_on_again(crm: RunningApp) -> None:
    anna, _, ivan, group, card = await holding(crm)
    words = await ivan.says("It is blue")
    await anna.presses(card, "Take")
    await anna.sees("It is blue", bot=crm.shop)
    await crm.settled()
    await crm.olga.says("/forum off", to=group)
    await crm.settled()
    await ivan.edits(words, "It is red")
    await crm.settled()
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: It is red"


async def thanks_beside_a_second_request(crm: RunningApp) -> GroupHandle:
    """Ivan has thanked for what is closed, and has a request beside that; the forum of both."""
    anna, _, ivan, group, card = await holding(crm)
    await link(crm, "vk", "VK ads", anna)
    await closes(anna, card)
    await ivan.sees("is closed")
    await crm.settled()
    await ivan.says("Thank you")
    await anna.sees("Thank you", bot=crm.shop)
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("From the ad")
    await ivan.sees("Your request is #2")
    await types(crm, crm.olga, "/transfer #2 to shop_bot", to=crm.shop)
    await crm.settled()
    assert said(crm, group)[-1] == "📥 shop_bot: Anna has it\nIvan: From the ad"
    return group


@pytest.mark.fault("F235")
async def test_words_after_closing_that_join_another_request_come_into_its_topic(
    crm: RunningApp, clock: MovableClock
) -> None:
    group = await thanks_beside_a_second_request(crm)
    await five_minutes_later(crm, clock)
    assert (topics(crm, group), said(crm, group)[-1]) == (["✔️ #1 Ivan", "🆕 #2 Ivan"], "Ivan: Thank you")


@pytest.mark.fault("F265")
async def test_words_that_join_a_request_without_a_forum_come_into_its_topic_later(
    crm: RunningApp, clock: MovableClock
) -> None:
    group = await thanks_beside_a_second_request(crm)
    await crm.olga.says("/forum off", to=group)
    await crm.settled()
    await five_minutes_later(crm, clock)
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    assert (topics(crm, group), said(crm, group)[-1]) == (["✔️ #1 Ivan", "🆕 #2 Ivan"], "Ivan: Thank you")


@pytest.mark.fault("F265")
async def test_words_that_joined_a_request_do_not_come_where_it_has_left(crm: RunningApp, clock: MovableClock) -> None:
    group = await thanks_beside_a_second_request(crm)
    await crm.olga.says("/forum off", to=group)
    await crm.settled()
    await five_minutes_later(crm, clock)
    await types(crm, crm.olga, "/transfer #2 to VK ads", to=crm.shop)
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    assert topics(crm, group) == ["✔️ #1 Ivan", "➡️ #2 Ivan"]
    assert said(crm, group)[-1].startswith("➡️ The request is with VK ads now")
    assert [line for line in said(crm, group) if "Thank you" in line] == ["Ivan: Thank you"]  # in the first one's topic

"""What a topic of a forum shows where an answer was lost, and its request is as before when that is tried again."""

import pytest

from bot.sandbox import Person
from bot.sandbox.people.people import GroupHandle
from tests.stories.operators.test_forum import holding, newest_with, topics
from tests.support.people import RunningApp

pytestmark = pytest.mark.postgres_too


async def answer_is_lost(crm: RunningApp, method: str) -> tuple[Person, Person, GroupHandle]:
    """Anna has taken Ivan's request; the answer to the next call of a method is lost, which Telegram obeys."""
    anna, _, ivan, group, card = await holding(crm)
    await anna.presses(card, "Take")
    await crm.settled()
    crm.sandbox.fail(method=method, chat=group, kind="http_500", applied=True, times=1)
    return anna, ivan, group


@pytest.mark.fault("F260")
async def test_topic_whose_new_name_was_lost_is_named_as_its_request_is_then(crm: RunningApp) -> None:
    anna, ivan, group = await answer_is_lost(crm, "editForumTopic")
    await anna.says("/snooze #1 2h", to=crm.shop)
    await crm.olga.sees(lambda one: "forum_topic_edited" in one.raw and "😴" in str(one.raw), bot=group)
    await ivan.says("Here I am")
    await crm.settled()
    assert topics(crm, group) == ["🟢 #1 Ivan"]


@pytest.mark.fault("F260")
async def test_topic_whose_closing_was_lost_is_open_if_its_request_is_then(crm: RunningApp) -> None:
    anna, _, group = await answer_is_lost(crm, "closeForumTopic")
    await anna.says("/close #1", to=crm.shop)
    await crm.olga.sees(lambda one: "forum_topic_closed" in one.raw, bot=group)
    await anna.presses(newest_with(crm, anna, "Reopen"), "Reopen")
    await crm.settled()
    shown = [one.raw for one in crm.olga.chat(group) if one.kind == "service"]
    assert topics(crm, group) == ["🟢 #1 Ivan"]
    closed, opened = (
        max((place for place, raw in enumerate(shown) if name in raw), default=-1)
        for name in ("forum_topic_closed", "forum_topic_reopened")
    )
    assert closed < opened

"""Several of our bots are in one group: whichever a command means answers, and nobody else."""

from collections.abc import AsyncIterator
from types import SimpleNamespace
from typing import Any

import pytest
from aiogram.types import ChatMember, ChatMemberAdministrator, ChatMemberMember

from bot.operators.group_bots import first_of
from bot.sandbox import BotHandle, Sandbox
from bot.sandbox.people.people import GroupHandle
from crm_core.access.actors import SYSTEM
from crm_core.routing import new_sources
from tests.stories.arranging import count
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

BOUND = "forum_chat_id IS NOT NULL"


@pytest.fixture
async def two(sandbox: Sandbox, database_url: str) -> AsyncIterator[RunningApp]:
    """Two bots; Olga, an admin, has started both."""
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "desk_bot"}
    ) as crm:
        await crm.olga.starts(crm.bots[1])
        yield crm


def team(crm: RunningApp) -> GroupHandle:
    """A group that has both bots as admins."""
    return crm.sandbox.group("Team", [crm.olga, *crm.bots], forum=True, supergroup=True)


async def answers(crm: RunningApp, group: GroupHandle, words: str) -> list[tuple[BotHandle, str]]:
    """Which bots answer a command in a group, and with what."""
    before = len(crm.olga.chat(group))
    await crm.olga.says(words, to=group)
    await crm.settled()
    bots = {one.id: one for one in crm.bots}
    return [(bots[one.sender], one.text) for one in crm.olga.chat(group)[before:] if one.sender in bots]


@pytest.mark.fault("F259")
async def test_only_the_bot_of_the_source_answers_a_command_without_a_name(two: RunningApp) -> None:
    group = team(two)
    for bot in (two.bots[1], two.shop):
        [(who, text)] = await answers(two, group, f"/forum {bot.username}")
        assert (who, "have a topic each here" in text) == (bot, True)
    assert await count(two, "sources", BOUND) == 2
    [(who, text)] = await answers(two, group, "/forum off")
    assert who == two.shop
    assert "shop_bot" in text and "desk_bot" in text  # noqa: PT018
    assert await count(two, "sources", BOUND) == 0


@pytest.mark.fault("F259")
@pytest.mark.parametrize("words", ["/forum", "/forum nothing", "/forum off"])
async def test_one_bot_answers_what_means_no_source(two: RunningApp, words: str) -> None:
    group = team(two)
    assert [who for who, _ in await answers(two, group, words)] == [two.shop]
    await answers(two, group, "/forum desk_bot")
    assert [who for who, _ in await answers(two, group, words)] == [two.bots[1]]


@pytest.mark.fault("F259")
async def test_source_without_a_bot_is_bound_by_one(two: RunningApp) -> None:
    await two.db.write(new_sources.add, name="Site", description=None, actor=SYSTEM, now=two.clock())
    group = team(two)
    [(who, text)] = await answers(two, group, "/forum Site")
    assert (who, "have a topic each here" in text) == (two.shop, True)
    await answers(two, group, "/forum off")
    group.set_member(two.shop, "member")
    [(who, text)] = await answers(two, group, "/forum Site")
    assert (who, "have a topic each here" in text) == (two.bots[1], True)


@pytest.mark.fault("F259")
@pytest.mark.parametrize("status", ["member", "left", "kicked"])
async def test_other_bot_says_so_where_that_of_the_source_is_no_admin(two: RunningApp, status: str) -> None:
    group = team(two)
    group.set_member(two.shop, status)
    [(who, text)] = await answers(two, group, "/forum shop_bot")
    assert who == two.bots[1]
    assert "add that bot to this group as an admin" in text
    assert "/forum@shop_bot" in text


@pytest.mark.fault("F259")
async def test_other_bot_ends_the_forum_of_one_that_has_left(two: RunningApp) -> None:
    group = team(two)
    await answers(two, group, "/forum shop_bot")
    group.set_member(two.shop, "left")
    [(who, text)] = await answers(two, group, "/forum off")
    assert (who, "No more topics here for shop_bot" in text) == (two.bots[1], True)
    assert await count(two, "sources", BOUND) == 0


@pytest.mark.fault("F259")
async def test_bot_answers_where_telegram_does_not_say_who_is_there(two: RunningApp) -> None:
    group = team(two)
    two.sandbox.fail(kind="error", method="getChatMember", text="Bad Request: user not found", times=2)
    found = await answers(two, group, "/forum")
    assert two.shop in [who for who, _ in found]


@pytest.mark.fault("F259")
@pytest.mark.parametrize(
    ("wanted", "rights", "first"),
    [
        ((), {1: True, 2: True}, 1),
        ((), {1: False, 2: True}, 2),
        ((2,), {1: True, 2: False}, 2),
        ((2,), {1: True, 2: None}, 1),
        ((2, 1), {1: True, 2: True, 3: True}, 2),
        ((), {1: False, 2: False}, 1),
        ((), {1: None, 2: None}, None),
    ],
)
async def test_first_of_several_bots_is_the_one_that_is_meant_and_may_make_topics(
    wanted: tuple[int, ...], rights: dict[int, bool | None], first: int | None
) -> None:
    async def get_chat_member(chat_id: int, bot_id: int, **_: Any) -> ChatMember:
        can = rights[bot_id]
        model = ChatMemberMember if can is None else ChatMemberAdministrator
        return model.model_construct(can_manage_topics=can)

    asking: Any = SimpleNamespace(id=1, get_chat_member=get_chat_member)
    assert await first_of(asking, -100, wanted=wanted, bots=list(rights)) == first

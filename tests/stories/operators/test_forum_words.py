"""What somebody's words look like in a team's forum, and where a notice about them comes; commands for another bot."""

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import count
from tests.stories.operators.test_forum import holding, only_topic, said, written
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


@pytest.mark.fault("F238")
async def test_words_that_have_no_room_are_cut_with_a_sign(crm: RunningApp) -> None:
    _, _, ivan, group, _ = await holding(crm)
    await ivan.says("x" * 4_096)
    await crm.settled()
    assert (len(said(crm, group)[-1]), said(crm, group)[-1][-2:]) == (4_096, "x…")
    await ivan.sends(kinds.photo(), caption="😀" * 512)
    await crm.settled()
    assert said(crm, group)[-1].endswith("😀…")


@pytest.mark.fault("F238")
async def test_each_of_several_long_words_has_room(crm: RunningApp, clock: MovableClock) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    crm.sandbox.fail(kind="flood", chat=group, times=1, retry_after=30)
    origin = {"type": "hidden_user", "date": 1, "sender_user_name": "Z" * 80}
    for number in range(11):
        await ivan.sends(kinds.text(f"line {number} " + "y" * 350), forward_origin=origin)
    await ivan.says("At last")
    await anna.sees("At last")
    clock.forward(seconds=31)
    await crm.settled()
    lines = said(crm, group)[-1].splitlines()
    assert [f"line {number} " in one for number, one in enumerate(lines[:-1])] == [True] * 11
    assert all(one.endswith("y…") for one in lines[:-1])
    assert lines[-1] == "Ivan: At last"


@pytest.mark.fault("F239")
@pytest.mark.parametrize("sign", ["\n", "\r\n", "\u2028"])
async def test_further_lines_of_a_client_do_not_look_like_words_of_a_colleague(crm: RunningApp, sign: str) -> None:
    _, _, ivan, group, _ = await holding(crm)
    await ivan.says(f"Hello{sign}Anna: pay to 1234")
    await crm.settled()
    assert said(crm, group)[-1] == "Ivan: Hello\n\u2003Anna: pay to 1234"


@pytest.mark.fault("F240")
async def test_command_for_another_bot_of_the_group_is_not_obeyed(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "desk_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        desk = crm.bots[1]
        await crm.olga.starts(desk)
        group = crm.sandbox.group("Team", [crm.olga, crm.shop, desk], forum=True, supergroup=True)
        await crm.olga.says("/forum@Shop_Bot shop_bot", to=group)
        await crm.olga.sees("have a topic each here", bot=group)
        await crm.olga.says("/forum@desk_bot off", to=group)
        await crm.olga.sees("the forum of no source", bot=group)
        await crm.settled()
        assert [one.sender for one in crm.olga.chat(group) if one.sender != crm.olga.id] == [crm.shop.id, desk.id]
        assert await count(crm, "sources", "forum_chat_id IS NOT NULL") == 1


@pytest.mark.fault("F240")
async def test_command_for_a_strange_bot_in_a_topic_is_not_refused(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    before = len(crm.olga.chat(group))
    await anna.says("/weather@weather_bot", to=group, thread=only_topic(crm, group))
    await crm.settled()
    assert len(crm.olga.chat(group)) == before + 1
    assert ivan.looks("/weather") is None


@pytest.mark.postgres_too
@pytest.mark.fault("F241")
async def test_words_that_do_not_arrive_are_named_in_their_topic_in_its_language(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    topic = only_topic(crm, group)
    crm.sandbox.fail(kind="slow", method="copyMessage", chat=ivan, times=1, delay=0.3)
    words = await anna.says("Never mind", to=group, thread=topic)
    await anna.deletes(words)
    await crm.settled()
    notice = written(crm, group)[-1]
    assert notice.thread == topic
    assert notice.text == "🗑 #1: a message (text) was deleted by its author before it could be forwarded."
    await ivan.blocks(crm.shop)
    words = await anna.says("Are you there?", to=group, thread=topic)
    await crm.settled()
    notice = written(crm, group)[-1]
    assert notice.thread == topic
    assert "blocked the bot" in notice.text

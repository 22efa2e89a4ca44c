"""Groups and topics: the product talks to people one by one, so a bot that is put into a group keeps silent there."""

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import count
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


@pytest.mark.fault("F37", "F38", "F39", "F40")
async def test_bot_in_a_group_opens_no_contact_and_sends_nothing(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    group = crm.sandbox.group("Team", [anna, ivan, crm.shop], forum=False)
    await ivan.says("Hello, group", to=group)
    await anna.says("/my", to=group)
    group.upgrade()
    await ivan.says("Hello, supergroup", to=group)
    group.set_member(crm.shop, "kicked")
    await crm.settled()
    assert await count(crm, "inbox", "state <> 'done'") == 0
    assert await count(crm, "contacts") == 0
    assert await count(crm, "outbox", "chat_id < 0") == 0
    # And nobody counts as having blocked the bot: what was said about the group is not about a person.
    await ivan.says("Hello, bot", to=crm.shop)
    await anna.sees("Hello, bot", bot=crm.shop)


@pytest.mark.postgres_too
@pytest.mark.fault("F101")
async def test_word_in_a_group_does_not_make_an_operator_reachable(sandbox: Sandbox, database_url: str) -> None:
    """Anna has not started the desk's bot, which only sees her in the team's group: it could not send her a card."""
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "desk_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=tokens) as crm:
        shop, desk = crm.bots
        anna, ivan = await crm.operator("Anna", bots=[shop]), crm.client()
        await crm.weight(1, 1, bot=desk)
        group = crm.sandbox.group("Team", [anna, desk], forum=False)
        await anna.says("/my", to=group)
        await anna.says("Lunch?", to=group)
        await crm.settled()
        await ivan.says("Hello, desk", to=desk)
        await crm.settled()
        assert await count(crm, "staff_chats", f"bot_id = {desk.id} AND telegram_id = {anna.id}") == 0
        assert await count(crm, "contacts", "operator_id IS NOT NULL") == 0
        assert await count(crm, "events", "kind = 'delivery_dead'") == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F102")
async def test_busy_group_is_finished_at_once_and_nobody_is_told_to_slow_down(crm: RunningApp) -> None:
    """The clock stands still, so whatever waited for a turn would wait for good."""
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    group = crm.sandbox.group("Customers", [anna, ivan, petra, crm.shop], forum=False)
    for number in range(40):
        await ivan.says(f"Chat {number}", to=group)
        await petra.says(f"Answer {number}", to=group)
    await crm.settled()
    assert await count(crm, "inbox", "state <> 'done'") == 0
    assert await count(crm, "chats", "slowed_at IS NOT NULL") == 0
    assert await count(crm, "messages") == 1
    # What they said in the group is not counted against them in private.
    await ivan.says("Still there?", to=crm.shop)
    await anna.sees("Still there?")


@pytest.mark.fault("F39")
async def test_thread_id_in_a_private_chat_is_ignored(crm: RunningApp) -> None:
    """Telegram may number threads of private chats; where an answer goes is decided by what it answers."""
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await ivan.says("Ivan asks", to=crm.shop, thread=77)
    await petra.says("Petra asks", to=crm.shop, thread=77)
    card = await anna.sees("Ivan asks", bot=crm.shop)
    await anna.sees("Petra asks")
    await anna.says("For Ivan", to=crm.shop, reply_to=card, thread=78)
    await ivan.sees("For Ivan")
    await crm.settled()
    assert petra.looks("For Ivan") is None
    assert all("message_thread_id" not in seen.raw for seen in anna.chat() if seen.sender == crm.shop.id)


@pytest.mark.postgres_too
@pytest.mark.fault("F101", "F102")
async def test_nothing_that_happens_in_a_group_concerns_anybody_in_private(sandbox: Sandbox, database_url: str) -> None:
    """Files, edits, live locations that move, albums, replies, invitations, commands, and who comes and goes."""
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "desk_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=tokens) as crm:
        desk = crm.bots[1]
        anna, ivan = await crm.operator("Anna", bots=[crm.shop]), crm.client("Ivan")
        await crm.weight(1, 1, bot=desk)
        group = crm.sandbox.group("Customers", [anna, ivan, desk], forum=True)
        asked = await ivan.says("How much?", to=group)
        await anna.says("300", to=group, reply_to=asked)
        await ivan.edits(asked, "How much is it?")
        await ivan.sends(kinds.album(kinds.photo(), kinds.photo()), to=group)
        here = await anna.sends(kinds.location(live_period=900), to=group)
        for step in range(40):
            await anna.edits(here, kinds.location(latitude=50 + step, live_period=900))
        await ivan.says("/start op_nothing", to=group)
        await ivan.says("/EMAIL ivan@example.com", to=group)
        group.set_member(ivan, "left")
        group.set_member(desk, "administrator")
        await crm.settled()
        assert await count(crm, "inbox", "state <> 'done'") == 0
        assert await count(crm, "leads") == 0
        assert await count(crm, "staff_chats", f"bot_id = {desk.id} AND telegram_id = {anna.id}") == 0
        assert await count(crm, "outbox", f"bot_id = {desk.id} AND chat_id IN ({anna.id}, {ivan.id}, {group.id})") == 0

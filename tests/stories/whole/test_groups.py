"""Groups and topics: the product talks to people one by one, so a bot that is put into a group keeps silent there."""

import pytest

from tests.stories.arranging import count
from tests.support.people import RunningApp


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

"""What admins are told at once, and of one cause not more than once in ten minutes."""

import pytest

from bot.sandbox import Person, Sandbox
from tests.stories.arranging import closes
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


def told(who: Person, words: str) -> int:
    """How often somebody was told."""
    return sum(words in seen.text for seen in who.chat())


async def write(crm: RunningApp, name: str) -> None:
    await crm.client(name).says("Hello", to=crm.shop)
    await crm.settled()


@pytest.mark.fault("F59")
async def test_waiting_contact_alerts_admins_with_reason_once_in_ten_minutes(
    crm: RunningApp, clock: MovableClock
) -> None:
    await write(crm, "Ivan")
    await crm.olga.sees(
        "⏳ #1 is waiting in shop_bot: no operator is available (no operator has a weight there). /queue"
    )
    await write(crm, "Kira")
    assert told(crm.olga, "waiting in shop_bot") == 1
    clock.forward(minutes=9, seconds=50)
    await write(crm, "Lev")
    assert told(crm.olga, "waiting in shop_bot") == 1
    clock.forward(seconds=11)
    await write(crm, "Mia")
    assert told(crm.olga, "waiting in shop_bot") == 2
    await crm.olga.sees("#4 is waiting")


@pytest.mark.fault("F59")
async def test_waiting_alert_names_all_exclusion_reasons(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=0)
    boris = await crm.operator("Boris")
    await crm.operator("Clara")
    await boris.says("/offline", to=crm.shop)
    await types(crm, crm.olga, "/operators off Clara")
    await crm.settled()
    await write(crm, "Ivan")
    seen = await crm.olga.sees("#1 is waiting")
    assert "(at the limit, switched off, offline)" in seen.text
    assert anna.looks("#1") is None


async def test_waiting_alerts_are_limited_for_each_source_separately(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources link vk VK ads")
    await write(crm, "Ivan")
    kira = crm.client("Kira")
    await kira.starts(crm.shop, "src_vk")
    await kira.says("Hello")
    await crm.olga.sees("#1 is waiting in shop_bot")
    await crm.olga.sees("#2 is waiting in VK ads")


async def test_operator_at_limit_alerts_admins_once_in_ten_minutes(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", limit=2)
    await write(crm, "Ivan")
    assert told(crm.olga, "has reached the limit") == 0
    await write(crm, "Kira")
    await crm.olga.sees("🔺 Anna has reached the limit: 2 of 2 open requests.")
    await closes(anna, await anna.sees("#1"))
    await write(crm, "Lev")
    assert told(crm.olga, "has reached the limit") == 1
    clock.forward(minutes=10)
    await closes(anna, await anna.sees("#2"))
    await write(crm, "Mia")
    assert told(crm.olga, "has reached the limit") == 2


@pytest.mark.fault("F36")
async def test_operator_blocking_the_bot_alerts_admins_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await write(crm, "Ivan")
    await anna.blocks(crm.shop)
    await crm.settled()
    seen = await crm.olga.sees("🚫 Anna can't be reached through @shop_bot")
    assert seen.text.endswith("1 request went back to the queue.")
    await crm.olga.sees("#1 is waiting in shop_bot: no operator is available (bot not started or blocked)")
    await anna.unblocks(crm.shop)
    await anna.blocks(crm.shop)
    await crm.settled()
    assert told(crm.olga, "can't be reached") == 1


@pytest.mark.fault("F36")
async def test_card_refused_as_blocked_alerts_admins(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    crm.sandbox.fail(
        kind="error", method="sendMessage", chat=anna, code=403, text="Forbidden: bot was blocked by the user"
    )
    await write(crm, "Ivan")
    await crm.olga.sees("🚫 Anna can't be reached through @shop_bot")
    await crm.olga.sees("#1 is waiting in shop_bot")


async def test_refused_token_is_alerted_through_another_bot(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        await crm.olga.starts(crm.bots[1])
        await crm.settled()
        sandbox.revoke(crm.shop)
        seen = await crm.olga.sees("🔑 Telegram rejects the token of @shop_bot.", bot=crm.bots[1])
        assert "Put a valid one into BOT_TOKENS and restart." in seen.text


async def test_dead_letter_updates_alert_admins_once(crm: RunningApp) -> None:
    for number in (1, 2):
        crm.sandbox.inject_raw(crm.shop, {"message": {"message_id": number, "date": "never", "chat": "nowhere"}})
    seen = await crm.olga.sees("💥 An update could not be processed and was set aside")
    assert "unparsable" in seen.text
    await crm.settled()
    assert told(crm.olga, "could not be processed") == 1
    await write(crm, "Ivan")
    await crm.olga.sees("#1 is waiting")


async def test_every_admin_is_alerted_once_in_their_language(crm: RunningApp) -> None:
    code = (await types(crm, crm.olga, "/admins add")).text.split("start=")[1].split()[0]
    pyotr = crm.client("Pyotr", language="ru")
    await pyotr.starts(crm.shop, code)
    await crm.settled()
    await write(crm, "Ivan")
    await crm.olga.sees("#1 is waiting in shop_bot")
    await pyotr.sees(lambda seen: seen.text.startswith("⏳") and "#1" in seen.text)
    assert sum("#1" in seen.text for seen in pyotr.chat()) == 1

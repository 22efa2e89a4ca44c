"""What admins are told at once, and of one cause not more than once in ten minutes."""

import pytest

from bot.sandbox import Person, Sandbox
from tests.stories.steering import types
from tests.support.people import SECOND_TOKEN, TOKEN, House, MovableClock


def told(who: Person, words: str) -> int:
    """How often somebody was told."""
    return sum(words in seen.text for seen in who.chat())


async def write(house: House, name: str) -> None:
    await house.client(name).says("Hello", to=house.shop)
    await house.settled()


@pytest.mark.fault("F59")
async def test_waiting_contact_alerts_admins_with_reason_once_in_ten_minutes(house: House, clock: MovableClock) -> None:
    await write(house, "Ivan")
    await house.olga.sees("⏳ #1 waits at shop_bot: nobody is eligible (no operator has a weight there). /queue")
    await write(house, "Kira")
    assert told(house.olga, "waits at shop_bot") == 1
    clock.forward(minutes=9, seconds=50)
    await write(house, "Lev")
    assert told(house.olga, "waits at shop_bot") == 1
    clock.forward(seconds=11)
    await write(house, "Mia")
    assert told(house.olga, "waits at shop_bot") == 2
    await house.olga.sees("#4 waits")


@pytest.mark.fault("F59")
async def test_waiting_alert_names_all_exclusion_reasons(house: House) -> None:
    anna = await house.operator("Anna", limit=0)
    boris = await house.operator("Boris")
    await house.operator("Clara")
    await boris.says("/offline", to=house.shop)
    await types(house, house.olga, "/operators off Clara")
    await house.settled()
    await write(house, "Ivan")
    seen = await house.olga.sees("#1 waits")
    assert "(at the limit, switched off, offline)" in seen.text
    assert anna.looks("#1") is None


async def test_waiting_alerts_are_limited_for_each_source_separately(house: House) -> None:
    await types(house, house.olga, "/sources link vk VK ads")
    await write(house, "Ivan")
    kira = house.client("Kira")
    await kira.starts(house.shop, "src_vk")
    await kira.says("Hello")
    await house.olga.sees("#1 waits at shop_bot")
    await house.olga.sees("#2 waits at VK ads")


async def test_operator_at_limit_alerts_admins_once_in_ten_minutes(house: House, clock: MovableClock) -> None:
    anna = await house.operator("Anna", limit=2)
    await write(house, "Ivan")
    assert told(house.olga, "has reached the limit") == 0
    await write(house, "Kira")
    await house.olga.sees("🔺 Anna has reached the limit: 2 of 2 open contacts.")
    await anna.presses(await anna.sees("#1"), "Close")
    await write(house, "Lev")
    assert told(house.olga, "has reached the limit") == 1
    clock.forward(minutes=10)
    await anna.presses(await anna.sees("#2"), "Close")
    await write(house, "Mia")
    assert told(house.olga, "has reached the limit") == 2


@pytest.mark.fault("F36")
async def test_operator_blocking_the_bot_alerts_admins_once(house: House) -> None:
    anna = await house.operator("Anna")
    await write(house, "Ivan")
    await anna.blocks(house.shop)
    await house.settled()
    seen = await house.olga.sees("🚫 Anna can't be reached through @shop_bot")
    assert seen.text.endswith("1 contact went back to the queue.")
    await house.olga.sees("#1 waits at shop_bot: nobody is eligible (not started the bot, or blocked it)")
    await anna.unblocks(house.shop)
    await anna.blocks(house.shop)
    await house.settled()
    assert told(house.olga, "can't be reached") == 1


@pytest.mark.fault("F36")
async def test_card_refused_as_blocked_alerts_admins(house: House) -> None:
    anna = await house.operator("Anna")
    house.sandbox.fail(
        kind="error", method="sendMessage", chat=anna, code=403, text="Forbidden: bot was blocked by the user"
    )
    await write(house, "Ivan")
    await house.olga.sees("🚫 Anna can't be reached through @shop_bot")
    await house.olga.sees("#1 waits at shop_bot")


async def test_refused_token_is_alerted_through_another_bot(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await House.open(sandbox, database_url, tokens=two) as house:
        await house.olga.starts(house.bots[1])
        await house.settled()
        sandbox.revoke(house.shop)
        seen = await house.olga.sees("🔑 Telegram refuses the token of @shop_bot.", bot=house.bots[1])
        assert "Put a valid one into BOT_TOKENS and restart." in seen.text


async def test_dead_letter_updates_alert_admins_once(house: House) -> None:
    for number in (1, 2):
        house.sandbox.inject_raw(house.shop, {"message": {"message_id": number, "date": "never", "chat": "nowhere"}})
    seen = await house.olga.sees("💥 An update could not be processed and was set aside")
    assert "unparsable" in seen.text
    await house.settled()
    assert told(house.olga, "could not be processed") == 1
    await write(house, "Ivan")
    await house.olga.sees("#1 waits")


async def test_every_admin_is_alerted_once_in_their_language(house: House) -> None:
    code = (await types(house, house.olga, "/admins add")).text.split("start=")[1].split()[0]
    pyotr = house.client("Pyotr", language="ru")
    await pyotr.starts(house.shop, code)
    await house.settled()
    await write(house, "Ivan")
    await house.olga.sees("#1 waits at shop_bot")
    await pyotr.sees(lambda seen: seen.text.startswith("⏳") and "#1" in seen.text)
    assert sum("#1" in seen.text for seen in pyotr.chat()) == 1

"""What admins are told at once, and of one cause not more than once in ten minutes."""

import random
from typing import Any

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core.access.actors import SYSTEM
from crm_core.team import operators
from tests.stories.arranging import until
from tests.stories.steering import invites, presses, types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


def told(who: Person, words: str) -> int:
    """How often somebody was told."""
    return sum(words in seen.text for seen in who.chat())


async def write(crm: RunningApp, name: str) -> None:
    await crm.client(name).says("Hello", to=crm.shop)
    await crm.settled()


@pytest.mark.postgres_too
@pytest.mark.fault("F59")
async def test_waiting_contacts_alert_admins_by_one_message_edited_until_none_wait(
    crm: RunningApp, clock: MovableClock
) -> None:
    await write(crm, "Ivan")
    notice = await crm.olga.sees(
        "⏳ #1 is waiting in shop_bot: no operator is available (no operator has a weight there). /queue"
    )
    await write(crm, "Kira")
    clock.forward(minutes=11)
    await write(crm, "Lev")
    assert told(crm.olga, "waiting in shop_bot") == 1
    why = "no operator has a weight there"
    assert await refreshed(crm, notice) == (
        f"⏳ Waiting in shop_bot: 3, the longest is #1. No operator is available ({why}). /queue"
    )
    anna = await crm.operator("Anna", limit=1)
    await anna.sees("#1")
    assert "⏳ Waiting in shop_bot: 2, the longest is #2." in await refreshed(crm, notice)
    await types(crm, crm.olga, "/operators limit Anna 5")
    assert await refreshed(crm, notice) == "✅ Nobody is waiting in shop_bot any more."
    assert await refreshed(crm, notice) == "✅ Nobody is waiting in shop_bot any more."

    await types(crm, crm.olga, "/operators limit Anna 1")
    clock.forward(minutes=11)
    await write(crm, "Mia")
    await crm.olga.sees("⏳ #4 is waiting in shop_bot")
    assert told(crm.olga, "✅ Nobody is waiting") == 1


@pytest.mark.postgres_too
async def test_deleted_waiting_notice_is_followed_by_a_new_one(crm: RunningApp, clock: MovableClock) -> None:
    await write(crm, "Ivan")
    notice = await crm.olga.sees("⏳ #1 is waiting")
    crm.sandbox.fail(
        kind="error", method="editMessageText", chat=crm.olga, code=400, text="Bad Request: message to edit not found"
    )
    await write(crm, "Kira")
    await refreshed(crm, notice)
    clock.forward(minutes=11)
    await write(crm, "Lev")
    await crm.olga.sees("⏳ #3 is waiting")


@pytest.mark.fault("F271")
async def test_alert_that_is_over_does_not_become_one_again_by_an_older_edit(
    crm: RunningApp, clock: MovableClock
) -> None:
    await crm.operator("Anna", limit=0)
    await write(crm, "Ivan")
    notice = await crm.olga.sees("⏳ #1 is waiting")
    await write(crm, "Kira")
    crm.sandbox.fail(kind="error", code=409, text="Conflict: try later", method="editMessageText", chat=crm.olga)
    await crm.app.schedule.run("refresh_wait_notices")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'notice_edit' AND not_before IS NOT NULL", 1)
    who: dict[str, Any] = {"actor": SYSTEM, "now": clock(), "rng": random.random}
    await crm.db.write(operators.set_limit, operator_id=1, max_leads=5, **who)
    await crm.app.schedule.run("refresh_wait_notices")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'notice_edit' AND state = 'sent'", 1)
    clock.forward(minutes=1)
    await crm.app.supervisor.look_again()
    assert await refreshed(crm, notice) == "✅ Nobody is waiting in shop_bot any more."


async def refreshed(crm: RunningApp, notice: SeenMessage) -> str:
    """What a message says once it was brought up to date."""
    await crm.app.schedule.run("refresh_wait_notices")
    await crm.settled()
    return next(seen.text for seen in crm.olga.chat() if seen.id == notice.id)


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


async def test_operator_at_the_limit_is_no_news_but_a_client_who_waits_is(crm: RunningApp) -> None:
    await crm.operator("Anna", limit=1)
    await write(crm, "Ivan")
    assert told(crm.olga, "limit") == 0
    await write(crm, "Kira")
    notice = await crm.olga.sees("#2 is waiting in shop_bot: no operator is available (at the limit)")
    assert notice.labels == ["⏳ Waiting requests"]
    screen = await presses(crm, crm.olga, notice, "Waiting requests")
    assert "#2" in screen.text
    assert screen.labels == ["Assign #2", "🔄 Refresh"]


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
    code = await invites(crm, crm.olga, "/admins add")
    pyotr = crm.client("Pyotr", language="ru")
    await pyotr.starts(crm.shop, code)
    await crm.settled()
    await write(crm, "Ivan")
    await crm.olga.sees("#1 is waiting in shop_bot")
    await pyotr.sees(lambda seen: seen.text.startswith("⏳") and "#1" in seen.text)
    assert sum("#1" in seen.text for seen in pyotr.chat()) == 1

"""Somebody else who reads a bot's messages: shown, told, waited out, and nothing lost."""

from datetime import timedelta

import pytest

from bot.receiving import polling
from bot.sandbox import Sandbox
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.telegram_kit import strict_bot


@pytest.mark.slow  # it waits for seconds
@pytest.mark.fault("F23")
async def test_second_poller_sets_conflict_alerts_admins_and_polling_recovers(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "CONFLICT_OVER", timedelta())
    anna, ivan = await crm.operator("Anna"), crm.client()
    session = crm.app.supervisor.sessions[0]
    session.settled.clear()
    other = strict_bot(crm.sandbox.url, crm.shop.token)
    await other.get_updates(timeout=0)
    await session.settled.wait()
    assert session.state == "conflict"
    await other.session.close()
    session.settled.clear()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    await crm.olga.sees("Another program is reading the messages of @shop_bot", bot=crm.shop)
    await session.settled.wait()
    assert session.state == "running"
    await crm.olga.sees("No other program reads the messages of @shop_bot any more", bot=crm.shop)


@pytest.mark.sqlite_is_enough  # what it is about is kept in memory
@pytest.mark.slow
@pytest.mark.fault("F23")
async def test_conflict_is_not_over_while_two_programs_poll_in_turns(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    session = crm.app.supervisor.sessions[0]
    other = strict_bot(crm.sandbox.url, crm.shop.token)
    for number in range(3):
        session.settled.clear()
        await crm.sandbox.online(crm.shop)  # it polls
        await other.get_updates(timeout=0)
        if number == 0:
            await session.settled.wait()
        await ivan.says(f"Hello {number}", to=crm.shop)
        await anna.sees(f"Hello {number}", bot=crm.shop)
        assert session.state == "conflict"
        clock.forward(seconds=50)
    await other.session.close()
    assert crm.olga.looks("No other program reads", bot=crm.shop) is None
    clock.forward(seconds=20)
    session.settled.clear()
    await ivan.says("Anybody?", to=crm.shop)
    await session.settled.wait()
    assert session.state == "running"


@pytest.mark.fault("F24")
async def test_foreign_webhook_sets_conflict_and_other_bots_keep_running(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(polling, "CONFLICT_OVER", timedelta())
    both = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=both) as before:
        olga, anna = before.olga, await before.operator("Anna", bots=[before.bots[0]])
    other = strict_bot(sandbox.url, SECOND_TOKEN)
    await other.set_webhook("http://127.0.0.1:9/nobody")
    async with await RunningApp.open(sandbox, database_url, tokens=both, admin=False) as crm:
        ivan = crm.client()
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello", bot=crm.shop)
        await olga.sees("Another program is reading the messages of @help_bot", bot=crm.shop)
        second = crm.app.supervisor.sessions[1]
        assert second.state == "conflict"
        second.settled.clear()
        assert "webhook_left_set" in "".join(capsys.readouterr())
        await other.delete_webhook()
        await sandbox.online(crm.bots[1])
        await ivan.says("Hello to the second", to=crm.bots[1])
        await ivan.sees("#2", bot=crm.bots[1])
        await second.settled.wait()
        assert second.state == "running"
    await other.session.close()

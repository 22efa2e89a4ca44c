"""Somebody else who reads a bot's messages: shown, told, waited out, and nothing lost."""

import pytest

from bot.sandbox import Sandbox
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.telegram_kit import strict_bot


@pytest.mark.fault("F23")
async def test_second_poller_sets_conflict_alerts_admins_and_polling_recovers(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
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


@pytest.mark.fault("F24")
async def test_foreign_webhook_sets_conflict_and_other_bots_keep_running(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
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

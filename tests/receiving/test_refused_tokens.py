"""A token that Telegram refuses stops its own bot and no other."""

import pytest

from bot.sandbox import Sandbox
from crm_core.messaging import outbox
from tests.stories.arranging import count, until
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

THREE = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot", "700003:" + "sale" * 9: "sale_bot"}


def states(crm: RunningApp) -> list[str]:
    return [session.state for session in crm.app.supervisor.sessions]


@pytest.mark.fault("F25")
async def test_invalid_token_at_start_stops_only_its_own_bot(sandbox: Sandbox, database_url: str) -> None:
    crm = await RunningApp.open(sandbox, database_url, tokens=THREE)
    sandbox.revoke(crm.bots[1])
    async with crm:
        assert states(crm) == ["running", "refused", "running"]
        others = [crm.bots[0], crm.bots[2]]
        anna, ivan = await crm.operator("Anna", bots=others), crm.client()
        for bot in others:
            await ivan.says(f"to {bot.username}", to=bot)
            await anna.sees(f"to {bot.username}", bot=bot)


@pytest.mark.fault("F26")
async def test_token_revoked_while_running_stops_only_its_bot_and_alerts_admins(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=THREE) as crm:
        anna, ivan = await crm.operator("Anna", bots=crm.bots), crm.client()
        sandbox.revoke(crm.bots[1])
        await crm.olga.sees("Telegram rejects the token of @help_bot", bot=crm.shop)
        assert states(crm) == ["running", "refused", "running"]
        for bot in (crm.bots[0], crm.bots[2]):
            await ivan.says(f"to {bot.username}", to=bot)
            await anna.sees(f"to {bot.username}", bot=bot)
        # What this bot was to say waits for a new token.
        late = outbox.OutboxEntry(outbox.STAFF_NOTICE, crm.bots[1].id, anna.id, payload={"code": "bot_away"})
        await crm.db.write(outbox.add, [late], now=crm.clock())
        await crm.app.supervisor.look_again()
        tried = f"bot_id = {crm.bots[1].id} AND state = 'pending' AND outcome = 'token_refused'"
        await until(crm, f"SELECT count(*) FROM outbox WHERE {tried}", 1)  # noqa: S608
        assert await count(crm, "outbox", "state IN ('dead', 'uncertain')") == 0


@pytest.mark.fault("F25")
async def test_refused_token_of_known_bot_at_start_alerts_admins(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, tokens=THREE) as crm:
        olga = crm.olga
    sandbox.revoke(crm.bots[2])
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot"}, settings={"bot_tokens": list(THREE)}, admin=False
    ):
        await olga.sees("Telegram rejects the token of @sale_bot", bot=crm.shop)

"""A token that Telegram refuses stops its own bot and no other."""

import pytest

from bot.sandbox import Sandbox
from crm_core.messaging import outbox
from tests.stories.arranging import count
from tests.support.people import SECOND_TOKEN, TOKEN, House

THREE = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot", "700003:" + "sale" * 9: "sale_bot"}


def states(house: House) -> list[str]:
    return [runner.state for runner in house.app.fleet.runners]


@pytest.mark.fault("F25")
async def test_invalid_token_at_start_stops_only_its_own_bot(sandbox: Sandbox, database_url: str) -> None:
    house = await House.open(sandbox, database_url, tokens=THREE)
    sandbox.revoke(house.bots[1])
    async with house:
        assert states(house) == ["running", "refused", "running"]
        others = [house.bots[0], house.bots[2]]
        anna, ivan = await house.operator("Anna", bots=others), house.client()
        for bot in others:
            await ivan.says(f"to {bot.username}", to=bot)
            await anna.sees(f"to {bot.username}", bot=bot)


@pytest.mark.fault("F26")
async def test_token_revoked_while_running_stops_only_its_bot_and_alerts_admins(
    sandbox: Sandbox, database_url: str
) -> None:
    async with await House.open(sandbox, database_url, tokens=THREE) as house:
        anna, ivan = await house.operator("Anna", bots=house.bots), house.client()
        sandbox.revoke(house.bots[1])
        await house.olga.sees("Telegram refuses the token of @help_bot", bot=house.shop)
        assert states(house) == ["running", "refused", "running"]
        for bot in (house.bots[0], house.bots[2]):
            await ivan.says(f"to {bot.username}", to=bot)
            await anna.sees(f"to {bot.username}", bot=bot)
        # What this bot was to say waits for a new token.
        late = outbox.Send(outbox.STAFF_NOTICE, house.bots[1].id, anna.id, payload={"code": "bot_away"})
        await house.db.write(outbox.add, [late], now=house.clock())
        await house.app.fleet.look_again()
        tried = f"bot_id = {house.bots[1].id} AND state = 'pending' AND outcome = 'token_refused'"
        while await count(house, "outbox", tried) == 0:
            await house.app.fleet.look_again()
        assert await count(house, "outbox", "state IN ('dead', 'uncertain')") == 0


@pytest.mark.fault("F25")
async def test_refused_token_of_known_bot_at_start_alerts_admins(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url, tokens=THREE) as house:
        olga = house.olga
    sandbox.revoke(house.bots[2])
    async with await House.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot"}, settings={"bot_tokens": list(THREE)}, admin=False
    ):
        await olga.sees("Telegram refuses the token of @sale_bot", bot=house.shop)

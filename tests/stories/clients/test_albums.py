"""Albums: a row for each item, so that nothing of one is lost, doubled or resent because of another item."""

import pytest

from bot.delivery.backoff import Pauses
from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content as kinds
from crm_core.messaging.inbox import Received
from tests.support.people import House

SHORT = Pauses(unknown=(0.05,), retry_first=0.05, retry_last=0.1, recovered=0.05)
TEN = kinds.album(*(kinds.photo(caption=str(number)) for number in range(10)))
NUMBERS = [str(number) for number in range(10)]


def copies(anna: Person, house: House) -> list[str]:
    return [str(seen.raw["caption"]) for seen in anna.chat(house.shop) if seen.copied_from]


@pytest.mark.fault("F43")
async def test_restart_during_an_album_keeps_it_complete_and_in_order(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        handle, handled = house.app.worker._handle, list[Received]()

        async def until_the_fourth(row: Received) -> None:
            if "media_group_id" in row.raw["message"]:
                if len(handled) == 4:
                    raise LookupError("the process ends here")
                await handle(row)
                handled.append(row)
            else:
                await handle(row)

        house.app.worker._handle = until_the_fourth
        await ivan.sends_all(TEN, to=house.shop)
        await anna.sees(lambda seen: seen.raw.get("caption") == "3", bot=house.shop)
    assert copies(anna, house) == NUMBERS[:4]
    async with await House.open(sandbox, database_url, admin=False) as again:
        await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=again.shop)
        await again.app.fleet.idle()
        assert copies(anna, again) == NUMBERS


@pytest.mark.fault("F44")
@pytest.mark.parametrize(("fault", "doubled"), [("cut", []), ("silent", ["4"])])
async def test_failed_album_item_is_resent_alone(
    sandbox: Sandbox, database_url: str, fault: str, doubled: list[str]
) -> None:
    async with await House.open(sandbox, database_url, pauses=SHORT) as house:
        anna, ivan = await house.operator("Anna"), house.client()
        sandbox.fail(kind=fault, method="copyMessage", chat=anna, every=5, times=1)
        await ivan.sends_all(TEN, to=house.shop)
        await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=house.shop)
        await house.settled()
        assert copies(anna, house) == sorted(NUMBERS + doubled)
        note = await anna.sees("may have arrived twice")
        assert note.reply_to == [seen.id for seen in anna.chat() if seen.raw.get("caption") == "4"][-1]

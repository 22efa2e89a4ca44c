"""Albums: a row for each item, so that nothing of one is lost, doubled or resent because of another item."""

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content
from crm_core.messaging.inbox import IncomingUpdate
from tests.support.people import RunningApp

SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05)
TEN = content.album(*(content.photo(caption=str(number)) for number in range(10)))
NUMBERS = [str(number) for number in range(10)]


def copies(anna: Person, crm: RunningApp) -> list[str]:
    return [str(seen.raw["caption"]) for seen in anna.chat(crm.shop) if seen.copied_from]


@pytest.mark.fault("F43")
async def test_restart_during_an_album_keeps_it_complete_and_in_order(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        handle, handled = crm.app.worker.handle, list[IncomingUpdate]()

        async def until_the_fourth(row: IncomingUpdate) -> None:
            if "media_group_id" in row.raw["message"]:
                if len(handled) == 4:
                    raise LookupError("the process ends here")
                await handle(row)
                handled.append(row)
            else:
                await handle(row)

        crm.app.worker.handle = until_the_fourth
        await ivan.sends_all(TEN, to=crm.shop)
        await anna.sees(lambda seen: seen.raw.get("caption") == "3", bot=crm.shop)
    assert copies(anna, crm) == NUMBERS[:4]
    async with await RunningApp.open(sandbox, database_url, admin=False) as again:
        await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=again.shop)
        await again.app.supervisor.idle()
        assert copies(anna, again) == NUMBERS


@pytest.mark.fault("F44")
@pytest.mark.parametrize(("fault", "doubled"), [("cut", []), ("silent", ["4"])])
async def test_failed_album_item_is_resent_alone(
    sandbox: Sandbox, database_url: str, fault: str, doubled: list[str]
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=SHORT) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        sandbox.fail(kind=fault, method="copyMessage", chat=anna, every=5, times=1)
        await ivan.sends_all(TEN, to=crm.shop)
        await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=crm.shop)
        await crm.settled()
        assert copies(anna, crm) == sorted(NUMBERS + doubled)
        note = await anna.sees("may have arrived twice")
        assert note.reply_to == [seen.id for seen in anna.chat() if seen.raw.get("caption") == "4"][-1]

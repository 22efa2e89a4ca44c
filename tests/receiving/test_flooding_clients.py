"""Who floods is slowed, and crowds out nobody: not from the queues, not from the memory that all share."""

import pytest

from bot.receiving import conversation_queue, pacing
from bot.receiving.pacing import FREE_BURST, SLOWED_INTERVAL, SUSTAINED, SUSTAINED_INTERVAL, Pacing
from bot.sandbox import Sandbox
from tests.stories.arranging import count, told, until
from tests.stories.clients.test_albums_at_once import TEN
from tests.support.people import RunningApp
from tests.support.telegram_kit import FrozenClock


@pytest.mark.fault("F17", "F78")
async def test_flooding_clients_do_not_delay_others_or_fill_shared_memory(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is held of all of them together does not fill what everybody shares."""
    monkeypatch.setattr(conversation_queue, "HELD_ALL", 200)
    anna, ivan = await crm.operator("Anna", limit=50), crm.client("Ivan")
    flooders = [crm.client(f"Flood {number}") for number in range(8)]
    for number in range(110):
        for flooder in flooders:
            await flooder.says(f"{number} of {flooder.first_name}", to=crm.shop)
    await ivan.says("A quiet question", to=crm.shop)
    await anna.sees("A quiet question", bot=crm.shop, timeout=15)
    await flooders[-1].sees("You are writing very fast", bot=crm.shop, timeout=15)
    assert await count(crm, "inbox") > 880  # all of it is stored
    assert crm.app.worker.held <= 8 * pacing.HELD_BEYOND
    for flooder in flooders:
        passed = [seen.text for seen in anna.chat() if seen.text.endswith(f"of {flooder.first_name}")]
        numbers = [int(text.split()[0]) for text in passed]
        assert numbers[:20] == list(range(1, len(numbers) + 1))[:20]
        assert numbers == sorted(numbers)  # beyond twenty that wait, a line counts them


@pytest.mark.fault("F78")
async def test_hundreds_of_starts_and_phones_create_one_lead_and_one_contact(crm: RunningApp) -> None:
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await crm.settled()
    before = await count(crm, "leads")
    for number in range(100):
        await ivan.starts(crm.shop, f"src_{number}")
        await ivan.shares_phone(crm.shop)
        await ivan.says(f"/email ivan{number}@example.com", to=crm.shop)
    await petra.says("A quiet question", to=crm.shop)
    await anna.sees("A quiet question", bot=crm.shop, timeout=15)
    await ivan.sees("You are writing very fast", bot=crm.shop, timeout=15)
    assert await count(crm, "leads") - before == 2
    assert await count(crm, "contacts") == 2  # Petra's, and one for all the phones that Ivan shared
    assert await count(crm, "inbox", f"conversation = '{crm.shop.id}:{ivan.id}'") == 300
    assert told(ivan, "You are writing very fast") == 1
    assert len(ivan.chat()) < 300 + 60  # slowed, so hardly any of it was answered yet


@pytest.mark.fault("F17")
async def test_album_of_a_flooding_client_passes_no_faster_than_its_parts(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=FrozenClock()) as crm:
        await crm.operator("Anna")
        ivan = crm.client("Ivan")
        for number in range(FREE_BURST - 2):
            await ivan.says(f"{number}", to=crm.shop)
        await until(crm, "SELECT count(*) FROM messages", FREE_BURST - 2)
        await crm.app.worker.idle.wait()
        await ivan.sends_all(TEN)
        await ivan.sees("You are writing very fast", bot=crm.shop)
        assert await count(crm, "inbox", "state = 'new'") > 0


def test_sustained_flood_is_slowed_further_until_it_rests() -> None:
    clock, key = FrozenClock(), (1, "5")
    pacing = Pacing(clock)

    def turns(number: int) -> list[float]:
        """Writes as fast as it may, and returns the pauses."""
        pauses = []
        for _ in range(number):
            pauses.append(max(0.0, pacing.ahead(key)))
            clock.forward(pauses[-1])
            pacing.count_turn(key)
        return pauses

    assert turns(FREE_BURST) == [0.0] * FREE_BURST
    assert turns(SUSTAINED - 1) == pytest.approx([SLOWED_INTERVAL] * (SUSTAINED - 1))
    assert turns(20) == pytest.approx([SUSTAINED_INTERVAL] * 20)
    clock.forward(-3600)  # a clock that is set back silences nobody
    assert turns(3)[0] <= SUSTAINED_INTERVAL
    clock.forward(SLOWED_INTERVAL * FREE_BURST + 2 * SUSTAINED_INTERVAL)  # a rest
    assert turns(FREE_BURST) == [0.0] * FREE_BURST
    assert turns(3) == pytest.approx([SLOWED_INTERVAL] * 3)

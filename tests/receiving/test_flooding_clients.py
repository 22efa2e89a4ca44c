"""Who floods is slowed, and crowds out nobody: not from the queues, not from the memory that all share."""

import pytest

from bot.receiving import conversation_queue, pacing
from tests.stories.arranging import count, told
from tests.support.people import RunningApp


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
        assert passed == [f"{number} of {flooder.first_name}" for number in range(1, len(passed) + 1)]


@pytest.mark.fault("F78")
async def test_hundreds_of_starts_create_one_lead_and_no_contact(crm: RunningApp) -> None:
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
    assert await count(crm, "contacts") == 1  # Petra's: who only starts asks for nothing
    assert await count(crm, "inbox", f"conversation = '{crm.shop.id}:{ivan.id}'") == 300
    assert told(ivan, "You are writing very fast") == 1
    assert len(ivan.chat()) < 300 + 60  # slowed, so hardly any of it was answered yet

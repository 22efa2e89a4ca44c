"""For how many days a client who comes back goes to the operator they had: what admins see and set of it."""

import pytest

from tests.stories.steering import presses, types
from tests.support.people import RunningApp


@pytest.mark.parametrize("way", ["command", "button"])
async def test_days_are_set_by_command_and_by_button(crm: RunningApp, way: str) -> None:
    if way == "command":
        screen = await types(crm, crm.olga, "/sources sticky shop_bot 14")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "🔁 Who comes back")
        assert "Now: 0." in screen.text
        screen = await presses(crm, crm.olga, screen, "14")
    assert "Clients who come back go to the operator they had, for 14 d" in screen.text
    for wrong in ("/sources sticky shop_bot many", "/sources sticky shop_bot 9999", "/sources sticky shop_bot"):
        await types(crm, crm.olga, wrong)
    assert "for 14 d" in (await types(crm, crm.olga, "/sources shop_bot")).text
    screen = await types(crm, crm.olga, "/sources sticky shop_bot 0")
    assert "come back" not in screen.text


async def test_client_who_comes_back_goes_to_the_same_operator(crm: RunningApp) -> None:
    anna, boris = await crm.operator("Anna", weight=1000), await crm.operator("Boris", weight=1)
    await types(crm, crm.olga, "/sources late shop_bot 0")
    await types(crm, crm.olga, "/sources sticky shop_bot 14")
    await types(crm, crm.olga, "/operators limit Anna 0")
    ivan = crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    first = await boris.sees("Do you have bicycles?", bot=crm.shop)
    await presses(crm, boris, await presses(crm, boris, first, "✋ Take"), "✔️ Close")
    await types(crm, crm.olga, "/operators limit Anna 10")
    await ivan.says("And a bell?", to=crm.shop)
    await crm.settled()
    assert not [seen for seen in anna.chat(crm.shop) if "And a bell?" in seen.text]
    await boris.sees("And a bell?", bot=crm.shop)


async def test_requests_of_who_comes_back_stand_apart_from_exact_shares(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources exact shop_bot")
    screen = await types(crm, crm.olga, "/sources sticky shop_bot 14 apart")
    assert "for 14 d\n  These requests count in nobody's share" in screen.text
    days = await presses(crm, crm.olga, screen, "🔁 Who comes back")
    assert "counts in nobody's share." in days.text
    screen = await presses(crm, crm.olga, days, "⚖️ In the share")
    assert "for 14 d" in screen.text
    assert "nobody's share" not in screen.text
    days = await presses(crm, crm.olga, screen, "🔁 Who comes back")
    assert "counts in the operator's share." in days.text
    assert "⚖️ In no share" in days.labels
    await types(crm, crm.olga, "/sources random shop_bot")
    screen = await types(crm, crm.olga, "/sources sticky shop_bot отдельно")
    assert "nobody's share" not in screen.text  # it means nothing where chance decides
    assert "apart" in (await types(crm, crm.olga, "/undo")).text

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

"""How much of a planned absence is credited: what admins see and set of it."""

import pytest

from tests.stories.steering import presses, types
from tests.support.people import RunningApp


@pytest.mark.parametrize("way", ["command", "button", "typed"])
async def test_catch_up_is_set_shown_and_taken_away(crm: RunningApp, way: str) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "After leave, operators" not in screen.text
    if way == "command":
        screen = await types(crm, crm.olga, "/sources catchup shop_bot 2")
    else:
        screen = await presses(crm, crm.olga, await presses(crm, crm.olga, screen, "⚙️ More"), "🏖 After leave")
        assert "Now: 0." in screen.text
        assert "Shares are not exact here" in screen.text
        screen = await presses(crm, crm.olga, screen, "2") if way == "button" else await types(crm, crm.olga, "2")
    assert "After leave, operators are credited up to 2 missed requests" in screen.text
    screen = await types(crm, crm.olga, "/sources catchup shop_bot 0")
    assert "After leave, operators" not in screen.text
    assert "from 0 to 1000" in (await types(crm, crm.olga, "/sources catchup shop_bot many")).text
    assert "catchup shop_bot 2" in (await types(crm, crm.olga, "/sources catchup shop_bot")).text

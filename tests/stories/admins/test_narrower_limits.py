"""Limits beside that of open requests, at one source and per hour: what admins see and set of them."""

import pytest

from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def turn(crm: RunningApp) -> None:
    """What happens each second."""
    await crm.app.schedule.run("turn_rates")
    await crm.settled()


@pytest.mark.parametrize("way", ["command", "button"])
async def test_limit_at_a_source_is_set_and_what_waits_goes_out_when_it_ends(crm: RunningApp, way: str) -> None:
    anna = await crm.operator("Anna")
    if way == "command":
        screen = await types(crm, crm.olga, "/sources limit shop_bot Anna 1")
    else:
        screen = await types(crm, crm.olga, "/assign shop_bot Anna")
        screen = await presses(crm, crm.olga, screen, "🔢 Limit here")
        assert "Now: –." in screen.text
        screen = await presses(crm, crm.olga, screen, "1")
    assert "Anna can have at most 1 open requests from shop_bot." in screen.text
    assert "(100%), at most 1" in screen.text
    await crm.client("Ivan").says("first", to=crm.shop)
    await anna.sees("first", bot=crm.shop)
    await crm.client("Kira").says("second", to=crm.shop)
    await crm.settled()
    why = await types(crm, crm.olga, "/why 2")
    assert "in the queue: at the limit for this source" in why.text
    assert "Could not: Anna (at the limit for this source, 1 of 1)" in why.text
    assert "at most 1" in (await types(crm, crm.olga, "/operators Anna")).text
    for wrong in ("/sources limit shop_bot Anna many", "/sources limit shop_bot Anna 9999", "/sources limit shop_bot"):
        await types(crm, crm.olga, wrong)
    screen = await types(crm, crm.olga, "/sources limit shop_bot Anna 0")
    assert "Anna has no limit of their own at shop_bot any more. 1 waiting request has been assigned." in screen.text
    await anna.sees("second", bot=crm.shop)


async def test_limit_without_a_weight_is_refused_in_words(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    refused = await types(crm, crm.olga, "/sources limit shop_bot Anna 3")
    assert refused.text == "Anna gets no requests from shop_bot; set a weight there first."


@pytest.mark.parametrize("way", ["command", "button"])
async def test_rate_is_set_and_what_waits_for_it_goes_out_an_hour_later(
    crm: RunningApp, clock: MovableClock, way: str
) -> None:
    anna = await crm.operator("Anna")
    if way == "command":
        screen = await types(crm, crm.olga, "/operators rate Anna 1")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "⏱ Per hour")
        assert "Now: –." in screen.text
        await crm.olga.says("1")
        await crm.settled()
        screen = await types(crm, crm.olga, "/operators Anna")
    assert "In an hour: at most 1, 0 in the last one" in screen.text
    await crm.client("Ivan").says("first", to=crm.shop)
    await anna.sees("first", bot=crm.shop)
    clock.forward(seconds=60)
    await crm.client("Kira").says("second", to=crm.shop)
    await crm.settled()
    assert "🟠 online, at the hourly limit" in (await types(crm, crm.olga, "/operators Anna")).text
    assert "Anna (at the hourly limit, 1 of 1)" in (await types(crm, crm.olga, "/why 2")).text
    clock.forward(seconds=3_600 - 62)
    await turn(crm)
    assert not [seen for seen in anna.chat(crm.shop) if "second" in seen.text]
    clock.forward(seconds=3)
    await turn(crm)
    await anna.sees("second", bot=crm.shop)
    screen = await types(crm, crm.olga, "/operators rate Anna 0")
    assert screen.text.startswith("Anna has no hourly limit.")
    assert "In an hour" not in screen.text

"""The morning ramp of a source: what admins set, and what operators get who come online."""

import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.stories.operators.test_why import lines
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def wait(crm: RunningApp, clock: MovableClock, seconds: float) -> None:
    """Time passes, and what happens each second is done once."""
    clock.forward(seconds=seconds)
    await crm.app.schedule.run("turn_rates")
    await crm.settled()


@pytest.mark.parametrize("way", ["command", "button", "typed"])
async def test_operator_who_comes_online_gets_the_night_little_by_little(
    crm: RunningApp, clock: MovableClock, way: str
) -> None:
    anna = await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "Whoever comes online gets 3 a minute of what has waited" in screen.text
    if way == "command":
        screen = await types(crm, crm.olga, "/sources ramp shop_bot 1")
    else:
        screen = await presses(crm, crm.olga, await presses(crm, crm.olga, screen, "⚙️ More"), "🌅 Gentle start")
        assert "Now: 3." in screen.text
        screen = await presses(crm, crm.olga, screen, "1") if way == "button" else await types(crm, crm.olga, "1")
    assert "gets 1 a minute" in screen.text
    await types(crm, anna, "/offline", to=crm.shop)
    for name in ("Ivan", "Kira", "Nina"):
        await crm.client(name).says(f"from {name}", to=crm.shop)
        await crm.settled()
        clock.forward(seconds=1)
    await types(crm, anna, "/online", to=crm.shop)
    await anna.sees("from Ivan", bot=crm.shop)
    await crm.settled()
    assert not [seen for seen in anna.chat(crm.shop) if "from Kira" in seen.text]
    await crm.client("Oleg").says("from Oleg", to=crm.shop)
    await anna.sees("from Oleg", bot=crm.shop)
    await wait(crm, clock, 58)
    assert not [seen for seen in anna.chat(crm.shop) if "from Kira" in seen.text]
    await wait(crm, clock, 3)
    await anna.sees("from Kira", bot=crm.shop)
    screen = await types(crm, crm.olga, "/sources ramp shop_bot off")
    assert "1 waiting request has been assigned." in screen.text
    assert "a minute" not in screen.text
    await anna.sees("from Nina", bot=crm.shop)


def a_minute_later(crm: RunningApp, told: str, since: datetime, until: datetime) -> str:
    """The moment that a text tells of as one at which the next ones go out, if it is a minute behind these."""
    found = re.search(r"the next ones at (\d\d:\d\d:\d\d)", told)
    assert found is not None, told
    zone = ZoneInfo(crm.app.settings.timezone)
    seconds = range(60, int((until - since).total_seconds()) + 62)
    assert found[1] in {f"{(since + timedelta(seconds=one)).astimezone(zone):%H:%M:%S}" for one in seconds}
    return found[1]


async def test_held_back_request_says_so_and_when_the_next_ones_go_out(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/sources ramp shop_bot 1")
    await types(crm, anna, "/offline", to=crm.shop)
    for name in ("Ivan", "Kira", "Nina"):
        await crm.client(name).says(f"from {name}", to=crm.shop)
        await crm.settled()
        clock.forward(seconds=1)
    since = clock()
    await types(crm, anna, "/online", to=crm.shop)
    await anna.sees("from Ivan", bot=crm.shop)
    until = a_minute_later(crm, (await types(crm, crm.olga, "/why #2")).text, since, clock())
    starting = "is only starting, the rest comes minute by minute"
    for number, name in ((2, "Kira"), (3, "Nina")):
        assert lines((await types(crm, crm.olga, f"/why #{number}")).text) == [
            f"#{number} {name}",
            "in the queue: offline",
            "held back by a gentle start: Anna",
            f"Waits now: {starting} (the next ones at {until})",
            f"Could not: Anna ({starting}, 1 of 1)",
        ]
    screen = await types(crm, crm.olga, "/queue")
    assert screen.text.count(f"🌅 gentle start, the next ones at {until}") == 2
    screen = await presses(crm, crm.olga, screen, "Assign #3")
    assert f"Waits now: {starting} (the next ones at {until})" in screen.text
    await wait(crm, clock, 61)
    await anna.sees("from Kira", bot=crm.shop)
    await wait(crm, clock, 61)
    await anna.sees("from Nina", bot=crm.shop)
    assert lines((await types(crm, crm.olga, "/why #3")).text) == [
        "#3 Nina",
        "in the queue: offline",
        "held back by a gentle start: Anna",
        "→ Anna: at random, by weight",
        "Could get it: Anna 100%",
    ]


async def test_ramp_that_is_no_number_is_explained(crm: RunningApp) -> None:
    for wrong in ("/sources ramp shop_bot many", "/sources ramp shop_bot 9999"):
        assert "from 0 to 1000" in (await types(crm, crm.olga, wrong)).text
    assert "ramp shop_bot 3" in (await types(crm, crm.olga, "/sources ramp shop_bot")).text
    assert "gets 3 a minute" in (await types(crm, crm.olga, "/sources shop_bot")).text

"""Head starts in the queue: of a client whom an admin marks, and of a source."""

from datetime import timedelta

import pytest

from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def queued(crm: RunningApp, clock: MovableClock, **ages: int) -> None:
    """Clients by name, who wrote so many minutes ago."""
    for name, minutes in ages.items():
        clock.ahead = timedelta(minutes=-minutes)
        await crm.client(name).says(f"Hello from {name}", to=crm.shop)
        await crm.settled()
    clock.ahead = timedelta()


async def line(crm: RunningApp) -> list[str]:
    """The labels of /queue, first in line first."""
    screen = await types(crm, crm.olga, "/queue")
    return [text.split(" · ")[0] for text in screen.text.splitlines() if "shop_bot" in text]


@pytest.mark.fault("F194")
async def test_marked_client_overtakes_whoever_came_up_to_an_hour_earlier(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/operators limit Anna 0")
    await queued(crm, clock, Ivan=70, Kira=50, Nina=5)
    screen = await types(crm, crm.olga, "/vip #3")
    assert screen.text == (
        "⭐ The client of #3 comes before others in the queue, by 60 min, now and in later requests."
    )
    assert await line(crm) == ["#1 Ivan", "⭐ #3 Nina", "#2 Kira"]
    assert "⭐ #3 Nina · shop_bot · 5 min + 60 min" in (await types(crm, crm.olga, "/queue")).text
    await types(crm, crm.olga, "/operators limit Anna 2")
    await anna.sees("#3 ⭐ Nina")
    assert await line(crm) == ["#2 Kira"]
    await crm.settled()


async def test_marked_client_is_told_their_new_place(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    await types(crm, crm.olga, "/operators limit Anna 0")
    await queued(crm, clock, Ivan=10)
    nina = crm.client("Nina")
    await nina.says("Hello from Nina", to=crm.shop)
    await nina.sees("2", bot=crm.shop)
    await types(crm, crm.olga, "/vip 2 15")
    await nina.starts(crm.shop)
    await crm.settled()
    assert nina.chat(crm.shop)[-1].text == "Your request #2 is open: you are next in the queue."
    assert (await types(crm, crm.olga, "/vip #2 off")).text == "The client of #2 waits like everybody else."
    assert await line(crm) == ["#1 Ivan", "#2 Nina"]


async def test_client_is_marked_by_button(crm: RunningApp, clock: MovableClock) -> None:
    await queued(crm, clock, Ivan=10, Kira=5)
    screen = await types(crm, crm.olga, "/vip")
    assert screen.labels == ["⭐ #1 Ivan", "⭐ #2 Kira"]
    screen = await presses(crm, crm.olga, screen, "⭐ #2 Kira")
    assert "by 60 min" in screen.text
    screen = await types(crm, crm.olga, "/vip")
    assert screen.labels == ["✖️ #2 Kira", "⭐ #1 Ivan"]
    await presses(crm, crm.olga, screen, "✖️ #2 Kira")
    assert await line(crm) == ["#1 Ivan", "#2 Kira"]


async def test_impossible_head_starts_are_refused_in_words(crm: RunningApp, clock: MovableClock) -> None:
    await queued(crm, clock, Ivan=10)
    assert "10" in (await types(crm, crm.olga, "/vip #1 99999")).text
    for wrong in ("/vip Ivan", "/vip #1 soon"):
        assert (await types(crm, crm.olga, wrong)).text.startswith("Add the number of a request")
    await types(crm, crm.olga, "/vip #42")
    assert await line(crm) == ["#1 Ivan"]


@pytest.mark.parametrize("way", ["command", "button"])
async def test_source_with_priority_comes_before_others(crm: RunningApp, clock: MovableClock, way: str) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/sources link vk VK")
    await types(crm, crm.olga, "/operators limit Anna 0")
    await queued(crm, clock, Ivan=10)
    kira = crm.client("Kira")
    await kira.starts(crm.shop, "src_vk")
    await kira.says("Hello from Kira", to=crm.shop)
    await crm.settled()
    if way == "command":
        screen = await types(crm, crm.olga, "/sources priority VK 30")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources VK"), "⏫ Priority")
        assert "Now: 0." in screen.text
        screen = await presses(crm, crm.olga, screen, "30")
    assert "Head start in the queue: 30 min" in screen.text
    lines = (await types(crm, crm.olga, "/queue")).text.splitlines()
    assert [one for one in lines if one.startswith("#")] == [
        "#2 Kira · VK · just now + 30 min",
        "#1 Ivan · shop_bot · 10 min",
    ]
    await types(crm, crm.olga, "/operators limit Anna 1")
    await anna.sees("Hello from Kira", bot=crm.shop)
    assert not [seen for seen in anna.chat(crm.shop) if "Hello from Ivan" in seen.text]
    for wrong in ("/sources priority VK many", "/sources priority VK 99999", "/sources priority VK"):
        await types(crm, crm.olga, wrong)
    assert "30 min" in (await types(crm, crm.olga, "/sources VK")).text

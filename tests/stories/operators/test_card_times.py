"""Cards say by a clock since when: an age would be untrue a minute later."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from bot.sandbox import Sandbox
from bot.texts import translator
from bot.texts.phrases import clock_time, lasted
from tests.stories.arranging import give, now
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

BERLIN = ZoneInfo("Europe/Berlin")
NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)


@pytest.mark.parametrize(
    ("passed", "english", "russian"),
    [
        (timedelta(0), "13:00", "13:00"),
        (timedelta(hours=12), "01:00", "01:00"),
        (timedelta(hours=14), "27 Nov, 23:00", "27.11, 23:00"),  # it is yesterday in Berlin, though not in London
        (timedelta(days=364), "29 Nov 2025, 13:00", "29.11.2025, 13:00"),
    ],
)
def test_clock_time_has_its_date_unless_that_is_today(passed: timedelta, english: str, russian: str) -> None:
    for language, shown in (("en", english), ("ru", russian)):
        assert clock_time(NOON - passed, zone=BERLIN, now=NOON, _=translator(language)) == shown


def test_what_took_less_than_a_minute_says_so() -> None:
    assert lasted(timedelta(seconds=20), translator("en")) == "under a minute"
    assert lasted(timedelta(minutes=24), translator("en")) == "24 min"


@pytest.mark.fault("F150")
async def test_card_shows_times_of_the_time_zone(sandbox: Sandbox, database_url: str, clock: MovableClock) -> None:
    settings = {"timezone": "Asia/Kolkata"}
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        clock.goes_to(14, 5)
        await ivan.says("Hello", to=crm.shop)
        card = await anna.sees("🆕 New since 19:35")
        clock.forward(days=1, hours=1)
        await anna.presses(card, "Take")
        await anna.sees("🟢 In progress since 20:35")
        clock.forward(days=1)
        await anna.presses(now(anna, card), "Close")
        assert "closed 20:35 (2 d)" in (await anna.sees("closed")).text


@pytest.mark.fault("F150")
async def test_card_of_an_earlier_day_shows_the_date(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client()
    clock.goes_to(14, 5)
    yesterday = clock()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("🆕 New since 14:05")
    clock.forward(days=1)
    await give(crm, 1, boris)
    assert f"🆕 New since {yesterday.day} {yesterday:%b}, 14:05" in (await boris.sees("Hello")).text


@pytest.mark.fault("F150")
async def test_card_counts_from_the_take_of_who_holds_it(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client()
    clock.goes_to(9, 0)
    await ivan.says("Hello", to=crm.shop)
    await anna.presses(await anna.sees("Hello"), "Take")
    await anna.sees("In progress since 09:00")
    clock.forward(hours=3)
    await give(crm, 1, boris)
    await boris.presses(await boris.sees("Hello"), "Take")
    await boris.sees("In progress since 12:00")

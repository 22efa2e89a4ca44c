"""Working hours of sources: requests are accepted at any time, and given out while the source is open."""

from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest

from tests.stories.admins.test_working_hours import monday, turn
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


@pytest.mark.fault("F189")
async def test_request_to_a_closed_source_goes_out_when_it_opens(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 8, 59)
    screen = await types(crm, crm.olga, "/sources hours shop_bot mon-fri 9-18 break 13-14, sat 10-14")
    assert screen.text.startswith("The hours of shop_bot are set.")
    assert "🌙 Closed now: requests are accepted, and wait. Hours:\n  Mon–Fri 9:00–18:00, break" in screen.text

    ivan = crm.client("Ivan")
    await ivan.says("Good morning", to=crm.shop)
    told = await ivan.sees("Your request is #1")
    today = clock().astimezone(ZoneInfo("UTC"))
    opens = today.replace(hour=9, minute=0, second=0, microsecond=0)
    assert told.text.endswith(f"we'll be back and reply here: {opens:%a} {opens.day} {opens:%b}, 9:00")
    moment = next(one for one in told.entities if one["type"] == "date_time")
    assert moment["unix_time"] == opens.timestamp()
    await crm.settled()
    assert "in the queue: outside the source's hours" in (await types(crm, crm.olga, "/why 1")).text
    await turn(crm)
    assert not [seen for seen in anna.chat(crm.shop) if "Good morning" in seen.text]
    assert not [seen for seen in crm.olga.chat(crm.shop) if "waiting in shop_bot" in seen.text or "duty" in seen.text]

    clock.forward(seconds=60)
    await turn(crm)
    await anna.sees("Good morning", bot=crm.shop)
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "Closed now" not in screen.text
    assert "Hours:\n  Mon–Fri" in screen.text


async def test_operator_keeps_what_they_have_when_the_source_closes(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 17, 59)
    await types(crm, crm.olga, "/sources hours shop_bot mon-fri 9-18")
    ivan = crm.client("Ivan")
    await ivan.says("Just in time", to=crm.shop)
    await anna.sees("Just in time", bot=crm.shop)
    clock.forward(seconds=60)
    await turn(crm)
    await ivan.says("And another thing", to=crm.shop)
    await anna.sees("And another thing", bot=crm.shop)
    await crm.client("Kira").says("Too late", to=crm.shop)
    await crm.settled()
    assert "#2" in (await types(crm, crm.olga, "/queue")).text
    assert "closed now" in (await types(crm, crm.olga, "/sources")).text
    screen = await types(crm, crm.olga, "/assign #2 Anna")  # by hand at any time
    assert screen.text.startswith("#2 is now assigned to Anna") or "Anna" in screen.text
    await anna.sees("Too late", bot=crm.shop)


async def test_hours_of_a_source_are_set_and_taken_away_by_buttons(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 20)
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "🗓 Opening hours")
    assert "always" in screen.text
    screen = await types(crm, crm.olga, "mon-fri 9-18, Europe/Moscow")
    assert "  Mon–Fri 9:00–18:00\n  Sat, Sun: days off\n  time zone Europe/Moscow" in screen.text
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await presses(crm, crm.olga, screen, "🗓 Opening hours")
    screen = await presses(crm, crm.olga, screen, "Always")
    assert "shop_bot is always open now. 1 waiting request has been assigned." in screen.text
    assert "Hours:" not in screen.text
    await anna.sees("Hello", bot=crm.shop)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/sources hours shop_bot mon-fri 9-25", "25"),
        ("/sources hours nothing mon-fri 9-18", "nothing"),
        ("/sources hours", "hours shop_bot mon-fri 9-18"),
    ],
)
async def test_hours_of_a_source_that_cannot_be_read_change_nothing(crm: RunningApp, typed: str, answer: str) -> None:
    assert answer in (await types(crm, crm.olga, typed)).text
    assert "Hours:" not in (await types(crm, crm.olga, "/sources shop_bot")).text


@pytest.mark.postgres_too
async def test_client_reads_when_the_source_is_open_and_somebody_works(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 7)
    await types(crm, crm.olga, "/sources hours shop_bot daily 8-20")
    await types(crm, crm.olga, "/operators hours Anna mon-fri 10-22")
    for hour, expected, days in ((7, "10:00", 0), (9, "10:00", 0), (21, "10:00", 1)):
        monday(clock, hour)
        await turn(crm)
        kira = crm.client(f"Kira{hour}")
        await kira.says("Are you open?", to=crm.shop)
        told = await kira.sees("Your request is")
        day = clock().astimezone(ZoneInfo("UTC")) + timedelta(days=days)
        assert told.text.endswith(f"{day:%a} {day.day} {day:%b}, {expected}")


async def test_source_that_opens_before_anybodys_shift_alarms_nobody(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 7)
    await types(crm, crm.olga, "/sources hours shop_bot daily 8-20")
    await types(crm, crm.olga, "/operators hours Anna mon-fri 10-22")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    for hour in (8, 10):
        clock.forward(seconds=3600 * (hour - clock().astimezone(ZoneInfo("UTC")).hour))
        await turn(crm)
    assert not [seen for seen in crm.olga.chat(crm.shop) if "waiting in shop_bot" in seen.text]
    assert "🗓" in str((await types(crm, crm.olga, "/sources shop_bot")).buttons)


async def test_admins_hear_when_a_source_opens_and_nobody_is_there(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 8)
    await types(crm, crm.olga, "/sources hours shop_bot daily 9-20")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    clock.forward(seconds=3600)
    await turn(crm)
    await crm.olga.sees("#1 is waiting in shop_bot: no operator is available (offline)")


@pytest.mark.fault("F189")
async def test_clock_set_back_closes_a_source_that_has_not_opened(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 10)
    await types(crm, crm.olga, "/sources hours shop_bot mon 9-18")
    assert "Closed now" not in (await types(crm, crm.olga, "/sources shop_bot")).text
    clock.forward(seconds=-7200)
    await crm.app.schedule.run("correct_shifts")
    await crm.settled()
    assert "Closed now" in (await types(crm, crm.olga, "/sources shop_bot")).text


async def test_screen_warns_of_hours_that_nobody_covers(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 10)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18, UTC")
    screen = await types(crm, crm.olga, "/sources hours shop_bot mon-fri 9-19, UTC")
    day = clock().astimezone(ZoneInfo("UTC"))
    said = f"{day:%a} {day.day} {day:%b}"
    assert f"⚠️ By their hours, nobody works here:\n  {said}, 18:00 – {said}, 19:00" in screen.text
    assert "… and 2 more" in screen.text
    assert "⚠️ hours without anybody" in (await types(crm, crm.olga, "/sources")).text
    screen = await types(crm, crm.olga, "/sources hours shop_bot mon-fri 9-18, UTC")
    assert "nobody works" not in screen.text


async def test_every_change_at_a_source_ends_with_its_warnings(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    for change in ("hours shop_bot mon-fri 9-19", "skills shop_bot german", "priority shop_bot 5", "sla shop_bot off"):
        assert "nobody works" in (await types(crm, crm.olga, f"/sources {change}")).text, change

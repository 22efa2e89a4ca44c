"""Working hours of operators: new requests come in them, and wait outside of them."""

import re
from datetime import timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

ZONE = ZoneInfo("UTC")


def monday(clock: MovableClock, hour: int, minute: int = 0) -> None:
    """Sets the clock to an hour of the next Monday, by the installation's time zone."""
    now = clock().astimezone(ZONE)
    ahead = timedelta(days=7 - now.weekday())
    then = (now + ahead).replace(hour=hour, minute=minute, second=0, microsecond=0)
    clock.forward(seconds=(then - now).total_seconds())


async def turn(crm: RunningApp) -> None:
    """What happens each second."""
    await crm.app.schedule.run("turn_shifts")
    await crm.settled()


@pytest.mark.fault("F183")
async def test_request_of_the_night_goes_to_whose_shift_begins(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 8, 59)
    screen = await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18 break 13-14, sat 10-14")
    assert screen.text.startswith("Anna's working hours are set.")
    assert "🌙 outside working hours" in screen.text
    assert "Working hours:\n  Mon–Fri 9:00–18:00, break 13:00–14:00\n  Sat 10:00–14:00" in screen.text
    await anna.sees("An admin has set your working hours")

    await crm.client("Ivan").says("Good morning", to=crm.shop)
    await crm.settled()
    assert "outside working hours" in (await types(crm, crm.olga, "/why 1")).text
    assert not [seen for seen in crm.olga.chat(crm.shop) if "waiting in shop_bot" in seen.text or "duty" in seen.text]
    await turn(crm)
    assert not [seen for seen in anna.chat(crm.shop) if "Good morning" in seen.text]

    clock.forward(seconds=60)
    await turn(crm)
    await anna.sees("Good morning", bot=crm.shop)
    assert "🟢 online" in (await types(crm, crm.olga, "/operators Anna")).text

    monday(clock, 13)
    await turn(crm)
    await crm.client("Kira").says("At lunch", to=crm.shop)
    await crm.settled()
    assert "#2" in (await types(crm, crm.olga, "/queue")).text
    clock.forward(seconds=3600)
    await turn(crm)
    await anna.sees("At lunch", bot=crm.shop)


async def test_hours_are_set_and_taken_away_by_buttons(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 20)
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, screen, "🕘 Hours")
    assert "always, while online" in screen.text
    screen = await types(crm, crm.olga, "daily 22-6, Europe/Moscow")
    assert "  daily 22:00–6:00\n  time zone Europe/Moscow" in screen.text
    screen = await presses(crm, crm.olga, screen, "🕘 Hours")
    screen = await types(crm, crm.olga, "31 dec off")  # is added to what is there
    assert "daily 22:00–6:00" in screen.text
    assert re.search(r"31 Dec \d{4}: day off", screen.text)

    await anna.says("/online", to=crm.shop)
    monday(clock, 12)
    await turn(crm)
    await anna.says("/online", to=crm.shop)
    await anna.sees("New requests come in your working hours", bot=crm.shop)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators hours Anna"), "Always, while online")
    assert "Anna gets new requests whenever they are online. 1 waiting request has been assigned." in screen.text
    assert "Working hours" not in screen.text
    await anna.sees("Hello", bot=crm.shop)
    await anna.sees("New requests come whenever you are online", bot=crm.shop)


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("/operators hours Anna mon-fri 9-25", "25"),
        ("/operators hours Anna whenever", "whenever"),
        ("/operators hours Nobody mon-fri 9-18", "Nobody"),
        ("/operators hours", "hours Anna mon-fri 9-18"),
    ],
)
async def test_hours_that_cannot_be_read_change_nothing(crm: RunningApp, typed: str, answer: str) -> None:
    await crm.operator("Anna")
    assert answer in (await types(crm, crm.olga, typed)).text
    assert "Working hours" not in (await types(crm, crm.olga, "/operators Anna")).text


async def test_admin_gives_a_request_by_hand_outside_of_hours(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 20)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/assign #1 Anna")
    assert screen.text == "Anna is not available for #1: outside working hours. Assign anyway?"
    await presses(crm, crm.olga, screen, "Assign anyway")
    await anna.sees("Hello", bot=crm.shop)


@pytest.mark.fault("F184")
async def test_clock_set_back_ends_a_shift_that_has_not_begun(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 10)
    await types(crm, crm.olga, "/operators hours Anna mon 9-18")
    assert "🟢 online" in (await types(crm, crm.olga, "/operators Anna")).text
    clock.forward(seconds=-7200)
    await crm.app.schedule.run("correct_shifts")
    await crm.settled()
    assert "🌙 outside working hours" in (await types(crm, crm.olga, "/operators Anna")).text
    clock.forward(seconds=3600)
    await turn(crm)
    assert "🟢 online" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_client_of_the_night_reads_when_somebody_is_back(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    await crm.operator("Boris")
    monday(clock, 20)
    for name, hours in (("Anna", "mon-fri 10-18"), ("Boris", "tue 9:30-18")):
        await types(crm, crm.olga, f"/operators hours {name} {hours}")
    kira = crm.client("Kira")
    await kira.says("Are you open?", to=crm.shop)
    told = await kira.sees("Your request is #1")
    tuesday = clock().astimezone(ZONE) + timedelta(days=1)
    opens = tuesday.replace(hour=9, minute=30, second=0, microsecond=0)
    assert told.text == (
        "Your request is #1. Nobody is available right now; we'll be back and reply here: "
        f"{opens:%a} {opens.day} {opens:%b}, 9:30"
    )
    moment = next(one for one in told.entities if one["type"] == "date_time")
    assert (moment["unix_time"], moment["date_time_format"]) == (opens.timestamp(), "wdt")
    start, end = moment["offset"], moment["offset"] + moment["length"]
    assert told.text[start:end] == f"{opens:%a} {opens.day} {opens:%b}, 9:30"

    # Whoever is absent for another reason makes no promise.
    for name in ("Anna", "Boris"):
        await types(crm, crm.olga, f"/operators off {name}")
    ivan = crm.client("Ivan")
    await ivan.says("And now?", to=crm.shop)
    await ivan.sees("Nobody is available right now; we'll reply here as soon as we're back")


async def test_admins_hear_of_a_source_without_shifts_and_not_of_nights(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 20)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await crm.client("Ivan").says("Good evening", to=crm.shop)
    await crm.settled()
    assert not [seen for seen in crm.olga.chat(crm.shop) if seen.text.startswith(("🌙", "⏳"))]
    await types(crm, crm.olga, "/operators hours Anna always")
    await types(crm, crm.olga, "/operators hours Anna daily off")
    await crm.olga.sees("🌙 Nobody is on duty any more", bot=crm.shop)
    await crm.client("Kira").says("Good evening", to=crm.shop)
    await crm.olga.sees("no operator is available (outside working hours)", bot=crm.shop)


async def test_operator_is_reminded_of_clients_in_their_hours_alone(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 17, 55)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await crm.client("Ivan").says("Are you open?", to=crm.shop)
    await anna.sees("Are you open?", bot=crm.shop)
    await crm.settled()
    clock.forward(seconds=6 * 60)
    await turn(crm)
    await crm.app.schedule.run("remind")
    await crm.settled()
    assert not [seen for seen in anna.chat(crm.shop) if seen.text.startswith("⏰")]
    clock.forward(hours=15)
    await turn(crm)
    await crm.app.schedule.run("remind")
    await anna.sees("⏰ #1 Ivan has been waiting", bot=crm.shop)


@pytest.mark.parametrize("loss", ["/offline", "/operators off Anna", "/operators limit Anna 0"])
async def test_admins_hear_of_the_nights_requests_if_nobody_takes_them_at_opening(
    crm: RunningApp, clock: MovableClock, loss: str
) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 20)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await crm.client("Ivan").says("Good evening", to=crm.shop)
    await crm.settled()
    await (anna if loss == "/offline" else crm.olga).says(loss, to=crm.shop)
    await crm.settled()
    clock.forward(hours=13)
    await turn(crm)
    await crm.olga.sees("⏳ #1 is waiting in shop_bot", bot=crm.shop)


async def test_admins_hear_of_an_absence_by_day_though_a_colleague_is_off_shift(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris")
    monday(clock, 13)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await types(crm, crm.olga, "/operators hours Boris sat 10-12")
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    kira = crm.client("Kira")
    await kira.says("Hello", to=crm.shop)
    await crm.olga.sees("⏳ #1 is waiting in shop_bot", bot=crm.shop)


async def test_client_is_promised_no_shift_of_somebody_who_cannot_be_reached(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris")
    monday(clock, 20)
    await types(crm, crm.olga, "/operators hours Anna tue 7-18")
    await types(crm, crm.olga, "/operators hours Boris fri 10-18")
    await anna.blocks(crm.shop)
    await crm.settled()
    kira = crm.client("Kira")
    await kira.says("Hello", to=crm.shop)
    assert ", 10:00" in (await kira.sees("we'll be back and reply here")).text


async def test_hours_that_name_the_week_replace_all_and_others_add(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 10)
    year = clock().year + 1
    await types(crm, crm.olga, f"/operators hours Anna mon-fri 9-18, leave 1 jul {year} - 14 aug {year}")
    screen = await types(crm, crm.olga, "/operators hours Anna 31 dec off")
    assert "leave 1 Jul" in screen.text
    screen = await types(crm, crm.olga, f"/operators hours Anna mon-fri 9-18, leave 1 jul {year} - 14 jul {year}")
    assert f"leave 1 Jul {year} - 14 Jul {year}" in screen.text.replace("–", "-")
    assert "Aug" not in screen.text
    assert "31 Dec" not in screen.text


@pytest.mark.fault("F184")
async def test_hours_that_cannot_be_read_can_be_set_anew(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    monday(clock, 10)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    unknown = text("UPDATE operators SET hours = :hours, shift_changes_at = 0")
    await crm.db.write(lambda s: s.execute(unknown, {"hours": '{"zone": "Mars/Olympus", "week": []}'}))
    await turn(crm)
    screen = await types(crm, crm.olga, "/operators Anna")
    assert "⚠️ The working hours cannot be read. Please set them anew." in screen.text
    await presses(crm, crm.olga, screen, "🕘 Hours")
    screen = await types(crm, crm.olga, "mon-fri 10-18")
    assert "Mon–Fri 10:00–18:00" in screen.text

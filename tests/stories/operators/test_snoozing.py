"""Snoozing a request: its place is free, and it comes back at its moment, or as soon as the client writes."""

from datetime import timedelta

import pytest

from bot.sandbox import Person, SeenMessage
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def asks(crm: RunningApp, name: str = "Ivan") -> Person:
    client = crm.client(name)
    await client.says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    return client


def card(who: Person, crm: RunningApp, number: int = 1) -> SeenMessage:
    starts = (f"#{number} Ivan", f"#{number} Nina", f"#{number} Kira", f"#{number} ·")
    return next(
        seen for seen in reversed(who.chat(crm.shop)) if seen.text.startswith(starts) and " · ⤵️" not in seen.text
    )


async def passes(crm: RunningApp, clock: MovableClock, **time: float) -> None:
    """Lets time go by, and does what is due then."""
    clock.forward(**time)
    await crm.app.schedule.run("wake")
    await crm.settled()


async def test_snoozed_request_gives_its_place_away_and_comes_back(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", limit=1)
    await asks(crm)
    await asks(crm, "Nina")
    await presses(crm, anna, card(anna, crm), "✋ Take")
    menu = await presses(crm, anna, card(anna, crm), "⋯")
    assert menu.labels == ["❓ Why me?", "📤 Give back", "↪️ Transfer", "⏰ Snooze", "◀️ Back"]
    menu = await presses(crm, anna, menu, "⏰ Snooze")
    assert menu.text.endswith("Until when should it be snoozed?")
    assert [one for one in menu.labels if "evening" not in one] == [
        "In an hour",
        "Tomorrow, 9:00",
        "Monday, 9:00",
        "📅 Another time…",
        "◀️ Back",
    ]
    pressed = clock()
    await (await anna.presses(menu, "In an hour")).answer()
    await crm.settled()
    asleep = card(anna, crm)
    assert "😴 Snoozed until " in asleep.text
    assert asleep.labels == ["⏰ Wake now", "✔️ Close", "⋯"]
    moment = next(one for one in asleep.entities if one["type"] == "date_time")
    since, until = (int((one + timedelta(hours=1)).timestamp()) for one in (pressed, clock()))
    assert since <= moment["unix_time"] <= until
    assert card(anna, crm, 2).labels == ["✋ Take", "✔️ Close", "⋯"]  # Nina, who waited for the place
    assert "😴 1" in (await types(crm, crm.olga, "/operators Anna")).text
    await passes(crm, clock, minutes=59)
    assert "😴" in card(anna, crm).text
    await passes(crm, clock, minutes=2)
    lines = [seen.text for seen in anna.chat(crm.shop)]
    assert lines.count("⏰ #1 Ivan is back.") == 1
    assert card(anna, crm).labels == ["✔️ Close", "⋯"]
    await passes(crm, clock, minutes=2)
    assert [seen.text for seen in anna.chat(crm.shop)].count("⏰ #1 Ivan is back.") == 1


async def test_client_who_writes_wakes_the_request(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm)
    answer = await types(crm, anna, "/snooze #1 2h", to=crm.shop)
    assert answer.text.startswith("😴 #1 is snoozed until ")
    await ivan.says("Are you there?", to=crm.shop)
    await crm.settled()
    chat = [seen.text for seen in anna.chat(crm.shop)]
    assert chat.count("⏰ #1 Ivan is back: the client has written.") == 1
    assert chat.count("Are you there?") == 1
    assert card(anna, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    await passes(crm, clock, hours=3)
    assert "⏰ #1 Ivan is back." not in [seen.text for seen in anna.chat(crm.shop)]


async def test_moment_is_asked_for_and_typed(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    menu = await presses(crm, anna, await presses(crm, anna, card(anna, crm), "⋯"), "⏰ Snooze")
    await (await anna.presses(menu, "📅 Another time…")).answer()
    await crm.settled()
    assert anna.chat(crm.shop)[-1].text.startswith("Until when should #1 be snoozed?")
    refused = await types(crm, anna, "when hell freezes", to=crm.shop)
    assert refused.text.startswith("I don't understand “when hell freezes”.")
    answer = await types(crm, anna, "tomorrow 10:00", to=crm.shop)
    assert answer.text.startswith("😴 #1 is snoozed until ")
    assert "10:00" in answer.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/snooze", "/snooze #42 tomorrow 10:00"),
        ("/snooze #1", "Until when should #1 be snoozed?"),
        ("/snooze #7", "There is no request #7."),
        ("/snooze #1 today 0:00", "That moment is past."),
        ("/snooze #1 9999d", "It can be snoozed for a year at most."),
        ("/snooze #7 2h", "There is no request #7."),
    ],
)
async def test_snooze_that_is_not_understood_says_what_would_be(crm: RunningApp, typed: str, said: str) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    assert said in (await types(crm, anna, typed, to=crm.shop)).text


async def test_request_is_chosen_that_is_to_be_snoozed(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", language="ru")
    await asks(crm)
    choice = await types(crm, anna, "/snooze", to=crm.shop)
    assert choice.labels == ["⏰ #1 Ivan"]
    await (await anna.presses(choice, "⏰ #1 Ivan")).answer()
    await crm.settled()
    assert (await types(crm, anna, "завтра 10:00", to=crm.shop)).text.startswith("😴 #1")
    refused = await anna.presses(choice, "⏰ #1 Ivan")
    assert "#1" in (await refused.answer() or "")
    assert (await types(crm, anna, "/snooze", to=crm.shop)).labels == []


async def test_snoozed_request_is_woken_by_its_button_and_not_given_back(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    await types(crm, anna, "/snooze 1 30m", to=crm.shop)
    refused = await types(crm, anna, "/return #1", to=crm.shop)
    assert refused.text == "#1 is snoozed. Wake it first."
    assert (await types(crm, anna, "/snooze #1 1h", to=crm.shop)).text == "#1 is snoozed. Wake it first."
    mine = await types(crm, anna, "/my", to=crm.shop)
    assert "😴 #1 Ivan · until " in mine.text
    await presses(crm, anna, card(anna, crm), "⏰ Wake now")
    assert card(anna, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    await passes(crm, clock, hours=1)
    assert not any("is back" in seen.text for seen in anna.chat(crm.shop))


@pytest.mark.fault("F197")
async def test_request_that_wakes_without_its_operator_goes_to_somebody_else(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await types(crm, anna, "/snooze #1 1h", to=crm.shop)
    await types(crm, anna, "/offline", to=crm.shop)
    await passes(crm, clock, hours=2)
    assert card(boris, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert card(anna, crm).text == "#1 · shop_bot\n↪️ Now with Boris"
    assert "it came back while they were away" in (await types(crm, crm.olga, "/why 1")).text


@pytest.mark.fault("F197")
async def test_snoozed_request_of_a_removed_operator_wakes_with_another(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", weight=30)
    await asks(crm)
    boris = await crm.operator("Boris", weight=10)
    await types(crm, anna, "/snooze #1 1h", to=crm.shop)
    screen = await types(crm, crm.olga, "/operators remove Anna")
    assert "1 snoozed request will come back to somebody else." in screen.text
    await presses(crm, crm.olga, screen, "🗑 Yes, remove")
    assert not [seen for seen in boris.chat(crm.shop) if seen.text.startswith("#1 ")]
    await passes(crm, clock, hours=2)
    assert card(boris, crm).labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_snoozed_request_can_be_closed(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    await types(crm, anna, "/take 1", to=crm.shop)
    await types(crm, anna, "/snooze #1 1h", to=crm.shop)
    await presses(crm, anna, card(anna, crm), "✔️ Close")
    await passes(crm, clock, hours=2)
    assert not any("is back" in seen.text for seen in anna.chat(crm.shop))
    assert "Open requests: 0 of 10, 10 free\n" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_operator_is_not_reminded_of_a_snoozed_request(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm)
    await types(crm, anna, "/snooze #1 1 day", to=crm.shop)
    clock.forward(hours=3)
    await crm.app.schedule.run("remind")
    await crm.app.schedule.run("tell_of_unanswered")
    await crm.settled()
    assert not any("waits" in seen.text or "waiting" in seen.text for seen in anna.chat(crm.shop))
    assert not any("answer" in seen.text for seen in crm.olga.chat() if "Ivan" in seen.text)


async def test_ceiling_bounds_what_can_be_theirs_by_hand_too(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", limit=1)
    screen = await types(crm, crm.olga, "/operators ceiling Anna 2")
    assert "Anna can have at most 2 requests altogether, snoozed ones included." in screen.text
    assert "At most 2 altogether, snoozed ones included" in screen.text
    await asks(crm)
    await types(crm, anna, "/snooze #1 1h", to=crm.shop)
    await asks(crm, "Nina")
    await types(crm, anna, "/snooze #2 1h", to=crm.shop)
    await asks(crm, "Kira")
    assert "at the ceiling, snoozed ones included, 2 of 2" in (await types(crm, crm.olga, "/why 3")).text
    refused = await types(crm, crm.olga, "/assign #3 Anna")
    assert refused.text.startswith("Anna is at the ceiling (2), snoozed requests included.")
    ceilings = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "🔝 Ceiling")
    assert "Now: 2." in ceilings.text
    await presses(crm, crm.olga, ceilings, "0")
    assert card(anna, crm, 3).labels == ["✋ Take", "✔️ Close", "⋯"]

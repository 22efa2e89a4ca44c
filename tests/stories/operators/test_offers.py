"""Offers: a request is shown to one operator, who takes it, declines it or misses it; then it goes to the next one."""

from datetime import timedelta

import pytest

from bot.sandbox import Person, SeenMessage
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def offers(crm: RunningApp, **changes: str) -> None:
    """Lets the shop offer its requests for two minutes, one after another in the order of weights."""
    await types(crm, crm.olga, "/sources exact shop_bot")
    await types(crm, crm.olga, "/sources offer shop_bot 2 min")
    for label, _ in changes.items():
        await presses(crm, crm.olga, await types(crm, crm.olga, "/sources offer shop_bot"), label)


async def passes(crm: RunningApp, clock: MovableClock, seconds: float) -> None:
    """Lets time go by, and does what is due then."""
    clock.forward(seconds=seconds)
    await crm.app.schedule.run("end_offers")
    await crm.settled()


async def asks(crm: RunningApp, name: str = "Ivan", words: str = "Do you have bicycles?") -> Person:
    client = crm.client(name)
    await client.says(words, to=crm.shop)
    await crm.settled()
    return client


def cards(who: Person, crm: RunningApp, number: int = 1) -> list[SeenMessage]:
    return [seen for seen in who.chat(crm.shop) if seen.text.startswith(f"#{number} ") and seen.sender != who.id]


def card(who: Person, crm: RunningApp, number: int = 1) -> SeenMessage:
    found = cards(who, crm, number)
    assert len(found) == 1, found
    return found[0]


async def test_offered_card_runs_a_clock_and_is_taken(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", weight=30)
    await crm.operator("Boris", weight=10)
    await offers(crm)
    ivan = await asks(crm)
    seen = card(anna, crm)
    assert "⏳ Offered to you; goes to somebody else at " in seen.text
    assert seen.labels == ["✋ Take", "🙅 Decline", "⋯"]
    moment = next(one for one in seen.entities if one["type"] == "date_time")
    assert moment["date_time_format"] == "r"
    assert 118 <= moment["unix_time"] - clock().timestamp() <= 120
    await presses(crm, anna, seen, "✋ Take")
    assert card(anna, crm).labels == ["✔️ Close", "⋯"]
    assert ivan.chat(crm.shop)[-1].text == "Anna is now taking care of your request #1."
    await passes(crm, clock, 600)
    assert card(anna, crm).labels == ["✔️ Close", "⋯"]


async def test_answer_to_an_offered_request_takes_it(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    ivan = await asks(crm)
    await anna.replies(card(anna, crm), "Yes, we do")
    await ivan.sees("Yes, we do")
    await passes(crm, clock, 600)
    assert card(anna, crm).labels == ["✔️ Close", "⋯"]


async def test_declined_offer_goes_to_the_next_operator(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna", weight=30), await crm.operator("Boris", weight=10)
    await offers(crm)
    ivan = await asks(crm)
    seen = await presses(crm, anna, card(anna, crm), "🙅 Decline")
    assert seen.text.endswith("Why do you decline it?")
    assert seen.labels == ["Can't right now", "Not for me", "◀️ Back"]
    seen = await presses(crm, anna, seen, "◀️ Back")
    assert seen.labels == ["✋ Take", "🙅 Decline", "⋯"]
    seen = await presses(crm, anna, seen, "🙅 Decline")
    seen = await presses(crm, anna, seen, "Can't right now")
    assert seen.text == "#1 · shop_bot\n↪️ Now with Boris"
    await presses(crm, boris, card(boris, crm), "✋ Take")
    said = [one.text for one in ivan.chat(crm.shop) if one.sender != ivan.id]
    assert said == [
        "Your request is #1. We'll answer you here.",
        "Boris is now taking care of your request #1.",
    ]
    why = (await types(crm, crm.olga, "/why 1")).text
    assert "back from Anna to the queue: has declined it" in why
    assert "Could not: Anna (has declined it for now)" in why


@pytest.mark.fault("F193")
async def test_missed_offers_go_round_and_set_offline(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna", weight=30), await crm.operator("Boris", weight=1)
    await offers(crm, **{"🌙 2": ""})
    for number, name in enumerate(("Ivan", "Kira"), start=1):
        await asks(crm, name)
        await anna.sees(f"#{number} {name}", bot=crm.shop)
    await passes(crm, clock, 110)
    assert card(anna, crm, 1).labels == ["✋ Take", "🙅 Decline", "⋯"]
    await passes(crm, clock, 10)
    assert card(anna, crm, 1).text == "#1 · shop_bot\n↪️ Now with Boris"
    assert card(boris, crm, 1).labels == ["✋ Take", "🙅 Decline", "⋯"]
    await anna.sees("🌙 You are offline now, since you missed offers (2 in a row)", bot=crm.shop)
    assert "⚪️" in (await types(crm, crm.olga, "/operators Anna")).text


@pytest.mark.postgres_too
async def test_only_operator_keeps_an_offer_and_is_reminded(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    await asks(crm)
    for _ in range(2):
        await passes(crm, clock, 120)
    assert [one.text for one in anna.chat(crm.shop)].count(
        "⏰ #1 still waits for you: nobody else can take it now. Take it or decline it on its card."
    ) == 2
    assert card(anna, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]
    assert "did not answer in time" in (await types(crm, crm.olga, "/why 1")).text
    await passes(crm, clock, 120)
    assert "nobody else can take it now" in card(anna, crm).text
    assert "#1 in shop_bot: nobody has taken it (offers: 3)" in crm.olga.chat(crm.shop)[-1].text
    boris = await crm.operator("Boris")
    await passes(crm, clock, 1)
    assert card(boris, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]
    assert card(anna, crm).text == "#1 · shop_bot\n↪️ Now with Boris"


async def test_request_offered_in_vain_goes_to_who_is_on_duty(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna", weight=30), await crm.operator("Boris", weight=10)
    vera = await crm.operator("Vera", weight=1, limit=0)
    await offers(crm, **{"🔁 2": ""})
    screen = await types(crm, crm.olga, "/sources duty shop_bot = Vera")
    assert "Offers in vain: 2, then it goes to Vera, who is on duty" in screen.text
    await asks(crm)
    await passes(crm, clock, 120)
    await passes(crm, clock, 120)
    assert card(vera, crm).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert card(anna, crm).labels == card(boris, crm).labels == []
    assert "Vera: nobody had taken it, and this operator is on duty" in (await types(crm, crm.olga, "/why 1")).text


@pytest.mark.fault("F193")
async def test_offer_of_who_goes_offline_waits_for_others(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    await asks(crm)
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    assert card(anna, crm).text == "#1 · shop_bot\n↪️ Back in the queue"
    assert "offline" in crm.olga.chat(crm.shop)[-1].text
    boris = await crm.operator("Boris")
    await crm.settled()
    await crm.app.schedule.run("sweep")
    await crm.settled()
    assert card(boris, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]


async def test_request_declined_for_good_waits_for_somebody_else(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    await asks(crm)
    seen = await presses(crm, anna, card(anna, crm), "🙅 Decline")
    seen = await presses(crm, anna, seen, "Not for me")
    assert seen.text == "#1 · shop_bot\n↪️ Back in the queue"
    await asks(crm, "Kira", "A bell, please")
    assert card(anna, crm, 2).labels == ["✋ Take", "🙅 Decline", "⋯"]
    assert "back from Anna to the queue: has declined it" in (await types(crm, crm.olga, "/why 1")).text


@pytest.mark.fault("F193")
async def test_time_off_shift_does_not_count_for_an_offer(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris", limit=0)
    await offers(crm)
    now = clock()
    ahead = timedelta(days=7 - now.weekday())
    monday = (now + ahead).replace(hour=17, minute=59, second=0, microsecond=0)
    clock.forward(seconds=(monday - now).total_seconds())
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await asks(crm)
    assert card(anna, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]
    await passes(crm, clock, 61)
    await passes(crm, clock, 14 * 3600)
    assert card(anna, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]
    await passes(crm, clock, 3600 + 50)
    await crm.app.schedule.run("turn_shifts")
    await types(crm, crm.olga, "/operators limit Boris 5")
    assert card(anna, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]
    await passes(crm, clock, 10)
    assert card(anna, crm).text == "#1 · shop_bot\n↪️ Now with Boris"


async def test_offer_of_who_goes_off_shift_goes_to_who_is_there(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna", weight=30), await crm.operator("Boris", weight=10)
    await offers(crm)
    now = clock()
    ahead = timedelta(days=7 - now.weekday())
    monday = (now + ahead).replace(hour=17, minute=59, second=0, microsecond=0)
    clock.forward(seconds=(monday - now).total_seconds())
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    await asks(crm)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    clock.forward(seconds=61)
    await crm.app.schedule.run("turn_shifts")
    await passes(crm, clock, 1)
    assert card(boris, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]


async def test_admins_word_the_reasons_to_decline(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await offers(crm)
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources offer shop_bot"), "🙅 Reasons")
    assert "↻ Can't right now\n✖️ Not for me" in screen.text
    await presses(crm, crm.olga, screen, "➕ ✖️ Add")
    screen = await types(crm, crm.olga, "Wrong city")
    assert "✖️ Wrong city" in screen.text
    assert screen.labels == ["🗑 Wrong city", "➕ ↻ Add", "➕ ✖️ Add"]
    await asks(crm)
    seen = await presses(crm, anna, card(anna, crm), "🙅 Decline")
    assert seen.labels == ["Wrong city", "◀️ Back"]
    screen = await presses(crm, crm.olga, screen, "🗑 Wrong city")
    assert "↻ Can't right now" in screen.text
    await (await anna.presses(seen, "Wrong city")).answer()
    await crm.settled()
    assert card(anna, crm).labels == ["✋ Take", "🙅 Decline", "⋯"]


@pytest.mark.parametrize("way", ["command", "button"])
async def test_offers_are_set_by_command_and_by_button(crm: RunningApp, way: str) -> None:
    if way == "command":
        screen = await types(crm, crm.olga, "/sources offer shop_bot 120")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "⏳ Offers")
        assert "Requests are not offered" in screen.text
        screen = await presses(crm, crm.olga, screen, "2 min")
    assert "Each request is offered for 2 min" in screen.text
    screen = await presses(crm, crm.olga, screen, "🔁 5")
    assert "Offers in vain: 5, then admins are told" in screen.text
    screen = await presses(crm, crm.olga, screen, "🌙 never")
    assert "Nobody is set offline" in screen.text
    for wrong in (
        "/sources offer shop_bot soon",
        "/sources offer shop_bot 3",
        "/sources offer",
        "/sources duty shop_bot",
    ):
        await types(crm, crm.olga, wrong)
    assert "offered for 2 min" in (await types(crm, crm.olga, "/sources shop_bot")).text
    screen = await types(crm, crm.olga, "/sources offer shop_bot off")
    assert "Requests are not offered" in screen.text

"""Requests whose client waits while their operator is away go to somebody else, or the client is told."""

from datetime import timedelta

import pytest

from bot.sandbox import Person, SeenMessage
from tests.stories.arranging import count
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def passes(crm: RunningApp, clock: MovableClock, **units: float) -> None:
    """Lets time go by, and does what is due then."""
    clock.forward(**units)
    for job in ("turn_shifts", "hand_over"):
        await crm.app.schedule.run(job)
    await crm.settled()


def monday(clock: MovableClock, hour: int, minute: int = 0) -> None:
    now = clock()
    ahead = timedelta(days=7 - now.weekday())
    then = (now + ahead).replace(hour=hour, minute=minute, second=0, microsecond=0)
    clock.forward(seconds=(then - now).total_seconds())


async def asks(crm: RunningApp, name: str, words: str) -> Person:
    client = crm.client(name)
    await client.says(words, to=crm.shop)
    await crm.settled()
    return client


def card(who: Person, crm: RunningApp, number: int) -> SeenMessage:
    (found,) = [one for one in who.chat(crm.shop) if one.text.startswith(f"#{number} ") and one.sender != who.id]
    return found


def heard(client: Person, crm: RunningApp) -> list[str]:
    """What a client was told after the first notice."""
    return [one.text for one in client.chat(crm.shop) if one.sender != client.id][1:]


@pytest.mark.postgres_too
@pytest.mark.fault("F198")
async def test_unanswered_request_goes_to_somebody_else_after_half_an_hour(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", "Do you have bicycles?")
    kira = await asks(crm, "Kira", "Do you have bells?")
    await anna.replies(card(anna, crm, 2), "Yes, two of them")
    await crm.settled()
    boris = await crm.operator("Boris")
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, minutes=29)
    assert heard(ivan, crm) == []
    await passes(crm, clock, minutes=1)
    assert card(anna, crm, 1).text == "#1 · shop_bot\n↪️ Now with Boris"
    assert "Do you have bicycles?" in card(boris, crm, 1).text
    assert heard(ivan, crm) == ["Boris will answer you."]
    assert (
        "back from Anna to the queue: was away while the client waited" in (await types(crm, crm.olga, "/why 1")).text
    )
    # Kira has her answer. When she writes again, Anna is still away.
    assert card(anna, crm, 2).labels == ["✔️ Close", "⋯"]
    await kira.says("I take both", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, seconds=1)
    assert "I take both" in boris.chat(crm.shop)[-1].text
    assert heard(kira, crm) == ["Yes, two of them", "Boris will answer you."]
    assert await count(crm, "events", "kind = 'client_told' AND reason = 'hand_over'") == 2


@pytest.mark.postgres_too
@pytest.mark.fault("F198")
async def test_client_reads_when_somebody_is_back_where_nobody_is_there(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    monday(clock, 17, 50)
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    ivan = await asks(crm, "Ivan", "Do you have bicycles?")
    await passes(crm, clock, minutes=10)
    await passes(crm, clock, minutes=29, seconds=50)
    assert heard(ivan, crm) == []
    await passes(crm, clock, seconds=10)
    (said,) = heard(ivan, crm)
    assert said.startswith("Nobody is available right now; we'll be back and answer you here: Tue ")
    moment = next(one for one in ivan.chat(crm.shop)[-1].entities if one["type"] == "date_time")
    assert 0 < moment["unix_time"] - clock().timestamp() <= 14.5 * 3600
    assert moment["unix_time"] % 86_400 == 9 * 3600
    assert card(anna, crm, 1).text == "#1 · shop_bot\n↪️ Back in the queue"
    # Nobody is alarmed of a night that was planned.
    assert not [seen for seen in crm.olga.chat(crm.shop) if "waiting in shop_bot" in seen.text]
    await ivan.says("Hello?", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, hours=1)
    assert len(heard(ivan, crm)) == 1
    await passes(crm, clock, hours=13, minutes=30)
    await anna.sees("Hello?", bot=crm.shop)


async def test_held_request_stays_and_its_client_is_told_once(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris", weight=0)
    screen = await types(crm, crm.olga, "/sources handover shop_bot hold 5")
    assert "Saved." in screen.text
    ivan = await asks(crm, "Ivan", "Do you have bicycles?")
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, minutes=5)
    told = ["Anna is away right now, and will answer you here once they're back."]
    assert heard(ivan, crm) == told
    await ivan.says("Hello?", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, hours=1)
    assert heard(ivan, crm) == told
    await anna.replies(card(anna, crm, 1), "Yes, we do")
    await crm.settled()
    await ivan.says("How much?", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, seconds=1)
    assert heard(ivan, crm) == [*told, "Yes, we do", *told]


async def test_kept_request_stays_with_its_operator(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris", weight=0)
    await types(crm, crm.olga, "/sources handover shop_bot keep")
    ivan = await asks(crm, "Ivan", "Do you have bicycles?")
    await anna.says("/offline", to=crm.shop)
    await crm.settled()
    await passes(crm, clock, days=2)
    assert heard(ivan, crm) == []
    assert card(anna, crm, 1).labels == ["✋ Take", "✔️ Close", "⋯"]


async def test_what_becomes_of_requests_is_chosen_by_buttons(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "away for 30 min, somebody else gets the request" in screen.text
    screen = await presses(crm, crm.olga, screen, "🚪 When away")
    assert screen.labels[:2] == ["✉️ Tell the client", "📌 Keep"]
    screen = await presses(crm, crm.olga, screen, "15")
    assert "away for 15 min" in screen.text
    screen = await presses(crm, crm.olga, screen, "✉️ Tell the client")
    assert "away for 15 min, the client is told" in screen.text
    await types(crm, crm.olga, "/sources handover shop_bot")
    screen = await types(crm, crm.olga, "45")
    assert "away for 45 min, the client is told" in screen.text
    screen = await presses(crm, crm.olga, screen, "📌 Keep")
    assert "Requests stay with their operators" in screen.text
    assert screen.labels == ["📤 Hand over", "✉️ Tell the client", "◀️ shop_bot"]
    screen = await presses(crm, crm.olga, screen, "◀️ shop_bot")
    assert "has been away" not in screen.text


@pytest.mark.parametrize(
    ("words", "shown"),
    [
        ("hand over 45", "away for 45 min, somebody else gets"),
        ("передавать 45 мин", "away for 45 min, somebody else gets"),
        ("hold 0", "the operator is away, the client is told"),
        ("ждать", "away for 30 min, the client is told"),
        ("keep", "Requests stay with their operators"),
        ("оставлять", "Requests stay with their operators"),
        ("120", "away for 120 min, somebody else gets"),
        ("", "away for 30 min, somebody else gets"),
        ("sometimes", "Specify the source, then keep, hold or hand over: /sources handover shop_bot hand over 30"),
        ("hold 99999", "10080"),
    ],
)
async def test_what_becomes_of_requests_is_typed(crm: RunningApp, words: str, shown: str) -> None:
    assert shown in (await types(crm, crm.olga, f"/sources handover shop_bot {words}")).text


async def test_change_is_put_back(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources handover shop_bot hold")
    await types(crm, crm.olga, "/sources handover shop_bot keep 10")
    screen = await types(crm, crm.olga, "/undo")
    assert "Absence of operators at shop_bot: tell the client, 30 min → keep" in screen.text
    screen = await presses(crm, crm.olga, screen, "↩️ Undo")
    assert screen.text.startswith("Undone. Absence of operators at shop_bot: tell the client, 30 min.")
    assert "away for 30 min, the client is told" in (await types(crm, crm.olga, "/sources shop_bot")).text


# --- who goes sees what they hold ------------------------------------------------------------------------------------


async def holds_three(crm: RunningApp) -> Person:
    """Anna, with two clients who wait and one whom she has answered."""
    anna = await crm.operator("Anna")
    for number, name in enumerate(("Ivan", "Kira", "Nina"), start=1):
        await asks(crm, name, f"Hello from {name}")
        await presses(crm, anna, card(anna, crm, number), "✋ Take")
    await anna.replies(card(anna, crm, 2), "Hello, Kira")
    await crm.settled()
    return anna


@pytest.mark.postgres_too
async def test_who_goes_offline_sees_what_they_hold_and_leaves_it_by_buttons(crm: RunningApp) -> None:
    anna = await holds_three(crm)
    boris = await crm.operator("Boris")
    screen = await types(crm, anna, "/offline")
    assert screen.text == (
        "You are offline: no new requests will come. To come back: /online.\n\n3 requests of yours are open.\n"
        "Where a client waits (🔴), somebody else gets the request once you have been away for 30 min."
    )
    back, close = "📤 Give back", "✔️ Close"
    assert screen.labels == [
        "🔴 #1 Ivan",
        back,
        close,
        "🔴 #3 Nina",
        back,
        close,
        "🟢 #2 Kira",
        back,
        close,
        "📤 Unanswered: 2",
        "📌 Keep them",
    ]
    screen = await presses(crm, anna, screen, back)
    assert screen.text.startswith("#1 is with somebody else now.\n\n2 requests of yours are open.")
    assert "Hello from Ivan" in card(boris, crm, 1).text
    screen = await presses(crm, anna, screen, "📤 Unanswered: 1")
    assert screen.text == "1 request is given back.\n\n1 request of yours is open."
    assert "Hello from Nina" in card(boris, crm, 3).text
    assert screen.labels == ["🟢 #2 Kira", back, close, "📌 Keep them"]
    screen = await presses(crm, anna, screen, close)
    assert screen.text == "#2 is closed.\nYou have no open requests."
    assert screen.labels == []


async def test_who_goes_offline_may_keep_what_they_hold(crm: RunningApp) -> None:
    anna = await holds_three(crm)
    screen = await presses(crm, anna, await types(crm, anna, "/offline"), "📌 Keep them")
    assert screen.text == "They stay with you. /my shows them."
    assert card(anna, crm, 1).labels == ["✔️ Close", "⋯"]


async def test_who_holds_nothing_sees_no_list(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    screen = await types(crm, anna, "/offline")
    assert (screen.text, screen.labels) == ("You are offline: no new requests will come. To come back: /online.", [])


async def test_list_is_cut_where_somebody_holds_many(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=20)
    for number in range(9):
        await asks(crm, f"Client {number}", "Hello")
    screen = await types(crm, anna, "/offline")
    assert "… and 2 more: /my" in screen.text
    assert screen.labels[-2:] == ["📤 Unanswered: 9", "📌 Keep them"]
    # What nobody has taken is not closed without a question.
    assert "✔️ Close" not in screen.labels


async def test_end_of_a_shift_shows_what_is_held_and_a_break_does_not(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    boris = await crm.operator("Boris", weight=0)
    monday(clock, 12, 50)
    for name in ("Anna", "Boris"):
        await types(crm, crm.olga, f"/operators hours {name} mon-fri 9-18 break 13-14")
    await asks(crm, "Ivan", "Do you have bicycles?")
    await passes(crm, clock, minutes=11)
    await passes(crm, clock, hours=1)
    assert not [seen for seen in anna.chat(crm.shop) if "working time is over" in seen.text]
    await passes(crm, clock, hours=4)
    screen = anna.chat(crm.shop)[-1]
    assert screen.text == (
        "🌙 Your working time is over for now.\n\n1 request of yours is open.\n"
        "Where a client waits (🔴), somebody else gets the request once you have been away for 30 min."
    )
    assert screen.labels == ["🔴 #1 Ivan", "📤 Give back", "📤 Unanswered: 1", "📌 Keep them"]
    screen = await presses(crm, anna, screen, "📤 Give back")
    assert screen.text.startswith("#1 is back in the queue. Nobody else can take it now.")
    assert not [seen for seen in boris.chat(crm.shop) if "working time is over" in seen.text]

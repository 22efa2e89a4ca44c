"""Requests that wait for their clients count less where a source says so: then a reply makes room for others."""

from bot.sandbox import Person, SeenMessage
from tests.stories.steering import presses, types
from tests.support.people import RunningApp


async def asks(crm: RunningApp, name: str) -> Person:
    client = crm.client(name)
    await client.says(f"This is {name}", to=crm.shop)
    await crm.settled()
    return client


def card(who: Person, crm: RunningApp, number: int) -> SeenMessage | None:
    found = [seen for seen in who.chat(crm.shop) if seen.text.startswith(f"#{number} ") and seen.sender != who.id]
    return found[-1] if found else None


async def answers(crm: RunningApp, anna: Person, number: int) -> None:
    shown = card(anna, crm, number)
    assert shown is not None
    await anna.replies(shown, "Yes, we do")
    await crm.settled()


async def test_reply_makes_room_and_the_clients_word_takes_it_back(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    screen = await types(crm, crm.olga, "/sources waiting shop_bot 0.5")
    assert "While it waits for its client, a request counts 0.5" in screen.text
    ivan, _nina, _kira = [await asks(crm, name) for name in ("Ivan", "Nina", "Kira")]
    assert card(anna, crm, 2) is None
    await answers(crm, anna, 1)
    assert card(anna, crm, 2) is not None  # half a place was free
    assert "Open requests: 1.5 of 1, 0 free" in (await types(crm, crm.olga, "/operators Anna")).text
    await answers(crm, anna, 2)
    assert card(anna, crm, 3) is None  # two halves are one
    await ivan.says("Are you sure?", to=crm.shop)
    await crm.settled()
    assert "Open requests: 1.5 of 1, 0 free" in (await types(crm, crm.olga, "/operators Anna")).text
    await types(crm, anna, "/close 1", to=crm.shop)
    assert card(anna, crm, 3) is not None
    assert "Open requests: 1.5 of 1, 0 free" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_reply_that_is_taken_back_counts_no_more(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=5)
    await types(crm, crm.olga, "/sources waiting shop_bot 0")
    await asks(crm, "Ivan")
    await anna.says("Yes, we do", to=crm.shop)
    await crm.settled()
    assert "Open requests: 0 of 5, 5 free" in (await types(crm, crm.olga, "/operators Anna")).text
    line = next(seen for seen in reversed(anna.chat(crm.shop)) if any("Take back" in one for one in seen.labels))
    await (await anna.presses(line, next(one for one in line.labels if "Take back" in one))).answer()
    await crm.settled()
    assert "Open requests: 1 of 5, 4 free" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_snoozed_request_counts_nothing_and_less_again_when_it_wakes(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=5)
    await types(crm, crm.olga, "/sources waiting shop_bot 30%")
    await asks(crm, "Ivan")
    await answers(crm, anna, 1)
    assert "Open requests: 0.3 of 5, 5 free" in (await types(crm, crm.olga, "/operators Anna")).text
    await types(crm, anna, "/snooze #1 1h", to=crm.shop)
    assert "Open requests: 0 of 5, 5 free, 😴 1" in (await types(crm, crm.olga, "/operators Anna")).text
    shown = card(anna, crm, 1)
    assert shown is not None
    await presses(crm, anna, shown, "⏰ Wake now")
    assert "Open requests: 0.3 of 5, 5 free" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_part_is_chosen_by_button_typed_and_checked(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Nina"):
        await asks(crm, name)
    await answers(crm, anna, 1)
    assert card(anna, crm, 2) is None
    more = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "⚙️ More")
    screen = await presses(crm, crm.olga, more, "💤 Waiting load")
    assert screen.labels[:5] == ["0", "0.25", "0.5", "0.75", "1"]
    await presses(crm, crm.olga, screen, "0.25")
    assert card(anna, crm, 2) is not None  # what had been answered before counts less at once
    refused = await types(crm, crm.olga, "/sources waiting shop_bot 1.5")
    assert refused.text.startswith("Please send a number from 0 to 1, such as 0.3.")
    screen = await types(crm, crm.olga, "/sources waiting shop_bot 1")
    assert "a request counts" not in screen.text
    assert "Open requests: 2 of 1, 0 free" in (await types(crm, crm.olga, "/operators Anna")).text

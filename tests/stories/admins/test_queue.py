"""/queue: what waits, oldest first, and giving it by hand."""

from datetime import timedelta

import pytest

from crm_core.routing import giving_out
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def test_empty_queue_is_shown_and_can_be_refreshed(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/queue")
    assert screen.text == "Nobody is waiting. 👍"
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    screen = await presses(crm, crm.olga, screen, "🔄 Refresh")
    assert "⏳ 1 request waiting" in screen.text


async def test_queue_lists_oldest_first_and_assigns_contacts(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/operators limit Anna 0")
    clock.ahead = timedelta(minutes=-7)
    await crm.client("Ivan", last_name="Petrov").says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    clock.ahead = timedelta()
    await crm.client("Kira").says("A bell, please", to=crm.shop)
    await crm.settled()

    screen = await types(crm, crm.olga, "/queue")
    assert screen.text == (
        "⏳ 2 requests waiting\n"
        "#1 Ivan Petrov · shop_bot · 7 min\n      Do you have bicycles?\n"
        "#2 Kira · shop_bot · just now\n      A bell, please"
    )
    assert screen.labels == ["Assign #1", "Assign #2", "🔄 Refresh"]
    given = await types(crm, crm.olga, "/give")
    assert given.labels == screen.labels
    assert given.text == f"{screen.text}\nTo assign any request: /assign #42 Anna"
    screen = await presses(crm, crm.olga, screen, "Assign #2")
    assert screen.labels == ["🟠 Anna 0/0", "◀️ Waiting requests"]
    screen = await presses(crm, crm.olga, screen, "Anna")
    assert screen.text == "Anna is not available for #2: at the limit. Assign anyway?"
    screen = await presses(crm, crm.olga, screen, "Assign anyway")
    assert screen.text == "#2 is now with Anna."
    await anna.sees("A bell, please")
    screen = await presses(crm, crm.olga, screen, "Waiting requests")
    assert "⏳ 1 request waiting" in screen.text


async def test_assigning_a_contact_no_longer_queued_does_nothing(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    screen = await types(crm, crm.olga, "/queue")
    screen = await presses(crm, crm.olga, screen, "Assign #2")
    boris = await crm.operator("Boris", limit=1)  # gets #2 at once
    await boris.sees("#2")
    press = await crm.olga.presses(screen, "Anna")
    assert await press.answer() == "#2 is with Boris."
    assert anna.looks("#2") is None


async def test_queue_is_paged(crm: RunningApp) -> None:
    for number in range(1, 20):
        await crm.client(f"Client {number}").says("Hello", to=crm.shop)
        await crm.settled()
    screen = await types(crm, crm.olga, "/queue")
    assert "⏳ 19 requests waiting · page 1 of 3" in screen.text
    assert [label for label in screen.labels if "#" in label] == [f"Assign #{number}" for number in range(1, 9)]
    screen = await presses(crm, crm.olga, screen, "▶️")
    screen = await presses(crm, crm.olga, screen, "▶️")
    assert [label for label in screen.labels if "#" in label] == ["Assign #17", "Assign #18", "Assign #19"]
    assert "▶️" not in screen.labels


@pytest.mark.fault("F76")
async def test_client_text_in_the_queue_is_not_treated_as_markup(crm: RunningApp) -> None:
    await crm.client("<b>Ivan</b>").says("<a href='x'>*Hello*</a>\n" + "very " * 40, to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/queue")
    assert "<b>Ivan</b>" in screen.text
    assert "      <a href='x'>*Hello*</a> very very" in screen.text
    assert [one["type"] for one in screen.entities] == ["bold"]  # the title alone


async def write_in_turn(crm: RunningApp, *names: str) -> None:
    for name in names:
        await crm.client(name).says(f"Hello from {name}", to=crm.shop)
        await crm.settled()


@pytest.mark.fault("F121")
async def test_raised_limit_says_that_more_of_a_long_queue_follows(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 2)
    anna = await crm.operator("Anna", limit=0)
    await write_in_turn(crm, "Ivan", "Kira", "Petr", "Lena", "Mark")
    screen = await types(crm, crm.olga, "/operators limit Anna 4")
    assert "2 waiting requests have been assigned so far, more follow in a moment." in screen.text
    await crm.app.queue_slices.idle.wait()
    await crm.settled()
    await anna.sees("Hello from Lena")
    assert anna.looks("Hello from Mark") is None
    screen = await types(crm, crm.olga, "/operators limit Anna 5")
    assert "1 waiting request has been assigned." in screen.text


@pytest.mark.fault("F121")
async def test_sweep_goes_on_where_an_ended_process_left_a_long_queue(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(giving_out, "AT_ONCE", 2)
    anna = await crm.operator("Anna", limit=0)
    await write_in_turn(crm, "Ivan", "Kira", "Petr", "Lena")
    await crm.app.queue_slices.stop()  # as at the end of a process
    await types(crm, crm.olga, "/operators limit Anna 4")
    assert anna.looks("Hello from Petr") is None
    await crm.app.schedule.run("sweep")
    await anna.sees("Hello from Lena")

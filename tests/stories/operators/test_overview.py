"""The pinned overview: who waits, in one message that is edited in place, without a sound."""

from datetime import timedelta

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from tests.stories.arranging import asks, count, now, remove, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def looks_again(crm: RunningApp) -> None:
    """The periodic job runs, and what it queued is sent."""
    await crm.app.schedule.run("refresh_overviews")
    await crm.settled()


async def pinned(crm: RunningApp, anna: Person) -> SeenMessage:
    """The one message that is pinned."""
    await looks_again(crm)
    found = anna.pinned(crm.shop)
    assert len(found) == 1
    return found[0]


@pytest.mark.fault("F166")
async def test_overview_is_pinned_and_follows_what_happens(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []  # nothing is open yet
    ivan, _maria = await asks(crm, "Ivan", anna), await asks(crm, "Maria", anna)
    overview = await pinned(crm, anna)
    assert overview.text == "🔴 2 waiting"
    assert overview.labels == ["🔴 #1 Ivan · 12:00", "🔴 #2 Maria · 12:00"]
    await anna.replies(await anna.sees("Ivan asks"), "Good day")
    await ivan.sees("Good day")
    await crm.settled()
    again = await pinned(crm, anna)
    assert (again.id, again.text) == (overview.id, "🔴 1 waiting · 🟢 1 in progress")
    assert again.labels == ["🔴 #2 Maria · 12:00", "🟢 #1 Ivan"]
    # A button shows the card. What has not changed is not edited.
    await anna.presses(again, "#2 Maria")
    shown = await anna.sees("Maria asks", after=again)
    await looks_again(crm)
    assert now(anna, overview).request_id == again.request_id
    await anna.presses(now(anna, shown), "Take")
    await anna.sees(lambda seen: seen.id == shown.id and "In progress" in seen.text)
    for card in (now(anna, shown), await anna.sees(lambda seen: "📥" in seen.text and "Ivan asks" in seen.text)):
        await anna.presses(card, "Close")
        await crm.settled()
    assert (await pinned(crm, anna)).text == "✅ Nothing is open."
    assert await count(crm, "outbox", "kind = 'overview'") == 3


@pytest.mark.fault("F150")
async def test_overview_of_an_earlier_day_shows_the_date(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    clock.goes_to(12, 0)
    settings = {"timezone": "Asia/Kolkata"}  # 17:30 there, so that the next day begins in six and a half hours
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings=settings) as crm:
        anna, day = await crm.operator("Anna"), clock()
        await asks(crm, "Ivan", anna)
        overview = await pinned(crm, anna)
        assert overview.labels == ["🔴 #1 Ivan · 17:30"]
        clock.forward(hours=6)
        assert (await pinned(crm, anna)).request_id == overview.request_id
        clock.forward(hours=1)
        dated = await pinned(crm, anna)
        assert (dated.id, dated.labels) == (overview.id, [f"🔴 #1 Ivan · {day.day} {day:%b}, 17:30"])
        clock.forward(days=1)
        assert (await pinned(crm, anna)).request_id == dated.request_id


async def test_overview_comes_without_a_sound_and_in_the_operators_language(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", language="ru")
    await asks(crm, "Ivan", anna)
    assert (await pinned(crm, anna)).text == "🔴 ждёт 1"


async def test_deleted_overview_is_sent_again_but_not_at_once(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    overview = await pinned(crm, anna)
    await anna.deletes(overview)
    await asks(crm, "Maria", anna)
    await looks_again(crm)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    clock.ahead += timedelta(minutes=10)
    assert (await pinned(crm, anna)).text == "🔴 2 waiting"


async def test_overview_stays_where_pinning_is_refused(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    crm.sandbox.fail(kind="error", method="pinChatMessage", code=400, text="Bad Request: not enough rights", times=1)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    overview = await anna.sees("🔴 1 waiting")
    await asks(crm, "Maria", anna)
    await looks_again(crm)
    assert now(anna, overview).text == "🔴 2 waiting"


async def test_overview_can_be_switched_off_and_on(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    overview = await pinned(crm, anna)
    await anna.says("/overview")
    await anna.sees("The pinned overview is off")
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    assert (now(anna, overview).text, now(anna, overview).labels) == ("This overview is no longer kept.", [])
    await asks(crm, "Maria", anna)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    await anna.says("/overview")
    answer = await anna.sees("The pinned overview is on")
    assert answer.text == "The pinned overview is on."
    await crm.settled()
    assert [one.text for one in anna.pinned(crm.shop)] == ["🔴 2 waiting"]  # without waiting for the next look
    await looks_again(crm)
    assert await count(crm, "outbox", "kind = 'overview'") == 3


async def test_overview_switched_on_with_nothing_open_says_when_it_appears(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    for words in ("The pinned overview is off", "The pinned overview is on. It appears as soon as a request is open."):
        await anna.says("/overview")
        await anna.sees(words)
    await crm.settled()
    assert anna.pinned(crm.shop) == []
    await asks(crm, "Ivan", anna)
    assert (await pinned(crm, anna)).text == "🔴 1 waiting"


async def test_overview_of_a_removed_operator_ends(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    overview = await pinned(crm, anna)
    await remove(crm, anna)
    await looks_again(crm)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    assert now(anna, overview).labels == []
    assert await count(crm, "overviews") == 0


async def test_overview_yields_to_what_people_write(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", anna)
    overview = await pinned(crm, anna)
    await asks(crm, "Maria", anna)
    crm.sandbox.fail(kind="flood", method="editMessageText", retry_after=30, chat=anna, times=1)
    await crm.app.schedule.run("refresh_overviews")
    await until(crm, "SELECT count(*) FROM gates", 1)
    await ivan.says("One more thing")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_operator' AND state = 'pending'", 1)
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    copy = await anna.sees("One more thing")
    await crm.settled()
    assert (copy.request_id or 0) < (now(anna, overview).request_id or 0)

"""The pinned overview: what is open, in one message that is edited in place, without a sound."""

import asyncio
import re
from datetime import timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core.conversation import overviews
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


async def card_of(anna: Person, words: str) -> SeenMessage:
    """The card with these words, which the overview has as well."""
    return await anna.sees(lambda seen: "📥" in seen.text and words in seen.text)


def titled(overview: SeenMessage) -> str:
    """The first line of an overview."""
    return overview.text.splitlines()[0]


@pytest.mark.fault("F166")
async def test_overview_is_pinned_and_follows_what_happens(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []  # nothing is open yet
    ivan, _maria = await asks(crm, "Ivan", anna), await asks(crm, "Maria", anna)
    overview = await pinned(crm, anna)
    assert overview.text.splitlines() == [
        "🔴 2 waiting",
        "🔴 #1 Ivan · 🆕 since 12:00 · Ivan asks",
        "🔴 #2 Maria · 🆕 since 12:00 · Maria asks",
    ]
    assert overview.labels == ["#1", "#2"]
    await anna.replies(await card_of(anna, "Ivan asks"), "Good day")
    await ivan.sees("Good day")
    await crm.settled()
    again = await pinned(crm, anna)
    assert again.id == overview.id
    assert again.text.splitlines() == [
        "🔴 1 waiting · 🟢 1 in progress",
        "🔴 #2 Maria · 🆕 since 12:00 · Maria asks",
        "🟢 #1 Ivan · you answered: 12:00 · Ivan asks",
    ]
    # A button shows the card. What has not changed is not edited.
    await anna.presses(again, "#2")
    shown = await anna.sees("Maria asks", after=again)
    await looks_again(crm)
    assert now(anna, overview).request_id == again.request_id
    await anna.presses(now(anna, shown), "Take")
    await anna.sees(lambda seen: seen.id == shown.id and "In progress" in seen.text)
    for card in (now(anna, shown), await card_of(anna, "Ivan asks")):
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
        assert overview.text.splitlines()[1:] == ["🔴 #1 Ivan · 🆕 since 17:30 · Ivan asks"]
        clock.forward(hours=6)
        assert (await pinned(crm, anna)).request_id == overview.request_id
        clock.forward(hours=1)
        dated = await pinned(crm, anna)
        since = f"{day.day} {day:%b}, 17:30"
        assert dated.id == overview.id
        assert dated.text.splitlines()[1:] == [f"🔴 #1 Ivan · 🆕 since {since} · Ivan asks"]
        clock.forward(days=1)
        assert (await pinned(crm, anna)).request_id == dated.request_id


async def test_overview_comes_without_a_sound_and_in_the_operators_language(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", language="ru")
    await asks(crm, "Ivan", anna)
    title, line = (await pinned(crm, anna)).text.splitlines()
    assert title == "🔴 ждёт 1"
    assert re.fullmatch(r"🔴 #1 Ivan · 🆕 ждёт с \d\d:\d\d · Ivan asks", line)


@pytest.mark.postgres_too
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
    assert titled(await pinned(crm, anna)) == "🔴 2 waiting"


async def test_overview_stays_where_pinning_is_refused(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    crm.sandbox.fail(kind="error", method="pinChatMessage", code=400, text="Bad Request: not enough rights", times=1)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []
    overview = await anna.sees("🔴 1 waiting")
    await asks(crm, "Maria", anna)
    await looks_again(crm)
    assert titled(now(anna, overview)) == "🔴 2 waiting"


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
    assert [titled(one) for one in anna.pinned(crm.shop)] == ["🔴 2 waiting"]  # without waiting for the next look
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
    assert titled(await pinned(crm, anna)) == "🔴 1 waiting"


@pytest.mark.postgres_too
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


@pytest.mark.postgres_too
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


@pytest.mark.postgres_too
async def test_several_looks_at_once_queue_one_edit(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    await pinned(crm, anna)
    await asks(crm, "Maria", anna)
    place: dict[str, Any] = {"bot_id": crm.shop.id, "chat_id": anna.id, "zone": ZoneInfo("UTC"), "now": crm.clock()}
    looks = [crm.db.write(overviews.refresh, **place) for _ in range(4)]
    assert sorted(await asyncio.gather(*looks)) == [False, False, False, True]
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert titled(await anna.sees("🔴 2 waiting")) == "🔴 2 waiting"
    assert await count(crm, "outbox", "kind = 'overview'") == 2


async def test_overview_stays_the_same_message_for_who_blocked_the_bot_meanwhile(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    overview = await pinned(crm, anna)
    await asks(crm, "Maria", anna)
    blocked = "Forbidden: bot was blocked by the user"
    crm.sandbox.fail(kind="error", method="editMessageText", code=403, text=blocked, chat=anna, times=1)
    await looks_again(crm)
    assert titled(now(anna, overview)) == "🔴 1 waiting"
    await looks_again(crm)
    await anna.says("/online", to=crm.shop)
    await crm.settled()
    again = await pinned(crm, anna)
    assert (again.id, titled(again)) == (overview.id, "🔴 2 waiting")


@pytest.mark.fault("F209")
async def test_overview_that_arrives_after_it_was_switched_off_is_deleted(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    await anna.says("/overview", to=crm.shop)
    await anna.says("/my")
    late = await anna.sees("🔴 1 waiting")
    place = {"bot_id": crm.shop.id, "chat_id": anna.id, "message_id": late.id}
    await crm.db.write(overviews.note_sent, **place, is_protected=False, now=crm.clock())
    await crm.app.supervisor.look_again()
    await anna.sees_gone(late)
    assert anna.pinned(crm.shop) == []


@pytest.mark.fault("F144")
async def test_reply_to_overview_goes_to_the_only_client_who_waits(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = await asks(crm, "Ivan", anna), await asks(crm, "Maria", anna)
    overview = await pinned(crm, anna)
    words = await anna.replies(overview, "Good day")
    question = await anna.sees("Who is this for?")  # two wait: the overview names no one
    assert question.reply_to == words.id
    await anna.presses(question, "#1 Ivan")
    await ivan.sees("Good day")
    await crm.settled()
    await anna.replies(await pinned(crm, anna), "Good evening")
    await maria.sees("Good evening")
    await anna.sees("→ #2 Maria")
    await crm.settled()
    assert ivan.looks("Good evening") is None


@pytest.mark.fault("F144")
async def test_reply_to_unknown_message_is_asked_about_though_one_waits(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", anna)
    await anna.says("/help")
    unknown = await anna.sees(lambda seen: "/overview" in seen.text)
    await anna.replies(unknown, "Good day")
    await anna.sees("Who is this for?")
    await crm.settled()
    assert ivan.looks("Good day") is None

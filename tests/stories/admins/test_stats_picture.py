"""The picture of /stats: sent with its words, changed with them, kept while the figures stay, never needed."""

import sys

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Sandbox
from tests.stories.arranging import until
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.pictures import difference, file_id, opened, sent_picture

pytestmark = pytest.mark.slow  # each starts a process

BAD_PICTURE = "Bad Request: IMAGE_PROCESS_FAILED"


async def test_stats_are_sent_as_a_photo_with_caption(crm: RunningApp) -> None:
    await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/stats")
    assert (screen.kind, screen.text.splitlines()[0]) == ("photo", "📊 Statistics: today")
    assert screen.labels == ["· today ·", "7 days", "30 days", "all time"]
    assert opened(sent_picture(crm, screen)).width == 1280


async def test_period_button_replaces_photo_and_caption(crm: RunningApp, clock: MovableClock) -> None:
    clock.forward(days=-3)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    clock.forward(days=3)
    await types(crm, crm.olga, "/queue")
    await crm.olga.sees("received nothing for 72 hours")  # which may come between
    today = await types(crm, crm.olga, "/stats")
    week = await presses(crm, crm.olga, today, "7 days")
    assert week.text.startswith("📊 Statistics: 7 days\nRequests: 1\n")
    assert difference_of_size(sent_picture(crm, today), sent_picture(crm, week))
    again = await presses(crm, crm.olga, week, "· 7 days ·")  # Telegram: not modified
    assert file_id(again) == file_id(week)
    assert not again.text.startswith("📊 Statistics: today")


def difference_of_size(one: bytes, other: bytes) -> bool:
    return opened(one).size != opened(other).size or difference(one, other) is not None


async def test_unchanged_picture_is_sent_by_file_id(crm: RunningApp) -> None:
    boss = crm.sandbox.person("Boss", language_code="en")
    await types(crm, crm.olga, "/admins add")
    link = (await crm.olga.sees("https://t.me/")).text.partition("?start=")[2].split()[0]
    await boss.starts(crm.shop, link)
    await crm.settled()
    first = await types(crm, crm.olga, "/stats")
    assert file_id(await types(crm, boss, "/stats")) == file_id(first)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    changed = await types(crm, crm.olga, "/stats")
    assert file_id(changed) != file_id(first)
    assert difference_of_size(sent_picture(crm, changed), sent_picture(crm, first))


async def test_picture_uses_the_language_of_the_admin(crm: RunningApp) -> None:
    english = await types(crm, crm.olga, "/stats")
    crm.sandbox.world.people[crm.olga.id].user["language_code"] = "ru"
    russian = await types(crm, crm.olga, "/stats")
    assert russian.text.startswith("📊 Статистика: сегодня")
    assert difference(sent_picture(crm, english), sent_picture(crm, russian)) is not None


async def test_expired_file_id_is_replaced_by_a_new_upload(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=RetryDelays(outage=(0.01, 0.02))) as crm:
        first = await types(crm, crm.olga, "/stats")
        sandbox.fail(kind="error", method="sendPhoto", text="Bad Request: wrong file identifier/HTTP URL specified")
        second = await types(crm, crm.olga, "/stats")
        assert file_id(second) != file_id(first)
        assert difference(sent_picture(crm, second), sent_picture(crm, first)) is None


async def test_picture_refused_by_telegram_is_sent_as_text(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=RetryDelays(outage=(0.01, 0.02))) as crm:
        await crm.operator("Anna")
        sandbox.fail(kind="error", method="sendPhoto", text=BAD_PICTURE)
        screen = await types(crm, crm.olga, "/stats")
        assert screen.kind == "text"
        assert "👥 Operators" in screen.text
        week = await presses(crm, crm.olga, screen, "7 days")
        assert (week.kind, week.text.splitlines()[0]) == ("photo", "📊 Statistics: 7 days")  # that one it takes
        sandbox.fail(kind="error", method="editMessageMedia", text=BAD_PICTURE)
        await (await crm.olga.presses(week, "30 days")).answer()
        await crm.settled()
        words = crm.olga.chat(crm.shop)[-1]  # below, since the picture above shows something else
        assert (words.kind, words.text.splitlines()[0]) == ("text", "📊 Statistics: 30 days")
        assert words.labels == ["today", "7 days", "· 30 days ·", "all time"]


async def test_stats_are_sent_as_text_when_the_picture_cannot_be_made(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    screen = await types(crm, crm.olga, "/stats")
    assert (screen.kind, screen.text.splitlines()[0]) == ("text", "📊 Statistics: today")
    week = await presses(crm, crm.olga, screen, "7 days")
    assert (week.kind, week.text.splitlines()[0]) == ("text", "📊 Statistics: 7 days")


async def test_text_follows_a_stats_photo_with_unknown_outcome(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=RetryDelays(outage=(0.01, 0.02))) as crm:
        sandbox.fail(kind="http_500", method="sendPhoto", applied=False)
        screen = await types(crm, crm.olga, "/stats")
        assert (screen.kind, screen.text.splitlines()[0]) == ("text", "📊 Statistics: today")


async def test_stats_requested_before_a_restart_are_sent_after_it(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        sandbox.fail(kind="flood", retry_after=600, method="sendPhoto")
        await crm.olga.says("/stats")
        await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
        await until(crm, "SELECT count(*) FROM gates", 1)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        assert crm.olga.looks("📊", bot=crm.shop) is None
        clock.forward(seconds=601)
        await again.app.supervisor.look_again()
        screen = await crm.olga.sees("📊 Statistics: today", bot=crm.shop)
        assert screen.kind == "photo"

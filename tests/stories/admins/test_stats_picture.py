"""The picture of /stats: sent with its words, changed with them, kept while the figures stay, never needed."""

import sys

import pytest

from bot.delivery.backoff import Pauses
from bot.sandbox import Sandbox
from tests.stories.arranging import until
from tests.stories.steering import presses, types
from tests.support.people import House, MovableClock
from tests.support.pictures import difference, file_id, opened, sent_picture

BAD_PICTURE = "Bad Request: IMAGE_PROCESS_FAILED"


async def test_stats_are_sent_as_a_photo_with_caption(house: House) -> None:
    await house.operator("Anna")
    screen = await types(house, house.olga, "/stats")
    assert (screen.kind, screen.text.splitlines()[0]) == ("photo", "📊 Statistics: today")
    assert screen.labels == ["· today ·", "7 days", "30 days", "all time"]
    assert opened(sent_picture(house, screen)).width == 1280


async def test_period_button_replaces_photo_and_caption(house: House, clock: MovableClock) -> None:
    clock.forward(days=-3)
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    clock.forward(days=3)
    await types(house, house.olga, "/queue")
    await house.olga.sees("received nothing for 72 hours")  # which may come between
    today = await types(house, house.olga, "/stats")
    week = await presses(house, house.olga, today, "7 days")
    assert week.text.startswith("📊 Statistics: 7 days\nContacts: 1\n")
    assert difference_of_size(sent_picture(house, today), sent_picture(house, week))
    again = await presses(house, house.olga, week, "· 7 days ·")  # Telegram: not modified
    assert file_id(again) == file_id(week)
    assert not again.text.startswith("📊 Statistics: today")


def difference_of_size(one: bytes, other: bytes) -> bool:
    return opened(one).size != opened(other).size or difference(one, other) is not None


async def test_unchanged_picture_is_sent_by_file_id(house: House) -> None:
    boss = house.sandbox.person("Boss", language_code="en")
    await types(house, house.olga, "/admins add")
    link = (await house.olga.sees("https://t.me/")).text.partition("?start=")[2].split()[0]
    await boss.starts(house.shop, link)
    await house.settled()
    first = await types(house, house.olga, "/stats")
    assert file_id(await types(house, boss, "/stats")) == file_id(first)
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    changed = await types(house, house.olga, "/stats")
    assert file_id(changed) != file_id(first)
    assert difference_of_size(sent_picture(house, changed), sent_picture(house, first))


async def test_picture_uses_the_language_of_the_admin(house: House) -> None:
    english = await types(house, house.olga, "/stats")
    house.sandbox.world.people[house.olga.id].user["language_code"] = "ru"
    russian = await types(house, house.olga, "/stats")
    assert russian.text.startswith("📊 Статистика: сегодня")
    assert difference(sent_picture(house, english), sent_picture(house, russian)) is not None


async def test_expired_file_id_is_replaced_by_a_new_upload(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url, pauses=Pauses(retry_first=0.01)) as house:
        first = await types(house, house.olga, "/stats")
        sandbox.fail(kind="error", method="sendPhoto", text="Bad Request: wrong file identifier/HTTP URL specified")
        second = await types(house, house.olga, "/stats")
        assert file_id(second) != file_id(first)
        assert difference(sent_picture(house, second), sent_picture(house, first)) is None


async def test_picture_refused_by_telegram_is_sent_as_text(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url, pauses=Pauses(retry_first=0.01)) as house:
        await house.operator("Anna")
        sandbox.fail(kind="error", method="sendPhoto", text=BAD_PICTURE)
        screen = await types(house, house.olga, "/stats")
        assert screen.kind == "text"
        assert "👥 Operators" in screen.text
        week = await presses(house, house.olga, screen, "7 days")
        assert (week.kind, week.text.splitlines()[0]) == ("photo", "📊 Statistics: 7 days")  # that one it takes
        sandbox.fail(kind="error", method="editMessageMedia", text=BAD_PICTURE)
        await (await house.olga.presses(week, "30 days")).answer()
        await house.settled()
        words = house.olga.chat(house.shop)[-1]  # below, since the picture above shows something else
        assert (words.kind, words.text.splitlines()[0]) == ("text", "📊 Statistics: 30 days")
        assert words.labels == ["today", "7 days", "· 30 days ·", "all time"]


async def test_stats_are_sent_as_text_when_the_picture_cannot_be_made(
    house: House, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    screen = await types(house, house.olga, "/stats")
    assert (screen.kind, screen.text.splitlines()[0]) == ("text", "📊 Statistics: today")
    week = await presses(house, house.olga, screen, "7 days")
    assert (week.kind, week.text.splitlines()[0]) == ("text", "📊 Statistics: 7 days")


async def test_text_follows_a_stats_photo_with_unknown_outcome(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url, pauses=Pauses(unknown=(0.01,))) as house:
        sandbox.fail(kind="http_500", method="sendPhoto", applied=False)
        screen = await types(house, house.olga, "/stats")
        assert (screen.kind, screen.text.splitlines()[0]) == ("text", "📊 Statistics: today")


async def test_stats_requested_before_a_restart_are_sent_after_it(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await House.open(sandbox, database_url, clock=clock) as house:
        sandbox.fail(kind="flood", retry_after=600, method="sendPhoto")
        await house.olga.says("/stats")
        await until(house, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
        await until(house, "SELECT count(*) FROM gates", 1)
    async with await House.open(sandbox, database_url, clock=clock, admin=False) as again:
        assert house.olga.looks("📊", bot=house.shop) is None
        clock.forward(seconds=601)
        await again.app.fleet.look_again()
        screen = await house.olga.sees("📊 Statistics: today", bot=house.shop)
        assert screen.kind == "photo"

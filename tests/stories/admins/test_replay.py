"""/replay, and what a changed weight, limit or calendar would have meant yesterday."""

import re

import pytest

from bot.sandbox import Person
from bot.texts import translator
from bot.texts.refusals import REFUSALS
from crm_core.replay.playable import NAMES, PLAYABLE
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


@pytest.fixture
async def anna(crm: RunningApp, clock: MovableClock) -> Person:
    """Yesterday Anna, with a limit of 1, got one of three requests; Boris got another, and the third waits."""
    anna = await crm.operator("Anna", weight=30, limit=1)
    await crm.operator("Boris", weight=30, limit=1)
    for name in ("Ivan", "Nina", "Oleg"):
        await crm.client(name).says("Do you have bicycles?", to=crm.shop)
        await crm.settled()
    clock.forward(days=1)
    return anna


def told(crm: RunningApp) -> list[str]:
    """What the admin read."""
    return [seen.text for seen in crm.olga.chat()]


def previews(crm: RunningApp) -> int:
    """How often the admin read what yesterday would have been."""
    return sum("yesterday's requests" in text for text in told(crm))


async def test_days_are_shown_as_they_were_with_an_example(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/replay")
    assert screen.text.startswith("🔁 Replay: ")
    assert "Requests: 3\n" in screen.text
    assert "      Anna: 1\n      Boris: 1\n" in screen.text
    assert "not at once: 1" in screen.text
    assert "nobody in the end: 1" in screen.text
    assert "→" not in screen.text
    assert "/replay yesterday shop_bot.Anna.weight=40" in screen.text


async def test_other_settings_are_shown_beside_what_was(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/replay yesterday Anna.limit=5, shop_bot.Boris.weight=0")
    assert "Anna.limit=5\nshop_bot.Boris.weight=0\n" in screen.text
    assert "Requests: 3; with somebody else: 2" in screen.text
    assert "      Anna: 1 → 3\n      Boris: 1 → 0\n" in screen.text
    assert "not at once: 1 → 0" in screen.text
    assert screen.text.endswith("Nothing has been changed.")
    assert "Boris: 30" in (await types(crm, crm.olga, "/sources shop_bot")).text


async def test_settings_can_be_typed_in_russian(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/replay вчера Anna.лимит=5; shop_bot.Boris.вес=0")
    assert "Anna: 1 → 3" in screen.text


@pytest.mark.parametrize("name", ["Dr. Anna", "a=b", "Lee, Anna", "x.limit=1"])
async def test_operator_whose_name_has_signs_is_named_with_and_without_quotes(crm: RunningApp, name: str) -> None:
    await types(crm, crm.olga, f'/operators add "{name}" 5')
    await crm.operator("Anna", weight=30)
    for written in (name, f'"{name}"'):
        typed = f"shop_bot.{written}.weight=40, {written}.limit=3"
        screen = await types(crm, crm.olga, f"/replay yesterday {typed}")
        assert screen.text.endswith("Nothing has been changed."), screen.text
        assert "\n" + typed.replace("40, ", "40\n") + "\n" in screen.text


@pytest.mark.fault("F248")
@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("Anna.limits=5", "Did you mean “Anna.limit=5”?"),
        ("Ana.limit=5", "There is no operator “Ana”; /operators lists them. Did you mean “Anna”?"),
        ("shop_bat.Anna.weight=4", "There is no source “shop_bat”; /sources lists them. Did you mean “shop_bot”?"),
        ("shop_bot.Bori.weight=4", "Did you mean “Boris”?"),
        ("Anna.weight=4", "Did you mean “shop_bot.Anna.weight=4”?"),
        ("Anna.limit=many", "The limit must be a whole number from 0 to 1000."),
        ("shop_bot.Anna.weight=5000", "The weight must be a whole number from 0 to 1000"),
        ("shop_bot.strategy=fair", "“shop_bot.strategy=exact”"),
        ("Anna.hours=sometimes", "sometimes"),
        ("Anna.active=maybe", "“Anna.active=yes”"),
        ("shop_bot.Anna.limit=many", "The limit at a source must be a whole number from 1 to 1000"),
        ("shop_bat.skills=german", "Did you mean “shop_bot”?"),
        ("Anna.skills=?!", "?!"),
        ("shop_bot.handover=hold", "“handover” cannot be replayed: it depends on people."),
        ("shop_bot.offers=3", "Please send a whole number from 5 to 86400."),
        ("shop_bot.offers=soon", "Please send a whole number from 0 to 86400."),
        ("shop_bot.rounds=0", "Please send a whole number from 1 to 20."),
        ("shop_bot.duty=Ana", "There is no operator “Ana”; /operators lists them. Did you mean “Anna”?"),
        ("shop_bot.keywords=refund", "These can: weight, limit, ceiling, rate, skills"),
        (
            "yesterday Dr. Ana.limit=5",
            "There is no operator “Dr. Ana”; /operators lists them. Did you mean “Dr. Anna”?",
        ),
        ("shop_bot.Dr. Ana.weight=5", "Did you mean “Dr. Anna”?"),
        ('shop_bot."Dr. Ana".weight=5', "Did you mean “Dr. Anna”?"),
        ("Dr. Anna.weight=4", "Did you mean “shop_bot.Dr. Anna.weight=4”?"),
        ("last summer", "“last” is not a past period."),
        ("2099-01-01", "“2099-01-01” is not a past period."),
        ("0001-01-01", "“0001-01-01” is not a past period."),
        ("28.02.2026 27.02.2026", "“28.02.2026 27.02.2026” is not a past period."),
    ],
)
async def test_wrong_settings_get_what_would_be_right(crm: RunningApp, typed: str, answer: str) -> None:
    await crm.operator("Anna", weight=30)
    await crm.operator("Boris", weight=30)
    await types(crm, crm.olga, '/operators add "Dr. Anna" 5')
    assert answer in (await types(crm, crm.olga, f"/replay {typed}")).text


EACH = {
    "weight": "shop_bot.Anna.weight=0",
    "limit": "Anna.limit=2, shop_bot.Boris.limit=2",
    "ceiling": "Anna.ceiling=2",
    "rate": "Anna.rate=off, Boris.rate=6",
    "skills": "Anna.skills=german, vip, shop_bot.skills=german 30, vip",
    "hours": "Anna.hours=mon-fri 9-18, shop_bot.hours=daily 0-24",
    "active": "Anna.active=no, shop_bot.active=yes",
    "strategy": "shop_bot.strategy=exact",
    "sticky": "shop_bot.sticky=14",
    "sticky_mode": "shop_bot.sticky_mode=apart",
    "priority": "shop_bot.priority=30",
    "ramp": "shop_bot.ramp=off",
    "catchup": "shop_bot.catchup=2",
    "offers": "shop_bot.offers=60",
    "rounds": "shop_bot.rounds=2, shop_bot.offers=2 min",
    "misses": "shop_bot.misses=off, shop_bot.offers=off",
    "duty": "shop_bot.duty=Anna",
}
"""Each setting as it is typed."""


async def test_every_setting_of_the_table_is_understood(crm: RunningApp, anna: Person) -> None:
    assert list(EACH) == NAMES
    for typed in EACH.values():
        screen = await types(crm, crm.olga, f"/replay yesterday {typed}")
        assert screen.text.endswith("Nothing has been changed."), typed
        assert typed.partition(", ")[0].partition(",")[0] in screen.text


async def test_every_word_of_a_setting_means_it_in_both_languages(crm: RunningApp, anna: Person) -> None:
    for setting in PLAYABLE:
        english, russian, *_others = setting.words
        told = REFUSALS["cannot_be_replayed"]({"part": "offer"}, translator("ru"))
        assert russian in told
        typed = EACH[english].replace(f".{english}=", f".{russian}=")
        assert "Nothing has been changed." in (await types(crm, crm.olga, f"/replay yesterday {typed}")).text


async def test_limit_at_a_source_and_inactive_operator_are_played(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/replay yesterday Anna.limit=9, shop_bot.Anna.limit=2, Boris.active=no")
    assert "Anna: 1 → 2\n      Boris: 1 → 0\n" in screen.text


async def test_offers_are_played_with_how_soon_operators_take_requests(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(14, 5)
    anna = await crm.operator("Anna", weight=30)
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    clock.forward(seconds=90)
    await presses(crm, anna, anna.chat()[-1], "✋ Take")
    clock.forward(days=1)
    screen = await types(crm, crm.olga, "/replay yesterday shop_bot.offers=40, shop_bot.rounds=9")
    assert "🌙 Offers missed: 0 → 2" in screen.text
    screen = await types(crm, crm.olga, "/replay вчера shop_bot.предложения=2 мин, shop_bot.дежурный=Anna")
    assert "Offers missed" not in screen.text
    await types(crm, crm.olga, "/sources offer shop_bot 60")
    said = "everybody would have had as many as they had. Missed offers: 1 instead of 0."
    assert f"Of yesterday's requests (1) {said}" in told(crm)


async def test_changed_limit_says_what_yesterday_would_have_been(crm: RunningApp, anna: Person) -> None:
    await types(crm, crm.olga, "/assign shop_bot Boris 0")
    await types(crm, crm.olga, "/operators limit Anna 7")
    said = next(text for text in told(crm) if "yesterday's requests (3) Anna" in text)
    assert re.fullmatch(r"Of yesterday's requests \(3\) Anna would have had [23] instead of 1\.", said)
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, screen, "🔢 Limit")
    screen = await presses(crm, crm.olga, screen, "20")
    assert said in screen.text


async def test_changed_weight_says_what_yesterday_would_have_been(crm: RunningApp, anna: Person) -> None:
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    assert "Of yesterday's requests (3) Anna would have had 0 instead of 1." in told(crm)
    await types(crm, crm.olga, "/assign shop_bot Anna 30")
    assert "Of yesterday's requests (3) Anna would have had 1, as it was." in told(crm)


async def test_changed_hours_say_what_yesterday_would_have_been(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/operators hours Anna sun 3:00-3:01")
    assert "Anna's working hours are set." in screen.text
    assert "Of yesterday's requests (3) Anna would have had 0 instead of 1." in told(crm)
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "🕘 Hours")
    screen = await presses(crm, crm.olga, screen, "Always, while online")
    assert "Of yesterday's requests (3) Anna would have had 1, as it was." in screen.text


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/operators ceiling Anna 9", "Anna would have had 1, as it was."),
        ("/operators rate Anna 9", "Anna would have had 1, as it was."),
        ("/operators skills Anna german", "Anna would have had 1, as it was."),
        ("/operators off Anna", "Anna would have had 0 instead of 1."),
        ("/sources limit shop_bot Anna 1", "Anna would have had 1, as it was."),
        ("/sources skills shop_bot german", "Anna would have had 0 instead of 1."),
        ("/sources skills shop_bot german", "Boris: 0 instead of 1."),
        ("/sources skills shop_bot german", "3 of all requests would have waited instead of 1."),
        ("/sources off shop_bot", "Anna would have had 0 instead of 1."),
        ("/sources ramp shop_bot off", "everybody would have had as many as they had."),
        ("/sources sticky shop_bot 14", "everybody would have had as many as they had."),
        ("/sources priority shop_bot 30", "everybody would have had as many as they had."),
        ("/sources catchup shop_bot 2", "everybody would have had as many as they had."),
        ("/sources offer shop_bot 120", "everybody would have had as many as they had."),
        ("/sources duty shop_bot = Anna", "everybody would have had as many as they had."),
        ("/sources exact shop_bot", "Of yesterday's requests (3) everybody would have had as many as they had."),
        ("/sources hours shop_bot sun 3:00-3:01", "Anna would have had 0 instead of 1."),
    ],
)
async def test_change_of_a_setting_says_what_yesterday_would_have_been(
    crm: RunningApp, anna: Person, typed: str, said: str
) -> None:
    await types(crm, crm.olga, typed)
    assert any(text.startswith("Of yesterday's requests (3) ") and said in text for text in told(crm)), told(crm)[-2:]


async def test_pressed_setting_of_a_source_says_it_on_the_screen(crm: RunningApp, anna: Person) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot")
    screen = await presses(crm, crm.olga, screen, "📐 Make shares exact")
    assert "Of yesterday's requests (3) everybody would have had as many as they had." in screen.text
    screen = await presses(crm, crm.olga, screen, "⛔️ Switch off")
    assert "Anna would have had 0 instead of 1. Boris: 0 instead of 1." in screen.text


@pytest.mark.parametrize(
    "typed",
    [
        "/sources handover shop_bot hold 30",
        "/sources waiting shop_bot 0.3",
        "/sources late shop_bot 2",
        "/sources sla shop_bot first 15",
        "/keywords shop_bot refund: +60",
        "/sources describe shop_bot = The bot of the shop",
        "/operators rename Anna = Anne",
    ],
)
async def test_change_that_no_replay_knows_says_nothing_of_yesterday(crm: RunningApp, anna: Person, typed: str) -> None:
    await types(crm, crm.olga, "/operators limit Anna 7")
    before = previews(crm)
    await types(crm, crm.olga, typed)
    assert previews(crm) == before


async def test_setting_that_is_as_it_was_says_nothing_of_yesterday(
    crm: RunningApp, anna: Person, clock: MovableClock
) -> None:
    await types(crm, crm.olga, "/operators rate Anna 9")
    clock.forward(seconds=1)
    before = previews(crm)
    await types(crm, crm.olga, "/operators rate Anna 9")
    assert previews(crm) == before


async def test_changes_say_nothing_of_a_yesterday_without_requests(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=30)
    await types(crm, crm.olga, "/operators limit Anna 7")
    assert not any("yesterday" in text for text in told(crm))

"""/stats: how it goes, today, in 7 and 30 days, in all."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import insert
from sqlalchemy.orm import Session

from bot.admins.stats_text import cause, stats_text
from bot.sandbox import Sandbox
from bot.texts import translator
from crm_core import events, statistics
from crm_core.access.actors import SYSTEM
from crm_core.messaging.messages import utf16_units
from crm_core.routing import sources
from crm_core.statistics import Cause, Durations, Gap, Period, Statistics
from crm_core.storage.tables import Event, Operator, Source, Weight
from crm_core.team import departure, operators
from tests.stories.arranging import closes
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

pytestmark = pytest.mark.slow  # each starts a process


async def test_stats_show_contacts_times_operators_and_shares(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna", weight=30, limit=1)
    await types(crm, crm.olga, "/operators add Boris 5")
    await types(crm, crm.olga, "/assign shop_bot Boris 10")
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("#1")
    await crm.client("Kira").says("Hello", to=crm.shop)
    await crm.settled()
    clock.forward(seconds=80)
    await anna.presses(card, "Take")
    await crm.settled()
    clock.forward(seconds=40)
    await anna.replies(card, "Good morning")
    await ivan.sees("Good morning")

    text = (await types(crm, crm.olga, "/stats")).text
    # The clock goes on meanwhile, by a second at most.
    text = text.replace("1 min 21 s", "1 min 20 s").replace("2 min 1 s", "2 min 0 s")
    assert text == (
        "📊 Statistics: today\n"
        "Requests: 2\n"
        "Without an operator: 1 (50%)\n"
        "In the queue now: 1, oldest: 2 min\n"
        "\n"
        "From the first message: average / 95% within\n"
        "• until assigned: 0 s / 0 s\n"
        "• until taken: 1 min 20 s / 1 min 20 s\n"
        "• until first reply: 2 min 0 s / 2 min 0 s\n"
        "\n"
        "👥 Operators\n"
        "🟠 Anna: online, at the limit\n"
        "      1 of 1, 0 free; 1 request\n"
        "✉️ Boris: has not opened the invitation yet\n"
        "      0 of 5, 5 free; 0 requests\n"
        "\n"
        "📥 Sources: planned → actual share\n"
        "🤖 shop_bot: 2 requests; 1 waiting\n"
        "      Anna: 75% → 100% (1)\n"
        "      Boris: 25% → 0% (0)"
    )


@pytest.mark.parametrize(
    ("language", "of_anna", "of_boris"),
    [("en", "others were away", "was away"), ("ru", "других не было на месте", "не было на месте")],
)
async def test_stats_explain_share_gaps_in_both_languages(
    crm: RunningApp, language: str, of_anna: str, of_boris: str
) -> None:
    crm.sandbox.world.people[crm.olga.id].user["language_code"] = language
    await crm.operator("Anna", weight=30)
    boris = await crm.operator("Boris", weight=10)
    await boris.says("/offline")
    await boris.sees("You are offline")
    for number in range(8):
        await crm.client(f"Client {number}").says("Hello", to=crm.shop)
    await crm.settled()
    text = (await types(crm, crm.olga, "/stats")).text
    sign = "\u00a0%" if language == "ru" else "%"
    assert f"Anna: 75{sign} → 100{sign} (8) · {of_anna}\n" in text
    assert text.endswith(f"Boris: 25{sign} → 0{sign} (0) · {of_boris}")


@pytest.mark.parametrize("language", ["en", "ru"])
def test_every_gap_cause_has_a_text_for_both_directions(language: str) -> None:
    said = {cause(Gap(more, one, {}), translator(language)) for one in Cause for more in (5.0, -5.0)}
    both_ways = (Cause.WEIGHT, Cause.CHANCE, Cause.UNEXPLAINED)
    assert len(said) == 2 * len(Cause) - len(both_ways)
    assert all(said)
    assert cause(Gap(0.2, None, {}), translator(language)) == ""


def test_stats_report_incomplete_figures_while_counting() -> None:
    nothing = Durations(0, None, None)
    numbers = Statistics((), (), 0, 0, 0, nothing, nothing, nothing, behind=1234)
    said = stats_text(numbers, Period.ALL, translator("en"), now=datetime.now(UTC)).as_kwargs()["text"]
    assert said.splitlines()[1] == "⏳ Still counting, the figures are incomplete. Events left: 1234"


async def test_running_app_folds_pending_events(crm: RunningApp) -> None:
    """Whatever waits to be folded at a start, or comes, does not stay for readings to add up."""
    await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    rows = [{"at": crm.clock(), "kind": events.LEAD_CHANGED, "actor": events.CLIENT} for _ in range(5000)]
    await crm.db.write(lambda s: s.execute(insert(Event.__table__), rows))
    while await crm.db.read(statistics.backlog) >= 500:
        continue
    assert "Requests: 1\n" in (await types(crm, crm.olga, "/stats")).text


async def test_stats_show_operator_states_and_bots_not_started(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        anna = await crm.operator("Anna", bots=crm.bots)
        await crm.operator("Boris")
        await crm.operator("Clara", bots=crm.bots)
        await types(crm, crm.olga, "/operators off Boris")
        await anna.says("/offline", to=crm.shop)
        await anna.blocks(crm.bots[1])
        await crm.settled()
        text = (await types(crm, crm.olga, "/stats")).text
        assert (
            "⚪️ Anna: offline\n      0 of 10, 10 free; 0 requests\n"
            "      ⚠️ has not started or has blocked @help_bot" in text
        )
        assert "⛔️ Boris: switched off" in text
        assert "🟢 Clara: online" in text


async def test_stats_period_is_chosen_by_buttons(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    for name, days in (("Ivan", -40), ("Kira", -20), ("Lev", -5), ("Mia", 0)):
        clock.ahead = timedelta(days=days)
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    screen = await types(crm, crm.olga, "/stats")
    assert screen.labels == ["· today ·", "7 days", "30 days", "all time"]
    counted = {"today": 1, "7 days": 2, "30 days": 3, "all time": 4}
    for label, count in counted.items():
        screen = await presses(crm, crm.olga, screen, label)
        assert f"Statistics: {label}\nRequests: {count}\n" in screen.text
        assert f"· {label} ·" in screen.labels


async def test_stats_of_today_start_at_midnight_of_the_configured_time_zone(
    sandbox: Sandbox, database_url: str
) -> None:
    clock = MovableClock()
    # A zone in which midnight was an hour ago, whatever time it is here.
    hours = (1 - clock().hour) % 24
    zone = f"Etc/GMT{-hours:+d}" if hours <= 12 else f"Etc/GMT{24 - hours:+d}"
    async with await RunningApp.open(sandbox, database_url, clock=clock, settings={"timezone": zone}) as crm:
        clock.ahead = timedelta(hours=-2)
        await crm.client("Ivan").says("Yesterday", to=crm.shop)
        await crm.settled()
        clock.ahead = timedelta()
        await crm.client("Kira").says("Today", to=crm.shop)
        await crm.settled()
        screen = await types(crm, crm.olga, "/stats")
        assert "Requests: 1\n" in screen.text
        assert "Requests: 2\n" in (await presses(crm, crm.olga, screen, "7 days")).text


async def test_stats_and_lists_fit_one_message_however_many_entries_exist(crm: RunningApp) -> None:
    def grow(s: Session) -> None:
        for number in range(300):
            name = f"Operator with a rather long name, number {number:03}"
            s.execute(
                insert(Operator.__table__),
                {
                    "name": name,
                    "name_folded": name.casefold(),
                    "is_active": True,
                    "is_online": True,
                    "max_leads": 1000,
                    "current_leads": 0,
                    "created_at": crm.clock(),
                },
            )
            s.execute(
                insert(Source.__table__),
                {
                    "name": f"Source with a rather long name, number {number:03}",
                    "slug": f"s{number}",
                    "bot_id": crm.shop.id,
                    "is_active": True,
                    "strategy": "random",
                    "created_at": crm.clock(),
                },
            )
        staff = [one.id for one in operators.listing(s)]
        for source in sources.listing(s):
            for operator_id in staff[:20]:
                s.execute(
                    insert(Weight.__table__),
                    {"source_id": source.id, "operator_id": operator_id, "weight": 10},
                )

    await crm.db.write(grow)
    screen = await types(crm, crm.olga, "/stats")
    assert screen.text.startswith("📊 Statistics: today\nRequests: 0\n")
    assert screen.text.endswith("• until first reply: – / –")  # the picture shows the rest
    assert utf16_units(screen.text) <= 1024
    screen = await presses(crm, crm.olga, screen, "all time")
    assert screen.text.startswith("📊 Statistics: all time")
    await (await crm.olga.presses(screen, "As text")).answer()
    await crm.settled()
    spelled = await crm.olga.sees("👥 Operators")
    assert spelled.text.startswith("📊 Statistics: all time")
    assert utf16_units(spelled.text) <= 4096
    assert "Operator with a rather long name, number 000" in spelled.text
    assert "🤖 shop_bot: 0 requests" in spelled.text
    assert spelled.text.count("… and ") >= 2
    for words in ("/operators", "/sources", "/assign", "/assign shop_bot", "/sources shop_bot", "/operators 1"):
        screen = await types(crm, crm.olga, words)
        assert utf16_units(screen.text) <= 4096
        assert len(screen.labels) <= 100


async def test_stats_include_contacts_of_removed_operators(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await closes(anna, await anna.sees("#1"))
    await crm.settled()
    number = (await crm.db.read(operators.listing))[0].id
    await crm.db.write(departure.remove, operator_id=number, actor=SYSTEM, now=crm.clock(), rng=random.random)
    assert "Anna (removed): – → 100% (1)" in (await types(crm, crm.olga, "/stats")).text

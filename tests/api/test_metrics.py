"""/metrics: what Prometheus would read, in step with what people are shown and with what is documented."""

import asyncio
import os
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import httpx2
import pytest
from fastapi import FastAPI
from prometheus_client.parser import text_string_to_metric_families
from sqlalchemy import create_engine, insert, make_url, text
from sqlalchemy.orm import Session

from bot.delivery.backoff import RetryDelays
from bot.receiving.updates import to_update
from bot.sandbox import Sandbox
from crm_core import events, statistics
from crm_core.access.actors import SYSTEM
from crm_core.api.metrics.series import DURATION_BOUNDS
from crm_core.delivery import bots
from crm_core.messaging import inbox, outbox, outbox_attempts
from crm_core.monitoring.process_counters import LAGS, BotSeen, ProcessCounters
from crm_core.service import setting
from crm_core.service.targets import Targets
from crm_core.statistics.reading import TAIL
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database
from crm_core.storage.tables import Event
from tests.api.conftest import Calling, make_key
from tests.api.test_contacts import bring, office
from tests.api.test_problem_details import refused
from tests.receiving.outage import outage, until_away
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.statements import counted

BOT = 700001
SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,))
DOCUMENTED = Path(__file__).parent.parent.parent / "docs/operations.md"


class Scrape:
    """One reading, as Prometheus understands it."""

    def __init__(self, answer: httpx2.Response) -> None:
        assert answer.status_code == 200, answer.text
        assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
        self.text = answer.text
        self.families = {one.name: one for one in text_string_to_metric_families(answer.text)}
        self.samples = [sample for family in self.families.values() for sample in family.samples]

    def all(self, name: str, **labels: str) -> list[tuple[dict[str, str], float]]:
        """Every sample of this name that has these labels, and maybe others."""
        return [
            (dict(one.labels), one.value)
            for one in self.samples
            if one.name == f"mini_crm_{name}" and labels.items() <= one.labels.items()
        ]

    def __call__(self, name: str, **labels: str) -> float:
        """The one number of this name that has these labels."""
        ((_, number),) = self.all(name, **labels)
        return number

    def within(self, name: str, **labels: str) -> dict[float, float]:
        """A histogram: how many do not exceed each bound."""
        found = {float(one["le"]): number for one, number in self.all(f"{name}_bucket", **labels)}
        assert list(found) == sorted(found)
        assert list(found.values()) == sorted(found.values())  # each includes those before
        assert found[float("inf")] == self(f"{name}_count", **labels)
        return found


async def scrape(api: httpx2.AsyncClient) -> Scrape:
    """Reads once."""
    return Scrape(await api.get("/metrics"))


async def scraped(crm: RunningApp) -> Scrape:
    """Reads a running installation, over HTTP."""
    async with httpx2.AsyncClient(base_url=crm.app.http.address) as caller:
        return await scrape(caller)


async def until(crm: RunningApp, holds: Callable[[Scrape], bool]) -> Scrape:
    """Reads until something holds: what becomes of an attempt is counted a moment after people see it."""
    while not holds(found := await scraped(crm)):
        continue
    return found


# --- people at work ---------------------------------------------------------------------------------------------------


async def test_metrics_show_offers_that_are_open_or_missed_and_credits(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna", weight=1)
    await crm.operator("Boris", weight=3)
    for line in ("/sources exact shop_bot", "/sources offer shop_bot 60"):
        await crm.olga.says(line)
    await crm.settled()
    assert (await scraped(crm))("contacts_offered", source="shop_bot") == 0
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    found = await scraped(crm)
    assert found("contacts_offered", source="shop_bot") == 1
    credits = {one["operator"]: number for one, number in found.all("operator_credit", source="shop_bot")}
    assert credits == {"Anna": 0.25, "Boris": -0.25}
    assert {one["operator"]: number for one, number in found.all("operator_missed_offers")} == {"Anna": 0, "Boris": 0}
    clock.forward(seconds=61)
    await until(crm, lambda found: found("operator_missed_offers", operator="Boris") == 1)
    found = await scraped(crm)
    assert found("contacts_offered", source="shop_bot") == 1
    credits = {one["operator"]: number for one, number in found.all("operator_credit", source="shop_bot")}
    assert credits == {
        "Anna": 0,
        "Boris": 0,
    }  # an offer in vain costs nothing, and of who alone is left neither does one


async def test_metrics_show_loads_shares_queue_and_response_times(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna", weight=3, limit=2), await crm.operator("Boris")
    await boris.says("/offline")
    await boris.sees("You are offline")
    for number, name in enumerate(("Ivan", "Petra", "Maria"), 1):
        client = crm.client(name)
        await client.says(f"question of {name}", to=crm.shop)
        await client.sees(f"#{number}")
    first = await anna.sees("question of Ivan")
    clock.forward(seconds=100)
    await anna.presses(first, "Take")
    await anna.sees("In progress")
    clock.forward(seconds=3500)
    await anna.replies(first, "an answer")
    await crm.settled()

    found = await scraped(crm)
    assert (found("operator_load", operator="Anna"), found("operator_limit", operator="Anna")) == (2, 2)
    assert (found("operator_load", operator="Boris"), found("operator_limit", operator="Boris")) == (0, 10)
    assert {one["operator"]: number for one, number in found.all("operator_eligible")} == {"Anna": 0, "Boris": 0}
    kept_out = {one["operator"]: one["reason"] for one, _ in found.all("operator_kept_out")}
    assert kept_out == {"Anna": "full", "Boris": "offline"}
    shares = {
        name: {one["operator"]: number for one, number in found.all(name, source="shop_bot")}
        for name in ("share_planned", "share_actual", "contacts_held")
    }
    assert shares["share_planned"] == {"Anna": 0.75, "Boris": 0.25}
    assert shares["share_actual"] == {"Anna": 1, "Boris": 0}
    assert shares["contacts_held"] == {"Anna": 2, "Boris": 0}
    assert found("contacts_opened_total", source="shop_bot") == 3
    assert found("contacts_unassigned") == 1
    assert found("contacts_unassigned_share") == pytest.approx(1 / 3)
    assert found("queue_length", source="shop_bot") == 1
    assert 3600 <= found("queue_oldest_age_seconds", source="shop_bot") < 3700
    assert found.within("time_to_assignment_seconds")[5] == 2
    assert found("time_to_assignment_seconds_sum") < 5
    taken = found.within("time_to_take_seconds")
    assert (taken[60], taken[120], taken[259_200]) == (0, 1, 1)
    replied = found.within("time_to_first_reply_seconds")
    assert (replied[1800], replied[7200]) == (0, 1)
    assert 3600 <= found("time_to_first_reply_seconds_sum") < 3700
    assert found("bot_state", bot="shop_bot", state="running") == 1
    assert sum(number for _, number in found.all("bot_state", bot="shop_bot")) == 1
    assert found("deliveries_total", bot="shop_bot", verdict="sent") > 5
    assert found("database_up") == 1

    # Nothing that a client is or says is in it, nor what opens the bot.
    for private in ("Ivan", "question of", "an answer", str(anna.id), TOKEN.split(":")[1]):
        assert private not in found.text


async def test_flood_wait_is_counted_and_pending_message_is_shown(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    before = await scraped(crm)
    assert before("flood_waits_total", bot_id=str(crm.shop.id)) == 0
    crm.sandbox.fail(kind="flood", retry_after=600, method="sendMessage", chat=anna)
    await ivan.says("a question", to=crm.shop)
    await ivan.sees("#1")
    found = await until(
        crm, lambda one: bool(one.all("deliveries_total", reason="flood_wait")) and one("outbox_depth") == 1
    )
    assert found("flood_waits_total") == 1
    assert found("deliveries_total", verdict="not_sent", reason="flood_wait") == 1
    assert found("inbox_depth") == 0
    assert (found("gates_shut", scope="chat"), found("gates_shut", scope="bot")) == (1, 0)
    assert 590 < found("gates_shut_seconds") <= 600
    clock.forward(seconds=500)
    assert 500 <= (await scraped(crm))("outbox_oldest_age_seconds") < 600
    clock.forward(seconds=101)
    await crm.app.supervisor.look_again()
    await anna.sees("a question", bot=crm.shop)
    found = await until(crm, lambda one: one("outbox_depth") == 0)
    assert found("deliveries_total", verdict="sent") >= before("deliveries_total", verdict="sent") + 2
    assert (found("outbox_oldest_age_seconds"), found("flood_waits_total")) == (0, 1)
    assert (found("gates_shut", scope="chat"), found("gates_shut_seconds")) == (0, 0)


async def test_outage_of_telegram_opens_the_circuit_until_it_is_over(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=SHORT) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        assert (await scraped(crm))("circuit_state", state="closed") == 1
        outage_begins = sandbox.fail(kind="cut", method="sendMessage", every=1)
        await ivan.says("a question", to=crm.shop)
        found = await until(crm, lambda one: one("circuit_state", state="closed") == 0)
        assert found("circuit_state", state="open") + found("circuit_state", state="trial") == 1
        sandbox.clear_fault(outage_begins)
        await anna.sees("a question", bot=crm.shop)
        await until(crm, lambda one: one("circuit_state", state="closed") == 1)


async def test_flood_wait_of_get_updates_is_counted(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        ivan = crm.client()
        sandbox.fail(kind="flood", retry_after=1, method="getUpdates")
        await ivan.says("a question", to=crm.shop)  # ends the call that was waiting; the next one is told to wait
        await ivan.says("and another")
        await until(crm, lambda one: one("flood_waits_total") == 1)


async def test_undeliverable_message_is_counted_with_its_reason(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("a question", to=crm.shop)
    card = await anna.sees("a question")
    crm.sandbox.fail(kind="error", code=403, text="Forbidden: bot was blocked by the user", method="copyMessage")
    await anna.replies(card, "an answer")
    await anna.sees("blocked")
    found = await until(crm, lambda one: bool(one.all("deliveries_total", verdict="dead")))
    assert found("deliveries_total", bot="shop_bot", verdict="dead") == 1
    assert found("deliveries_total", verdict="dead", reason="blocked") == 1


async def test_late_updates_are_counted_in_the_lag_histogram(crm: RunningApp, clock: MovableClock) -> None:
    await crm.olga.starts(crm.shop)
    await crm.settled()
    before = (await scraped(crm)).within("update_lag_seconds", bot="shop_bot")
    assert before[2] > 0
    clock.forward(seconds=1000)  # it was written a quarter of an hour before it comes
    ivan = crm.client()
    await ivan.says("a question", to=crm.shop)
    await ivan.sees("#1")
    found = await until(crm, lambda one: one("update_lag_seconds_count") == before[float("inf")] + 1)
    after = found.within("update_lag_seconds", bot="shop_bot")
    assert (after[900] - before[900], after[3600] - before[3600]) == (0, 1)
    assert 1000 <= found("update_lag_seconds_sum") < 1100


async def test_refused_bot_state_is_shown_beside_running_bot(sandbox: Sandbox, database_url: str) -> None:
    crm = await RunningApp.open(sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"})
    sandbox.revoke(crm.bots[1])
    async with crm:
        found = await scraped(crm)
        states = {one["bot_id"]: one["state"] for one, number in found.all("bot_state") if number}
        assert states == {str(crm.bots[0].id): "running", str(crm.bots[1].id): "refused"}


# --- the same figures everywhere --------------------------------------------------------------------------------------


async def test_metrics_agree_with_statistics_and_api(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    ids = await office(api, "Anna", "Boris", "Vera", limit=3)
    for number in range(11):
        await bring(api, f"client{number}@example.com")
        clock.forward(seconds=7)
    for number in (1, 2, 3, 4):
        await api.post(f"/contacts/{number}/take")
        clock.forward(minutes=1)
        await api.post(f"/contacts/{number}/close")
    await api.delete(f"/operators/{ids[2]}")
    found, numbers = await scrape(api), await db.read(statistics.overview, since=None)
    stats = (await api.get("/api/v1/statistics/")).json()
    assert found("contacts_opened_total") == numbers.contacts == stats["contacts"] == 11
    assert found("contacts_unassigned") == numbers.unassigned == stats["unassigned"]
    assert found("contacts_unassigned_share") == pytest.approx(stats["unassigned_share"])
    assert found("queue_length") == numbers.waiting == stats["waiting"]
    for name, lengths in (
        ("time_to_assignment", numbers.to_assignment),
        ("time_to_take", numbers.to_take),
        ("time_to_first_reply", numbers.to_reply),
    ):
        within = found.within(f"{name}_seconds")
        assert found(f"{name}_seconds_count") == lengths.count
        assert found(f"{name}_seconds_sum") == pytest.approx((lengths.mean or 0) * lengths.count)
        bounds: list[float] = [*DURATION_BOUNDS, float("inf")]
        assert within == {one: lengths.count if one == bounds[-1] else lengths.within(one) for one in bounds}
    shares = {one["operator_id"]: one for one in stats["sources"][0]["operators"]}
    for operator in stats["operators"]:
        labels = {"operator_id": str(operator["operator_id"])}
        share = shares[operator["operator_id"]]
        assert found("operator_load", **labels) == operator["current_leads"]
        assert found("operator_limit", **labels) == operator["max_leads"]
        assert found("contacts_held", **labels) == share["contacts"] == operator["contacts"]
        assert found("share_planned", **labels) == pytest.approx(share["planned_share"])
        assert found("share_actual", **labels) == pytest.approx(share["actual_share"])
    # Removed operators keep the contacts that they closed, but have no series of their own.
    removed = [share for share in shares.values() if share["is_removed"]]
    assert sum(one["contacts"] for one in removed) == sum(
        number for _, number in found.all("contacts_held", operator="removed")
    )
    assert sum(number for _, number in found.all("share_actual")) == pytest.approx(1)
    assert sum(number for _, number in found.all("share_planned")) == pytest.approx(1)
    assert sum(number for _, number in found.all("contacts_held")) == 11 - found("contacts_unassigned")


async def test_inactive_source_makes_operators_ineligible(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    assert (await scrape(api))("operator_eligible") == 1
    assert (await scrape(api)).all("operator_kept_out") == []
    await api.patch("/sources/1", json={"is_active": False})
    found = await scrape(api)
    assert (found("operator_eligible"), found("operator_kept_out", reason="source_off")) == (0, 1)


@pytest.mark.postgres_too
async def test_outdated_totals_are_omitted_while_statistics_are_rebuilt(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    await office(api, "Anna", limit=1)

    def age(s: Session) -> None:
        """So many events that a reading does not look at them all."""
        rows = [{"at": clock(), "kind": events.LEAD_CHANGED, "actor": events.CLIENT} for _ in range(TAIL + 1)]
        s.execute(insert(Event.__table__), rows)

    await db.write(age)
    await bring(api, "ivan@example.com")
    await bring(api, "petra@example.com")
    found = await scrape(api)
    assert found("statistics_behind_events") > 0
    for name in ("contacts_opened_total", "contacts_held", "contacts_unassigned", "time_to_take_seconds_count"):
        assert found.all(name) == []
    assert (found("queue_length"), found("operator_load"), found("share_planned")) == (1, 1, 1)
    while await db.write(statistics.fold, most=5000):
        continue
    found = await scrape(api)
    assert (found("statistics_behind_events"), found("contacts_opened_total"), found("contacts_held")) == (0, 2, 1)


# --- what a process counts --------------------------------------------------------------------------------------------


def settled(state: str, outcome: str, *, ambiguous: bool = False) -> outbox_attempts.Settled:
    return outbox_attempts.Settled(1, state, outcome, ambiguous=ambiguous)


def test_delivery_attempts_are_counted_by_verdict_and_reason() -> None:
    counts = ProcessCounters()
    for one in (
        settled("sent", "ok"),
        settled("sent", "ok"),
        settled("pending", "flood_wait"),
        settled("pending", "no_answer", ambiguous=True),
        settled("uncertain", "no_answer", ambiguous=True),
        settled("dead", "internal_KeyError"),
        settled("dead", "internal_ValueError"),
    ):
        counts.count_attempt(BOT, one)
    assert counts.attempts == {
        (BOT, "sent", "ok"): 2,
        (BOT, "not_sent", "flood_wait"): 1,
        (BOT, "unknown", "no_answer"): 1,
        (BOT, "uncertain", "no_answer"): 1,
        (BOT, "dead", "internal"): 2,
    }


def test_lag_histogram_counts_by_bound_and_negative_lag_as_zero() -> None:
    counts = ProcessCounters()
    for lag in (-3.0, 0.0, 1.0, 1.1, LAGS[-1] + 1.0):
        counts.count_update(BOT, lag=lag)
    assert counts.lags[BOT].numbers == [3, 1, *[0] * (len(LAGS) - 2), 1]
    assert counts.lags[BOT].total == pytest.approx(2.1 + LAGS[-1] + 1)


# --- what is read -----------------------------------------------------------------------------------------------------


@pytest.mark.postgres_too
async def test_queue_depths_and_ages_are_shown_per_bot(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    for bot_id in (BOT, BOT + 1):
        await db.write(bots.start, bot_id=bot_id, username=f"bot_{bot_id}", name="Bot", position=0, now=clock())
    for number in (1, 2):
        await db.write(inbox.store, bot_id=BOT, updates=[to_update(BOT, {"update_id": number})], now=clock())
        await db.write(outbox.add, [outbox.OutboxEntry(outbox.ANSWER, BOT, 5)] * 3, now=clock())
        clock.forward(minutes=10)
    busy, idle = {"bot_id": str(BOT)}, {"bot_id": str(BOT + 1)}
    found = await scrape(api)
    assert [found("inbox_depth", **one) for one in (busy, idle)] == [2, 0]
    assert [found("outbox_depth", **one) for one in (busy, idle)] == [6, 0]
    for name in ("inbox_oldest_age_seconds", "outbox_oldest_age_seconds"):
        assert 1200 <= found(name, **busy) < 1260
        assert found(name, **idle) == 0
    await db.write(lambda s: s.execute(text("UPDATE inbox SET state = 'done' WHERE update_id = 1")))
    await db.write(lambda s: s.execute(text("UPDATE outbox SET state = 'sent' WHERE id <= 4")))
    found = await scrape(api)
    assert (found("inbox_depth", **busy), found("outbox_depth", **busy)) == (1, 2)
    for name in ("inbox_oldest_age_seconds", "outbox_oldest_age_seconds"):
        assert 600 <= found(name, **busy) < 660


async def test_names_in_labels_are_escaped(api: httpx2.AsyncClient) -> None:
    names = ['Анна "Nan" \\ de la O\'Hara', "}{=,", "a\\nb"]
    for name in names:
        assert (await api.post("/operators/", json={"name": name})).status_code == 201
    found = await scrape(api)
    assert sorted(one["operator"] for one, _ in found.all("operator_load")) == sorted(names)


@pytest.mark.postgres_too
async def test_scrape_uses_constant_number_of_statements(
    api: httpx2.AsyncClient, db: Database, clock: MovableClock
) -> None:
    await office(api, "Anna", "Boris")
    await bring(api, "ivan@example.com")
    # The contacts that Boris closed stay with Boris; the name is read separately.
    await api.post("/contacts/1/assign", json={"operator_id": 2})
    await api.post("/contacts/1/close")
    await api.delete("/operators/2")
    few = await _statements(api, db)
    for number in range(3, 33):
        await api.post("/operators/", json={"name": f"Operator {number}"})
        await api.post("/sources/", json={"name": f"Site {number}"})
        await api.post(f"/sources/{number - 1}/assign_operator", json={"operator_id": number, "weight": 5})
        await api.post("/leads/register_contact/", json={"email": "ivan@example.com", "source_id": number - 1})
        await db.write(bots.start, bot_id=number, username=f"bot{number}", name="Bot", position=0, now=clock())
    many = await _statements(api, db)
    assert len(many) == len(few) < 20


async def _statements(api: httpx2.AsyncClient, db: Database) -> list[str]:
    """What one reading asks the database; keys are looked at besides, now and then."""
    with counted() as statements:
        await scrape(api)
    return [one for one in statements if "api_keys" not in one]


@asynccontextmanager
async def writing(database_url: str) -> AsyncIterator[None]:
    """Somebody has everything locked that can be, and does not commit."""
    engine = create_engine(make_url(database_url).set(drivername="postgresql+psycopg"))
    try:
        with engine.connect() as connection:
            for table in ("contacts", "operators", "sources", "events", "inbox", "outbox", "bots", "tallies"):
                connection.execute(text(f"LOCK TABLE {table} IN EXCLUSIVE MODE"))
            connection.execute(text("UPDATE operators SET max_leads = 99"))
            yield
            connection.rollback()
    finally:
        engine.dispose()


@pytest.mark.postgres_too
async def test_scrape_does_not_wait_for_writers(
    api: httpx2.AsyncClient, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await office(api, "Anna", limit=7)
    is_file = database_url.startswith("sqlite")
    async with outage(database_url, monkeypatch) if is_file else writing(database_url):
        found = await asyncio.wait_for(scrape(api), 5)
        assert (found("database_up"), found("operator_limit")) == (1, 7)


@pytest.mark.postgres_too
async def test_scrape_during_database_outage_shows_process_counters(
    app: FastAPI,
    calling: Calling,
    db: Database,
    database_url: str,
    clock: MovableClock,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    counts: ProcessCounters = app.state.exposition._counts
    counts.bots = lambda: {BOT: BotSeen("shop_bot", bots.AWAY)}
    counts.count_attempt(BOT, settled("sent", "ok"))
    key, other = await make_key(db, clock, "read"), await make_key(db, clock, "write")
    prometheus = calling(key)
    assert (await scrape(prometheus))("database_up") == 1
    async with away(db, database_url, monkeypatch):
        clock.forward(minutes=5)
        found = await scrape(prometheus)
        assert found("database_up") == 0
        assert found("deliveries_total", bot="shop_bot", verdict="sent", reason="ok") == 1
        assert found("bot_state", bot="shop_bot", state="away") == 1
        assert found.all("queue_length") == found.all("operator_load") == []
        refused(await calling().get("/metrics"), 401)  # nobody comes in who could not before
        refused(await calling(other).get("/operators/"), 503)  # and all else says so
    assert (await scrape(prometheus))("database_up") == 1


@asynccontextmanager
async def away(db: Database, database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[None]:
    """The database can be read by nobody: its file is somewhere else, its server lets nobody in."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        path = url.database or ""
        for pool in Pool:
            with through(pool):
                await db._readers.dispose()  # type: ignore[attr-defined]
        os.rename(path, f"{path}.hidden")
        os.mkdir(path)
        yield
        os.rmdir(path)
        os.rename(f"{path}.hidden", path)
        return
    async with outage(database_url, monkeypatch):
        await until_away(db)
        yield


# --- who may, and what is written down --------------------------------------------------------------------------------


@pytest.mark.postgres_too
async def test_scrape_requires_read_scope_once_keys_exist(calling: Calling, db: Database, clock: MovableClock) -> None:
    assert (await calling().get("/metrics")).status_code == 200
    await calling().post("/sources/", json={"name": "Site"})
    refused(await calling(client=("203.0.113.7", 5)).get("/metrics"), 403)
    read = await make_key(db, clock, "read", expires_at=clock() + timedelta(days=1))
    form = await make_key(db, clock, "form", source_id=1)
    refused(await calling().get("/metrics"), 401)
    refused(await calling(form).get("/metrics"), 403)
    far: dict[str, Any] = {"client": ("203.0.113.7", 5), "host": "crm.example"}
    for address in ("/metrics", "/metrics/"):
        await scrape_at(calling(read, **far), address)
    head = await calling(read, **far).head("/metrics")
    assert head.status_code == 200
    refused(await calling(read).post("/metrics"), 405)
    clock.forward(days=1)
    refused(await calling(read).get("/metrics"), 401)


async def scrape_at(api: httpx2.AsyncClient, address: str) -> Scrape:
    """Reads at another form of the address."""
    return Scrape(await api.get(address))


async def test_each_metric_has_help_and_is_documented(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    found = (await scrape(api)).text
    helps = dict(re.findall(r"^# HELP (mini_crm_\w+) (.+)$", found, re.MULTILINE))
    types = dict(re.findall(r"^# TYPE (mini_crm_\w+) (\w+)$", found, re.MULTILINE))
    assert list(helps) == list(types)
    documented = re.findall(
        r"^\| `(mini_crm_\w+)` \| (\w+) \| (.*?) \| (.+?) \|$", DOCUMENTED.read_text("utf-8"), re.MULTILINE
    )
    assert [(name, kind, meaning) for name, kind, _, meaning in documented] == [
        (name, types[name], helps[name]) for name in types
    ]


async def test_documented_labels_match_exposed_labels(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna", limit=1), crm.client()
    await crm.olga.says("/sources exact shop_bot")
    await crm.settled()
    targets: dict[str, Any] = {"source_id": 1, "targets": Targets(first_reply=15), "actor": SYSTEM, "now": crm.clock()}
    await crm.db.write(setting.set_targets, **targets)
    await ivan.says("a question", to=crm.shop)
    await anna.sees("a question")
    found = await scraped(crm)
    rows = re.findall(r"^\| `mini_crm_(\w+)` \| (\w+) \| (.*?) \|", DOCUMENTED.read_text("utf-8"), re.MULTILINE)
    for name, kind, labels in rows:
        samples = found.all(f"{name}_count" if kind == "histogram" else name)
        assert samples, name
        for sample, _ in samples:
            assert sorted(sample) == sorted(re.findall(r"`(\w+)`", labels)), name


async def test_number_of_series_does_not_grow_with_contacts(api: httpx2.AsyncClient) -> None:
    await office(api, "Anna")
    await bring(api, "client@example.com")
    before = len((await scrape(api)).samples)
    for number in range(20):
        await bring(api, f"client{number}@example.com", full_name=f"Client {number}")
    assert len((await scrape(api)).samples) == before + 1  # Anna is full by now, for one reason

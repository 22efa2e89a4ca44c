"""/export: what, of which time and in which format by buttons; the file comes, and only to admins."""

import asyncio
import csv
import io
import sys
from collections.abc import Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from openpyxl import load_workbook
from sqlalchemy import insert, literal, select
from sqlalchemy.exc import OperationalError

from bot.delivery.backoff import RetryDelays
from bot.reports import export_files
from bot.reports.export_files import Exporter
from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core import events
from crm_core.exports import in_subprocess, jobs
from crm_core.exports.in_subprocess import make_in_subprocess
from crm_core.exports.making import Made
from crm_core.storage.database import Unwritable
from crm_core.storage.tables import Contact, Event, Export
from crm_core.subprocesses import run_package
from tests.receiving.outage import outage, until_away
from tests.stories.arranging import count, until, value
from tests.stories.steering import invites, presses, types
from tests.support.clock import MovableClock
from tests.support.forked_packages import run_forked
from tests.support.people import RunningApp

pytestmark = pytest.mark.slow  # each starts a process


@pytest.fixture(autouse=True)
def _forked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_subprocess, "run_package", run_forked)


AGAIN_SOON = RetryDelays(retry_first=0.01, retry_last=0.02)


async def starts(crm: RunningApp, who: Person, *labels: str) -> SeenMessage:
    """Presses these buttons one after another; the last one begins the export. Returns the screen."""
    screen = await types(crm, who, "/export")
    for label in labels[:-1]:
        screen = await presses(crm, who, screen, label)
    await (await who.presses(screen, labels[-1])).answer()
    return screen


async def comes(who: Person, *, after: SeenMessage) -> SeenMessage:
    """The file."""
    return await who.sees(kind="document", after=after, timeout=30)


def content(crm: RunningApp, seen: SeenMessage) -> bytes:
    return crm.sandbox.world.files.find(seen.raw["document"]["file_id"], seen.place).data


def table(crm: RunningApp, seen: SeenMessage, delimiter: str = ",") -> list[list[str]]:
    return list(csv.reader(io.StringIO(content(crm, seen).decode("utf-8-sig")), delimiter=delimiter))


def screens(who: Person, screen: SeenMessage) -> list[str]:
    """Everything that this message has shown."""
    return [entry["text"] for entry in who.history() if entry["message_id"] == screen.id]


async def recorded(crm: RunningApp) -> list[Any]:
    return list(
        await crm.db.read(
            lambda s: s.execute(select(Event.actor, Event.data).where(Event.kind == events.EXPORTED)).all()
        )
    )


async def test_contacts_of_30_days_are_exported_to_excel(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await crm.client("Ivan").says("=1+1", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/export")
    assert screen.text.startswith("📤 Export: Requests, 30 days\n")
    assert screen.labels == [
        "· Requests ·",
        "Clients",
        "Operators",
        "Events",
        "today",
        "7 days",
        "· 30 days ·",
        "all time",
        "⬇️ Excel",
        "⬇️ CSV",
    ]
    await (await crm.olga.presses(screen, "Excel")).answer()
    sent = await comes(crm.olga, after=screen)
    assert sent.raw["document"]["file_name"].startswith("contacts_")
    assert sent.raw["document"]["file_name"].endswith(".xlsx")
    assert sent.text == "Requests · 30 days\nTime zone: UTC."
    book = load_workbook(io.BytesIO(content(crm, sent)))
    head, row = book.active.iter_rows(values_only=True)
    told = dict(zip(head, row, strict=True))
    assert (told["Operator"], told["Client"], told["First message"]) == ("Anna", "Ivan", "=1+1")
    assert book.active["K2"].data_type == "s"
    book.close()
    done = await crm.olga.sees("Requests · 30 days · Excel\n✅ 1 row, sent below.")
    assert done.id == screen.id
    assert done.labels == ["📤 Export more"]
    assert any("▓" in text and "1 of 1 rows" in text for text in screens(crm.olga, screen))
    (event,) = await recorded(crm)
    assert event.actor == f"tg:{crm.olga.id}"
    assert (event.data["what"], event.data["form"]) == ("contacts", "xlsx")
    assert (await presses(crm, crm.olga, done, "Export more")).text.startswith("📤 Export: Requests, 30 days")


async def test_export_respects_chosen_table_period_and_format(crm: RunningApp, clock: MovableClock) -> None:
    clock.forward(days=-3)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    clock.forward(days=3)
    await crm.client("Kira").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await starts(crm, crm.olga, "Clients", "today", "CSV")
    rows = table(crm, await comes(crm.olga, after=screen))
    assert [row[2] for row in rows] == ["Client", "Kira"]
    screen = await starts(crm, crm.olga, "Clients", "7 days", "CSV")
    assert [row[2] for row in table(crm, await comes(crm.olga, after=screen))] == ["Client", "Ivan", "Kira"]
    screen = await starts(crm, crm.olga, "Events", "all time", "CSV")
    kinds = [row[2] for row in table(crm, await comes(crm.olga, after=screen))]
    assert {"contact_created", "exported"} <= set(kinds)


async def test_export_uses_the_language_of_the_admin(crm: RunningApp) -> None:
    boris = crm.sandbox.person("Boris", language_code="ru")
    code = await invites(crm, crm.olga, "/admins add")
    await boris.starts(crm.shop, code)
    await crm.operator("Анна")
    screen = await starts(crm, boris, "Операторы", "CSV")
    rows = table(crm, await comes(boris, after=screen), ";")
    assert rows[0][:3] == ["Номер", "Имя", "Приём включён"]
    assert rows[1][1:3] == ["Анна", "да"]
    await boris.sees("Операторы · 30 дней · CSV\n✅ 1 строка, файл ниже.")


async def test_empty_export_sends_no_file(crm: RunningApp) -> None:
    screen = await starts(crm, crm.olga, "Clients", "CSV")
    await crm.olga.sees("There is nothing in this period.", timeout=30)
    assert crm.olga.looks(lambda seen: seen.kind == "document") is None
    assert screen.id == crm.olga.chat()[-1].id


async def test_second_export_during_a_running_one_is_refused(crm: RunningApp) -> None:
    crm.sandbox.fail(kind="flood", retry_after=1, method="sendDocument")  # it takes its time
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    screen = await starts(crm, crm.olga, "CSV")
    second = await types(crm, crm.olga, "/export")
    assert "⏳ Your previous export is still being prepared." in second.text
    refused = await (await crm.olga.presses(second, "CSV")).answer()
    assert refused == "Your previous export is still being prepared; try again when it has arrived."
    await comes(crm.olga, after=screen)
    assert len(await recorded(crm)) == 1


async def test_large_export_is_sent_in_parts(crm: RunningApp) -> None:
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    more = insert(Contact.__table__).from_select(
        ["id", "lead_id", "source_id", "status", "version", "created_at"],
        select(Contact.id + 1, Contact.lead_id, Contact.source_id, literal("closed"), literal(1), Contact.created_at)
        .order_by(Contact.id.desc())
        .limit(1),
    )
    for _ in range(249):
        await crm.db.write(lambda s: s.execute(more))
    crm.app.exporter.largest = 1_000
    screen = await starts(crm, crm.olga, "CSV")
    await crm.olga.sees("Requests · 30 days · CSV\n✅ 250 rows, sent below.", timeout=30)
    parts = [seen for seen in crm.olga.chat() if seen.kind == "document" and seen.id > screen.id]
    assert [seen.raw["document"]["file_name"].rpartition("_of_")[0][-1] for seen in parts] == ["1", "2", "3"]
    assert "Part 2 of 3: one file would be too large for Telegram." in parts[1].text
    tables = [table(crm, seen) for seen in parts]
    assert {tuple(rows[0]) for rows in tables} == {tuple(tables[0][0])}
    assert [int(row[0]) for rows in tables for row in rows[1:]] == list(range(1, 251))


async def test_export_is_delivered_despite_temporary_telegram_errors(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        sandbox.fail(kind="http_500", method="sendDocument", applied=False)
        sandbox.fail(kind="cut", method="sendDocument")
        sandbox.fail(kind="error", method="editMessageText", text="Bad Request: something is wrong")
        screen = await starts(crm, crm.olga, "CSV")
        assert len(table(crm, await comes(crm.olga, after=screen))) == 2
        await crm.olga.sees("Requests · 30 days · CSV\n✅ ")


async def test_file_refused_by_telegram_is_reported_and_can_be_requested_again(crm: RunningApp) -> None:
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    crm.sandbox.fail(kind="error", method="sendDocument", code=413, text="Request Entity Too Large")
    await starts(crm, crm.olga, "CSV")
    failed = await crm.olga.sees("Requests · 30 days · CSV\n❌ The export failed. Please try again.", timeout=30)
    screen = await presses(crm, crm.olga, failed, "Export more")
    await (await crm.olga.presses(screen, "CSV")).answer()
    await comes(crm.olga, after=screen)


async def test_failed_export_is_reported(sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(in_subprocess, "run_package", run_package)
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await starts(crm, crm.olga, "CSV")
        await crm.olga.sees("The export failed.", timeout=30)


async def test_export_interrupted_by_a_restart_is_sent_after_it(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        sandbox.fail(kind="flood", retry_after=3600, method="sendDocument")
        screen = await starts(crm, crm.olga, "CSV")
        await until(crm, "SELECT count(*) FROM gates", 1)
    clock.forward(hours=1)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        await again.app.exporter.wake()
        assert len(table(again, await comes(crm.olga, after=screen))) == 2
        await crm.olga.sees("Requests · 30 days · CSV\n✅ ", bot=again.shop, timeout=30)


@pytest.mark.fault("F104")
async def test_database_restart_between_making_and_sending_only_delays_an_export(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with (
        await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm,
        AsyncExitStack() as away,
    ):
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        logged = asyncio.Event()

        async def make_and_lose_the_database(*order: Any, **progress: Any) -> Made:
            monkeypatch.setattr(export_files, "make_in_subprocess", make_in_subprocess)
            made = await make_in_subprocess(*order, **progress)
            await away.enter_async_context(outage(database_url, monkeypatch))
            await until_away(crm.db)
            return made

        with monkeypatch.context() as patch:
            patch.setattr(export_files, "log", Noticed(logged, "export_not_recorded"))
            monkeypatch.setattr(export_files, "make_in_subprocess", make_and_lose_the_database)
            screen = await starts(crm, crm.olga, "CSV")
            async with asyncio.timeout(30):
                await logged.wait()
            await away.aclose()
            assert len(table(crm, await comes(crm.olga, after=screen))) == 2
            await crm.olga.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
        assert "⏳ Your previous" not in (await types(crm, crm.olga, "/export")).text


class Noticed:
    """A log that sets an event when something is written."""

    def __init__(self, event: asyncio.Event, name: str) -> None:
        self.event, self.name = event, name

    def error(self, name: str, **_: Any) -> None:
        if name == self.name:
            self.event.set()


@pytest.mark.fault("F104")
@pytest.mark.parametrize("failures", [2, 3])
async def test_export_that_fails_in_any_way_is_tried_three_times_and_then_reported(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, failures: int
) -> None:
    errors = [ValueError("no JSON"), RuntimeError("of any kind"), TimeoutError(), None][:failures]

    async def fail(*order: Any, **progress: Any) -> Made:
        if errors and (error := errors.pop(0)) is not None:
            raise error
        return await make_in_subprocess(*order, **progress)

    monkeypatch.setattr(export_files, "make_in_subprocess", fail)
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        screen = await starts(crm, crm.olga, "CSV")
        if failures == 2:
            await comes(crm.olga, after=screen)
            return
        failed = await crm.olga.sees("Requests · 30 days · CSV\n❌ The export failed.", timeout=30)
        assert errors == []
        again = await presses(crm, crm.olga, failed, "Export more")
        await (await crm.olga.presses(again, "CSV")).answer()
        await comes(crm.olga, after=failed)


@pytest.mark.fault("F105")
async def test_flood_wait_of_one_admin_does_not_delay_the_export_of_another(crm: RunningApp) -> None:
    boris = crm.sandbox.person("Boris", language_code="en")
    code = await invites(crm, crm.olga, "/admins add")
    await boris.starts(crm.shop, code)
    await crm.settled()
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    crm.sandbox.fail(kind="flood", retry_after=3600, method="sendDocument", chat=crm.olga)
    first = await starts(crm, crm.olga, "CSV")
    await until(crm, "SELECT count(*) FROM gates", 1)
    for kind in ("CSV", "Excel"):
        screen = await starts(crm, boris, kind)
        await comes(boris, after=screen)
        await boris.sees(f"Requests · 30 days · {kind}\n✅ 1 row", timeout=30)
    assert crm.olga.looks(lambda seen: seen.kind == "document" and seen.id > first.id) is None
    await until(crm, "SELECT count(*) FROM exports WHERE state = 'running'", 1)  # hers still waits for her chat


async def test_export_with_attempts_used_up_is_abandoned_and_reported(crm: RunningApp) -> None:
    await crm.client("Ivan").says("Hello", to=crm.shop)
    screen = await types(crm, crm.olga, "/export")
    export = {
        "what": "leads", "form": "csv", "period": "7d", "until": crm.clock(), "language": "en", "state": "running",
        "asked_by": crm.olga.id, "bot_id": crm.shop.id, "message_id": screen.id, "fence": 0, "attempts": 3,
        "asked_at": crm.clock(),
    }  # fmt: skip
    await crm.db.write(lambda s: s.execute(insert(Export.__table__), export))
    await crm.app.exporter.wake()
    failed = await crm.olga.sees("Clients · 7 days · CSV\n❌ The export failed.", timeout=30)
    assert failed.id == screen.id
    assert crm.olga.looks(lambda seen: seen.kind == "document") is None


async def test_non_admin_cannot_export(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    for who in (anna, ivan):
        await who.says("/export", to=crm.shop)
        await crm.settled()
        for data in ("exp:contacts:all", "exp_go:contacts:all:csv"):
            await (await who.presses_forged(crm.shop, data)).answer()
        await crm.settled()
        assert who.looks("📤") is None
        assert who.looks(lambda seen: seen.kind == "document") is None
    assert await recorded(crm) == []
    assert await crm.db.read(lambda s: s.execute(select(Export.id)).all()) == []


# --- committed, but nobody knows --------------------------------------------------------------------------------------


class LostAnswers:
    """Commits of one action that report an error nevertheless: of a disk that does not flush, of a lost connection."""

    def __init__(
        self, patch: pytest.MonkeyPatch, crm: RunningApp, action: Callable[..., Any], *, times: int = 1
    ) -> None:
        self.action, self.left, self.answered = action, times, asyncio.Event()
        self.is_sqlite = crm.db.url.get_backend_name() == "sqlite"
        for name in ("write", "write_unflushed"):
            patch.setattr(crm.db, name, self._losing(getattr(crm.db, name)))

    def _losing(self, write: Callable[..., Any]) -> Callable[..., Any]:
        async def writes(action: Any, *args: Any, **inputs: Any) -> Any:
            result = await write(action, *args, **inputs)
            if action is self.action and self.left:
                self.left -= 1
                raise self._error()
            if action is self.action:
                self.answered.set()
            return result

        return writes

    def _error(self) -> Exception:
        return Unwritable(5, "I/O error") if self.is_sqlite else OperationalError("COMMIT", {}, OSError("lost"))


class Makings:
    """Counts how often an export is made; the first ones may fail, and a later one may be held up."""

    def __init__(self, patch: pytest.MonkeyPatch, *, failures: int = 0) -> None:
        self.failures, self.begun, self.may_end = failures, 0, asyncio.Event()
        self.may_end.set()
        patch.setattr(export_files, "make_in_subprocess", self._make)

    async def _make(self, *order: Any, **progress: Any) -> Made:
        self.begun += 1
        if self.begun <= self.failures:
            raise RuntimeError("of any kind")
        await self.may_end.wait()
        return await make_in_subprocess(*order, **progress)


def files(who: Person) -> int:
    return sum(seen.kind == "document" for seen in who.chat())


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_export_whose_claim_commits_but_reports_an_error_arrives(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        lost, makings = LostAnswers(monkeypatch, crm, jobs.claim), Makings(monkeypatch)
        screen = await starts(crm, crm.olga, "CSV")
        assert len(table(crm, await comes(crm.olga, after=screen))) == 2
        await crm.olga.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
        assert (lost.left, makings.begun, files(crm.olga)) == (0, 1, 1)
        assert await value(crm, "SELECT attempts FROM exports") == 2
        assert "⏳ Your previous" not in (await types(crm, crm.olga, "/export")).text


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_export_whose_claims_all_report_errors_ends_after_three(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        makings = Makings(monkeypatch)
        LostAnswers(monkeypatch, crm, jobs.claim, times=3)
        await starts(crm, crm.olga, "CSV")
        failed = await crm.olga.sees("Requests · 30 days · CSV\n❌ The export failed.", timeout=30)
        assert makings.begun == 0
        again = await presses(crm, crm.olga, failed, "Export more")
        await (await crm.olga.presses(again, "CSV")).answer()
        await comes(crm.olga, after=failed)


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_repeated_put_back_takes_no_export_from_its_next_attempt(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The next attempt has begun by then: the first put-back was committed, though it reported an error."""
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        lost, makings = LostAnswers(monkeypatch, crm, jobs.put_back), Makings(monkeypatch, failures=1)
        makings.may_end = lost.answered
        pause = Exporter._pause

        def slowly(exporter: Exporter, attempt: int) -> float:
            return pause(exporter, attempt) if lost.left else 0.5  # so that the next attempt is claimed before

        monkeypatch.setattr(Exporter, "_pause", slowly)
        screen = await starts(crm, crm.olga, "CSV")
        await comes(crm.olga, after=screen)
        await crm.olga.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
        assert (makings.begun, files(crm.olga)) == (2, 1)
        assert await value(crm, "SELECT attempts FROM exports") == 2


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_export_whose_end_commits_but_reports_an_error_is_sent_once(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        lost, makings = LostAnswers(monkeypatch, crm, jobs.finish), Makings(monkeypatch)
        await starts(crm, crm.olga, "CSV")
        await crm.olga.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
        await lost.answered.wait()
        await crm.app.exporter.wake()
        await crm.settled()
        assert (makings.begun, files(crm.olga)) == (1, 1)
        assert await value(crm, "SELECT state FROM exports") == "done"


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_export_whose_task_ends_unexpectedly_is_made_again(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    finish, failures = Exporter._finish, [RuntimeError("nobody expected this")]

    async def fails_once(exporter: Exporter, *how: Any) -> None:
        if failures:
            raise failures.pop()
        await finish(exporter, *how)

    monkeypatch.setattr(Exporter, "_finish", fails_once)
    async with await RunningApp.open(sandbox, database_url, retry_delays=AGAIN_SOON) as crm:
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()
        await starts(crm, crm.olga, "CSV")
        await crm.olga.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
        assert await value(crm, "SELECT attempts FROM exports") == 2


@pytest.mark.postgres_too
@pytest.mark.fault("F278")
async def test_export_that_waits_to_be_sent_is_not_made_again_meanwhile(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    boris = crm.sandbox.person("Boris", language_code="en")
    await boris.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    makings = Makings(monkeypatch)
    crm.sandbox.fail(kind="flood", retry_after=3600, method="sendDocument", chat=crm.olga)
    await starts(crm, crm.olga, "CSV")
    await until(crm, "SELECT count(*) FROM gates", 1)
    screen = await starts(crm, boris, "CSV")  # whoever looks for his finds hers first
    await comes(boris, after=screen)
    await boris.sees("Requests · 30 days · CSV\n✅ 1 row", timeout=30)
    assert makings.begun == 2
    assert await count(crm, "exports", "state = 'running' AND attempts = 1") == 1

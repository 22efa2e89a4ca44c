"""No task that lasts as long as the process dies in silence: it goes on, or the process ends loudly."""

import ast
import asyncio
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from apscheduler.schedulers.asyncio import AsyncIOScheduler
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.app import App
from bot.commands import run
from bot.commands.explain import explain
from bot.delivery.attempts import Attempts
from bot.delivery.backoff import RetryDelays
from bot.delivery.chat_queues import ChatQueues
from bot.delivery.circuit import Circuit
from bot.delivery.menus import ShownMenus
from bot.delivery.recorder import Recorder
from bot.delivery.sender import Sender
from bot.receiving.polling import Poller
from bot.receiving.worker import ConversationWorker
from bot.reports.export_files import Exporter
from bot.runtime import clock_monitor
from bot.runtime import schedule as schedules
from bot.runtime.bot_session import BotSession
from bot.runtime.clock_monitor import ClockMonitor
from bot.runtime.jobs import PeriodicJob, Scope
from bot.runtime.last_resort import LastResort, TaskEnded
from bot.runtime.schedule import Schedule
from bot.sandbox import Sandbox
from crm_core.api.server import HttpServer
from crm_core.messaging.outbox import PendingRow
from crm_core.storage.database import Database
from crm_core.storage.sqlite import SqliteDatabase
from tests.support.people import RunningApp
from tests.support.waiting import until_polled

ROOT = Path(__file__).parents[2]
QUICK = RetryDelays(
    outage=(0.01, 0.02),
    unknown=(0.01,) * 5,
    retry_first=0.01,
    retry_last=0.02,
    refused=0.01,
    recovered=0.01,
    database=0.01,
    connect=0.01,
    standby=0.01,
)


class Fails:
    """Something that raises at its n-th call from now on, once, and otherwise does what it did before."""

    def __init__(self, patch: pytest.MonkeyPatch, owner: Any, name: str, *, at: int) -> None:
        self.calls, self.at, self.has_failed = 0, at, asyncio.Event()
        original = getattr(owner, name)

        def count() -> None:
            self.calls += 1
            if self.calls == self.at:
                self.has_failed.set()
                raise RuntimeError("nobody expected this")

        async def later(*args: Any, **inputs: Any) -> Any:
            count()
            return await original(*args, **inputs)

        def now(*args: Any, **inputs: Any) -> Any:
            count()
            return original(*args, **inputs)

        patch.setattr(owner, name, later if asyncio.iscoroutinefunction(original) else now)


TURNS: dict[str, tuple[Any, str]] = {
    "the poller": (Poller, "_receive"),
    "the receiver": (BotSession, "_receive"),
    "the worker": (ConversationWorker, "_step"),
    "the sender": (Sender, "_pick"),
    "a batch of the sender": (Sender, "_send_batch"),
    "one attempt": (Attempts, "attempt"),
    "the recorder": (Recorder, "_record"),
    "what follows a record": (ChatQueues, "drop"),
    "the menus": (ShownMenus, "is_shown"),
    "the exporter": (Exporter, "_begin_for"),
}
"""By the task of a bot: what it does again and again."""


class Lines:
    """What was logged meanwhile."""

    def __init__(self, lines: Sequence[Mapping[str, Any]]) -> None:
        self._lines = lines

    @property
    def worst(self) -> list[str]:
        """The names of warnings and errors."""
        return [one["event"] for one in self._lines if one["log_level"] in ("warning", "error", "critical")]

    async def has_one(self) -> bool:
        """Whether there is any of them."""
        return bool(self.worst)


@pytest.fixture
def lines() -> Iterator[Lines]:
    with capture_logs() as found:
        yield Lines(found)


@pytest.mark.fault("F124")
@pytest.mark.parametrize("at", [1, 3])
@pytest.mark.parametrize("turn", TURNS)
async def test_bot_goes_on_after_an_unexpected_error_in_any_of_its_tasks(
    sandbox: Sandbox,
    database_url: str,
    turn: str,
    at: int,
    monkeypatch: pytest.MonkeyPatch,
    lines: Lines,
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        anna = await crm.operator("Anna", limit=100)
        owner, name = TURNS[turn]
        fails = Fails(monkeypatch, owner, name, at=at)
        session = crm.session
        for number in range(10):
            if fails.has_failed.is_set():
                break
            if turn in ("the receiver", "the menus"):  # once in each session
                session.settled.clear()
                session.lost.set()
                await session.settled.wait()
            await crm.app.exporter.wake()
            ivan = crm.client(f"Ivan {number}")
            await asyncio.gather(*(ivan.says(f"message {number}.{part}", to=crm.shop) for part in range(2)))
            for part in range(2):
                await anna.sees(f"message {number}.{part}")
        await crm.client("Kira").says("the last one", to=crm.shop)
        await anna.sees("the last one")
        assert fails.has_failed.is_set()
        await until_polled(lines.has_one)  # whatever went wrong leaves a line
        assert not crm.app.last_resort.failed.is_set()


@pytest.mark.fault("F124")
async def test_circuit_that_ends_begins_a_new_session(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    begun = Circuit.run

    async def fails_once(circuit: Circuit) -> None:
        monkeypatch.setattr(Circuit, "run", begun)
        raise RuntimeError("nobody expected this")

    monkeypatch.setattr(Circuit, "run", fails_once)
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        anna = await crm.operator("Anna")
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await anna.sees("Hello")
    assert "session_failed" in lines.worst


@pytest.mark.fault("F124")
async def test_sender_that_has_ended_takes_no_row_and_stays_idle(sandbox: Sandbox, database_url: str) -> None:
    """Otherwise whoever waits until it is idle would wait for ever; the row is the next session's."""
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        session, ended = crm.session, crm.sender
        circuits: list[asyncio.Task[Any]] = []

        async def is_watched() -> bool:
            circuits[:] = [one for one in asyncio.all_tasks() if one.get_name() == f"circuit-{crm.shop.id}"]
            return bool(circuits)

        await until_polled(is_watched)
        session.settled.clear()
        (circuit,) = circuits
        circuit.cancel()
        await session.settled.wait()
        assert session.sender is not ended
        ended.add([PendingRow(1_000, crm.shop.id, crm.olga.id, "staff_notice")])
        await asyncio.wait_for(ended.idle.wait(), 5)
        await crm.settled()


@pytest.mark.fault("F124")
async def test_sender_that_ends_by_an_error_claims_nothing_more(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it claimed between its last record and the next session would be sent, and its outcome lost."""
    begun, ends, is_recording, may_record = Circuit.run, asyncio.Event(), asyncio.Event(), asyncio.Event()
    record = Recorder._record

    async def fails_later(circuit: Circuit) -> None:
        monkeypatch.setattr(Circuit, "run", begun)
        await ends.wait()
        raise RuntimeError("nobody expected this")

    async def records_later(recorder: Recorder, *what: Any) -> None:
        is_recording.set()
        await may_record.wait()
        await record(recorder, *what)

    monkeypatch.setattr(Circuit, "run", fails_later)
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        anna = await crm.operator("Anna")
        session, sender = crm.session, crm.sender
        monkeypatch.setattr(Recorder, "_record", records_later)
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await is_recording.wait()
        session.settled.clear()
        ends.set()

        async def is_ending() -> bool:
            return sender._recorder._is_over

        await until_polled(is_ending)
        assert not sender.may_claim_early
        await crm.client("Kira").says("Good morning", to=crm.shop)
        may_record.set()
        await anna.sees("Good morning")


async def test_waiting_for_work_to_be_done_outlives_a_session(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        anna = await crm.operator("Anna")
        ivan = crm.client("Ivan")
        await ivan.says("Hello", to=crm.shop)
        await anna.sees("Hello")
        await crm.settled()
        slow = sandbox.fail(kind="slow", method="copyMessage", delay=0.2, probability=1.0)
        for number in range(3):  # of which two wait while the first is on its way
            await ivan.says(f"word {number}", to=crm.shop)
        await anna.sees("word 0")
        waiting = asyncio.create_task(crm.app.supervisor.idle())
        session = crm.session
        session.lost.set()
        sandbox.clear_fault(slow)
        await anna.sees("word 2")
        await asyncio.wait_for(waiting, 20)


@pytest.mark.fault("F124")
async def test_session_whose_inner_task_was_cancelled_begins_again(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=QUICK) as crm:
        anna = await crm.operator("Anna")
        await sandbox.online(crm.shop)  # its state may be known before: that Telegram has not answered yet
        session = crm.session
        session.settled.clear()
        (receiver,) = [one for one in asyncio.all_tasks() if one.get_name() == f"receiver-{crm.shop.id}"]
        receiver.cancel()
        await session.settled.wait()
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await anna.sees("Hello")
        assert not crm.app.last_resort.failed.is_set()


@pytest.mark.fault("F124")
@pytest.mark.parametrize("at", [1, 3])
async def test_writer_answers_and_goes_on_after_an_error_of_its_own(
    database_url: str, db: Database, at: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not isinstance(db, SqliteDatabase):
        return  # on PostgreSQL each caller writes by itself
    Fails(monkeypatch, SqliteDatabase, "_notify_listeners", at=at)

    def nothing(s: Session) -> str:
        return "done"

    outcomes = await asyncio.gather(*(db.write(nothing) for _ in range(4)), return_exceptions=True)
    assert [one for one in outcomes if one != "done"] != []
    assert outcomes.count("done") == 3
    assert await db.write(nothing) == "done"


@pytest.mark.fault("F124")
async def test_writer_that_was_cancelled_is_started_again(db: Database) -> None:
    if not isinstance(db, SqliteDatabase):
        return

    def nothing(s: Session) -> str:
        return "done"

    first = asyncio.ensure_future(db.write(nothing))
    await asyncio.sleep(0)
    assert db._writer is not None
    db._writer.cancel()
    assert list(await asyncio.gather(db.write(nothing), first)) == ["done", "done"]


@pytest.mark.fault("F124")
@pytest.mark.parametrize("at", [1, 3])
async def test_clock_monitor_goes_on_after_an_error(at: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(clock_monitor, "CHECK_EVERY", 0.001)
    fails = Fails(monkeypatch, clock_monitor, "wall_clock", at=at)
    went_on = asyncio.Event()

    async def stalled(seconds: float) -> None:
        return

    monitor = ClockMonitor(on_clock_set=lambda: None, on_stalled=stalled)
    compare = monitor._compare

    async def compared(passed: float, moved: float) -> None:
        await compare(passed, moved)
        if fails.has_failed.is_set():
            went_on.set()

    monkeypatch.setattr(monitor, "_compare", compared)
    task = asyncio.create_task(monitor.run())
    await asyncio.wait_for(went_on.wait(), 10)
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


@pytest.mark.fault("F124")
@pytest.mark.parametrize("at", [1, 3])
async def test_scheduler_goes_on_after_an_error_of_its_own(
    at: int, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setattr(schedules, "SCHEDULER_PAUSE", 0.001)
    fails = Fails(monkeypatch, AsyncIOScheduler, "_process_jobs", at=at)
    ran = asyncio.Event()

    async def works(process: Any) -> None:
        if fails.has_failed.is_set():
            ran.set()

    job = PeriodicJob("works", 0.001, Scope.EVERY_PROCESS, works)
    schedule = Schedule([job], None, scopes=frozenset(Scope))  # type: ignore[arg-type]
    schedule.start()
    await asyncio.wait_for(ran.wait(), 10)
    await schedule.stop()
    assert "scheduler_failed" in lines.worst


@pytest.mark.fault("F124")
async def test_first_admin_link_is_shown_in_spite_of_errors(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, lines: Lines
) -> None:
    monkeypatch.setattr(run, "LOOK_AGAIN", 0.001)
    fails = Fails(monkeypatch, App, "first_admin_link", at=1)
    shown = asyncio.Event()

    async def show(app: App) -> bool:
        if await app.first_admin_link() is not None:
            shown.set()
        return shown.is_set()

    monkeypatch.setattr(run, "_print_first_link", show)
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        printing = asyncio.create_task(run._print_status(crm.app))
        await asyncio.wait_for(shown.wait(), 10)
        await printing
    assert fails.calls == 2
    assert lines.worst.count("status_not_shown") == 1


# --- what has ended nevertheless ------------------------------------------------------------------------------------


async def ends() -> None:
    return


async def raises() -> None:
    raise RuntimeError("nobody expected this")


@pytest.mark.fault("F124")
@pytest.mark.parametrize("how", [ends, raises])
async def test_task_that_ended_is_reported_once_and_ends_the_process(
    how: Callable[[], Awaitable[None]], lines: Lines
) -> None:
    last_resort = LastResort()
    last_resort.watch(asyncio.create_task(how(), name="receiver"))  # type: ignore[arg-type]
    await asyncio.wait_for(last_resort.failed.wait(), 10)
    assert last_resort.ended == "receiver"
    assert lines.worst.count("task_ended") == 1
    text, status = explain(TaskEnded("receiver"), "sqlite:///crm.db") or ("", 0)
    assert status == 1
    assert "the task receiver had ended" in text


async def test_task_that_ends_at_a_stop_is_no_failure(lines: Lines) -> None:
    last_resort = LastResort()
    task = asyncio.create_task(asyncio.Event().wait())
    last_resort.watch(task)
    last_resort.release()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert not last_resort.failed.is_set()
    assert lines.worst == []


@pytest.mark.fault("F124")
async def test_process_stops_in_order_with_an_error_when_its_http_server_has_ended(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    started = HttpServer.start

    async def start_and_end(server: HttpServer) -> asyncio.Task[None]:
        task = await started(server)
        server._server.should_exit = True
        server._server.is_stopping.set()
        return task

    monkeypatch.setattr(HttpServer, "start", start_and_end)
    crm = await RunningApp.open(sandbox, database_url)
    with pytest.raises(TaskEnded, match="http"):
        await run.run_until_stopped(crm.settings, limited=False)


async def test_every_task_that_lasts_is_watched(crm: RunningApp) -> None:
    watched = {
        one.get_name()
        for one in asyncio.all_tasks()
        if any("LastResort" in repr(callback) for callback, _ in one._callbacks or [])
    }
    assert watched == {"http", "exporter", "clock-monitor", f"bot-{crm.shop.id}"}


# Every place where a task is begun, and why it cannot die in silence.
BEGINNERS = ("create_task", "ensure_future", "TaskGroup")
BEGUN_IN = {
    "bot/commands/run.py": "`status` goes on after errors; the others wait for an event",
    "bot/delivery/sender.py": "the sender ends with its recorder or circuit; each attempt has a last resort",
    "bot/handling/prompts.py": "awaited by whoever asks, who gets its error",
    "bot/receiving/dispatcher.py": "a toast, whose errors are logged",
    "bot/receiving/staff_cache.py": "awaited by whoever asks, who gets its error",
    "bot/receiving/worker.py": "each turn of a conversation, and each look into the inbox, has a last resort",
    "bot/reports/export_files.py": "the exporter is watched, its turns have a last resort; exports record their end",
    "bot/reports/progress_line.py": "one edit, awaited",
    "bot/runtime/bot_session.py": "a session ends with its sender and receiver, and another one begins",
    "bot/runtime/installation.py": "watched",
    "bot/runtime/queue_slices.py": "its errors are logged, and the sweep goes on",
    "bot/runtime/supervisor.py": "watched; its turns have a last resort",
    "bot/telegram/reach.py": "questions, awaited",
    "crm_core/api/health.py": "awaited by whoever asks, who gets its error",
    "crm_core/api/keyring.py": "awaited by whoever asks, who gets its error",
    "crm_core/api/server.py": "watched by the installation",
    "crm_core/storage/sqlite.py": "the writer answers everybody, and begins again with the next write",
}


def sources() -> Iterator[tuple[str, ast.Module]]:
    """The parsed modules that mention what begins tasks."""
    for package in ("bot", "crm_core"):
        for path in sorted((ROOT / package).rglob("*.py")):
            text = "" if {"sandbox", "demo"} & {*path.parts} else path.read_text(encoding="utf-8")
            if any(name in text for name in BEGINNERS):
                yield path.relative_to(ROOT).as_posix(), ast.parse(text)


def begins_tasks(tree: ast.AST) -> bool:
    called = [one.func for one in ast.walk(tree) if isinstance(one, ast.Call)]
    names = {one.attr for one in called if isinstance(one, ast.Attribute)}
    return not names.isdisjoint(BEGINNERS)


def test_every_place_that_begins_tasks_says_why_they_cannot_die_in_silence() -> None:
    assert {path for path, tree in sources() if begins_tasks(tree)} == set(BEGUN_IN)

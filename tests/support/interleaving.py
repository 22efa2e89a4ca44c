"""Two transactions at once, one paused at each boundary between its statements or round trips.

    for boundary in itertools.count(1):
        outcome = await interleave(db, first, second, at=boundary)
        ...
        if not outcome.paused:
            break

On SQLite, where one transaction writes at a time, the second simply follows the first.
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import event
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.storage.database import Database
from crm_core.storage.pipeline import Pipeline
from tests.support.waiting import POLL_EVERY, has_lock_waiter

Action = Callable[[Session], Any]
DEADLOCK = "40P01"
PATIENCE = 20  # seconds


@dataclass
class Outcome:
    """What came of both.

    Attributes:
        paused: whether the first transaction had as many statements as it was to be paused after.
        results: of the first and of the second: what it returned or raised.
        errors: SQLSTATE codes of errors of the database, those that were followed by another attempt included.
    """

    paused: bool = False
    results: list[Any] = field(default_factory=list)
    errors: list[str] = field(default_factory=list)


async def interleave(db: Database, first: Action, second: Action, *, at: int) -> Outcome:
    """Runs `first` up to the end of its statement number `at`, then `second` until it ends or waits for a lock, then
    the rest of `first`.
    """
    outcome = Outcome()
    if db.url.get_backend_name() == "sqlite":
        outcome.results = [await _result(db, first), await _result(db, second)]
        return outcome
    engine = db._engine.sync_engine  # type: ignore[attr-defined]
    reached, may_go_on = asyncio.Event(), asyncio.Event()
    count = 0

    def after_statement(connection: Any, *_: Any) -> None:
        nonlocal count
        if connection.info.get("paused") is not outcome or outcome.paused:
            return
        count += 1
        if count == at:
            outcome.paused = True
            reached.set()
            await_only(may_go_on.wait())

    def on_error(context: Any) -> None:
        outcome.errors.append(str(getattr(context.original_exception, "sqlstate", None)))

    def paused(s: Session) -> Any:
        connection = s.connection()
        connection.info["paused"] = outcome
        try:
            return first(s)
        finally:
            del connection.info["paused"]
            reached.set()

    send = Pipeline._send  # prepared statements, several in one trip; SQLAlchemy's events do not see them

    def send_and_pause(pipeline: Pipeline, commands: Any, *, commits: bool = False) -> Any:
        results = send(pipeline, commands, commits=commits)
        if not commits:
            after_statement(pipeline._connection)
        return results

    Pipeline._send = send_and_pause  # type: ignore[method-assign, assignment]
    event.listen(engine, "after_cursor_execute", after_statement)
    event.listen(engine, "handle_error", on_error)
    try:
        one = asyncio.create_task(_result(db, paused))
        await reached.wait()
        other = asyncio.create_task(_result(db, second))

        async with asyncio.timeout(PATIENCE):
            while not (await asyncio.wait({other}, timeout=POLL_EVERY))[0] and not await has_lock_waiter(db):
                pass
        may_go_on.set()
        outcome.results = [await one, await other]
    finally:
        Pipeline._send = send  # type: ignore[method-assign]
        event.remove(engine, "after_cursor_execute", after_statement)
        event.remove(engine, "handle_error", on_error)
    return outcome


async def _result(db: Database, action: Action) -> Any:
    try:
        return await db.write(action)
    except Exception as error:
        return error

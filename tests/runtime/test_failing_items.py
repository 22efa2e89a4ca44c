"""Periodic jobs that do something for each of several: one that fails again and again holds back none of the others."""

from collections.abc import Callable
from datetime import datetime
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sqlalchemy.exc import OperationalError
from sqlalchemy.orm import Session
from structlog.testing import capture_logs

from bot.runtime import jobs
from bot.runtime.schedule import Schedule
from crm_core.conversation import overviews, reminders
from crm_core.messaging import alerts
from crm_core.service import overdue, watch
from crm_core.storage.database import Database
from tests.domain.arranging import NOW

CASES: dict[str, tuple[ModuleType, str, str, list[Any], str]] = {
    "remind": (reminders, "due", "remind", [1, 2, 3], "not_reminded"),
    "watch_service": (watch, "due", "look", [1, 2, 3], "service_not_watched"),
    "refresh_overviews": (overviews, "outdated", "refresh", [(1, 9), (2, 9), (3, 9)], "overview_not_refreshed"),
}
"""By the job: where it finds what is due, what it does for each, what is due, and the event of a failure."""


class Fails:
    """An action that fails for the first of those for which it is due, and notes the others."""

    def __init__(self, error: Exception) -> None:
        self.error, self.done = error, list[int]()

    def __call__(self, s: Session, *, contact_id: int = 0, chat_id: int = 0, **_: Any) -> None:
        number = contact_id or chat_id
        if number == 1:
            raise self.error
        self.done.append(number)


def fails_for_the_first(patch: pytest.MonkeyPatch, name: str, error: Exception) -> Fails:
    """Makes a job find three, of which the first fails with an error."""
    module, due, action, found, _ = CASES[name]
    fails = Fails(error)
    patch.setattr(module, due, lambda s, **_: found)
    patch.setattr(module, action, fails)
    return fails


async def run(db: Database, name: str) -> list[dict[str, Any]]:
    """Runs a job once, as the schedule does. Returns the errors that were logged."""
    settings = SimpleNamespace(remind_after=[5], timezone="UTC")
    process: Any = SimpleNamespace(db=db, settings=settings, clock=lambda: NOW, rng=lambda: 0.5)
    schedule = Schedule(jobs.JOBS, process, scopes=frozenset(jobs.Scope))
    with capture_logs() as lines:
        await schedule.run(name)
    return [dict(one) for one in lines if one["log_level"] == "error"]


@pytest.mark.fault("F280")
@pytest.mark.parametrize("name", CASES)
async def test_one_that_fails_holds_back_none_and_is_logged_once(
    db: Database, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    fails = fails_for_the_first(monkeypatch, name, RuntimeError("nobody expected this"))
    (told,) = await run(db, name)
    assert fails.done == [2, 3]
    assert told["event"] == CASES[name][-1]
    assert 1 in (told.get("contact_id"), told.get("chat_id"))


@pytest.mark.fault("F280")
@pytest.mark.parametrize("name", CASES)
async def test_unavailable_database_ends_the_round(db: Database, monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    fails = fails_for_the_first(monkeypatch, name, OperationalError("UPDATE", {}, OSError("lost")))
    (told,) = await run(db, name)
    assert fails.done == []
    assert (told["event"], told["job"]) == ("job_failed", name)


@pytest.mark.fault("F280")
async def test_admins_are_told_of_overdue_clients_though_one_contact_fails(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[datetime] = []
    monkeypatch.setattr(overdue, "is_untold", lambda s: True)
    monkeypatch.setattr(overdue, "tell_admins", lambda s, *, now: told.append(now))
    fails_for_the_first(monkeypatch, "watch_service", RuntimeError("nobody expected this"))
    await run(db, "watch_service")
    assert told == [NOW]


def purges(patch: pytest.MonkeyPatch, error: Exception) -> list[str]:
    """Makes the first purge fail with an error; returns where the others enter their names."""
    done: list[str] = []

    def enters(delete: Callable[..., int]) -> Callable[..., int]:
        def entering(s: Session, **inputs: Any) -> int:
            done.append(delete.__module__)
            return delete(s, **inputs)

        return entering

    def failing(s: Session, **_: Any) -> int:
        raise error

    failing.__module__, failing.__name__ = alerts.purge.__module__, alerts.purge.__name__
    patch.setattr(jobs, "PURGES", (failing, *map(enters, jobs.PURGES[1:])))
    return done


@pytest.mark.fault("F280")
async def test_purge_that_fails_keeps_none_of_the_others_from_running(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    expected = [one.__module__ for one in jobs.PURGES[1:]]
    done = purges(monkeypatch, RuntimeError("nobody expected this"))
    (told,) = await run(db, "purge")
    assert done == expected
    assert (told["event"], told["rows"]) == ("not_purged", "alerts.purge")


@pytest.mark.fault("F280")
async def test_purging_ends_while_the_database_is_unavailable(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    done = purges(monkeypatch, OperationalError("DELETE", {}, OSError("lost")))
    (told,) = await run(db, "purge")
    assert done == []
    assert (told["event"], told["job"]) == ("job_failed", "purge")

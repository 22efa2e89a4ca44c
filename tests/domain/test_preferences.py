"""Settings in the database: who changed what and when, what two admins at once may do, and the way back."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from crm_core import preferences
from crm_core.access.actors import SYSTEM, telegram
from crm_core.errors import BadPreference, CrmError, NotAllowed, NothingToUndo, Outdated, PreferenceNotFound
from crm_core.preferences import Change, Current, Preference
from crm_core.storage.database import Database
from crm_core.storage.tables import Event, PreferenceRow
from crm_core.team import accounts

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
OLGA, OSKAR, CHARLIE = telegram(1), telegram(2), telegram(3)

DELAY = Preference("delay", int, default=5, check=lambda seconds: 0 <= seconds <= 60)
LISTED = Preference("listed", list, default=["hello"])


@pytest.fixture(autouse=True)
async def _admins(db: Database) -> None:
    await db.write(accounts.ensure_admins, telegram_ids=[1, 2], now=NOW)


async def set_delay(db: Database, seconds: int, version: int, actor: Any = OLGA, now: datetime = NOW) -> int:
    return await db.write(preferences.set, DELAY, seconds, version=version, actor=actor, now=now)


async def undo_delay(db: Database, version: int) -> int:
    return await db.write(preferences.undo, DELAY, version=version, actor=OLGA, now=NOW)


async def test_preference_nobody_has_set_has_its_default(db: Database) -> None:
    assert await db.read(preferences.read, DELAY) == 5
    assert await db.read(preferences.current, DELAY) == Current(5, 0)


async def test_set_value_holds_and_history_says_who_and_when(db: Database) -> None:
    later = NOW + timedelta(minutes=1)
    assert await set_delay(db, 10, version=0) == 1
    assert await set_delay(db, 20, version=1, actor=OSKAR, now=later) == 2
    assert await db.read(preferences.current, DELAY) == Current(20, 2)
    assert await db.read(preferences.history, DELAY, actor=OLGA) == [
        Change(2, 20, "tg:2", later, undone=False),
        Change(1, 10, "tg:1", NOW, undone=False),
    ]
    assert len(await db.read(preferences.history, DELAY, actor=OLGA, limit=1)) == 1


async def test_lists_and_preferences_of_other_names_are_kept_apart(db: Database) -> None:
    await db.write(preferences.set, LISTED, ["one", 2], version=0, actor=OLGA, now=NOW)
    assert await db.read(preferences.read, LISTED) == ["one", 2]
    assert await db.read(preferences.read, DELAY) == 5


async def test_change_based_on_an_outdated_version_is_refused(db: Database) -> None:
    await set_delay(db, 10, version=0)
    for change in (set_delay(db, 20, version=0), set_delay(db, 20, version=2), undo_delay(db, 0)):
        with pytest.raises(Outdated):
            await change
    assert await db.read(preferences.current, DELAY) == Current(10, 1)


async def test_of_two_concurrent_changes_one_is_refused(db: Database) -> None:
    for version in range(10):
        outcomes = await asyncio.gather(
            set_delay(db, 10, version), set_delay(db, 20, version, OSKAR), return_exceptions=True
        )
        assert [type(one) for one in outcomes if isinstance(one, CrmError)] == [Outdated]
    assert (await db.read(preferences.current, DELAY)).version == 10


async def test_of_two_concurrent_undos_one_is_refused(db: Database) -> None:
    await set_delay(db, 10, version=0)
    await set_delay(db, 20, version=1)
    outcomes = await asyncio.gather(undo_delay(db, 2), undo_delay(db, 2), return_exceptions=True)
    assert sorted(map(str, outcomes)) == ["3", "outdated"]
    assert await db.read(preferences.current, DELAY) == Current(10, 3)


async def test_undo_goes_one_change_further_back_each_time(db: Database) -> None:
    await set_delay(db, 10, version=0)
    await set_delay(db, 20, version=1)
    assert await undo_delay(db, 2) == 3
    assert await db.read(preferences.read, DELAY) == 10
    await set_delay(db, 30, version=3)
    assert await undo_delay(db, 4) == 5
    assert await db.read(preferences.read, DELAY) == 10
    assert await undo_delay(db, 5) == 6
    assert await db.read(preferences.current, DELAY) == Current(5, 6)  # the default again
    with pytest.raises(NothingToUndo):
        await undo_delay(db, 6)
    assert all(change.undone for change in await db.read(preferences.history, DELAY, actor=OLGA))


@pytest.mark.parametrize("value", [-1, 61, "10", True, 1.5, None])
async def test_value_of_wrong_type_or_range_is_refused(db: Database, value: Any) -> None:
    with pytest.raises(BadPreference):
        await set_delay(db, value, version=0)
    assert await db.read(preferences.current, DELAY) == Current(5, 0)


async def test_only_admins_change_undo_and_see_the_history(db: Database) -> None:
    await set_delay(db, 10, version=0, actor=SYSTEM)
    refused = (
        set_delay(db, 20, version=1, actor=CHARLIE),
        db.write(preferences.undo, DELAY, version=1, actor=CHARLIE, now=NOW),
        db.read(preferences.history, DELAY, actor=CHARLIE),
    )
    for attempt in refused:
        with pytest.raises(NotAllowed):
            await attempt
    assert await db.read(preferences.current, DELAY) == Current(10, 1)


async def test_every_change_records_an_event_without_the_value(db: Database) -> None:
    await set_delay(db, 10, version=0)
    await undo_delay(db, 1)
    query = select(Event.kind, Event.actor, Event.reason, Event.data).order_by(Event.id.desc()).limit(2)
    assert await db.read(lambda s: [tuple(row) for row in s.execute(query)]) == [
        ("preference_changed", "tg:1", "undone", {"name": "delay", "version": 2}),
        ("preference_changed", "tg:1", "set", {"name": "delay", "version": 1}),
    ]


async def test_stored_value_no_longer_allowed_counts_as_unset(db: Database) -> None:
    await set_delay(db, 10, version=0)
    await db.write(lambda s: s.execute(update(PreferenceRow).values(value="ten")))
    assert await db.read(preferences.current, DELAY) == Current(5, 1)


def test_declared_preference_is_found_by_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(preferences, "KNOWN", {})
    assert preferences.known(DELAY) is DELAY
    assert preferences.find("delay") is DELAY
    with pytest.raises(PreferenceNotFound):
        preferences.find("delays")


@pytest.mark.parametrize("wrong", [DELAY, Preference("other", int, default=-1, check=lambda it: it >= 0)])
def test_contradicting_declaration_is_refused(monkeypatch: pytest.MonkeyPatch, wrong: Preference[int]) -> None:
    monkeypatch.setattr(preferences, "KNOWN", {"delay": DELAY})
    with pytest.raises(ValueError, match=r"two preferences are called delay|the default of other"):
        preferences.known(wrong)

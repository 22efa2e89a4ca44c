"""The daily report in the database: when it is due, and that it is sent once."""

import asyncio
from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import text

from crm_core.access.actors import SYSTEM
from crm_core.service import daily
from crm_core.storage.database import Database
from tests.domain.arranging import open_office

BERLIN = ZoneInfo("Europe/Berlin")


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


@pytest.mark.fault("F192")
async def test_several_processes_send_the_report_once(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=5)
    now = utc("2026-11-30T08:00")
    reader, payload = daily.Reader(10_001, 700_001, None), {"text": "the report"}
    sends = [db.write(daily.send, day=now.date(), messages=[(reader, payload)], now=now) for _ in range(5)]
    assert sorted(await asyncio.gather(*sends)) == [False] * 4 + [True]
    rows = "SELECT count(*) FROM outbox WHERE kind = 'answer' AND chat_id = 10001"
    assert await db.read(lambda s: s.execute(text(rows)).scalar_one()) == 1


async def test_report_is_due_by_the_installations_clock_across_a_clock_change(db: Database) -> None:
    await db.write(daily.set_time, at="02:30", actor=SYSTEM, now=utc("2026-03-01T00:00"))
    found = {
        one: await db.read(daily.due, now=utc(one), zone=BERLIN)
        for one in (
            "2026-03-28T01:29",
            "2026-03-28T01:30",
            "2026-03-28T07:30",
            "2026-03-29T01:30",  # the clock on the wall skips 2:30
            "2026-03-30T00:30",
        )
    }
    assert list(found.values()) == [None, date(2026, 3, 28), None, date(2026, 3, 29), date(2026, 3, 30)]


@pytest.mark.parametrize(
    ("typed", "at"),
    [
        ("9", "09:00"),
        ("9:30", "09:30"),
        ("09.05", "09:05"),
        ("24:00", None),
        ("9:60", None),
        ("", None),
        ("nine", None),
    ],
)
def test_time_is_read_as_people_type_it(typed: str, at: str | None) -> None:
    assert daily.read_time(typed) == at

"""Sending the daily report to every admin, in their language."""

from collections.abc import Callable
from datetime import date, datetime
from zoneinfo import ZoneInfo

from bot.admins.report_text import report_message
from bot.texts import translator
from crm_core.service import daily
from crm_core.storage.database import Database


async def send_report(
    db: Database, *, day: date, zone: ZoneInfo, default_language: str, clock: Callable[[], datetime]
) -> bool:
    """Makes and queues the report of a date. Returns False if another process was faster."""
    found = await db.read(daily.figures, now=clock(), zone=zone)
    readers = await db.read(daily.readers)
    messages = [
        (one, report_message(found, translator(one.language or default_language), now=clock()).payload)
        for one in readers
    ]
    return await db.write(daily.send, day=day, messages=messages, now=clock())

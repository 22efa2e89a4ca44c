"""`mini-crm export`: writes a table to a file, for whoever has access to the shell, and records that as an event."""

import asyncio
import signal
from datetime import UTC, datetime, time, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import click

from bot.commands.database import SecondWriterUnsafe, open_for_writing
from bot.runtime.control import ProgressLine, who
from bot.settings import Settings
from bot.texts import translator
from bot.texts.exports import number, table_words
from crm_core.exports import jobs
from crm_core.exports.kinds import Form, What
from crm_core.exports.making import Made, Order, make
from crm_core.exports.rows import Span
from crm_core.storage.config import Pool, use
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions

NOTHING_YET = "There is no database yet; the first `mini-crm run` creates it."
OTHER_VERSION = "The database is of another version: run `mini-crm migrate` first."


class NotExported(Exception):
    """Nothing was exported; the text says why."""


def period(first: datetime | None, last: datetime | None, *, zone: ZoneInfo) -> Span:
    """From the start of one day to the end of another, in the installation's time zone; None means no limit."""
    since = None if first is None else datetime.combine(first.date(), time(), tzinfo=zone)
    until = None if last is None else datetime.combine(last.date() + timedelta(days=1), time(), tzinfo=zone)
    return Span(since, until)


def export(
    settings: Settings,
    *,
    what: str,
    form: str,
    first: datetime | None,
    last: datetime | None,
    path: Path,
    language: str,
) -> None:
    """Makes the file, with a progress line on a terminal, and prints where it is.

    Args:
        first, last: days, both included; None for the oldest and the newest.

    Raises NotExported, and what an unavailable database raises. Whatever interrupts it, the file is complete or absent.
    """
    current, newest = revisions(settings.database_url)
    if current != newest:
        raise NotExported(NOTHING_YET if current is None else OTHER_VERSION)
    order = Order(
        what=What(what),
        form=Form(form),
        span=period(first, last, zone=ZoneInfo(settings.timezone)),
        path=path,
        words=table_words(What(what), translator(language)),
        zone=settings.timezone,
    )
    try:
        made = asyncio.run(_export(settings.database_url, order))
    except asyncio.CancelledError:
        raise NotExported("Stopped; nothing was written.") from None
    rows = number(made.rows, translator("en"))
    click.echo(f"{made.files[0]}: {rows} {'row' if made.rows == 1 else 'rows'}, times of {settings.timezone}")


async def _export(url: str, order: Order) -> Made:
    working = asyncio.current_task()
    if working is not None:  # as asyncio.run does for Ctrl-C
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    await _record(url, order)
    line = ProgressLine(order.what, "rows")
    use(Pool.BACKGROUND)
    db = open_database(url)
    try:
        return await make(db, order, on_progress=line.show)
    except OSError as error:
        raise NotExported(f"{order.path} cannot be written: {error.strerror or error}.") from error
    finally:
        line.end()
        await db.close()


async def _record(url: str, order: Order) -> None:
    """Records who exports what."""
    try:
        async with open_for_writing(url) as db:
            await db.write(
                jobs.note, what=order.what, form=order.form, span=order.span, actor=who(), now=datetime.now(UTC)
            )
    except SecondWriterUnsafe as error:
        click.echo(f"Not recorded among the events: {error}", err=True)

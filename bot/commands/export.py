"""`mini-crm export`: who has the shell has the authority, so it needs no admin; that it was done is noted."""

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
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions

NOTHING_YET = "There is no database yet; the first `mini-crm run` makes it."
OTHER_VERSION = "The database is of another version: `mini-crm migrate` first."
NOT_NOTED = (
    "Not noted among the events: Mini-CRM is running on this database, and the SQLite library here ({version}) is safe "
    "with one writer only."
)


class NotExported(Exception):
    """The sentence that says why."""


def period(first: datetime | None, last: datetime | None, *, zone: ZoneInfo) -> Span:
    """From the beginning of one day to the end of another, of the installation's time zone; None: without an end."""
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
        first, last: days, both included; None: from the beginning, until now.

    Raises NotExported, and what a database that is away raises. Whatever interrupts it, a file is there whole or not.
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
    if working is not None:  # as Ctrl-C does by itself
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, working.cancel)
    await _note(url, order)
    line = ProgressLine(order.what, "rows")
    db = open_database(url)
    try:
        return await make(db, order, on_progress=line.show)
    except OSError as error:
        raise NotExported(f"{order.path} cannot be written: {error.strerror or error}.") from error
    finally:
        line.end()
        await db.close()


async def _note(url: str, order: Order) -> None:
    """Records who exports what."""
    try:
        async with open_for_writing(url) as db:
            await db.write(
                jobs.note, what=order.what, form=order.form, span=order.span, actor=who(), now=datetime.now(UTC)
            )
    except SecondWriterUnsafe as error:
        click.echo(NOT_NOTED.format(version=error.version), err=True)

"""Making an export in a subprocess: a million rows take a minute, and messages must not wait for it."""

import asyncio
import json
from dataclasses import asdict
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL

from crm_core.exports.files import Words
from crm_core.exports.kinds import Form, What
from crm_core.exports.making import Made, Order, Progress
from crm_core.exports.rows import Span
from crm_core.subprocesses import NoResult, no_result, run_package

SILENT_AT_MOST = 600.0  # seconds: writing a large workbook takes long, without progress meanwhile


async def make_in_subprocess(url: URL, order: Order, *, on_progress: Progress) -> Made:
    """Does `making.make` in a subprocess; cancelling this ends the subprocess. Raises NoResult.

    Args:
        url: of the database.
        on_progress: called in this event loop.
    """
    async with run_package("crm_core.exports") as process:
        made = await _exchange(process, _as_text(url, order), on_progress)
        errors = await process.stderr.read()  # type: ignore[union-attr]
        await process.wait()
    if made is None:
        raise no_result(process, errors)
    return made


async def _exchange(process: asyncio.subprocess.Process, order: bytes, on_progress: Progress) -> Made | None:
    """Sends the order and receives progress and the result; None if the subprocess ended without one."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(order)
        await process.stdin.drain()
        process.stdin.close()
    except OSError:  # it has ended already; standard error says why
        return None
    made = None
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), SILENT_AT_MOST)
        except TimeoutError:
            raise NoResult("silent for too long") from None
        if not line:
            return made
        report = json.loads(line)
        if "files" in report:
            made = Made([Path(one) for one in report["files"]], report["rows"])
        else:
            on_progress(report["done"], report["total"])


def _as_text(url: URL, order: Order) -> bytes:
    database = url.database
    if url.get_backend_name() == "sqlite":  # the subprocess has another working directory
        database = str(Path(database or "").resolve())
    address = url.set(database=database).render_as_string(hide_password=False)
    moments = [one.isoformat() if one else None for one in (order.span.since, order.span.until)]
    fields = {**asdict(order), "path": str(order.path.resolve()), "span": moments}
    return json.dumps({"url": address, "order": fields}).encode()


def from_text(text: str) -> tuple[str, Order]:
    """The address of the database and the order, as the subprocess received them."""
    given: dict[str, Any] = json.loads(text)
    fields: dict[str, Any] = given["order"]
    moments = [datetime.fromisoformat(one) if one else None for one in fields["span"]]
    order = Order(
        what=What(fields["what"]),
        form=Form(fields["form"]),
        span=Span(*moments),
        words=Words(**fields["words"]),
        path=Path(fields["path"]),
        zone=fields["zone"],
        largest=fields["largest"],
    )
    return given["url"], order

"""Making an export in a process of its own: a million rows are a minute of work, and messages must not wait for it."""

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

SILENT_AT_MOST = 600.0  # seconds: putting a large workbook together takes long, and says nothing meanwhile


async def make_in_subprocess(url: URL, order: Order, *, on_progress: Progress) -> Made:
    """The same as `making.make`, elsewhere. Whoever is cancelled here ends that process too. Raises NoResult.

    Args:
        url: of the database.
        on_progress: called in this event loop.
    """
    async with run_package("crm_core.exports") as process:
        made = await _listen(process, _as_text(url, order), on_progress)
        complaint = await process.stderr.read()  # type: ignore[union-attr]
        await process.wait()
    if made is None:
        raise no_result(process, complaint)
    return made


async def _listen(process: asyncio.subprocess.Process, order: bytes, on_progress: Progress) -> Made | None:
    """Hands the order over and hears what becomes of it."""
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(order)
        await process.stdin.drain()
        process.stdin.close()
    except OSError:  # it has ended already, and says why elsewhere
        return None
    made = None
    while True:
        try:
            line = await asyncio.wait_for(process.stdout.readline(), SILENT_AT_MOST)
        except TimeoutError:
            raise NoResult("silent for too long") from None
        if not line:
            return made
        said = json.loads(line)
        if "files" in said:
            made = Made([Path(one) for one in said["files"]], said["rows"])
        else:
            on_progress(said["done"], said["total"])


def _as_text(url: URL, order: Order) -> bytes:
    database = url.database
    if url.get_backend_name() == "sqlite":  # that process has another working directory
        database = str(Path(database or "").resolve())
    address = url.set(database=database).render_as_string(hide_password=False)
    moments = [one.isoformat() if one else None for one in (order.span.since, order.span.until)]
    fields = {**asdict(order), "path": str(order.path.resolve()), "span": moments}
    return json.dumps({"url": address, "order": fields}).encode()


def from_text(text: str) -> tuple[str, Order]:
    """The address of the database and the order, on the other side."""
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

"""`mini-crm api-key`: makes, lists and revokes keys of the HTTP API. Who has the shell has the authority."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from bot.commands.database import SecondWriterUnsafe, open_for_writing
from bot.runtime import control
from bot.runtime.migrating import bring_up_to_date
from bot.runtime.random_codes import new_key
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.access.api_keys import KeyFacts
from crm_core.access.scopes import FORM
from crm_core.api.error_texts import sentence
from crm_core.errors import CrmError, SourceNotFound
from crm_core.routing import sources
from crm_core.storage.database import open_database
from crm_core.storage.probe import revisions

NOT_REACHED = (
    "Mini-CRM is running on this database but does not answer, and the SQLite library here ({version}) is safe with "
    "one writer only. Stop it for a moment."
)
T = TypeVar("T")


class Refused(Exception):
    """The command cannot do it; the text says why."""


def create(url: str, *, name: str, scope: str, days: int | None, source: str | None) -> str:
    """Makes a key. Returns its text, which can never be seen again.

    Args:
        url: as in the setting `DATABASE_URL`; the database is made or brought up to date if need be.
        days: for how long it is good; None for ever.
        source: with scope `form`: the name or number of the source that it brings contacts to.

    Raises Refused.
    """
    if (scope == FORM) != (source is not None):
        raise Refused("A key of scope form, and no other, needs --source: the one that it brings contacts to.")
    _prepare(url)
    source_id = None if source is None else _read(url, lambda s: sources.find(s, name=source).id)
    key, now = new_key(), datetime.now(UTC)
    try:
        _write(
            url,
            api_keys.create,
            key=key,
            name=name,
            scope=scope,
            source_id=source_id,
            actor=SYSTEM,
            now=now,
            expires_at=None if days is None else now + timedelta(days=days),
        )
    except SecondWriterUnsafe as error:
        asked = {"name": name, "scope": scope, "expires_in_days": days, "source_id": source_id}
        key = _ask(url, "POST", "/api/v1/keys/", error, asked)["key"]
    return key


def revoke(url: str, *, name: str) -> str:
    """Ends a key, named by its name, its beginning or its number. Returns its name. Raises Refused."""
    _prepare(url)
    found = _read(url, lambda s: api_keys.find(s, name=name))
    try:
        _write(url, api_keys.revoke, key_id=found.id, actor=SYSTEM, now=datetime.now(UTC))
    except SecondWriterUnsafe as error:
        _ask(url, "DELETE", f"/api/v1/keys/{found.id}", error)
    return found.name


def table(url: str) -> str:
    """Every key, a line each."""
    _prepare(url)
    keys = _read(url, api_keys.listing)
    if not keys:
        return 'There is no key yet: mini-crm api-key create "My shop" --scope write'
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [("No.", "NAME", "BEGINNING", "SCOPE", "MADE", "LAST USED", "STATE")]
    rows += [_row(one, now) for one in keys]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(key: KeyFacts, now: datetime) -> tuple[str, ...]:
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:%Y-%m-%d}"
    elif key.expires_at is not None:
        state = f"{'good until' if now < key.expires_at else 'expired'} {key.expires_at:%Y-%m-%d}"
    else:
        state = "good"
    used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
    scope = key.scope if key.source_id is None else f"{key.scope} (source {key.source_id})"
    return (str(key.id), key.name, f"{key.prefix}…", scope, f"{key.created_at:%Y-%m-%d}", used, state)


def _prepare(url: str) -> None:
    current, newest = revisions(url)
    if current != newest:
        bring_up_to_date(url)


def _read(url: str, query: Callable[[Session], T]) -> T:
    async def read() -> T:
        db = open_database(url)
        try:
            return await db.read(query)
        finally:
            await db.close()

    return _said(read())


def _write(url: str, action: Callable[..., T], **inputs: Any) -> T:
    async def write() -> T:
        async with open_for_writing(url) as db:
            return await db.write(action, **inputs)

    return _said(write())


def _said(working: Coroutine[Any, Any, T]) -> T:
    """Runs it, with refusals in words."""
    try:
        return asyncio.run(working)
    except SourceNotFound as error:
        close = ", ".join(error.fields["close"])
        text = f"There is no source {error.fields['name']}." + (f" Did you mean {close}?" if close else "")
        raise Refused(text) from None
    except CrmError as error:
        raise Refused(f"{sentence(error)}.") from None


def _ask(url: str, method: str, path: str, reason: SecondWriterUnsafe, body: dict[str, Any] | None = None) -> Any:
    """Has the running process do it."""
    try:
        return control.call(url, method, path, body)
    except control.NotReached:
        raise Refused(NOT_REACHED.format(version=reason.version)) from None
    except control.Refusal as error:
        raise Refused(f"{error}.") from None

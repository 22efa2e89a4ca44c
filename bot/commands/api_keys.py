"""`mini-crm api-key`: creates, lists and revokes keys of the HTTP API, for whoever has access to the shell."""

import asyncio
from collections.abc import Callable, Coroutine
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

from sqlalchemy.orm import Session

from bot.commands.database import SecondWriterUnsafe, open_for_writing
from bot.random_codes import new_key
from bot.runtime import control
from bot.runtime.migrating import bring_up_to_date
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.access.api_keys import KeyFacts
from crm_core.access.scopes import FORM
from crm_core.api.error_texts import sentence
from crm_core.errors import CrmError, SourceNotFound
from crm_core.routing import sources
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions

NOT_REACHED = "It does not answer on this machine either: stop it for a moment."
T = TypeVar("T")


class Refused(Exception):
    """The command cannot do it; the text says why."""


def create(
    url: str,
    *,
    migrating_url: str | None = None,
    region: str,
    name: str,
    scope: str,
    days: int | None,
    source: str | None,
) -> str:
    """Makes a key. Returns its text, which is not stored and cannot be shown again.

    Args:
        url: as in the setting `DATABASE_URL`; the database is created or upgraded if need be.
        migrating_url: as in the setting `MIGRATION_DATABASE_URL`.
        region: as in the setting `DEFAULT_REGION`.
        days: for how long it is valid; None without an end.
        source: with scope `form`: the name or number of the source that its contacts belong to.

    Raises Refused.
    """
    if (scope == FORM) != (source is not None):
        raise Refused("A key of scope form, and no other, needs --source: the source that its contacts belong to.")
    _prepare(url, region, migrating_url)
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
        key = _call(url, "POST", "/api/v1/keys/", error, asked)["key"]
    return key


def revoke(url: str, *, name: str, region: str) -> str:
    """Revokes a key, given by its name, prefix or number. Returns its name. Raises Refused."""
    _prepare(url, region)
    found = _read(url, lambda s: api_keys.find(s, name=name))
    try:
        _write(url, api_keys.revoke, key_id=found.id, actor=SYSTEM, now=datetime.now(UTC))
    except SecondWriterUnsafe as error:
        _call(url, "DELETE", f"/api/v1/keys/{found.id}", error)
    return found.name


def table(url: str, *, region: str) -> str:
    """All keys as a table for the terminal, one line each."""
    _prepare(url, region)
    keys = _read(url, api_keys.listing)
    if not keys:
        return 'There is no key yet: mini-crm api-key create "My shop" --scope write'
    now = datetime.now(UTC)
    rows: list[tuple[str, ...]] = [("No.", "NAME", "PREFIX", "SCOPE", "CREATED", "LAST USED", "STATE")]
    rows += [_row(one, now) for one in keys]
    widths = [max(len(row[column]) for row in rows) for column in range(len(rows[0]))]
    return "\n".join(
        "  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in rows
    )


def _row(key: KeyFacts, now: datetime) -> tuple[str, ...]:
    if key.revoked_at is not None:
        state = f"revoked {key.revoked_at:%Y-%m-%d}"
    elif key.expires_at is not None:
        state = f"{'valid until' if now < key.expires_at else 'expired'} {key.expires_at:%Y-%m-%d}"
    else:
        state = "valid"
    used = f"{key.last_used_at:%Y-%m-%d %H:%M}" if key.last_used_at else "never"
    scope = key.scope if key.source_id is None else f"{key.scope} (source {key.source_id})"
    return (str(key.id), key.name, f"{key.prefix}…", scope, f"{key.created_at:%Y-%m-%d}", used, state)


def _prepare(url: str, region: str, migrating_url: str | None = None) -> None:
    current, newest = revisions(url)
    if current != newest:
        bring_up_to_date(url, migrating_url=migrating_url, region=region)


def _read(url: str, query: Callable[[Session], T]) -> T:
    async def read() -> T:
        db = open_database(url)
        try:
            return await db.read(query)
        finally:
            await db.close()

    return _run(read())


def _write(url: str, action: Callable[..., T], **inputs: Any) -> T:
    async def write() -> T:
        async with open_for_writing(url) as db:
            return await db.write(action, **inputs)

    return _run(write())


def _run(work: Coroutine[Any, Any, T]) -> T:
    """Runs a coroutine; refusals become sentences."""
    try:
        return asyncio.run(work)
    except SourceNotFound as error:
        close = ", ".join(error.fields["close"])
        text = f"There is no source {error.fields['name']}." + (f" Did you mean {close}?" if close else "")
        raise Refused(text) from None
    except CrmError as error:
        raise Refused(f"{sentence(error)}.") from None


def _call(url: str, method: str, path: str, reason: SecondWriterUnsafe, body: dict[str, Any] | None = None) -> Any:
    """Makes the running process do it, over HTTP."""
    try:
        return control.call(url, method, path, body)
    except control.NotReached:
        raise Refused(f"{reason} {NOT_REACHED}") from None
    except control.Refusal as error:
        raise Refused(f"{error}.") from None

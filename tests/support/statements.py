"""Counting the statements that go to a database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from crm_core.storage.round_trip import Command, Way


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collects the statements that go to any database meanwhile, but for prepared ones of the SQLite writer."""
    found: list[str] = []
    send = Way.send

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement != "BEGIN":
            found.append(statement)

    async def note_and_send(way: Way, commands: Sequence[Command], *, commits: bool = False) -> Any:
        found.extend(one.sql.decode() for one in commands)
        return await send(way, commands, commits=commits)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(Way, "send", note_and_send):
            yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)

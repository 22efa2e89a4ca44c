"""Counting the statements that go to a database."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any
from unittest.mock import patch

from sqlalchemy import Engine, event

from crm_core.storage import pipeline


@contextmanager
def counted() -> Iterator[list[str]]:
    """Collects the statements that go to any database meanwhile, but for prepared ones of the SQLite writer."""
    found: list[str] = []
    send_all = pipeline._send_all

    def note(_: Any, __: Any, statement: str, *___: Any) -> None:
        if statement != "BEGIN":
            found.append(statement)

    async def send(raw: Any, statements: Sequence[Any], *, commits: bool) -> Any:
        found.extend(one.sql for one in statements)
        return await send_all(raw, statements, commits=commits)

    event.listen(Engine, "before_cursor_execute", note)
    try:
        with patch.object(pipeline, "_send_all", send):
            yield found
    finally:
        event.remove(Engine, "before_cursor_execute", note)

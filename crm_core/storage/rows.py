"""Looking at how many rows a statement changed: how a conditional update says who won."""

from typing import Any, cast

from sqlalchemy import CursorResult, Executable
from sqlalchemy.orm import Session


def changed(s: Session, statement: Executable, values: dict[str, Any] | None = None) -> int:
    """Executes an UPDATE, INSERT or DELETE and returns the number of rows it touched."""
    return cast(CursorResult[Any], s.execute(statement, values)).rowcount

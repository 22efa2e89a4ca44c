"""Columns that say what they hold of people: erasure and export of a person rest on these marks."""

from enum import StrEnum
from typing import Any

from sqlalchemy import Column
from sqlalchemy.orm import MappedColumn, mapped_column

MARK = "data"
"""The key of a column's `info` under which its mark is kept."""


class Data(StrEnum):
    """What a column holds of a person, whether a client or a member of staff."""

    PERSONAL = "personal"
    """Names, reaches or describes a person by itself: name, username, phone, e-mail, Telegram id, language."""

    CONTENT = "content"
    """What people wrote, and free text or JSON in which that, or anything personal, may stand."""

    TECHNICAL = "technical"
    """The rest: our own numbers, states, moments, codes. Says something of a person only through the row's others."""


def personal(*arguments: Any, **options: Any) -> MappedColumn[Any]:
    """A column with personal data; arguments are those of `mapped_column`."""
    return mapped_column(*arguments, info={MARK: Data.PERSONAL}, **options)


def content(*arguments: Any, **options: Any) -> MappedColumn[Any]:
    """A column with what people wrote, or where it may stand; arguments are those of `mapped_column`."""
    return mapped_column(*arguments, info={MARK: Data.CONTENT}, **options)


def technical(*arguments: Any, **options: Any) -> MappedColumn[Any]:
    """A column that holds nothing of people; arguments are those of `mapped_column`."""
    return mapped_column(*arguments, info={MARK: Data.TECHNICAL}, **options)


def mark_of(column: Column[Any]) -> Data:
    """What a column holds. Raises LookupError for a column that nobody has marked."""
    mark = column.info.get(MARK)
    if mark is None:
        raise LookupError(f"{column} is not marked: use personal(), content() or technical() in storage/tables.py")
    return Data(mark)

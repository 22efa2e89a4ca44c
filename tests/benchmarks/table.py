"""Rows of the benchmark's table. Column widths are fixed, so that each row can be printed when it is measured."""

from collections.abc import Sequence
from dataclasses import dataclass

_HEADINGS = ("what", "Mini-CRM", "compared with", "ratio", "target")
_WIDTHS = (46, 30, 36, 6, 14)


@dataclass(frozen=True)
class Row:
    """One measurement.

    Attributes:
        what: what was measured.
        ours: the figure of Mini-CRM, with its unit.
        other: the figure that it is compared with, if any.
        ratio: `ours` divided by `other`.
        target: the condition that has to hold, such as "≤ 1.5"; empty if there is none.
        is_met: whether it holds; None if there is no target.
    """

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None


def header() -> str:
    """The headings, and a rule below them."""
    headings = _cells(_HEADINGS)
    return f"{headings}\n{'─' * len(headings)}"


def format_row(row: Row, *, are_targets_checked: bool = True) -> str:
    """One line of the table.

    Args:
        are_targets_checked: whether to mark the target as met (✓) or missed (✗).
    """
    cells = _cells((row.what, row.ours, row.other, row.ratio, row.target))
    if row.is_met is None or not are_targets_checked:
        return cells
    return f"{cells}  {'✓' if row.is_met else '✗'}"


def _cells(texts: Sequence[str]) -> str:
    return "  ".join(text.ljust(width) for text, width in zip(texts, _WIDTHS, strict=True)).rstrip()

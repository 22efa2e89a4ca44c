"""Figures, and how they are shown."""

from collections.abc import Sequence
from dataclasses import dataclass


def median(values: Sequence[float]) -> float:
    """The value in the middle."""
    return percentile(values, 50)


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest value that at least `share` percent of all do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * int(share) // 100) - 1)] if ordered else 0.0


@dataclass(frozen=True)
class Line:
    """One comparison. `target` says in words what is to be reached; `is_met` whether it was, None where nothing is."""

    what: str
    ours: str
    other: str = ""
    ratio: str = ""
    target: str = ""
    is_met: bool | None = None


def show(lines: Sequence[Line]) -> str:
    """The table."""
    head = Line("what", "ours", "beside it", "ratio", "to reach")
    cells = [[one.what, one.ours, one.other, one.ratio, one.target] for one in [head, *lines]]
    widths = [max(len(row[column]) for row in cells) for column in range(5)]
    shown = []
    for number, row in enumerate(cells):
        mark = "" if number == 0 or lines[number - 1].is_met is None else ("  ✓" if lines[number - 1].is_met else "  ✗")
        shown.append("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() + mark)
        if number == 0:
            shown.append("─" * (sum(widths) + 8))
    return "\n".join(shown)

"""Median and percentiles of measured values."""

from collections.abc import Sequence


def median(values: Sequence[float]) -> float:
    """The 50th percentile; 0 if there are no values."""
    return percentile(values, 50)


def percentile(values: Sequence[float], share: int) -> float:
    """The smallest value that is not exceeded by at least `share` percent of the values; 0 if there are none."""
    ordered = sorted(values)
    return ordered[max(0, -(-len(ordered) * share // 100) - 1)] if ordered else 0.0

"""Changes for a replay, by the kinds of settings."""

from collections.abc import Mapping
from typing import Any

from crm_core.replay.changes import Changes
from crm_core.replay.settings import Key


def changes(
    *,
    weights: Mapping[tuple[int, int], int] | None = None,
    limits_here: Mapping[tuple[int, int], int | None] | None = None,
    operators: Mapping[int, Mapping[str, Any]] | None = None,
    sources: Mapping[int, Mapping[str, Any]] | None = None,
) -> Changes:
    """What is to be otherwise.

    Args:
        weights, limits_here: by source and operator.
        operators, sources: by id, then by the name of the setting.
    """
    values: dict[Key, Any] = {Key("weight", *both): weight for both, weight in (weights or {}).items()}
    values |= {Key("limit", *both): limit for both, limit in (limits_here or {}).items()}
    values |= {Key(name, 0, one): value for one, own in (operators or {}).items() for name, value in own.items()}
    values |= {Key(name, one): value for one, own in (sources or {}).items() for name, value in own.items()}
    return Changes(values)


def limits(by_operator: Mapping[int, int]) -> dict[int, dict[str, int]]:
    """Limits, as `operators` of `changes`."""
    return {one: {"limit": limit} for one, limit in by_operator.items()}

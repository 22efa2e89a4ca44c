"""The parts of the benchmark, by the names that `make bench PARTS=…` takes."""

import re
from collections.abc import Mapping, Sequence

from tests.benchmarks import (
    albums,
    all_rules,
    conversations,
    growth,
    http_api,
    killed,
    limits,
    outage,
    postgres,
    registering,
    start,
    statistics,
    steps,
)
from tests.benchmarks.part import Part

SMOKE = "smoke"
PARTS: Mapping[str, Part] = {
    "registering": registering.measure,
    "rules": all_rules.measure,
    "steps": steps.measure,
    "conversations": conversations.measure,
    "albums": albums.measure,
    "killed": killed.measure,
    "limits": limits.measure,
    "outage": outage.measure,
    "statistics": statistics.measure,
    "http": http_api.measure,
    "postgres": postgres.measure,
    "growth": growth.measure,
    "start": start.measure,
}


class UnknownPart(Exception):
    """No part has this name."""

    def __init__(self, name: str) -> None:
        super().__init__(f"There is no part {name!r}. Parts: {', '.join(PARTS)}; {SMOKE} runs them at tiny sizes.")


def select(arguments: Sequence[str]) -> tuple[Mapping[str, Part], bool]:
    """Reads which parts to run, and whether as a smoke run.

    Args:
        arguments: names of parts or "smoke", separated by commas or spaces, or in arguments of their own.

    Returns:
        The named parts in the order of `PARTS`, all of them if none is named; whether "smoke" was among the names.

    Raises:
        UnknownPart: if a name is neither.
    """
    names = [name for name in re.split(r"[,\s]+", ",".join(arguments)) if name]
    for name in names:
        if name not in PARTS and name != SMOKE:
            raise UnknownPart(name)
    named = {name: part for name, part in PARTS.items() if name in names}
    return named or PARTS, SMOKE in names

"""Parameters of stories that have many cases."""

from collections.abc import Sequence
from typing import Any

import pytest


def quick_first(cases: Sequence[Any], *, count: int = 1) -> list[Any]:
    """The first cases run in the inner loop (`make quick`) already, the others in the whole suite.

    Args:
        count: how many are quick. Each of the others starts an app of its own, and finds seldom what the first do not.
    """
    return [*cases[:count], *(pytest.param(one, marks=pytest.mark.slow) for one in cases[count:])]

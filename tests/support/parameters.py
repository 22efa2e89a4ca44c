"""Parameters of stories that have many cases."""

from collections.abc import Sequence
from typing import Any

import pytest


def quick_first(cases: Sequence[Any]) -> list[Any]:
    """Only the first case runs in the inner loop (`make quick`), the others in the whole suite.

    For stories that take so long that even the few cases are too many which tests/conftest.py leaves of any
    (`QUICK_CASES`).
    """
    return [cases[0], *(pytest.param(one, marks=pytest.mark.further) for one in cases[1:])]

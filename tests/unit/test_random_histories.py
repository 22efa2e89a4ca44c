"""A property that fails says so at once, unless somebody asks for the shortest example."""

import os

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from tests.support.random_histories import profile


def runs_of_a_failure(wanted: settings) -> int:
    """How often a property is tried that fails for long lists."""
    runs = 0

    @settings(wanted, database=None, derandomize=True)
    @given(st.lists(st.integers(), min_size=0, max_size=100))
    def is_short(numbers: list[int]) -> None:
        nonlocal runs
        runs += sum(numbers[3:]) != 0
        assert sum(numbers[3:]) == 0

    with pytest.raises(AssertionError):
        is_short()
    return runs


def test_failure_is_reported_without_being_shrunk() -> None:
    assert runs_of_a_failure(profile(shrinks=False)) <= 3  # found, played again, and reported
    assert runs_of_a_failure(profile(shrinks=True)) > 10


def test_suite_shrinks_only_on_request() -> None:
    assert (Phase.shrink in settings().phases) == bool(os.environ.get("SHRINK"))

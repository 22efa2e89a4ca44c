"""Which of many histories are played when some break a rule."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.simulation import search
from tests.simulation.plan import Step
from tests.simulation.report import report_found
from tests.simulation.safety import Violation

BROKEN = {3, 5}


class _ShortHistory:
    """A history of one move, which breaks a rule at the seeds of `BROKEN`."""

    moves, processes = 1, 1

    def __init__(self, seed: int, plan: Sequence[Step], folder: Path) -> None:
        self._seed = seed

    def run(self) -> Violation | None:
        return Violation("I1", "lost") if self._seed in BROKEN else None


@pytest.fixture(autouse=True)
def _short(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "History", _ShortHistory)


def test_histories_end_at_the_first_that_breaks_a_rule() -> None:
    found = search.live_through(range(1, 8))
    assert (found.histories, found.failures) == (3, {3: "I1"})


def test_all_histories_are_played_when_a_search_goes_on() -> None:
    found = search.live_through(range(1, 8), goes_on=True)
    assert (found.histories, found.failures) == (7, {3: "I1", 5: "I1"})


def test_each_broken_seed_is_named_with_its_rule() -> None:
    found = search.live_through(range(1, 8), goes_on=True)
    assert report_found(found, seconds=1).endswith("rules broken: 2\n  seed 3: I1\n  seed 5: I1")

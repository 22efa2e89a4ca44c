"""The order in which a run takes its tests.

Slow tests mostly wait, for processes and for time-outs; the others need a processor. One kind after the other leaves
processors idle first and makes tests wait for one later, so the workers meet both kinds all the time. The inner loop
has no slow tests, but folders whose tests wait for a second now and then, and workers that begin at different places.
"""

import itertools
from collections import defaultdict
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

T = TypeVar("T")

AT_ONCE = 2  # tests; as many as `make test` hands to a worker (--maxschedchunk), which then sees no other kind between
SLOW_UNTIL = 0.75  # of the run's tests: a slow one at its end would keep a single core busy for a minute


def in_running_order(
    tests: Sequence[T], *, is_slow: Callable[[T], bool], is_in_browser: Callable[[T], bool]
) -> list[T]:
    """Mixes slow tests with the others, each kind in the order that it had.

    Args:
        is_in_browser: tests that share a browser; they come first and stay together, since changing the kind of test
            closes it.
    """
    browser = [one for one in tests if is_in_browser(one)]
    slow = [one for one in tests if is_slow(one) and not is_in_browser(one)]
    quick = [one for one in tests if not is_slow(one) and not is_in_browser(one)]
    placed = [*_placed(slow, until=SLOW_UNTIL), *_placed(quick, until=1.0)]
    return browser + [test for _, test in sorted(placed, key=lambda one: one[0])]


def with_folders_mixed(tests: Sequence[T], *, path_of: Callable[[T], Path]) -> list[T]:
    """Spreads the files of each folder over the whole run; each file stays in one piece."""
    folders: dict[Path, list[list[T]]] = defaultdict(list)
    for path, of_file in itertools.groupby(tests, path_of):
        folders[path.parent].append(list(of_file))
    placed: list[tuple[float, list[T]]] = []
    for files in folders.values():
        count, before = sum(map(len, files)), 0
        for file in files:
            placed.append(((before + len(file) / 2) / count, file))
            before += len(file)
    return [test for _, file in sorted(placed, key=lambda one: one[0]) for test in file]


def _placed(tests: Sequence[T], *, until: float) -> list[tuple[float, T]]:
    """Each test with its place in the run, from 0 to 1; neighbours that run together have the same."""
    return [(place // AT_ONCE * AT_ONCE / len(tests) * until, test) for place, test in enumerate(tests)]

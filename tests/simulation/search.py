"""Many histories at once, and of one that shows something wrong the shortest."""

import gc
import logging
import multiprocessing
import os
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, ProcessPoolExecutor, wait
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory

import structlog

from tests.simulation.history import History
from tests.simulation.plan import Step, draw
from tests.simulation.prepared import template

AT_A_TIME = 25  # histories; a process collects its garbage in between


@dataclass
class Found:
    """What a number of histories came to.

    Attributes:
        failures: seed → rule, of those that showed something wrong.
        happened: how often each thing happened, crashes and faults among them.
    """

    histories: int = 0
    moves: int = 0
    processes: int = 0
    failures: dict[int, str] = field(default_factory=dict)
    happened: Counter[str] = field(default_factory=Counter)

    def add(self, other: "Found") -> None:
        """Adds what another process found."""
        self.histories += other.histories
        self.moves += other.moves
        self.processes += other.processes
        self.failures |= other.failures
        self.happened += other.happened


@contextmanager
def workplace() -> Iterator[Path]:
    """A folder for the file of a history, in memory where there is such a place: the disk is simulated anyway."""
    shared = "/dev/shm"  # noqa: S108 - a folder of its own is made there
    with TemporaryDirectory(dir=shared if os.access(shared, os.W_OK) else None) as folder:
        yield Path(folder)


def silence() -> None:
    """No log: whatever goes wrong is what a history is for."""
    logging.disable(logging.CRITICAL)
    structlog.configure(wrapper_class=structlog.make_filtering_bound_logger(logging.CRITICAL))


def live_through(seeds: Sequence[int], *, goes_on: bool = False) -> Found:
    """Plays histories one after another, until one shows something wrong, or all of them if it `goes_on`."""
    found = Found()
    gc.disable()
    with workplace() as folder:
        for seed in seeds:
            plan = draw(seed)
            history = History(seed, plan, folder)
            violation = history.run()
            found.histories += 1
            found.moves += history.moves
            found.processes += history.processes
            found.happened.update(step.what for step in plan)
            if violation is not None:
                found.failures[seed] = violation.rule
                if not goes_on:
                    break
    gc.collect()
    return found


def search(first: int, *, seeds: int, processes: int | None = None, goes_on: bool = False) -> tuple[Found, float]:
    """Plays one seed after another, from `first` on, until something is wrong.

    Args:
        seeds: how many, if nothing is.
        processes: how many at once; by default one for each processor.
        goes_on: whether all are played, whatever is wrong on the way.

    Returns what was found, and in how many seconds.
    """
    silence()
    template()
    live_through([first])  # what is imported and compiled on the way is so for all processes
    gc.freeze()
    began, found = time.monotonic(), Found()
    workers = processes or len(os.sched_getaffinity(0))
    every = range(first, first + seeds)
    parts = iter([every[start : start + AT_A_TIME] for start in range(0, seeds, AT_A_TIME)])
    with ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("fork")) as pool:
        play = partial(live_through, goes_on=goes_on)
        under_way = {pool.submit(play, part) for part in islice(parts, 2 * workers)}
        while under_way and (goes_on or not found.failures):
            done, under_way = wait(under_way, return_when=FIRST_COMPLETED)
            for one in done:
                found.add(one.result())
            under_way |= {pool.submit(play, part) for part in islice(parts, len(done))}
        for one in under_way:
            one.cancel()
    return found, time.monotonic() - began


def shorten(seed: int, rule: str, folder: Path) -> tuple[Sequence[Step], History]:
    """The shortest plan of a seed that breaks the same rule, and its history: what can be left out is left out."""
    plan = list(draw(seed))
    history = History(seed, plan, folder)
    history.run()
    is_shorter = True
    while is_shorter:
        is_shorter = False
        for place in reversed(range(len(plan))):
            fewer = plan[:place] + plan[place + 1 :]
            tried = History(seed, fewer, folder)
            violation = tried.run()
            if violation is not None and violation.rule == rule:
                plan, history, is_shorter = fewer, tried, True
    return plan, history

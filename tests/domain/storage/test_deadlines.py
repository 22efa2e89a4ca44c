"""The deadline of a connection, by a clock that is moved by hand."""

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from crm_core.storage import deadlines


class Timer:
    def __init__(self, at: float, fire: Callable[[], None]) -> None:
        self.at, self.fire = at, fire
        self.is_cancelled = False

    def when(self) -> float:
        return self.at

    def cancel(self) -> None:
        self.is_cancelled = True


class Loop:
    """What a deadline uses of an event loop."""

    def __init__(self) -> None:
        self.now = 0.0
        self.timers: list[Timer] = []
        self.made = 0

    def time(self) -> float:
        return self.now

    def call_at(self, when: float, callback: Callable[..., None], *values: Any) -> Timer:
        self.made += 1
        self.timers.append(Timer(when, lambda: callback(*values)))
        return self.timers[-1]

    def call_later(self, delay: float, callback: Callable[..., None], *values: Any) -> Timer:
        return self.call_at(self.now + delay, callback, *values)

    def forward(self, seconds: float) -> None:
        """Lets time pass, and whatever is due in it happen."""
        until = self.now + seconds
        while due := [one for one in self.timers if not one.is_cancelled and one.at <= until]:
            first = min(due, key=Timer.when)
            self.timers.remove(first)
            self.now = first.at
            first.fire()
        self.now = until

    def stand_still(self, seconds: float) -> None:
        """Lets time pass without a turn of the loop; then it has one, in which all that is due by now happens."""
        self.now += seconds
        for one in [one for one in self.timers if not one.is_cancelled and one.at <= self.now]:
            self.timers.remove(one)
            one.fire()


@pytest.fixture
def loop(monkeypatch: pytest.MonkeyPatch) -> Loop:
    loop = Loop()
    monkeypatch.setattr(asyncio, "get_running_loop", lambda: loop)
    return loop


@pytest.fixture
def cuts() -> list[float]:
    """When the connection was cut."""
    return []


@pytest.fixture
def deadline(loop: Loop, cuts: list[float]) -> deadlines._Deadline:
    def cut() -> bool:
        cuts.append(loop.now)
        return False

    return deadlines._Deadline(cut, silence=4.0)


def test_connection_without_an_answer_is_cut(loop: Loop, cuts: list[float], deadline: deadlines._Deadline) -> None:
    deadline.start()
    loop.forward(3.9)
    assert cuts == []
    loop.forward(10)
    assert cuts == [4.0]


@pytest.mark.parametrize("at", [1.0, 3.0])  # in either half
def test_deadline_that_is_started_anew_is_whole_again(
    loop: Loop, cuts: list[float], deadline: deadlines._Deadline, at: float
) -> None:
    deadline.start()
    loop.forward(at)
    deadline.start()
    loop.forward(20)
    assert cuts == [at + 4.0]


@pytest.mark.parametrize("at", [1.0, 3.0])
def test_deadline_that_has_ended_cuts_nothing(
    loop: Loop, cuts: list[float], deadline: deadlines._Deadline, at: float
) -> None:
    deadline.start()
    loop.forward(at)
    deadline.end()
    loop.forward(20)
    assert cuts == []
    assert loop.timers == []
    deadline.start()
    loop.forward(20)
    assert cuts == [at + 24.0]


def test_shorter_deadline_does_not_wait_for_the_longer_one_before_it(
    loop: Loop, cuts: list[float], deadline: deadlines._Deadline
) -> None:
    deadline.start()
    deadline.end()
    deadline.start(1.0)
    loop.forward(20)
    assert cuts == [1.0]


def test_process_that_stood_still_reads_what_has_arrived_before_it_cuts(
    loop: Loop, cuts: list[float], deadline: deadlines._Deadline
) -> None:
    deadline.start()
    loop.stand_still(100)
    assert cuts == []
    deadline.end()  # the answer was there
    deadline.start()
    loop.stand_still(100)
    loop.forward(20)
    assert cuts == [202.0]


def test_transactions_one_after_another_share_a_timer(
    loop: Loop, cuts: list[float], deadline: deadlines._Deadline
) -> None:
    for _ in range(100):
        deadline.start()
        loop.forward(0.1)
        deadline.end()
    assert cuts == []
    assert loop.made < 10

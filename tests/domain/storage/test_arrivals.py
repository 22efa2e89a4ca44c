"""A socket that stays registered with the event loop while nobody waits for it."""

import asyncio
import socket
from collections.abc import Iterator

import pytest

from crm_core.storage.arrivals import Arrivals

Ends = tuple[socket.socket, socket.socket]


class Counting(Arrivals):
    reports = 0

    def _report(self) -> None:
        self.reports += 1
        super()._report()


def pair() -> Ends:
    ends = socket.socketpair()
    for one in ends:
        one.setblocking(False)
    return ends


@pytest.fixture
def ends() -> Iterator[Ends]:
    ours, theirs = pair()
    with ours, theirs:
        yield ours, theirs


async def turns(count: int = 20) -> None:
    """Lets the loop look at its sockets a few times."""
    for _ in range(count):
        await asyncio.sleep(0)


async def arrival(arrivals: Arrivals) -> None:
    """Waits for it in the present task, as whoever then reads at once does."""
    async with asyncio.timeout(5):
        await arrivals.wait()


async def test_each_arrival_ends_one_wait(ends: Ends) -> None:
    ours, theirs = ends
    arrivals = Counting(ours.fileno())
    for number in range(3):
        waiting = asyncio.create_task(arrivals.wait())
        await turns()
        assert not waiting.done()
        theirs.send(b"%d" % number)
        await asyncio.wait_for(waiting, 5)
        assert ours.recv(10) == b"%d" % number
    arrivals.close()


async def test_new_socket_with_the_number_of_a_closed_one_is_watched(ends: Ends) -> None:
    ours, theirs = ends
    arrivals = Arrivals(ours.fileno())
    theirs.send(b"x")
    await arrival(arrivals)
    number = ours.fileno()
    ours.close()  # as the driver does; the loop has not been told
    new, other = pair()
    with new, other:
        assert new.fileno() == number
        again = Arrivals(new.fileno())
        other.send(b"x")
        await arrival(again)
        again.close()
    arrivals.close()


async def test_end_while_nobody_waits_is_reported_once(ends: Ends) -> None:
    ours, theirs = ends
    arrivals = Counting(ours.fileno())
    theirs.send(b"x")
    await arrival(arrivals)
    assert ours.recv(10) == b"x"
    before = arrivals.reports
    theirs.close()
    await turns()
    assert arrivals.reports == before + 1
    await arrival(arrivals)  # and whoever waits then learns of it at once
    assert ours.recv(10) == b""
    arrivals.close()


async def test_close_wakes_whoever_waits(ends: Ends) -> None:
    ours, _ = ends
    arrivals = Arrivals(ours.fileno())
    waiting = asyncio.create_task(arrivals.wait())
    await turns()
    arrivals.close()
    await asyncio.wait_for(waiting, 5)


async def test_wait_that_is_cancelled_leaves_the_next_one_as_it_was(ends: Ends) -> None:
    ours, theirs = ends
    arrivals = Arrivals(ours.fileno())
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.01):
            await arrivals.wait()
    theirs.send(b"x")
    await arrival(arrivals)
    arrivals.close()

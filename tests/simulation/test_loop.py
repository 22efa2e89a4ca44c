"""The simulated loop, where a process ends in the middle of its work."""

import asyncio
import gc

from tests.simulation.loop import Loop


async def _waits_to_the_end(gone: asyncio.Event) -> None:
    try:
        await asyncio.sleep(9)
    finally:
        await asyncio.wait_for(gone.wait(), 9)


def test_task_that_waits_in_its_last_moment_leaves_nothing_unawaited() -> None:
    loop = Loop()  # type: ignore[abstract]
    with loop.running():
        loop.create_task(_waits_to_the_end(asyncio.Event()))
        loop.step()
    loop.forget_process()
    gc.collect()
    assert (loop.tasks, loop.next_moment()) == ([], None)

"""Processes that tests start obey signals, whatever the caller of the tests ignores (`nohup`, a background job)."""

import asyncio
import re
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.processes.killer import Killer
from tests.support.forks import fork
from tests.support.processes import environment, fresh_running

IGNORED = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


@pytest.fixture
def caller_that_ignores_signals() -> Iterator[None]:
    before = {number: signal.signal(number, signal.SIG_IGN) for number in IGNORED}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def ignored_by(pid: int) -> set[int]:
    """The numbers of the signals that a process ignores."""
    status = Path(f"/proc/{pid}/status").read_text(encoding="ascii")
    mask = int(re.findall(r"SigIgn:\s*(\w+)", status)[0], 16)  # a bit for each signal, from 1
    return {number for number in range(1, 65) if mask >> (number - 1) & 1}


def wait_for_signal() -> None:
    print("waiting", flush=True)
    signal.pause()


@pytest.mark.parametrize("how", [signal.SIGINT, signal.SIGTERM])
async def test_forked_process_obeys_signals_that_its_caller_ignores(
    caller_that_ignores_signals: None, how: signal.Signals
) -> None:
    process = await fork(wait_for_signal, environment=environment({}))
    assert process.stdout is not None
    assert await asyncio.wait_for(process.stdout.readline(), 60) == b"waiting\n"
    process.send_signal(how)
    assert await asyncio.wait_for(process.wait(), 60) != 0


async def test_fresh_process_starts_with_default_signals(caller_that_ignores_signals: None, tmp_path: Path) -> None:
    async with fresh_running("serve", folder=tmp_path) as process:
        await process.says("The HTTP API answers")
        assert ignored_by(process.process.pid).isdisjoint(IGNORED)


def test_killed_migration_starts_with_default_signals(caller_that_ignores_signals: None) -> None:
    killer = Killer()
    try:
        assert ignored_by(killer.process_id).isdisjoint(IGNORED)
    finally:
        killer.close()

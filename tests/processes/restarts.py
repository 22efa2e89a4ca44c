"""Processes of an installation, one after another; each can be killed at any moment.

They are forked (`tests.support.forks`): ten restarts take a second instead of half a minute.
"""

import asyncio
import os
import signal
from datetime import timedelta
from multiprocessing.connection import Connection

from bot.app import App
from bot.delivery.backoff import DEFAULT_RETRY_DELAYS, RetryDelays
from bot.logs import set_up_logging
from bot.settings import load_settings
from crm_core.conversation import late_messages
from tests.processes.crash_points import arm

HURRIED = RetryDelays(
    outage=(0.1, 0.3),
    unknown=(0.2, 0.4, 0.8, 1.6),
    retry_first=0.1,
    retry_last=0.5,
    refused=1.0,
    recovered=0.2,
    database=0.1,
    connect=0.2,
    standby=0.1,
)
DECIDED_SOON = timedelta(seconds=20)  # words that came after closing open a new contact then


async def _run(obeys: Connection) -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    obeys.close()
    limited = os.environ.get("TEST_LIMITED") == "1"
    retry_delays = DEFAULT_RETRY_DELAYS
    if os.environ.get("TEST_HURRIED") == "1":
        retry_delays, late_messages.DECIDED_WITHIN = HURRIED, DECIDED_SOON
    async with App(load_settings(), limited=limited, retry_delays=retry_delays):
        await stop.wait()


def run_until_sigterm(point: str, obeys: Connection) -> None:
    """One process, until SIGTERM; it kills itself at a point (`tests.processes.crash_points`), if one is given.

    Args:
        obeys: closed when SIGTERM stops it in order; before, it would end at once, as any process does.
    """
    set_up_logging(level="ERROR")
    if point:
        arm(point)
    asyncio.run(_run(obeys))

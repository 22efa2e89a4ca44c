"""Lives of an installation, one after another, each a process of its own that can be killed at any moment.

The imports are made once, in a parent that forks a child for each life: ten restarts take a second instead of half a
minute. `python -m tests.process.lives` speaks a line at a time: `start` answers with a process id; `kill`, `stop`
(SIGTERM) and `wait` answer with the exit status once the child has gone. `start stored` begins one that will kill
itself at that point (`tests.process.crash_points`).
"""

import asyncio
import os
import signal
import sys

from bot.app import App
from bot.delivery.pauses import DEFAULT_PAUSES, Pauses
from bot.logs import set_up_logging
from bot.settings import load_settings
from tests.process.crash_points import arm

HURRIED = Pauses(
    unknown=(0.2, 0.4, 0.8, 1.6), retry_first=0.1, retry_last=0.5, refused=1.0, recovered=0.2, database=0.1,
    connect=0.2, standby=0.1,
)  # fmt: skip


async def _live() -> None:
    stop = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stop.set)
    limited = os.environ.get("LIVES_LIMITED") == "1"
    pauses = HURRIED if os.environ.get("LIVES_HURRIED") == "1" else DEFAULT_PAUSES
    async with App(load_settings(), limited=limited, pauses=pauses):
        await stop.wait()


def main() -> None:
    """Obeys until the input ends."""
    set_up_logging(level="ERROR")
    child = 0
    for line in sys.stdin:
        word, *points = line.split()
        if word == "start":
            child = os.fork()
            if child == 0:
                for point in points:
                    arm(point)
                asyncio.run(_live())
                sys.stdout.flush()
                os._exit(0)
            print(child, flush=True)
        else:
            if word != "wait":
                os.kill(child, signal.SIGKILL if word == "kill" else signal.SIGTERM)
            _, status = os.waitpid(child, 0)
            print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

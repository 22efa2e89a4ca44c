"""Migrations that are killed at a chosen statement, each in a process of its own: `python -m tests.process.migrations`.

The imports are made once, in a parent that forks a child for each: hundreds take seconds. It speaks a line each: a
number and the address of a database come in, the exit status goes out. The child is killed before the statement of that
number (SIGKILL), or before the commit (SIGQUIT) if there are not so many.
"""

import os
import signal
import sys
from typing import Any

from sqlalchemy import Engine, event

from crm_core.storage.migrate import migrate


def _migrate(url: str, *, dies_at: int) -> None:
    step = 0

    def count(*_: Any) -> None:
        nonlocal step
        step += 1
        if step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGQUIT))
    signal.signal(signal.SIGQUIT, signal.SIG_DFL)
    migrate(url, copy=False)


def main() -> None:
    """Obeys until the input ends."""
    for line in sys.stdin:
        dies_at, url = line.split()
        child = os.fork()
        if child == 0:
            try:
                _migrate(url, dies_at=int(dies_at))
            except BaseException as error:
                print(f"{type(error).__name__}: {error}", file=sys.stderr, flush=True)
                os._exit(1)
            os._exit(0)
        _, status = os.waitpid(child, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)


if __name__ == "__main__":
    main()

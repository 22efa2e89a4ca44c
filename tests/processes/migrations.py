"""Migrations that are killed at a chosen statement, each in a process of its own."""

import os
import signal
from typing import Any

from sqlalchemy import Engine, event

from crm_core.storage.migrate import migrate


def migrate_and_die(url: str, dies_at: int) -> None:
    """Migrates until the process is killed.

    Args:
        dies_at: the number of the statement before which that happens (SIGKILL); if there are not so many, it does
            before the commit (SIGQUIT).
    """
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

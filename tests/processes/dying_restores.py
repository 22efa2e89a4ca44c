"""Restores that are killed at a chosen step, each in a process of its own."""

import os
import signal
from collections.abc import Callable
from typing import Any

from bot.commands.cli import main


def restore_and_die(backup: str, dies_at: int) -> None:
    """Restores a backup in place of the database, until the process is killed.

    Args:
        dies_at: the number of the step that the disk sees, before which that happens (SIGKILL).
    """
    step = 0

    def dying(function: Callable[..., Any]) -> Callable[..., Any]:
        def counted(*given: Any, **named: Any) -> Any:
            nonlocal step
            step += 1
            if step == dies_at:
                os.kill(os.getpid(), signal.SIGKILL)
            return function(*given, **named)

        return counted

    for name in ("replace", "unlink", "fsync"):
        setattr(os, name, dying(getattr(os, name)))
    main(["restore", backup, "--replace"], prog_name="mini-crm")

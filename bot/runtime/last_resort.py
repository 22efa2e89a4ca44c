"""The last resort: a task that should last as long as the process and has ended ends the process, loudly.

Every such task survives whatever goes wrong in one of its turns. Where one ends nevertheless, a process that seems to
work and receives, sends or answers nothing would be the worst outcome: it stops in order, with an exit status that
makes its supervisor (systemd, Docker) start it again, and goes on from what is stored.
"""

import asyncio
from typing import Any

import structlog

from bot.logs import describe_error

log = structlog.get_logger("app")


class TaskEnded(Exception):
    """A task ended that should last as long as the process; its name is the text."""


class LastResort:
    """Watches the tasks of one process.

    Attributes:
        failed: set when one of them has ended before its time.
        ended: the name of the first of these.
    """

    def __init__(self) -> None:
        self.failed = asyncio.Event()
        self.ended: str | None = None
        self._is_over = False

    def watch(self, task: asyncio.Task[Any]) -> None:
        """Expects a task to last until `release`."""
        task.add_done_callback(self._on_done)

    def release(self) -> None:
        """From now on tasks may end: the process stops."""
        self._is_over = True

    def _on_done(self, task: asyncio.Task[Any]) -> None:
        if self._is_over:
            return
        error = None if task.cancelled() else task.exception()
        log.critical("task_ended", task=task.get_name(), error=None if error is None else describe_error(error))
        self.ended = self.ended or task.get_name()
        self.failed.set()

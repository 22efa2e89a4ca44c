"""Migrations that are killed at chosen statements, each in a process of its own."""

import json
import os
import signal
import sys
from collections.abc import Iterable
from typing import Any

from sqlalchemy import Engine, event

from crm_core.storage.migrate import migrate
from crm_core.storage.probe import revisions


def kill_migrations(url: str, statements: Iterable[int], is_next_only: bool) -> None:
    """Has a database migrated by one process after the other, each of which is killed, until one gets to the end.

    Each is forked here, from a process that does nothing else, which takes a quarter of the time of starting one from
    the tests. Writes a line of JSON for each to the standard output: the number of the statement, the exit status, and
    the revision of the database afterwards.

    Args:
        statements: numbers of those before which a process is killed, the first is 1.
        is_next_only: whether the first migration after the database's revision is all that is killed.
    """
    for number in statements:
        child = os.fork()
        if not child:
            _migrate_and_die(url, number, is_next_only)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        print(json.dumps([number, status, revisions(url)[0]]))
        if status != -signal.SIGKILL:
            break
    sys.stdout.flush()


def _migrate_and_die(url: str, dies_at: int, is_next_only: bool) -> None:
    """Migrates until the process is killed.

    That happens before a statement (SIGKILL); if there are not so many, before the commit, or with `is_next_only`
    before whatever follows the first migration (SIGQUIT).
    """
    step, is_over = 0, False

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal step, is_over
        step += 1
        if step == dies_at:
            os.kill(os.getpid(), signal.SIGKILL)
        if is_over:
            os.kill(os.getpid(), signal.SIGQUIT)
        is_over = is_next_only and statement.startswith("UPDATE alembic_version")

    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", lambda _: os.kill(os.getpid(), signal.SIGQUIT))
    migrate(url, copy=False)

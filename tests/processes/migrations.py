"""A process that has databases migrated by processes of their own, which are killed (`tests.processes.killer`)."""

import gc
import json
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from tempfile import TemporaryDirectory
from typing import Any

import sqlalchemy.dialects.postgresql.psycopg  # noqa: F401 - before the processes are forked
from sqlalchemy import Engine, event

from crm_core.storage.migrate import migrate
from crm_core.storage.probe import revisions


def _kill(url: str, statements: Sequence[int], is_next_only: bool) -> Iterator[tuple[int, int, str | None]]:
    for number in statements:
        child = os.fork()
        if not child:
            _migrate_and_die(url, number, is_next_only)
            os._exit(0)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        yield number, status, revisions(url)[0]
        if status != -signal.SIGKILL:
            return


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


def main() -> None:
    """Obeys orders, a line of JSON each, until there are no more."""
    with TemporaryDirectory() as folder:
        migrate(f"sqlite:///{folder}/crm.db")  # imports what only a migration imports
    gc.collect()
    gc.freeze()  # a forked process neither walks through what is loaded nor copies it
    for line in sys.stdin:
        print(json.dumps([*_kill(*json.loads(line))]), flush=True)


if __name__ == "__main__":
    main()

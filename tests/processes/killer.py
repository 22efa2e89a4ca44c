"""Migrations that are killed at chosen statements, each in a process of its own."""

import json
import subprocess
import sys
from collections.abc import Sequence

from tests.support.forks import ROOT, default_signals
from tests.support.processes import environment


class Killer:
    """A small process of which others are forked, to migrate and be killed.

    Where aiogram and the whole product are loaded (`tests.support.forks`), forking takes three times as long.
    """

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.processes.migrations"],
            cwd=ROOT,
            env=environment({}),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            preexec_fn=default_signals,
        )

    @property
    def process_id(self) -> int:
        """Of the small process."""
        return self._process.pid

    def kill(self, url: str, *, statements: Sequence[int], is_next_only: bool) -> list[tuple[int, int, str | None]]:
        """Has a database migrated by one process after the other, each of which is killed, until there is no more.

        Args:
            statements: numbers of those before which a process is killed, the first is 1.
            is_next_only: whether the first migration after the database's revision is all that is killed.

        Returns for each process the number of the statement, the exit status, and the database's revision after it.
        """
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        print(json.dumps([url, statements, is_next_only]), file=self._process.stdin, flush=True)
        return [(number, status, then) for number, status, then in json.loads(self._process.stdout.readline())]

    def close(self) -> None:
        """Ends the process."""
        self._process.communicate()
        assert self._process.returncode == 0

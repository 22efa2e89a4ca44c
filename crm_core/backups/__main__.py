"""The subprocess that makes one copy (`crm_core.backups.in_subprocess`): order on standard input, result as JSON."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from crm_core.backups.copying import make_copy
from crm_core.backups.errors import BackupError
from crm_core.subprocesses import lower_priority

PAUSE = 0.005  # seconds after each MiB, to leave the disk to the running process


def main() -> None:
    """Reads an order from standard input and carries it out."""
    lower_priority(15)
    order = json.load(sys.stdin)
    try:
        made = make_copy(Path(order["source"]), Path(order["target"]), clock=lambda: datetime.now(UTC), pause=PAUSE)
    except BackupError as error:
        print(json.dumps({"refused": error.code, "fields": error.fields}))
    else:
        print(json.dumps({"size": made.size, "wrong_loads": made.wrong_loads}))


if __name__ == "__main__":
    main()

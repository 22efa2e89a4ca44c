"""Makes one copy: source and target come in, the result goes out. `crm_core.backups.in_subprocess` starts this."""

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

from crm_core.backups.copying import make_copy
from crm_core.backups.errors import BackupError
from crm_core.subprocesses import lower_priority

PAUSE = 0.005  # seconds after each MiB: the disk is the running process's first of all


def main() -> None:
    """Reads an order from standard input, and obeys."""
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

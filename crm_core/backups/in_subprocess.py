"""Making a copy in a subprocess: messages must not wait while gigabytes are read and checked."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from crm_core.backups.errors import BackupError
from crm_core.subprocesses import no_result, run_package


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that was made: its size in bytes, and the names of operators whose load is wrong in it."""

    size: int
    wrong_loads: tuple[str, ...]


async def make_copy_in_subprocess(source: Path, target: Path) -> Made:
    """Does `copying.make_copy` in a subprocess, with pauses; cancelling this ends the subprocess.

    Raises BackupError, NoResult.
    """
    # The subprocess has another working directory.
    order = json.dumps({"source": os.path.abspath(source), "target": os.path.abspath(target)})  # noqa: ASYNC240
    async with run_package("crm_core.backups") as process:
        out, errors = await process.communicate(order.encode())
    if not out:
        raise no_result(process, errors)
    answer = json.loads(out)
    if "refused" in answer:
        raise BackupError(answer["refused"], **answer["fields"])
    return Made(answer["size"], tuple(answer["wrong_loads"]))

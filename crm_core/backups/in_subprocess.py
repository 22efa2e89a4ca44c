"""Making a copy in a process of its own: reading and checking gigabytes is work that messages must not wait for."""

import json
import os
from dataclasses import dataclass
from pathlib import Path

from crm_core.backups.errors import BackupError
from crm_core.subprocesses import no_result, run_package


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that was made: its size in bytes, and operators whose load was wrong in it."""

    size: int
    wrong_loads: tuple[str, ...]


async def make_copy_in_subprocess(source: Path, target: Path) -> Made:
    """The same as `copying.make_copy`, slowly and elsewhere. Whoever is cancelled here ends that process too.

    Raises BackupError, NoResult.
    """
    # That process has another working directory.
    order = json.dumps({"source": os.path.abspath(source), "target": os.path.abspath(target)})  # noqa: ASYNC240
    async with run_package("crm_core.backups") as process:
        out, complaint = await process.communicate(order.encode())
    if not out:
        raise no_result(process, complaint)
    answer = json.loads(out)
    if "refused" in answer:
        raise BackupError(answer["refused"], **answer["fields"])
    return Made(answer["size"], tuple(answer["wrong_loads"]))

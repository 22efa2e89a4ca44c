"""Making a copy in a process of its own: reading and checking gigabytes is work that messages must not wait for."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from crm_core.backups.errors import BackupError

ROOT = Path(__file__).parents[2]  # where `crm_core` is found, wherever the program was started


class NotMade(Exception):
    """The process ended without a word of its own; the text says how, for the log."""


@dataclass(frozen=True, slots=True)
class Made:
    """A copy that was made: its size in bytes, and operators whose load was wrong in it."""

    size: int
    wrong_loads: tuple[str, ...]


async def make_copy_apart(source: Path, target: Path) -> Made:
    """The same as `copying.make_copy`, slowly and elsewhere. Whoever is cancelled here ends that process too.

    Raises BackupError, NotMade.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "crm_core.backups", cwd=ROOT, start_new_session=True,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
    except OSError as error:
        raise NotMade(f"no process: {error}") from error
    # That process has another working directory.
    order = json.dumps({"source": os.path.abspath(source), "target": os.path.abspath(target)})  # noqa: ASYNC240
    try:
        out, complaint = await process.communicate(order.encode())
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()
    if not out:
        said = complaint.decode(errors="replace").strip().splitlines()
        raise NotMade(said[-1] if said else f"status {process.returncode}")
    answer = json.loads(out)
    if "refused" in answer:
        raise BackupError(answer["refused"], **answer["fields"])
    return Made(answer["size"], tuple(answer["wrong_loads"]))

"""`make mutants`: plants each bug in a copy of the project, and says who notices it, and after how many histories."""

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import click

from tests.mutants.patches import SIMULATION, DoesNotApply, Patch, read_patches

ROOT = Path(__file__).parents[2]
PARTS = ("bot", "crm_core", "tests")
AT_MOST = 900.0  # seconds for one bug
STORY_AT_MOST = 60  # seconds for one story: it must fail because of its bug, and not hang
_FAILED = re.compile(r"^FAILED \S*?(\w+\.py::\S+)", re.MULTILINE)

_HUNG = re.compile(r"^\++ Timeout \++$", re.MULTILINE)


class FellOver(Exception):
    """What should have noticed a bug could not even begin."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of one bug.

    Attributes:
        by: the rule that was broken, or the story that failed; None if nobody noticed.
        histories: after how many, where the simulator looked.
        note: why nobody noticed, where that is more than nothing.
    """

    patch: Patch
    by: str | None
    seconds: float
    histories: int | None = None
    note: str = ""


@click.command()
@click.option("--only", default="", help="names, or parts of names, separated by commas")
@click.option("--seeds", default=3000, help="at most so many histories for each")
@click.option("--processes", default=0, help="how many histories at once; by default one for each processor")
@click.option("--untouched", default=25, help="so many histories without any bug must show nothing wrong first")
def main(only: str, seeds: int, processes: int, untouched: int) -> None:
    """Exits with 1 if a bug is not noticed, or cannot be planted."""
    wanted = only.split(",")
    patches = [patch for patch in read_patches() if any(part.strip() in patch.name for part in wanted)]
    _check_untouched(patches, untouched)
    width = max(map(len, (patch.name for patch in patches)), default=0)
    print(f"{'mutant':{width}}  {'histories':>9}  {'seconds':>7}  noticed by")
    verdicts = []
    for verdict in _try_all(patches, seeds=seeds, processes=processes):
        verdicts.append(verdict)
        print(_line(verdict, width), flush=True)
    survivors = [one.patch for one in verdicts if one.by is None]
    print(f"{len(verdicts)} planted, {len(verdicts) - len(survivors)} noticed")
    for patch in survivors:
        print(f"survived: {patch.name}: {patch.what}")
    sys.exit(bool(survivors) or not verdicts)


def _line(verdict: Verdict, width: int) -> str:
    histories = "" if verdict.histories is None else f"{verdict.histories:,}"
    by = verdict.by or f"NOBODY {verdict.note}"
    return f"{verdict.patch.name:{width}}  {histories:>9}  {verdict.seconds:7.0f}  {by}"


def _check_untouched(patches: Sequence[Patch], histories: int) -> None:
    """A story that fails without any bug in it proves nothing."""
    stories = sorted({one for patch in patches for one in patch.caught_by if one != SIMULATION})
    with _copy() as root:
        if stories and (failed := _run_stories(root, stories)) is not None:
            sys.exit(f"fails already without a bug: {failed}")
        if any(SIMULATION in patch.caught_by for patch in patches) and (found := _hunt(root, histories, 1))["rule"]:
            sys.exit(f"fails already without a bug: {found['rule']}")


def _try_all(patches: Sequence[Patch], *, seeds: int, processes: int) -> Iterator[Verdict]:
    """First those that stories notice, several at once; then the others, as each search uses all processors.

    A story that fails has mostly waited in vain, for 20 s, so there are two of them for each processor.
    """
    attempt = partial(_try, seeds=seeds, processes=processes)
    with ThreadPoolExecutor(2 * (processes or os.cpu_count() or 1)) as several:
        yield from several.map(attempt, [one for one in patches if SIMULATION not in one.caught_by])
    yield from map(attempt, [one for one in patches if SIMULATION in one.caught_by])


def _try(patch: Patch, *, seeds: int, processes: int) -> Verdict:
    began = time.monotonic()

    def verdict(by: str | None, histories: int | None = None, note: str = "") -> Verdict:
        return Verdict(patch, by, time.monotonic() - began, histories, note)

    with _copy() as root:
        try:
            patch.apply(root)
        except DoesNotApply as error:
            return verdict(None, note=f"does not apply: {error}")
        try:
            if SIMULATION in patch.caught_by:
                found = _hunt(root, seeds, processes)
                return verdict(found["rule"], found["seed"] or found["seen"])
            return verdict(_run_stories(root, patch.caught_by))
        except subprocess.TimeoutExpired:
            return verdict(None, note=f"in {AT_MOST:.0f} s")
        except FellOver as error:
            return verdict(None, note=str(error))


@contextmanager
def _copy() -> Iterator[Path]:
    """The project as it stands, in a folder of its own.

    What Python has compiled of it comes along: it is used for files that have the moment and size of their originals.
    """
    with TemporaryDirectory(prefix="mini-crm-mutant-") as folder:
        for name in PARTS:
            shutil.copytree(ROOT / name, Path(folder, name))
        shutil.copy(ROOT / "pyproject.toml", folder)
        yield Path(folder)


def _run(root: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "PYTHONHASHSEED": "0", "PYTHONPATH": str(root), "PYTHONDONTWRITEBYTECODE": "1"}
    process = subprocess.Popen(  # noqa: S603
        [sys.executable, "-m", *arguments],
        cwd=root,
        env=environment,
        start_new_session=True,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        output, errors = process.communicate(timeout=AT_MOST)
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)  # with the processes that it has started
        process.communicate()
        raise
    return subprocess.CompletedProcess(process.args, process.returncode, output, errors)


def _hunt(root: Path, seeds: int, processes: int) -> dict[str, Any]:
    """The first history that shows something wrong: its seed and rule (None if there is none), of how many `seen`."""
    ended = _run(root, "tests.mutants.hunt", str(seeds), str(processes))
    if ended.returncode != 0:
        raise FellOver(f"the simulator itself fell over:\n{ended.stderr[-2000:]}")
    found: dict[str, Any] = json.loads(ended.stdout.splitlines()[-1])
    return found


def _run_stories(root: Path, stories: Sequence[str]) -> str | None:
    """The first story that fails, None if none does."""
    ended = _run(
        root,
        "pytest",
        *("-n", "0", "-x", "-q", "-p", "no:cacheprovider"),
        f"--timeout={STORY_AT_MOST}",
        f"--basetemp={root / '.stories'}",
        *stories,
    )
    if ended.returncode == 0:
        return None
    if _HUNG.search(ended.stdout + ended.stderr):
        raise FellOver(f"a story hangs instead of failing, bound what it waits for: {' '.join(stories)}")
    if ended.returncode != 1 or not (failed := _FAILED.search(ended.stdout)):
        raise FellOver(f"pytest could not run {stories}:\n{ended.stdout[-2000:]}{ended.stderr[-1000:]}")
    return failed[1]


if __name__ == "__main__":
    main()

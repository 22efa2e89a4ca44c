"""Patches as they are kept here: a header, then a unified diff, applied by what it says and not by line numbers.

What is wrong, in a sentence or two.
caught-by: simulation
caught-by: tests/delivery/test_outbox_rows.py::test_superseded_session_can_neither_claim_nor_settle_rows

--- a/crm_core/outbox.py
+++ b/crm_core/outbox.py
@@ -1,3 +1,2 @@
…
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).parent
SIMULATION = "simulation"
_FILE = re.compile(r"^--- a/(.+)\n\+\+\+ b/\1\n", re.MULTILINE)
_HUNK = re.compile(r"^@@ .*\n", re.MULTILINE)


class DoesNotApply(Exception):
    """What a patch replaces is not there any more, or it is there more than once."""


@dataclass(frozen=True, slots=True)
class Change:
    """Lines of a file that stand for others: both with the lines around them, which tell where."""

    file: str
    before: str
    after: str


@dataclass(frozen=True, slots=True)
class Patch:
    """A planted bug.

    Attributes:
        what: what is wrong, in a sentence or two.
        caught_by: SIMULATION, or the names of stories as pytest takes them.
    """

    name: str
    what: str
    caught_by: tuple[str, ...]
    changes: tuple[Change, ...]

    def apply(self, root: Path) -> None:
        """Plants it in a copy of the project. Raises DoesNotApply."""
        for change in self.changes:
            path = root / change.file
            path.write_text(replaced(path.read_text(), change))


def replaced(text: str, change: Change) -> str:
    """A file's text with the change made. Raises DoesNotApply."""
    places = len(re.findall(f"(?=\n{re.escape(change.before)})", f"\n{text}"))
    if places != 1:
        raise DoesNotApply(f"{change.file}: found {places} times:\n{change.before}")
    return f"\n{text}".replace(f"\n{change.before}", f"\n{change.after}")[1:]


def read_patches() -> Sequence[Patch]:
    """All there are, by name."""
    return [read_patch(path) for path in sorted(FOLDER.glob("*.patch"))]


def read_patch(path: Path) -> Patch:
    """One patch. Raises ValueError where it is none."""
    header, *files = _FILE.split(path.read_text())
    lines = header.split("\n")
    caught_by = tuple(line.removeprefix("caught-by:").strip() for line in lines if line.startswith("caught-by:"))
    what = " ".join(line for line in lines if line and not line.startswith("caught-by:"))
    changes = [
        _change(name, hunk)
        for name, hunks in zip(files[::2], files[1::2], strict=True)
        for hunk in _HUNK.split(hunks)[1:]
    ]
    if not (what and caught_by and changes):
        raise ValueError(f"{path.name} says too little: what is wrong, who notices, and what to change")
    return Patch(path.stem, what, caught_by, tuple(changes))


def _change(file: str, hunk: str) -> Change:
    # An editor may have taken the space of an empty line away.
    lines = [line if line.strip("\n") else " \n" for line in hunk.splitlines(keepends=True)]
    return Change(
        file,
        "".join(line[1:] for line in lines if line[0] in " -"),
        "".join(line[1:] for line in lines if line[0] in " +"),
    )

"""The planted bugs fit the present code, each says what it is, and one that is quick to find is found."""

import asyncio
import sys
from pathlib import Path

import pytest

from tests.mutants.patches import FOLDER, SIMULATION, Change, DoesNotApply, read_patches, replaced

ROOT = Path(__file__).parents[2]


def test_every_mutant_patch_applies_and_compiles() -> None:
    patches = read_patches()
    assert len(patches) == len(list(FOLDER.glob("*.patch"))) >= 24
    for patch in patches:
        text: dict[str, str] = {}
        for change in patch.changes:
            assert change.file.startswith(("bot/", "crm_core/")), f"{patch.name} is no mistake of the product"
            before = text.get(change.file) or (ROOT / change.file).read_text()
            text[change.file] = replaced(before, change)
            compile(text[change.file], change.file, "exec")


def test_every_named_catching_test_exists() -> None:
    for patch in read_patches():
        for story in patch.caught_by:
            path, _, name = story.partition("::")
            assert story == SIMULATION or not name or f"def {name}(" in (ROOT / path).read_text(), story


def test_change_without_a_unique_place_is_refused() -> None:
    change = Change("a.py", "    x = 1\n", "    x = 2\n")
    assert replaced("def f():\n    x = 1\n", change) == "def f():\n    x = 2\n"
    for text in ("def f():\n    y = 1\n", "def f():\n    x = 1\n    x = 1\n", "def f():\n        x = 1\n"):
        with pytest.raises(DoesNotApply):
            replaced(text, change)


@pytest.mark.slow
@pytest.mark.timeout(300)
async def test_confirm_before_commit_mutant_is_caught() -> None:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.mutants",
        "--only",
        "confirm-before-commit",
        "--seeds",
        "100",
        "--processes",
        "1",
        "--untouched",
        "2",
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    said = (await process.communicate())[0].decode()
    assert process.returncode == 0, said
    assert "confirmed before it was stored" in said

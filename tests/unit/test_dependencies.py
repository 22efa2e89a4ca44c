"""What the product imports is what it declares, and nothing else is installed for it."""

import ast
import re
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
OURS = {"bot", "crm_core"}
NOT_IMPORTED = {"aiosqlite", "uvloop"}  # named in an address of the database; asked for where the system has it


def declared() -> set[str]:
    """The names of the packages that pyproject.toml asks for, without extras and versions."""
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["dependencies"]
    return {re.split(r"[\[<>=;, ]", one)[0].replace("-", "_") for one in wanted}


def imported() -> set[str]:
    """The top-level names of everything that our code imports from elsewhere, in any place."""
    found: set[str] = set()
    for path in (file for room in sorted(OURS) for file in (ROOT / room).rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found.update(alias.name.partition(".")[0] for alias in node.names)
            elif isinstance(node, ast.ImportFrom) and node.module:
                found.add(node.module.partition(".")[0])
    return found - OURS - sys.stdlib_module_names


@pytest.mark.fault("F107")
@pytest.mark.slow
def test_every_imported_package_is_declared_and_every_declared_one_is_used() -> None:
    assert imported() - declared() == set()
    assert declared() - imported() - NOT_IMPORTED == set()


@pytest.mark.fault("F107")
def test_all_locks_pin_every_package_with_hashes_and_agree() -> None:
    pins: list[dict[str, str]] = []
    for name in ("requirements.txt", "requirements-dev.txt", "requirements-audit.txt", "requirements-uv.txt"):
        text = (ROOT / name).read_text(encoding="utf-8")
        entries = re.split(r"\n(?=[a-z0-9])", text.strip())
        assert [one.split()[0] for one in entries if "--hash=sha256:" not in one] == []
        assert "://" not in text  # no registry is named
        pins.append({one.partition("==")[0]: re.split(r"[\s;]", one.partition("==")[2])[0] for one in entries})
    runtime, development, *_ = pins
    assert {name: version for name, version in runtime.items() if development.get(name) != version} == {}
    assert {one.replace("-", "_") for one in runtime} >= declared()

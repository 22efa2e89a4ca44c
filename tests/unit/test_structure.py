"""Rules worth keeping, where no tool keeps them (import directions are contracts of import-linter, see `make lint`)."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from bot.texts import translator
from bot.texts.refusals import REFUSALS
from crm_core import errors
from crm_core.api.error_texts import SENTENCES
from crm_core.errors import CrmError
from crm_core.storage.probe import newest_revision

ROOT = Path(__file__).parents[2]
MODULES = sorted(path for folder in ("bot", "crm_core") for path in (ROOT / folder).rglob("*.py"))


@cache
def parsed(path: Path) -> ast.Module:
    return ast.parse(path.read_text(encoding="utf-8"))


def imports(path: Path) -> set[str]:
    """Modules of ours that a file imports."""
    found: set[str] = set()
    for node in ast.walk(parsed(path)):
        if isinstance(node, ast.ImportFrom) and node.module:
            found.add(node.module)
        elif isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
    return {name for name in found if name.split(".")[0] in ("bot", "crm_core", "tests")}


@pytest.mark.parametrize(
    ("name", "allowed"),
    [("routing/choose", {"crm_core.routing.credits"}), ("routing/credits", set()), ("errors", set())],
)
def test_distribution_and_errors_import_no_other_project_modules(name: str, allowed: set[str]) -> None:
    assert imports(ROOT / f"crm_core/{name}.py") == allowed


def test_reference_model_imports_nothing_of_the_product() -> None:
    found = {name for path in (ROOT / "tests/model").rglob("*.py") for name in imports(path)}
    assert {name for name in found if name != "tests.model" and not name.startswith("tests.model.")} == set()


def test_sandbox_imports_no_other_project_modules() -> None:
    foreign = {
        f"{path.name}: {name}"
        for path in (ROOT / "bot/sandbox").rglob("*.py")
        for name in imports(path)
        if name != "bot.sandbox" and not name.startswith("bot.sandbox.")
    }
    assert foreign == set()


def test_only_settings_read_the_environment() -> None:
    readers = {
        path.relative_to(ROOT).as_posix()
        for path in MODULES
        if any(word in path.read_text(encoding="utf-8") for word in ("os.environ", "getenv", "import environ"))
    }
    assert readers == {"bot/settings.py"}


def test_core_uses_no_clock_or_randomness_of_its_own() -> None:
    """Time and chance are arguments, so that a story can decide both."""
    own = {
        f"{path.relative_to(ROOT)}: {call}"
        for path in (ROOT / "crm_core").rglob("*.py")
        for call in ("datetime.now", "time.time", "monotonic", "import random", "import secrets")
        if call in path.read_text(encoding="utf-8")
    }
    assert own == {
        "crm_core/storage/deadlines.py: monotonic",  # how long a connection was idle
        "crm_core/storage/at_hand.py: monotonic",  # the same
        "crm_core/storage/postgres.py: monotonic",  # how fast a connection was lost
        "crm_core/api/guard.py: monotonic",  # rates of callers, in seconds of this process
        "crm_core/api/limits.py: monotonic",  # likewise
        "crm_core/api/peers.py: monotonic",  # since when the machine was not looked at
        "crm_core/api/problems.py: import secrets",  # references, which only have to differ
        "crm_core/monitoring/security_log.py: monotonic",  # rates of log lines, in seconds of this process
        "crm_core/backups/__main__.py: datetime.now",  # a program of its own, which nobody gives a clock
        "crm_core/storage/migrate.py: datetime.now",  # the default of a command
        "crm_core/storage/types.py: datetime.now",  # in the text of an error
    }


def every_error(kind: type[CrmError] = CrmError) -> Iterator[type[CrmError]]:
    for child in kind.__subclasses__():
        yield child
        yield from every_error(child)


def test_every_error_has_a_unique_code_and_a_text() -> None:
    ours = [error for error in every_error() if error.__module__ == errors.__name__]
    codes = [error.code for error in ours]
    assert len(codes) == len(set(codes))
    assert set(codes) == set(REFUSALS) == set(SENTENCES)


@pytest.mark.parametrize("language", ["ru", "en"])
def test_translator_loads_for_every_language(language: str) -> None:
    assert translator(language).language == language


def public_functions(tree: ast.Module) -> Iterator[tuple[str, ast.AST]]:
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    for node in tree.body:
        if isinstance(node, kinds) and not node.name.startswith("_") and not _is_overload(node):
            yield node.name, node


def _is_overload(node: ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) -> bool:
    return "overload" in [ast.unparse(decorator) for decorator in node.decorator_list]


def has_docstring(node: ast.AST) -> bool:
    # An error whose name says it all needs no sentence that says it again.
    is_plain_error = isinstance(node, ast.ClassDef) and all(isinstance(part, ast.Assign) for part in node.body)
    return is_plain_error or ast.get_docstring(node) is not None  # type: ignore[arg-type]


def test_every_public_definition_has_a_docstring() -> None:
    silent = [
        f"{path.relative_to(ROOT)}: {name}"
        for path in MODULES
        if "migrations" not in path.parts
        for name, node in public_functions(parsed(path))
        if not has_docstring(node)
    ]
    assert silent == []


def test_every_module_has_a_docstring() -> None:
    silent = [
        str(path.relative_to(ROOT))
        for path in MODULES
        if path.stat().st_size and ast.get_docstring(parsed(path)) is None
    ]
    assert silent == []


def test_names_of_tests_have_at_most_72_characters() -> None:
    too_long = [
        f"{path.relative_to(ROOT)}: {node.name}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        for node in ast.walk(parsed(path))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        if node.name.startswith("test_") and len(node.name) > 72
    ]
    assert too_long == []


def test_newest_revision_matches_alembic() -> None:
    from alembic.config import Config
    from alembic.script import ScriptDirectory

    config = Config()
    config.set_main_option("script_location", str(ROOT / "crm_core/storage/migrations"))
    assert newest_revision() == ScriptDirectory.from_config(config).get_current_head()


@pytest.mark.slow
def test_unit_tests_load_neither_aiogram_nor_a_web_server() -> None:
    """So that these tests start within a second."""
    names = sorted(f"tests.unit.{path.stem}" for path in Path(__file__).parent.glob("test_*.py"))
    loads = f"import sys, {', '.join(names)}; print({{'aiogram', 'fastapi', 'uvicorn'}} & {{*sys.modules}})"
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    assert done.stdout == "set()\n"

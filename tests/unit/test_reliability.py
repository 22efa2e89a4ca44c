"""The list of faults in docs/reliability.md and the stories that prove it, kept in step both ways.

A story carries the numbers of the faults that it proves: `@pytest.mark.fault("F14", "F15")`. Files are read, not run.
"""

import ast
import re
from collections import defaultdict
from dataclasses import dataclass
from functools import cache
from pathlib import Path

TESTS = Path(__file__).parents[1]
PAGE = TESTS.parent / "docs/reliability.md"
LEVELS = frozenset("UPSCDQ")
NUMBERS = [f"F{number}" for number in (*range(1, 215), *range(216, 284))]
NOT_HERE = "does not apply"
STORY = re.compile(r"`([\w/]+\.py::\w+)`")

Function = ast.FunctionDef | ast.AsyncFunctionDef


@dataclass(frozen=True)
class Fault:
    """A row of the list."""

    number: str
    levels: frozenset[str]
    proof: str

    @property
    def stories(self) -> set[str]:
        return set(STORY.findall(self.proof))

    @property
    def applies(self) -> bool:
        return not self.proof.startswith(NOT_HERE)


@dataclass(frozen=True)
class Story:
    """A test function: the faults that it is marked with, and all fixtures that it needs, directly or not."""

    faults: tuple[str, ...]
    fixtures: frozenset[str]


def faults() -> list[Fault]:
    rows = re.findall(r"^\| (F\d+) \| ([A-Z ]+) \| .+? \| .+? \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    return [Fault(number, frozenset(levels.split()), proof) for number, levels, proof in rows]


@cache  # fixtures of a folder are those of each file in it
def functions(path: Path) -> list[Function]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    return [node for node in tree.body if isinstance(node, Function)]


def is_fixture(node: Function) -> bool:
    return any(is_of_pytest(one.func if isinstance(one, ast.Call) else one, "fixture") for one in node.decorator_list)


def is_of_pytest(node: ast.expr, *names: str) -> bool:
    """Whether an expression is `pytest.a.b` for the names a, b."""
    for name in reversed(names):
        if not isinstance(node, ast.Attribute) or node.attr != name:
            return False
        node = node.value
    return isinstance(node, ast.Name) and node.id == "pytest"


def arguments(node: Function) -> set[str]:
    return {one.arg for one in (*node.args.args, *node.args.kwonlyargs)}


def marks(node: Function) -> tuple[str, ...]:
    """The faults of every `fault` mark, those of single parameters included."""
    found = [
        call.args
        for decorator in node.decorator_list
        for call in ast.walk(decorator)
        if isinstance(call, ast.Call) and is_of_pytest(call.func, "mark", "fault")
    ]
    return tuple(str(ast.literal_eval(one)) for args in found for one in args)


def needed(asked: set[str], known: dict[str, set[str]]) -> frozenset[str]:
    """Fixtures, and all that they ask for themselves."""
    found: set[str] = set()
    left = list(asked)
    while left:
        name = left.pop()
        if name not in found:
            found.add(name)
            left.extend(known.get(name, ()))
    return frozenset(found)


@cache
def stories() -> dict[str, Story]:
    """Every test function, by its place below tests/."""
    found = {}
    for path in sorted(TESTS.rglob("test_*.py")):
        known: dict[str, set[str]] = {}
        above = [folder / "conftest.py" for folder in path.parents if folder.is_relative_to(TESTS)]
        for file in (*reversed([one for one in above if one.exists()]), path):
            known |= {node.name: arguments(node) for node in functions(file) if is_fixture(node)}
        for node in functions(path):
            if node.name.startswith("test_"):
                place = f"{path.relative_to(TESTS).as_posix()}::{node.name}"
                found[place] = Story(marks(node), needed(arguments(node), known))
    return found


def test_fault_list_is_complete_with_valid_levels() -> None:
    assert [fault.number for fault in faults()] == NUMBERS
    assert [fault.number for fault in faults() if not fault.levels or not fault.levels <= LEVELS] == []


def test_every_fault_names_its_tests_or_why_it_does_not_apply() -> None:
    silent = [fault.number for fault in faults() if not fault.stories and not fault.proof.startswith(f"{NOT_HERE}: ")]
    assert silent == []


def test_fault_list_and_test_marks_agree() -> None:
    marked: dict[str, set[str]] = defaultdict(set)
    for place, story in stories().items():
        for number in story.faults:
            marked[number].add(place)
    listed = {fault.number: fault.stories for fault in faults()}
    assert set(marked) <= set(listed)
    for number, named in listed.items():
        assert named == marked[number], f"{number}: listed {sorted(named)}, marked {sorted(marked[number])}"


def test_faults_for_both_databases_are_tested_on_both() -> None:
    for fault in faults():
        if "D" in fault.levels and fault.applies:
            assert any("database_url" in stories()[name].fixtures for name in fault.stories), fault.number


def has_processes(place: str) -> bool:
    """Whether a story is among those of real processes, or starts the command line."""
    path = place.partition("::")[0]
    return path.startswith("processes/") or "from tests.support.processes import" in (TESTS / path).read_text(
        encoding="utf-8"
    )


def test_faults_needing_real_processes_are_tested_with_them() -> None:
    for fault in faults():
        if "C" in fault.levels and fault.applies:
            assert any(has_processes(name) for name in fault.stories), fault.number


def test_every_test_named_on_the_page_exists() -> None:
    assert set(STORY.findall(PAGE.read_text(encoding="utf-8"))) <= set(stories())


def test_every_invariant_names_its_check() -> None:
    rows = re.findall(r"^\| (I\d+) \| .+? \| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.M)
    assert [number for number, _ in rows] == [f"I{number}" for number in (*range(1, 33), *range(34, 44), 45, 46, 47)]
    assert [number for number, where in rows if not STORY.search(where) and not where.startswith(NOT_HERE)] == []

"""docs/logs.md names every event that is logged, and none that is not."""

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
LEVELS = {"debug", "info", "warning", "error", "exception", "critical"}
NAME = re.compile(r"[a-z][a-z_]+")
MENTIONED = re.compile(r"\b(?:" + "|".join(sorted({*LEVELS, "security"})) + r")\b")


@cache
def logged() -> set[str]:
    """The events with a name in the code of the product; the sandbox is none of it."""
    found: set[str] = set()
    for path in (file for room in ("bot", "crm_core") for file in (ROOT / room).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        if "sandbox" in path.parts or not MENTIONED.search(text):
            continue
        for node in ast.walk(ast.parse(text)):
            match node:
                case ast.Call(ast.Attribute(attr=method), [ast.Constant(value=str(event)), *_]) if method in LEVELS:
                    found.add(event.partition(":")[0])
                case ast.Call(ast.Attribute(ast.Name("security"), "report"), [ast.Constant(value=str(event)), *_]):
                    found.add(event)
                case ast.Call(ast.Name("_isolated"), [ast.Constant(value=str(event)), *_]):
                    found.add(event)
                case _:
                    pass
    return {one for one in found if NAME.fullmatch(one)}


def test_log_page_names_every_event_and_no_other() -> None:
    rows = [line for line in (ROOT / "docs/logs.md").read_text(encoding="utf-8").splitlines() if line.startswith("| ")]
    named = {name for row in rows for name in re.findall(r"`([^`]+)`", row.split(" | ")[0])}
    assert logged() - named == set()
    by_variable = {"message_refused"}  # its kind is chosen before it is reported
    assert {one for one in named if NAME.fullmatch(one)} - logged() - by_variable == set()

"""What importing the sandbox costs: tests and the demo start it as a process of its own."""

import json
import subprocess
import sys

import pytest

from tests.support.forks import ROOT


@pytest.mark.slow
def test_importing_the_sandbox_loads_neither_aiogram_nor_the_product() -> None:
    """aiogram takes half a second to import; a sandbox that is not strict can save it."""
    loads = "import sys, json, bot.sandbox; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    loaded = set(json.loads(done.stdout))
    assert "bot.sandbox.server.server" in loaded
    assert {name.partition(".")[0] for name in loaded}.isdisjoint({"aiogram", "crm_core", "sqlalchemy"})
    with_any_part = {"bot.telegram", "bot.telegram.lazy_models"}
    assert {name for name in loaded if name.startswith("bot.")} - with_any_part == {
        name for name in loaded if name.startswith("bot.sandbox")
    }


@pytest.mark.slow
def test_production_loads_neither_the_sandbox_nor_its_page() -> None:
    loads = "import sys, json, bot.commands.cli, bot.commands.run, bot.app; print(json.dumps(list(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", loads], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S603
    loaded = set(json.loads(done.stdout))
    assert "bot.app" in loaded
    assert not {name for name in loaded if name.startswith(("bot.sandbox", "bot.demo", "jinja2", "playwright"))}

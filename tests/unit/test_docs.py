"""Documentation in step with the code: whatever can be set, typed or called is written down, in both languages."""

import re
import subprocess
from pathlib import Path

import pytest

from bot import __version__
from bot.commands.cli import main
from bot.screens.menus import commands_for
from bot.settings import SECRETS, Settings
from bot.texts import translator
from crm_core.api.limits import BODY_LARGEST, FORM_RATE, KEY_RATE
from crm_core.api.paging import LIMIT_LARGEST, SKIP_LARGEST

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "docs/ru/README.md")
PAGES = sorted([ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").rglob("*.md")])


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def default(name: str) -> str:
    """A setting's default as documentation shows it."""
    value = Settings.model_fields[name].default
    return "" if value in (None, []) else str(value)


def test_env_example_lists_every_setting_with_default_and_comment() -> None:
    text = read(".env.example")
    shown = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert shown == {name.upper(): default(name) for name in Settings.model_fields}
    for block in re.split(r"\n\n+", text.strip()):
        assert block.startswith("#"), f"no comment: {block}"


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_setting_with_its_default(readme: str) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", read(readme), re.MULTILINE))
    wanted = {name.upper(): f"`{default(name)}`" if default(name) else "–" for name in Settings.model_fields}
    assert rows == wanted


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_secret_that_may_come_from_a_file(readme: str) -> None:
    line = next(line for line in read(readme).splitlines() if "BOT_TOKENS_FILE" in line)
    assert set(re.findall(r"`([A-Z_]+)`", line)) == set(SECRETS)
    for name in SECRETS:
        assert f"{name}_FILE" in read(".env.example")


@pytest.mark.parametrize("readme", READMES)
def test_readme_lists_every_command(readme: str) -> None:
    rows = re.findall(r"^\| `([a-z-]+)(?: [^`]*)?`.*? \|", read(readme), re.MULTILINE)
    assert sorted(rows) == sorted(main.commands)


@pytest.mark.parametrize("readme", READMES)
@pytest.mark.parametrize("roles", [(), ("operator",), ("admin",)])
def test_readme_lists_every_menu_command(readme: str, roles: tuple[str, ...]) -> None:
    text = read(readme)
    for command in commands_for(roles, translator("en")):
        if command.command != "start":
            assert f"`/{command.command}" in text


def test_both_readmes_have_the_same_structure() -> None:
    def parts(name: str) -> list[str]:
        return [line.split(" ")[0] for line in read(name).splitlines() if line.startswith(("#", "```", "|--"))]

    assert parts("docs/ru/README.md") == parts("README.md")


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.relative_to(ROOT).as_posix())
def test_relative_links_point_to_existing_files(page: Path) -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8")):
        if "://" not in target:
            assert (page.parent / target).exists(), target


@pytest.mark.parametrize("readme", READMES)
def test_make_targets_named_in_readme_exist(readme: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    assert set(re.findall(r"^make (\w+)", read(readme), re.MULTILINE)) <= targets
    assert {"demo", "run", "test", "lint", "bench", "lock"} <= targets


def test_api_page_states_the_actual_limits() -> None:
    text = " ".join(read("docs/api.md").split())
    for rate in (KEY_RATE, FORM_RATE):
        assert re.search(rf"\b{rate.per_second:.0f}( calls)? a second, {rate.burst} at once", text)
    assert f"{BODY_LARGEST // 1024} KiB" in text
    assert f"{SKIP_LARGEST:,}".replace(",", " ") in text
    assert f"{LIMIT_LARGEST:,}".replace(",", " ") in text


def test_site_form_example_has_ten_lines() -> None:
    text = read("docs/site-form.html")
    assert len(text.splitlines()) == 10
    assert "/api/v1/forms/" in text


def test_changelog_has_an_entry_for_this_version() -> None:
    assert f"## {__version__} " in read("CHANGELOG.md")


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "python" + "hosted.org", "docker" + ".io")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in listed.stdout.split():
        path = ROOT / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        assert not any(host in text for host in hosts), name

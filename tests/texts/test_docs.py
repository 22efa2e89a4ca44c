"""Documentation in step with the code: whatever can be set, typed or called is written down, in both languages."""

import re
import subprocess
from pathlib import Path

import pytest

from bot import __version__
from bot.commands.cli import main
from bot.demo.playground_texts import TEXTS
from bot.screens.menus import commands_for
from bot.settings import SECRETS, Settings
from bot.texts import translator
from crm_core import events
from crm_core.api.limits import BODY_LARGEST, FORM_RATE, KEY_RATE
from crm_core.api.paging import LIMIT_LARGEST, SKIP_LARGEST
from crm_core.routing.choose import OTHERS_FIRST, Exclusion, SourceExclusion
from crm_core.routing.returns import ReturnReason
from crm_core.routing.sleep import Ended
from crm_core.service.targets import Measure

ROOT = Path(__file__).parents[2]
READMES = ("README.md", "docs/ru/README.md")
GUIDES = ("docs/using.md", "docs/ru/using.md")
REFERENCES = ("docs/reference.md", "docs/ru/reference.md")
OPERATIONS = ("docs/operations.md", "docs/ru/operations.md")
README_LINES = 90  # two screens
PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md")])
PAGE_IDS = [page.relative_to(ROOT).as_posix() for page in PAGES]

_FENCE = re.compile(r"^( *)```.*?^\1```$", re.MULTILINE | re.DOTALL)
_PATH = re.compile(r"(?:\.ci|bot|crm_core|docs|tests)/[\w./-]+")
_FILE = re.compile(r"[\w.-]+\.(?:html|md|po|py|svg|toml|yaml)|Makefile|Dockerfile|\.env\.example")
_MODULE = re.compile(r"(?:bot|crm_core|tests)(?:\.\w+)+")


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


def default(name: str) -> str:
    """A setting's default as documentation shows it."""
    value = Settings.model_fields[name].default
    if isinstance(value, list):
        return ",".join(map(str, value))
    return "" if value is None else str(value)


def test_env_example_lists_every_setting_with_default_and_comment() -> None:
    text = read(".env.example")
    shown = dict(re.findall(r"^([A-Z_]+)=(.*)$", text, re.MULTILINE))
    assert shown == {name.upper(): default(name) for name in Settings.model_fields}
    for block in re.split(r"\n\n+", text.strip()):
        assert block.startswith("#"), f"no comment: {block}"


@pytest.mark.parametrize("reference", REFERENCES)
def test_reference_lists_every_setting_with_its_default(reference: str) -> None:
    rows = dict(re.findall(r"^\| `([A-Z_]+)` \| (.*?) \|", read(reference), re.MULTILINE))
    wanted = {name.upper(): f"`{default(name)}`" if default(name) else "–" for name in Settings.model_fields}
    assert rows == wanted


@pytest.mark.parametrize("reference", REFERENCES)
def test_reference_lists_every_secret_that_may_come_from_a_file(reference: str) -> None:
    line = next(line for line in read(reference).splitlines() if "BOT_TOKENS_FILE" in line)
    assert set(re.findall(r"`([A-Z_]+)`", line)) == set(SECRETS)
    for name in SECRETS:
        assert f"{name}_FILE" in read(".env.example")


@pytest.mark.parametrize("reference", REFERENCES)
def test_reference_lists_every_command(reference: str) -> None:
    rows = re.findall(r"^\| `([a-z-]+)(?: [^`]*)?`.*? \|", read(reference), re.MULTILINE)
    assert sorted(rows) == sorted(main.commands)


def test_api_page_lists_every_kind_of_event_and_why_contacts_wait_and_wake() -> None:
    table = read("docs/api.md").partition("## Events")[2].partition("\n## ")[0]
    rows = {line.split(" | ")[0].strip("| "): line for line in table.splitlines() if line.startswith("| `")}
    listed = [kind for kinds in rows for kind in re.findall(r"`(\w+)`", kinds)]
    kinds = [value for name, value in vars(events).items() if name.isupper() and isinstance(value, str)]
    assert sorted(listed[1:]) == sorted(set(kinds) - {events.SYSTEM, events.CLIENT})
    for kind, reasons in {
        "`contact_queued`": [*Exclusion, *SourceExclusion, OTHERS_FIRST, *ReturnReason],
        "`contact_woke`": [*Ended],
        "`target_near`, `target_missed`": [*Measure],
    }.items():
        assert [one for one in reasons if f"`{one}`" not in rows[kind]] == []


@pytest.mark.parametrize("guide", GUIDES)
@pytest.mark.parametrize("roles", [(), ("operator",), ("admin",)])
def test_guide_lists_every_menu_command(guide: str, roles: tuple[str, ...]) -> None:
    text = read(guide)
    for command in commands_for(roles, translator("en")):
        if command.command != "start":
            assert f"`/{command.command}" in text


@pytest.mark.parametrize(("guide", "language"), [(GUIDES[0], "en"), (GUIDES[1], "ru")])
def test_guide_lists_every_switch_of_the_sandbox(guide: str, language: str) -> None:
    texts = TEXTS[language]
    labels = [texts[name.removesuffix("_hint")] for name in texts if name.endswith("_hint") and name != "language_hint"]
    rows = re.findall(r"^\| (.+?) \|", read(guide).partition("## ")[2].partition("\n## ")[0], re.MULTILINE)
    assert rows[1:] == labels
    assert all(texts[name] in read(guide) for name in ("held", "outbox", "circuit"))


@pytest.mark.parametrize(("english", "russian"), [READMES, GUIDES, REFERENCES, OPERATIONS])
def test_both_languages_have_the_same_structure(english: str, russian: str) -> None:
    def parts(name: str) -> list[str]:
        starts = ("#", "```", "|", "* ", "1.", "2.", "3.", "4.", "5.", "6.", "<img")
        return [line.split(" ")[0] for line in read(name).splitlines() if line.lstrip().startswith(starts)]

    assert parts(russian) == parts(english)


def test_both_pages_on_running_say_the_same_to_machines() -> None:
    """What is typed, configured or scraped, and all codes and figures of tables, do not depend on the language."""

    def commands(name: str) -> list[str]:
        """The blocks of code without their comments."""
        blocks = re.findall(r"^```\w*\n(.*?)^```$", read(name), re.MULTILINE | re.DOTALL)
        return [re.sub(r" *(?:#(?!\{)|--) .*$", "", block, flags=re.MULTILINE) for block in blocks]

    def metrics(name: str) -> list[str]:
        return re.findall(r"^(\| `mini_crm_\w+` \| \w+ \| .*? \|)", read(name), re.MULTILINE)

    def figures(name: str) -> list[list[str]]:
        rows = [line for line in read(name).splitlines() if line.startswith("| ") and "mini_crm_" not in line]
        return [re.findall(r"\d+(?:[.,]\d+)?", line.replace(",", ".")) for line in rows]

    def codes(name: str) -> set[str]:
        prose = _FENCE.sub("", read(name))
        return {one for one in re.findall(r"`([^`]+)`", prose) if one.isascii() and "<" not in one}

    english, russian = OPERATIONS
    assert commands(russian) == commands(english)
    assert metrics(russian) == metrics(english)
    assert figures(russian) == figures(english)
    assert codes(russian) ^ codes(english) == set()


@pytest.mark.parametrize("readme", READMES)
def test_readme_fits_two_screens(readme: str) -> None:
    assert len(read(readme).splitlines()) <= README_LINES


@pytest.mark.parametrize(("readme", "language"), [(READMES[0], "en"), (READMES[1], "ru")])
def test_readme_shows_chats_in_its_own_language(readme: str, language: str) -> None:
    """What they show is what the product says: tests/browser/test_pictures.py."""
    shown = re.findall(r"images/chats/(\w+)\.(\w+)\.light\.png", read(readme))
    assert shown == [(name, language) for name in ("client", "operator", "my", "admin")]


def anchors(page: Path) -> set[str]:
    """What links to a page may name after `#`, as GitHub makes it of the headings."""
    headings = re.findall(r"^#+ (.+)$", _FENCE.sub("", page.read_text(encoding="utf-8")), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=PAGE_IDS)
def test_relative_links_point_to_existing_files_and_headings(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    for target in (*re.findall(r"\]\(([^)]+)\)", text), *re.findall(r'<img src="([^"]+)"', text)):
        if "://" in target:
            continue
        name, _, heading = target.partition("#")
        file = (page.parent / name) if name else page
        assert file.exists(), target
        assert not heading or heading in anchors(file), target


def is_module(name: str) -> bool:
    """Whether a dotted name is a module of ours, or something in one."""
    parts = name.split(".")
    for depth in (len(parts), len(parts) - 1):
        place = ROOT.joinpath(*parts[:depth])
        file = place / "__init__.py" if place.is_dir() else place.with_suffix(".py")
        if file.exists():
            return depth == len(parts) or re.search(rf"\b{parts[-1]}\b", file.read_text(encoding="utf-8")) is not None
    return False


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.name != "CHANGELOG.md"],
    ids=[one for one in PAGE_IDS if "CHANGE" not in one],
)
def test_paths_and_modules_named_in_pages_exist(page: Path) -> None:
    # The changelog is left out: it tells of files as they were then.
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    names = {Path(line).name for line in listed.stdout.split()}
    text = page.read_text(encoding="utf-8")
    words = [word for span in re.findall(r"`([^`\n]+)`", _FENCE.sub("", text)) for word in span.split()]
    words += re.findall(r"python -m ((?:bot|crm_core|tests)[\w.]*)", text)
    missing = [word for word in words if _PATH.fullmatch(word) and not (ROOT / word).exists()]
    missing += [word for word in words if _FILE.fullmatch(word) and word not in names]
    missing += [word for word in words if _MODULE.fullmatch(word) and not is_module(word)]
    assert missing == []


@pytest.mark.parametrize("page", [*READMES, "docs/contributing.md"])
def test_make_targets_named_in_pages_exist(page: str) -> None:
    targets = set(re.findall(r"^([a-z]+):", read("Makefile"), re.MULTILINE))
    code = "\n".join(re.findall(r"```.*?```|`[^`\n]+`", read(page), re.DOTALL))
    assert set(re.findall(r"\bmake ([a-z]+)", code)) <= targets
    assert {"demo", "run", "test", "lint", "bench", "lock"} <= targets


def test_compose_file_overrides_what_env_example_sets_against_the_image() -> None:
    # A copy of .env.example has a database path and an address that do not work in a container.
    stage = read("Dockerfile").rpartition("FROM ")[2]
    image = dict(re.findall(r"(?:ENV |^    )([A-Z_]+)=(\S+)", stage, re.MULTILINE))
    compose = dict(re.findall(r'^      ([A-Z_]+): "?([^"\n]+)"?$', read("compose.yaml"), re.MULTILINE))
    mine = {name: value for name, value in image.items() if name.lower() in Settings.model_fields}
    assert mine.items() <= compose.items()
    assert compose["HTTP_PORT"] == default("http_port")
    assert set(re.findall(r"^EXPOSE (\d+)$", stage, re.MULTILINE)) == {compose["HTTP_PORT"]}
    assert set(re.findall(r"^VOLUME (\S+)$", stage, re.MULTILINE)) == {"/data"}
    assert "- crm-data:/data\n" in read("compose.yaml")


def test_no_page_puts_a_token_into_the_environment_of_a_container() -> None:
    """`docker inspect` shows the environment to whoever may use Docker."""
    compose = read("compose.yaml")
    (place,) = re.findall(r"^      BOT_TOKENS_FILE: (\S+)$", compose, re.MULTILINE)
    assert '\n      BOT_TOKENS: ""\n' in compose  # whatever .env says
    assert place == "/run/secrets/bot_tokens"
    assert re.search(r"^secrets:\n  bot_tokens:\n    file: \./bot_tokens$", compose, re.MULTILINE)
    assert "    secrets:\n      - bot_tokens\n" in compose
    account = re.search(r"^USER (\d+):", read("Dockerfile"), re.MULTILINE)
    assert account is not None
    for page in (*READMES, "docs/operations.md", "docs/ru/operations.md", "compose.yaml"):
        assert "-e BOT_TOKENS=" not in read(page), page
        assert f"sudo install -m 400 -o {account[1]} /dev/stdin bot_tokens" in read(page), page
    assert "bot_tokens" in read(".gitignore").splitlines()


def test_api_page_states_the_actual_limits() -> None:
    text = " ".join(read("docs/api.md").split())
    for rate in (KEY_RATE, FORM_RATE):
        assert re.search(rf"\b{rate.per_second:.0f}( calls)? a second, {rate.burst} at once", text)
    assert f"{BODY_LARGEST // 1024} KiB" in text
    assert f"{SKIP_LARGEST:,}" in text
    assert f"{LIMIT_LARGEST:,}" in text


def test_site_form_is_short_and_speaks_both_languages_alike() -> None:
    text = read("docs/site-form.html")
    assert len(text.splitlines()) < 50
    assert "/api/v1/forms/" in text
    english, russian = re.findall(r"\b(?:en|ru): \{(.*?)\}", text, re.S)
    names = [re.findall(r'(\w+): "', one) for one in (english, russian)]
    assert names[0] == names[1]
    assert set(re.findall(r'data-text="(\w+)"', text) + re.findall(r"texts\.(\w+)", text)) == set(names[0])


def test_changelog_has_an_entry_for_this_version() -> None:
    assert f"## {__version__} " in read("CHANGELOG.md")


def test_no_file_names_a_package_registry() -> None:
    hosts = ("pypi" + ".org", "python" + "hosted.org", "docker" + ".io")
    listed = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True)  # noqa: S607
    for name in listed.stdout.split():
        path = ROOT / name
        text = path.read_text(encoding="utf-8", errors="replace") if path.is_file() else ""
        assert not any(host in text for host in hosts), name

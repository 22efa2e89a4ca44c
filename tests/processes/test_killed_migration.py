"""F68: a migration that is killed at any statement, from older versions, with data: all or nothing, the same schema."""

import signal
from collections.abc import Iterator
from typing import Any

import pytest
from sqlalchemy import text

from crm_core.storage.migrate import migrate
from crm_core.storage.probe import known_revisions, newest_revision, revisions
from tests.processes.killer import Killer
from tests.processes.older_databases import FIRST, OlderDatabase, engine_of
from tests.support.databases import PostgresDatabases

OLDER = sorted(known_revisions() - {newest_revision()})
CLOSE_UNTIL = 22

REPLACED = {"dealt"}  # a counter; credits begin at 0 in its place


def content(url: str) -> dict[str, list[Any]]:
    """What the first version knew, by table, as it stands now."""
    engine = engine_of(url)
    with engine.connect() as connection:
        found = {}
        for table, rows in FIRST.items():
            names = ", ".join(sorted({name for row in rows for name in row} - {"payload"} - REPLACED))
            query = f"SELECT {names} FROM {table} ORDER BY 1, 2"  # noqa: S608
            found[table] = [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return found


def schema(url: str) -> list[Any]:
    """Every table, column, index and constraint, in words that can be compared."""
    engine = engine_of(url)
    with engine.connect() as connection:
        if url.startswith("sqlite"):
            query = "SELECT type, name, tbl_name, sql FROM sqlite_master ORDER BY 1, 2"
            rows = [tuple(row) for row in connection.execute(text(query))]
            assert connection.execute(text("PRAGMA integrity_check")).scalar_one() == "ok"
            assert connection.execute(text("PRAGMA foreign_key_check")).all() == []
        else:
            rows = []
            for query in (
                "SELECT table_name, column_name, data_type, is_nullable, column_default, character_maximum_length "
                "FROM information_schema.columns WHERE table_schema = 'public' ORDER BY 1, 2",
                "SELECT tablename, indexname, indexdef FROM pg_indexes WHERE schemaname = 'public' ORDER BY 1, 2",
                "SELECT conrelid::regclass::text, conname, pg_get_constraintdef(oid) FROM pg_constraint "
                "WHERE connamespace = 'public'::regnamespace ORDER BY 1, 2",
            ):
                rows += [tuple(row) for row in connection.execute(text(query))]
    engine.dispose()
    return rows


def kills(revision: str) -> list[int]:
    """The statements at which a migration from a revision is killed, at the latest when there are no more.

    They are close together in what comes next: most migrations have fewer than twenty statements.
    """
    return [*range(1, CLOSE_UNTIL, 3), *range(CLOSE_UNTIL, 1_000, 17 if is_long(revision) else 3)]


def is_long(revision: str) -> bool:
    """Whether not only what comes next is killed, but also what follows, for hundreds of statements.

    What follows is what comes next from a later revision, so a few such revisions are enough.
    """
    return revision in ("nothing", OLDER[0], OLDER[len(OLDER) // 2])


@pytest.fixture(scope="session")
def older_file(tmp_path_factory: pytest.TempPathFactory) -> OlderDatabase:
    return OlderDatabase(f"sqlite:///{tmp_path_factory.mktemp('older') / 'crm.db'}")


@pytest.fixture(scope="session")
def older_on_server(postgres_databases: PostgresDatabases) -> Iterator[OlderDatabase]:
    with postgres_databases.empty() as address:
        yield OlderDatabase(address)


@pytest.fixture
def older(database_url: str, request: pytest.FixtureRequest) -> OlderDatabase:
    """A database of an older version, of the same kind as `database_url`."""
    is_file = database_url.startswith("sqlite")
    found: OlderDatabase = request.getfixturevalue("older_file" if is_file else "older_on_server")
    return found


@pytest.fixture(scope="session")
def killer() -> Iterator[Killer]:
    found = Killer()
    yield found
    found.close()


def cases() -> Iterator[Any]:
    """The newest revisions, and of the older ones, which change no more, every third; on PostgreSQL half of these.

    Those killed for long go on through all that follows them.
    """
    yield "nothing"
    for place, revision in enumerate(OLDER):
        is_new = place >= len(OLDER) - 4 or is_long(revision)
        if is_new or place % 3 == 0:
            is_enough = not is_new and place % 6
            yield pytest.param(revision, marks=pytest.mark.sqlite_is_enough) if is_enough else revision


@pytest.mark.fault("F68")
@pytest.mark.parametrize("revision", list(cases()))
def test_migration_killed_at_any_statement_is_all_or_nothing(
    revision: str, second_database_url: str, database_url: str, older: OlderDatabase, killer: Killer
) -> None:
    """F68: with what people had in it; and then once more, twice."""
    if revision != "nothing":
        older.copy(second_database_url, revision=revision)
    before = content(second_database_url) if revision != "nothing" else None
    at_first = revisions(second_database_url)
    *interrupted, (last, status, then) = killer.kill(
        second_database_url, statements=kills(revision), is_next_only=not is_long(revision)
    )
    assert last > 3, "there was nothing to interrupt"
    assert {(status, then) for _, status, then in interrupted} == {(-signal.SIGKILL, at_first[0])}
    assert (status, then) == (-signal.SIGQUIT, at_first[0])  # everything was done, and not yet committed
    if before is not None:
        assert content(second_database_url) == before
    assert migrate(second_database_url) == at_first
    assert migrate(second_database_url) == (newest_revision(), newest_revision())
    assert schema(second_database_url) == schema(database_url)
    if before is not None:
        assert content(second_database_url) == before

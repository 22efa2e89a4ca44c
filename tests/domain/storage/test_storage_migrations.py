"""Bringing a database to this version's schema, on both kinds, and refusing what is not known here."""

import sqlite3
import time
from pathlib import Path
from typing import Any

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import Engine, NullPool, create_engine, make_url, text

from crm_core.contacts.lead_words import words
from crm_core.storage import migrate as migrating
from crm_core.storage.migrate import UnknownRevision, migrate
from crm_core.storage.probe import revisions
from crm_core.storage.sqlite import sqlite_engine
from crm_core.storage.tables import Base


def engine_of(database_url: str) -> Engine:
    url = make_url(database_url)
    if url.get_backend_name() == "sqlite":
        return sqlite_engine(url)
    return create_engine(url.set(drivername="postgresql+psycopg"), poolclass=NullPool)


def ask(database_url: str, query: str) -> list[Any]:
    engine = engine_of(database_url)
    with engine.begin() as connection:
        result = connection.execute(text(query))
        rows = list(result) if result.returns_rows else []
    engine.dispose()
    return rows


@pytest.mark.fault("F68")
def test_migrated_schema_matches_the_table_definitions(database_url: str) -> None:
    engine = engine_of(database_url)
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        differences = compare_metadata(context, Base.metadata)
        # Comments explain columns to readers of the code; the migration leaves them out.
        assert [one for one in differences if not _is_comment(one)] == []
    engine.dispose()


def _is_comment(difference: Any) -> bool:
    return isinstance(difference, list) and all(one[0] == "modify_comment" for one in difference)


def test_migrated_indexes_have_the_conditions_of_the_table_definitions(
    database_url: str, second_database_url: str
) -> None:
    """Alembic does not compare the conditions of partial indexes; a rebuilt table could lose them unnoticed."""
    Path(make_url(second_database_url).database or "").parent.mkdir(exist_ok=True)
    engine = engine_of(second_database_url)
    with engine.begin() as connection:
        Base.metadata.create_all(connection)
    engine.dispose()
    is_sqlite = database_url.startswith("sqlite")
    query = (
        "SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL"
        if is_sqlite
        else "SELECT indexname, indexdef FROM pg_indexes WHERE tablename <> 'alembic_version' AND schemaname = 'public'"
    )
    migrated, defined = ({row[0]: row[1] for row in ask(url, query)} for url in (database_url, second_database_url))
    assert len(defined) > 20
    assert migrated == defined


@pytest.mark.fault("F68")
def test_migrating_again_changes_nothing(database_url: str) -> None:
    ask(database_url, "INSERT INTO alerts (cause, told_at) VALUES ('limit:1', 5)")
    before = revisions(database_url)
    assert before[0] == before[1]
    assert migrate(database_url) == before
    assert [tuple(row) for row in ask(database_url, "SELECT cause, told_at FROM alerts")] == [("limit:1", 5)]


def test_unknown_revision_is_refused_and_nothing_is_changed(database_url: str) -> None:
    ask(database_url, "UPDATE alembic_version SET version_num = '9999_of_tomorrow'")
    ask(database_url, "INSERT INTO alerts (cause, told_at) VALUES ('limit:1', 5)")
    with pytest.raises(UnknownRevision, match="9999_of_tomorrow"):
        migrate(database_url)
    assert [row[0] for row in ask(database_url, "SELECT version_num FROM alembic_version")] == ["9999_of_tomorrow"]
    assert [row[0] for row in ask(database_url, "SELECT cause FROM alerts")] == ["limit:1"]


def test_sqlite_file_is_copied_before_it_is_migrated(tmp_path: Path) -> None:
    path = tmp_path / "crm.db"
    url = f"sqlite:///{path}"
    migrate(url)
    assert list(tmp_path.glob("*.before-*")) == []  # there was nothing to lose
    # As an older version would have left it: data, and another revision. The journal is still open, as after a crash.
    older = sqlite3.connect(path)
    older.execute("INSERT INTO alerts (cause, told_at) VALUES ('limit:1', 5)")
    older.execute("DELETE FROM alembic_version")
    older.execute("CREATE TABLE marker (x)")
    older.commit()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(migrating, "_upgrade", _fails)
        patch.setattr(migrating, "_revision", lambda connection: "0000_older")
        patch.setattr(migrating, "_check_known", lambda revision: None)
        with pytest.raises(LookupError):
            migrate(url)
    older.close()
    (copy,) = tmp_path.glob("crm.before-*.db")
    kept = sqlite3.connect(copy)
    assert kept.execute("SELECT cause FROM alerts").fetchall() == [("limit:1",)]
    assert kept.execute("PRAGMA integrity_check").fetchone() == ("ok",)
    kept.close()


@pytest.mark.fault("F119")
def test_names_of_an_earlier_version_are_found_after_the_migration(second_database_url: str) -> None:
    """More leads than are read at once, some without a name or with one that has no words."""
    if second_database_url.startswith("sqlite"):
        Path(make_url(second_database_url).database or "").parent.mkdir()
    odd = [None, "", "!?", "Пётр  ПЁТР", "Groß İ ıI", "a" * 500, " ".join(f"w{number}" for number in range(99))]
    names = [*odd, *(f"Client {number}" for number in range(5_100))]
    engine = engine_of(second_database_url)
    with engine.begin() as connection:
        command.upgrade(migrating._config(connection), "0014")
    with engine.begin() as connection:
        rows = [{"id": place * 2, "name": name} for place, name in enumerate(names, start=1)]
        connection.execute(text("INSERT INTO leads (id, full_name, created_at) VALUES (:id, :name, 0)"), rows)
    engine.dispose()
    migrate(second_database_url, copy=False)
    assert {row[0] for row in ask(second_database_url, "SELECT full_name FROM leads")} == set(names)
    stored = [tuple(row) for row in ask(second_database_url, "SELECT lead_id, word FROM lead_words")]
    expected = [(place * 2, word) for place, name in enumerate(names, start=1) for word in words(name)]
    assert sorted(stored) == sorted(expected)


_OLD_LEAD = (
    "INSERT INTO leads (id, external_id, email, phone, phone_key, created_at)"
    " VALUES (:id, :external, :email, :phone, :key, 0)"
)


@pytest.mark.fault("F128", "F129")
def test_keys_of_earlier_phones_and_emails_are_renewed_and_nobody_is_merged(second_database_url: str) -> None:
    if second_database_url.startswith("sqlite"):
        Path(make_url(second_database_url).database or "").parent.mkdir()
    engine = engine_of(second_database_url)
    with engine.begin() as connection:
        command.upgrade(migrating._config(connection), "0015")
    old = [  # external id, e-mail, phone, its last ten digits
        ("phone:1987654321", None, "+55 11 98765-4321", "1987654321"),
        ("phone:9991234567", None, "8 (999) 123-45-67", "9991234567"),
        ("phone:9912345675", None, "+7 999 123-45-67 доб. 5", "9912345675"),
        ("phone:9123456700", None, "+79991234567 x00", "9123456700"),
        ("phone:12", None, None, None),  # another system's own id
        (None, None, "call me", None),
        (None, "her@example.com\u200b", "12345", "12345"),
        (None, "her@example.com", None, None),
        (None, "mailto:her@example.com", None, None),
        (None, "client@пример.рф", None, None),
        (None, "client@xn--e1afmkfd.xn--p1ai", None, None),
        (None, "\u202aonly@example.com", None, None),
    ]
    many = [
        (f"crm:{number}", f"{number}@example.com", f"8999{number:07}", f"999{number:07}") for number in range(5_100)
    ]
    rows = [
        {"id": place, "external": external, "email": email, "phone": phone, "key": key}
        for place, (external, email, phone, key) in enumerate((*old, *many), start=1)
    ]
    with engine.begin() as connection:
        connection.execute(text(_OLD_LEAD), rows)
    engine.dispose()
    migrate(second_database_url, copy=False, region="RU")
    query = "SELECT external_id, email, email_key, phone, phone_key FROM leads ORDER BY id"
    found = [tuple(row) for row in ask(second_database_url, query)]
    assert [(email, phone) for _, email, _, phone, _ in found] == [(row["email"], row["phone"]) for row in rows]
    assert [(external, key, phone_key) for external, _, key, _, phone_key in found[: len(old)]] == [
        ("phone:+5511987654321", None, "+5511987654321"),
        ("phone:+79991234567", None, "+79991234567"),
        ("phone:+79991234567;ext=5", None, "+79991234567"),
        ("phone:+79991234567;ext=00", None, "+79991234567"),
        ("phone:12", None, None),
        (None, None, None),
        (None, "her@example.com\u200b", "12345"),
        (None, "her@example.com", None),
        (None, "mailto:her@example.com", None),
        (None, "client@пример.рф", None),
        (None, "client@xn--e1afmkfd.xn--p1ai", None),
        (None, "only@example.com", None),
    ]
    assert found[-1][4] == "+79990005099"


def _fails(_: Any, *rest: Any) -> Any:
    raise LookupError("in the middle of a migration")


def test_older_sources_hand_nothing_over_and_absence_counts_from_the_upgrade(second_database_url: str) -> None:
    """Whoever is offline at the upgrade counts as away from then on; who is there counts as there."""
    if second_database_url.startswith("sqlite"):
        Path(make_url(second_database_url).database or "").parent.mkdir()
    engine = engine_of(second_database_url)
    with engine.begin() as connection:
        command.upgrade(migrating._config(connection), BEFORE_ABSENCE)
    with engine.begin() as connection:
        connection.execute(text(_OLD_SOURCE))
        rows = [{"name": "Anna", "is_online": True}, {"name": "Boris", "is_online": False}]
        connection.execute(text(_OLD_OPERATOR), rows)
    engine.dispose()
    migrate(second_database_url, copy=False)
    found = ask(second_database_url, "SELECT handover, away_minutes FROM sources")
    assert [tuple(one) for one in found] == [("keep", 30)]
    anna, boris = (row[0] for row in ask(second_database_url, "SELECT away_since FROM operators ORDER BY id"))
    assert anna is None
    assert abs(boris / 1000 - time.time()) < 600


BEFORE_ABSENCE = "0046"
_OLD_SOURCE = (
    "INSERT INTO sources (name, is_active, strategy, created_at, is_open, terms, late_hours)"
    " VALUES ('Shop', true, 'random', 0, true, 0, 24)"
)
_OLD_OPERATOR = (
    "INSERT INTO operators (name, name_folded, is_active, is_online, max_leads, current_leads, reach_version,"
    " created_at, on_shift, given_lately) VALUES (:name, :name, true, :is_online, 5, 0, 0, 0, true, 0)"
)

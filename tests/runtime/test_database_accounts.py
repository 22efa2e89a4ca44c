"""PostgreSQL with two accounts: the one that runs cannot change the schema; the other one does nothing else."""

import asyncio
import re
import uuid
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path

import pytest
from alembic import command
from alembic.script import ScriptDirectory
from sqlalchemy import NullPool, create_engine, make_url, text
from sqlalchemy.exc import ProgrammingError

from bot.commands.doctor import BAD, look
from bot.commands.explain import explain
from bot.runtime.jobs import purge
from bot.runtime.migrating import bring_up_to_date
from bot.sandbox import Sandbox
from bot.settings import load_settings
from bot.texts import translator
from bot.texts.exports import table_words
from crm_core.exports.kinds import Form, What
from crm_core.exports.making import Order, make
from crm_core.exports.rows import Span
from crm_core.storage import migrate
from crm_core.storage.migrate import MigrationNotAllowed
from crm_core.storage.probe import newest_revision
from tests.support.clock import MovableClock
from tests.support.databases import PostgresDatabases
from tests.support.people import RunningApp

PAGE = Path(__file__).parents[2] / "docs/operations.md"
NEW, EXISTING = 0, 1  # the blocks of statements on the page
PASSWORD = "word-of-a-test"  # noqa: S105 - of accounts that live as long as their test
NAMED = re.compile(r"\bcrm(?:_owner|_run)?\b")
WELL = "The account of DATABASE_URL can work with the tables and not change the schema"
pytestmark = pytest.mark.postgres


def documented(block: int, names: dict[str, str]) -> str:
    """A block of statements of the page, with other names of roles and database."""
    chapter = PAGE.read_text(encoding="utf-8").partition("## Accounts of PostgreSQL")[2].partition("\n## ")[0]
    found: str = re.findall(r"```sql\n(.*?)```", chapter, re.DOTALL)[block]
    return NAMED.sub(lambda one: names[one[0]], found).replace("…", PASSWORD)


def execute(url: str, statements: str) -> None:
    """Executes statements one by one, outside a transaction. Raises what the server refuses."""
    engine = create_engine(
        make_url(url).set(drivername="postgresql+psycopg"), isolation_level="AUTOCOMMIT", poolclass=NullPool
    )
    try:
        with engine.connect() as connection:
            for statement in re.sub(r"--.*", "", statements).split(";"):
                if statement.strip():
                    connection.execute(text(statement))
    finally:
        engine.dispose()


@dataclass(frozen=True)
class Accounts:
    """The addresses of a database for its two accounts, and for a third one that may do everything."""

    run: str
    owner: str
    admin: str

    @property
    def names(self) -> dict[str, str]:
        """Of the roles, as the page calls them."""
        return {"crm_run": make_url(self.run).username or "", "crm_owner": make_url(self.owner).username or ""}

    async def doctor(self, *, migrating: bool = True) -> list[str]:
        """What `doctor` says: mark, text and advice of each finding."""
        settings = load_settings(database_url=self.run, migration_database_url=self.owner if migrating else None)
        return [f"{one.mark} {one.text} {one.advice}".strip() async for one in look(settings)]


@pytest.fixture
def accounts(postgres_databases: PostgresDatabases) -> Iterator[Accounts]:
    """A new, empty database, with the accounts and rights that the page gives them."""
    tail = uuid.uuid4().hex[:8]
    names = {name: f"{name}_{tail}" for name in ("crm_owner", "crm_run", "crm")}
    before, after = documented(NEW, names).split(f"\\c {names['crm']}\n")
    with postgres_databases.lend() as lent:
        execute(lent, before)
        admin = make_url(lent).set(database=names["crm"])
        by_admin, *by_roles = (
            url.render_as_string(hide_password=False)
            for url in (admin, *(admin.set(username=names[one], password=PASSWORD) for one in ("crm_run", "crm_owner")))
        )
        execute(by_admin, after)
        yield Accounts(by_roles[0], by_roles[1], by_admin)
        execute(lent, f"DROP DATABASE {names['crm']} WITH (FORCE)")
        execute(lent, f"DROP ROLE {names['crm_run']}; DROP ROLE {names['crm_owner']}")


def fill_with_older_schema(url: str) -> str:
    """Makes the tables as of the revision before the newest. Returns that revision."""
    engine = create_engine(make_url(url).set(drivername="postgresql+psycopg"), poolclass=NullPool)
    try:
        with engine.begin() as connection:
            config = migrate._config(connection)
            newest = ScriptDirectory.from_config(config).get_revision(newest_revision())
            before = newest.down_revision
            assert isinstance(before, str)
            command.upgrade(config, before)
            return before
    finally:
        engine.dispose()


@pytest.mark.fault("F122")
async def test_product_works_with_an_account_that_cannot_change_the_schema(
    accounts: Accounts, sandbox: Sandbox, clock: MovableClock, tmp_path: Path
) -> None:
    settings = {"migration_database_url": accounts.owner}
    async with await RunningApp.open(sandbox, accounts.run, clock=clock, settings=settings) as crm:
        anna = await crm.operator("Anna")
        ivan = crm.client("Ivan")
        await ivan.says("Do you have bicycles?", to=crm.shop)
        card = await anna.sees("Do you have bicycles?")
        await anna.presses(card, "Take")
        await crm.settled()
        await anna.replies(card, "Yes, three")
        await ivan.sees("Yes, three")
        for job in crm.app.schedule.jobs.values():
            await job.run(crm.app)
        words = table_words(What.CONTACTS, translator("en"))
        order = Order(What.CONTACTS, Form.CSV, Span(), words, tmp_path / "contacts.csv", "UTC")
        assert (await make(crm.db, order)).rows == 1
        await crm.settled()
        await purge(crm.db, now=clock() + timedelta(days=365))
    for statement in (
        "CREATE TABLE mine (id int)",
        "CREATE SCHEMA mine",
        "ALTER TABLE contacts ADD COLUMN mine int",
        "ALTER TABLE contacts OWNER TO CURRENT_USER",
        "DROP TABLE contacts",
        "TRUNCATE contacts CASCADE",
        "CREATE INDEX mine ON contacts (id)",
    ):
        with pytest.raises(ProgrammingError, match=r"permission denied|must be owner"):
            execute(accounts.run, statement)
    assert f"✓ {WELL}" in await accounts.doctor()


@pytest.mark.fault("F122")
async def test_older_schema_that_may_not_be_changed_ends_the_start_with_a_code(
    accounts: Accounts, sandbox: Sandbox
) -> None:
    before = fill_with_older_schema(accounts.owner)
    with pytest.raises(MigrationNotAllowed) as refused:
        async with await RunningApp.open(sandbox, accounts.run):
            pass
    assert refused.value.revision == before
    sentence, status = explain(refused.value, accounts.run) or ("", 0)
    assert status == 2
    assert "MIGRATION_DATABASE_URL" in sentence
    assert "(migration_not_allowed)" in sentence
    assert PASSWORD not in sentence
    bad = [one for one in await accounts.doctor(migrating=False) if one.startswith(BAD)]
    assert bad[0].startswith("✗ The schema has to be upgraded, and the account of DATABASE_URL may not do that")
    assert "Set MIGRATION_DATABASE_URL to the account that owns the tables." in bad[0]

    assert await asyncio.to_thread(bring_up_to_date, accounts.run, migrating_url=accounts.owner) == (
        before,
        newest_revision(),
    )
    async with await RunningApp.open(sandbox, accounts.run) as crm:  # nothing is left to do for the other account
        await crm.client("Ivan").says("Hello", to=crm.shop)
        await crm.settled()


def test_empty_database_without_the_right_to_fill_it_is_refused(accounts: Accounts) -> None:
    with pytest.raises(MigrationNotAllowed) as refused:
        bring_up_to_date(accounts.run)
    assert refused.value.revision is None


@pytest.mark.fault("F122")
def test_tables_of_later_upgrades_can_be_used_at_once(accounts: Accounts) -> None:
    bring_up_to_date(accounts.run, migrating_url=accounts.owner)
    execute(accounts.owner, "CREATE TABLE later (id bigint GENERATED BY DEFAULT AS IDENTITY, name text)")
    execute(accounts.run, "INSERT INTO later (name) VALUES ('one'); UPDATE later SET name = 'two'; DELETE FROM later")


def test_migrating_account_is_not_used_where_nothing_is_to_be_migrated(accounts: Accounts) -> None:
    bring_up_to_date(accounts.run, migrating_url=accounts.owner)
    nobody = make_url(accounts.owner).set(username="nobody_at_all").render_as_string(hide_password=False)
    assert bring_up_to_date(accounts.run, migrating_url=nobody) == (newest_revision(), newest_revision())


async def test_existing_database_is_changed_over_as_the_page_says(accounts: Accounts) -> None:
    former = f"{accounts.names['crm_run']}_former"
    admin = make_url(accounts.admin)
    execute(accounts.admin, f"CREATE ROLE {former} LOGIN PASSWORD '{PASSWORD}'; GRANT ALL ON SCHEMA public TO {former}")
    execute(accounts.admin, f"GRANT CONNECT ON DATABASE {admin.database} TO {former}")
    await asyncio.to_thread(
        bring_up_to_date, admin.set(username=former, password=PASSWORD).render_as_string(hide_password=False)
    )
    before = await accounts.doctor()
    assert any("lacks rights on the tables" in one for one in before), before

    execute(accounts.admin, documented(EXISTING, accounts.names | {"crm": former}))
    after = await accounts.doctor()
    assert f"✓ {WELL}" in after, after
    execute(accounts.admin, f"DROP OWNED BY {former}; DROP ROLE {former}")


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("REVOKE DELETE ON outbox FROM {crm_run}", "✗ The account of DATABASE_URL lacks rights on outbox"),
        ("GRANT {crm_owner} TO {crm_run}", "! The account of DATABASE_URL may change the schema, too"),
        ("ALTER TABLE outbox OWNER TO CURRENT_USER", "✗ The account of MIGRATION_DATABASE_URL may not change"),
        ("ALTER ROLE {crm_owner} NOLOGIN", "✗ MIGRATION_DATABASE_URL: postgresql://{crm_owner}:***@"),
    ],
)
async def test_doctor_says_which_right_is_missing_or_too_much(accounts: Accounts, change: str, said: str) -> None:
    await asyncio.to_thread(bring_up_to_date, accounts.run, migrating_url=accounts.owner)
    execute(accounts.admin, change.format(**accounts.names))
    lines = await accounts.doctor()
    assert any(one.startswith(said.format(**accounts.names)) for one in lines), lines
    assert PASSWORD not in "".join(lines)


def test_missing_right_while_working_is_explained_with_a_code(accounts: Accounts) -> None:
    bring_up_to_date(accounts.run, migrating_url=accounts.owner)
    with pytest.raises(ProgrammingError) as refused:
        execute(accounts.run, "TRUNCATE contacts CASCADE")
    sentence, status = explain(refused.value, accounts.run) or ("", 0)
    assert status == 2
    assert "(database_rights_missing)" in sentence
    assert PASSWORD not in sentence

"""What an account of PostgreSQL may do with our tables, for `doctor`. SQLite has no accounts."""

from dataclasses import dataclass

from crm_core.storage.probe import probe

_OUR_TABLES = (
    "FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace "
    "WHERE n.nspname = current_schema() AND c.relkind = 'r'"
)
_OWNS = "pg_has_role(c.relowner, 'USAGE')"
_USES = (
    "has_table_privilege(c.oid, 'SELECT') AND (c.relname = 'alembic_version' OR (has_table_privilege(c.oid, 'INSERT') "
    "AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE')))"
)


@dataclass(frozen=True, slots=True)
class Rights:
    """What an account may do.

    Attributes:
        may_migrate: whether it may change the schema: make tables, and change every one of ours.
        lacks: tables that it cannot work with; empty where there are none yet.
    """

    may_migrate: bool
    lacks: list[str]


def rights(url: str) -> Rights:
    """What the account of an address may do. Raises what the driver raises when the server cannot be asked.

    Args:
        url: as in the settings `DATABASE_URL` and `MIGRATION_DATABASE_URL`, of PostgreSQL.
    """
    with probe(url) as ask:
        may_create = ask("SELECT coalesce(has_schema_privilege(current_schema(), 'CREATE'), false)")[0][0]
        others = ask(f"SELECT c.relname {_OUR_TABLES} AND NOT {_OWNS}")
        lacks = ask(f"SELECT c.relname {_OUR_TABLES} AND NOT ({_USES}) ORDER BY c.relname")
    return Rights(may_create and not others, [name for (name,) in lacks])

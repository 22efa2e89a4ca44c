"""Opening the database that the settings name."""

from sqlalchemy import make_url

from crm_core.storage.database import Database


def open_database(url: str) -> Database:
    """Opens the database of a settings URL: ``sqlite:///path`` or ``postgresql://…``.

    Only the module of that kind is imported, so that commands start quickly.
    """
    parsed = make_url(url)
    if parsed.get_backend_name() == "sqlite":
        from crm_core.storage.sqlite import SqliteDatabase

        return SqliteDatabase(parsed)
    from crm_core.storage.postgres import PostgresDatabase

    return PostgresDatabase(parsed)

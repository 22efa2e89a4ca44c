"""Runs migrations on the connection that `storage.migrate` hands over."""

from alembic import context

from crm_core.storage.tables import Base

context.configure(
    connection=context.config.attributes["connection"],
    target_metadata=Base.metadata,
    render_as_batch=True,  # SQLite cannot alter a column in place
    transaction_per_migration=False,  # all or nothing
)
with context.begin_transaction():
    context.run_migrations()

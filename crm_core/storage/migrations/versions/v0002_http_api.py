"""What the HTTP API keeps: its keys, the answers to repeated calls, and phones as they are searched."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

DIGITS = 10  # of the end of a phone; as `crm_core.contacts.leads.phone_key` at this revision


def upgrade() -> None:
    op.create_table(
        "api_keys",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("prefix", sa.String(length=16), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("scope", sa.String(length=8), nullable=False),
        sa.Column("source_id", RowId, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=True),
        sa.Column("last_used_at", Instant(), nullable=True),
        sa.Column("revoked_at", Instant(), nullable=True),
        sa.CheckConstraint("scope IN ('read', 'write', 'admin', 'form')", name=op.f("ck_api_keys_scope")),
        sa.CheckConstraint("(scope = 'form') = (source_id IS NOT NULL)", name=op.f("ck_api_keys_source")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=op.f("fk_api_keys_source_id_sources")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_keys")),
        sa.UniqueConstraint("name", name=op.f("uq_api_keys_name")),
        sa.UniqueConstraint("prefix", name=op.f("uq_api_keys_prefix")),
    )
    op.create_table(
        "idempotency",
        sa.Column("key_id", RowId, autoincrement=False, nullable=False),
        sa.Column("route", sa.String(length=200), nullable=False),
        sa.Column("idempotency_key", sa.String(length=255), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("status", RowId, nullable=False),
        sa.Column("headers", sa.JSON(), nullable=False),
        sa.Column("body", sa.Text(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("key_id", "route", "idempotency_key", name=op.f("pk_idempotency")),
    )
    op.create_index(op.f("ix_idempotency_created_at"), "idempotency", ["created_at"])
    op.add_column("leads", sa.Column("phone_key", sa.String(length=DIGITS), nullable=True))
    condition = sa.text("phone_key IS NOT NULL")
    op.create_index("ix_leads_phone_key", "leads", ["phone_key"], sqlite_where=condition, postgresql_where=condition)
    _fill_phone_keys()


def _fill_phone_keys() -> None:
    leads = sa.table("leads", sa.column("id"), sa.column("phone"), sa.column("phone_key"))
    connection = op.get_bind()
    found = connection.execute(sa.select(leads.c.id, leads.c.phone).where(leads.c.phone.is_not(None))).all()
    keys = [{"of": row.id, "key": "".join(filter(str.isdecimal, row.phone))[-DIGITS:] or None} for row in found]
    if keys:
        connection.execute(
            sa.update(leads).where(leads.c.id == sa.bindparam("of")).values(phone_key=sa.bindparam("key")), keys
        )

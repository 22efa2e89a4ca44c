"""Exports that admins ask for in Telegram."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "exports",
        sa.Column("id", RowId, nullable=False),
        sa.Column("what", sa.String(length=16), nullable=False),
        sa.Column("form", sa.String(length=8), nullable=False),
        sa.Column("period", sa.String(length=8), nullable=False),
        sa.Column("since", Instant(), nullable=True),
        sa.Column("until", Instant(), nullable=False),
        sa.Column("language", sa.String(length=16), nullable=False),
        sa.Column("asked_by", sa.BigInteger(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("fence", RowId, nullable=True),
        sa.Column("attempts", RowId, nullable=False),
        sa.Column("asked_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_exports_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_exports")),
    )
    under_way = sa.text("state IN ('waiting', 'running')")
    for name, columns, unique in (
        ("uq_exports_under_way", ["asked_by"], True),
        ("ix_exports_under_way", ["bot_id", "id"], False),
    ):
        op.create_index(name, "exports", columns, unique=unique, sqlite_where=under_way, postgresql_where=under_way)

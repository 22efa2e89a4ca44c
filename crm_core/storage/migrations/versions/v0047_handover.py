"""Sources can hand over what absent operators hold unanswered. Those that exist keep everything where it is."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0047"
down_revision = "0046"
branch_labels = None
depends_on = None

OPERATORS = sa.table("operators", sa.column("away_since"))
NOW = {  # in milliseconds
    "sqlite": "CAST(strftime('%s', 'now') AS INTEGER) * 1000",
    "postgresql": "CAST(extract(epoch FROM now()) * 1000 AS bigint)",
}


def upgrade() -> None:
    op.add_column("sources", sa.Column("handover", sa.String(16), server_default="keep", nullable=False))
    op.add_column("sources", sa.Column("away_minutes", RowId, server_default="30", nullable=False))
    op.add_column("operators", sa.Column("away_since", Instant(), nullable=True))
    op.add_column("contacts", sa.Column("told_away_for", RowId, nullable=True))
    away = sa.text("away_since IS NOT NULL")
    op.create_index("ix_operators_away", "operators", ["away_since"], sqlite_where=away, postgresql_where=away)
    # Since when they are away is not known. Who only gets no more at the end of a shift is put right within a minute.
    gone = "removed_at IS NULL AND NOT (is_online AND on_shift)"
    op.execute(sa.update(OPERATORS).where(sa.text(gone)).values(away_since=sa.text(NOW[op.get_bind().dialect.name])))

"""Sources can give out only so much per minute of what had waited before somebody came. None does after the upgrade."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0042"
down_revision = "0041"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("sources", sa.Column("ramp", RowId, nullable=True))
    op.add_column("sources", sa.Column("opened_at", Instant(), nullable=True))
    op.add_column("operators", sa.Column("receives_since", Instant(), nullable=True))
    op.add_column("given", sa.Column("had_waited", sa.Boolean(), server_default=sa.false(), nullable=False))
    is_on, counts = sa.text("ramp IS NOT NULL"), sa.text("had_waited")
    op.create_index("ix_sources_ramp", "sources", ["ramp"], sqlite_where=is_on, postgresql_where=is_on)
    op.create_index("ix_given_had_waited", "given", ["operator_id"], sqlite_where=counts, postgresql_where=counts)
    for what in ("missed", "gained"):
        op.add_column("tallies", sa.Column(f"{what}_ramp", RowId, server_default="0", nullable=False))

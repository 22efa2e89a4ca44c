"""Limits of operators at one source and per hour; nobody has any after the upgrade.

What operators miss for these, for shifts and for skills gets sums of its own. These begin at 0: no released version has
recorded such an absence.
"""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0033"
down_revision = "0032"
branch_labels = None
depends_on = None

CAUSES = ("off_shift", "full_here", "rate", "no_skill")


def upgrade() -> None:
    op.add_column("weights", sa.Column("limit", RowId, nullable=True))
    op.add_column("operators", sa.Column("rate", RowId, nullable=True))
    op.add_column("operators", sa.Column("given_lately", RowId, server_default="0", nullable=False))
    op.create_table(
        "given",
        sa.Column("id", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=op.f("fk_given_operator_id_operators")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_given")),
    )
    op.create_index(op.f("ix_given_at"), "given", ["at"])
    for what in ("missed", "gained"):
        for cause in CAUSES:
            op.add_column("tallies", sa.Column(f"{what}_{cause}", RowId, server_default="0", nullable=False))

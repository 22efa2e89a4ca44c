"""Exact shares are kept in a ledger of credits, which a change of weights or of those who are there does not empty.

Everybody starts at 0: what the counters said was forgotten at each change of a weight anyway, and whoever had been away
was owed everything that they had missed.
"""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0029"
down_revision = "0028"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "credits",
        sa.Column("source_id", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("credit", RowId, nullable=False),
        sa.ForeignKeyConstraint(
            ["source_id"], ["sources.id"], name=op.f("fk_credits_source_id_sources"), ondelete="CASCADE"
        ),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=op.f("fk_credits_operator_id_operators")),
        sa.PrimaryKeyConstraint("source_id", "operator_id", name=op.f("pk_credits")),
    )
    op.create_index(op.f("ix_credits_operator_id"), "credits", ["operator_id"])
    op.execute("INSERT INTO credits (source_id, operator_id, credit) SELECT source_id, operator_id, 0 FROM weights")
    op.drop_column("weights", "dealt")

"""Sums for statistics. They are filled from the events by the running process, in small steps."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

SUMS = (
    "opened", "drawn", "given", "lost", "returned",
    "due", "missed_off", "missed_full", "gained_off", "gained_full", "spread",
)  # fmt: skip


def upgrade() -> None:
    op.create_table(
        "tallies",
        sa.Column("span", RowId, autoincrement=False, nullable=False),
        sa.Column("source_id", RowId, autoincrement=False, nullable=False),
        sa.Column("operator_id", RowId, autoincrement=False, nullable=False),
        *(sa.Column(name, RowId, nullable=False) for name in SUMS),
        sa.PrimaryKeyConstraint("span", "source_id", "operator_id", name=op.f("pk_tallies")),
    )
    op.create_table(
        "arrival_tallies",
        sa.Column("span", RowId, autoincrement=False, nullable=False),
        sa.Column("opened", RowId, nullable=False),
        sa.Column("held", RowId, nullable=False),
        sa.PrimaryKeyConstraint("span", name=op.f("pk_arrival_tallies")),
    )
    op.create_table(
        "length_tallies",
        sa.Column("span", RowId, autoincrement=False, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("total", RowId, nullable=False),
        sa.Column("longest", RowId, nullable=False),
        sa.Column("buckets", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("span", "kind", name=op.f("pk_length_tallies")),
    )
    op.create_table(
        "tally_state",
        sa.Column("id", RowId, autoincrement=False, nullable=False),
        sa.Column("zone", sa.String(), nullable=False),
        sa.Column("generation", RowId, nullable=False),
        sa.Column("after", RowId, nullable=False),
        sa.Column("events", RowId, nullable=False),
        sa.Column("weights", sa.JSON(), nullable=False),
        sa.Column("watch", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_tally_state")),
    )
    op.execute(
        "INSERT INTO tally_state (id, zone, generation, after, events, weights) VALUES (1, 'UTC', 1, 0, 0, '{}')"
    )

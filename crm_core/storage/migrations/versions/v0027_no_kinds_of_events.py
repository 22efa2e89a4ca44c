"""No index of events by their kind: nothing looks for them so, and each event paid for it."""

from alembic import op

revision = "0027"
down_revision = "0026"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.drop_index("ix_events_kind_at", table_name="events")

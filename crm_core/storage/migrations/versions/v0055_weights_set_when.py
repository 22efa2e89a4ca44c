"""Who set which weight when is found by an index, as changes of sources and operators are."""

import sqlalchemy as sa
from alembic import op

revision = "0055"
down_revision = "0054"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("kind = 'weight_changed'")
    op.create_index("ix_events_weights", "events", ["source_id", "id"], sqlite_where=where, postgresql_where=where)

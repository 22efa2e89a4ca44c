"""Edits of cards that were lost are found by an index when the bot can write to their reader again."""

import sqlalchemy as sa
from alembic import op

revision = "0057"
down_revision = "0056"
branch_labels = None
depends_on = None


def upgrade() -> None:
    where = sa.text("kind = 'card_edit' AND state = 'dead'")
    op.create_index("ix_outbox_lost_edits", "outbox", ["chat_id"], sqlite_where=where, postgresql_where=where)

"""Outbox rows for receivers other than Telegram, and the sessions of whatever sends them."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

ADDRESSED = (
    "(receiver = 'telegram' AND bot_id IS NOT NULL AND chat_id IS NOT NULL AND endpoint_id IS NULL)"
    " OR (receiver <> 'telegram' AND bot_id IS NULL AND chat_id IS NULL AND endpoint_id IS NOT NULL)"
)


def upgrade() -> None:
    op.create_table(
        "receivers",
        sa.Column("receiver", sa.String(length=16), nullable=False),
        sa.Column("fence", RowId, nullable=False),
        sa.PrimaryKeyConstraint("receiver", name=op.f("pk_receivers")),
    )
    with op.batch_alter_table("outbox") as outbox:  # SQLite writes the table anew; it holds a week at most
        outbox.add_column(sa.Column("receiver", sa.String(length=16), server_default="telegram", nullable=False))
        outbox.add_column(sa.Column("endpoint_id", RowId, nullable=True))
        for column in ("bot_id", "chat_id"):
            outbox.alter_column(column, existing_type=sa.BigInteger(), nullable=True)
        outbox.create_check_constraint(op.f("ck_outbox_receiver"), ADDRESSED)
    condition = sa.text("state IN ('pending', 'sending') AND bot_id IS NULL")
    op.create_index(
        "ix_outbox_waiting_receiver", "outbox", ["receiver", "id"], sqlite_where=condition, postgresql_where=condition
    )

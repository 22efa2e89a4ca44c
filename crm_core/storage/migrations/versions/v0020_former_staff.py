"""Chats of people who were removed from the staff: their words are answered, rather than taken for a client's."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0020"
down_revision = "0019"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "former_staff",
        sa.Column("telegram_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("left_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_former_staff_bot_id_bots")),
        sa.PrimaryKeyConstraint("telegram_id", "bot_id", name=op.f("pk_former_staff")),
    )
    op.create_index(op.f("ix_former_staff_left_at"), "former_staff", ["left_at"])

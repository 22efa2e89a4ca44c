"""What the bots need to know of Telegram: failures of single rows, gates of methods, menus that are shown."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0012"
down_revision = "0011"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("outbox", sa.Column("failures", RowId, server_default="0", nullable=False))
    op.create_table(
        "method_gates",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("method", sa.String(length=64), nullable=False),
        sa.Column("not_before", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_method_gates_bot_id_bots")),
        sa.PrimaryKeyConstraint("bot_id", "method", name=op.f("pk_method_gates")),
    )
    op.create_table(
        "shown_menus",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("language", sa.String(length=8), nullable=False),
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=op.f("fk_shown_menus_bot_id_bots")),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", "language", name=op.f("pk_shown_menus")),
    )

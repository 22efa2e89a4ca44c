"""Questions to operators and clients too: who was asked, and in which role."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    # Until now only admins were asked, each in their private chat, whose id is theirs.
    op.add_column("prompts", sa.Column("role", sa.String(length=8), nullable=False, server_default="admin"))
    op.add_column("prompts", sa.Column("person_id", sa.BigInteger(), nullable=False, server_default="0"))
    op.execute("UPDATE prompts SET person_id = chat_id")

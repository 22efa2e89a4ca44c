"""Of each message: whom it was forwarded from, what it is about, and its file, so that a replaced one is noticed."""

import sqlalchemy as sa
from alembic import op

revision = "0017"
down_revision = "0016"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("forwarded_from", sa.Text(), nullable=True))
    op.add_column("messages", sa.Column("about", sa.JSON(), nullable=True))
    op.add_column("messages", sa.Column("media", sa.JSON(), nullable=True))

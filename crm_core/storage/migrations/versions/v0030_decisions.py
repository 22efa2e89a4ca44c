"""What each choice of an operator was made from, with its event; choices of earlier versions have none."""

import sqlalchemy as sa
from alembic import op

revision = "0030"
down_revision = "0029"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("events", sa.Column("decision", sa.Text(), nullable=True))

"""Messages know the album that they are part of. Those that exist do not, and are sent one by one as before."""

import sqlalchemy as sa
from alembic import op

revision = "0048"
down_revision = "0047"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("messages", sa.Column("album", sa.String(), nullable=True))

"""The pinned overview has pages and clients' words, and sorts by what is due: watches of clocks know when a reply is.

Overviews that exist can be saved and forwarded, so they show no words of sources that forbid it until `/my` brings one.

What is watched is looked at anew, so that it says so of contacts that are open already. Nobody is told anything twice:
what was told is elsewhere.
"""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0050"
down_revision = "0049"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("overviews", sa.Column("page", RowId, server_default="0", nullable=False))
    op.add_column("overviews", sa.Column("is_protected", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.add_column("service_watches", sa.Column("due_at", Instant(), nullable=True))
    op.execute("DELETE FROM service_watches")

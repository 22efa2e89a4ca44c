"""An index for the first bot: each registration from another system asks for it, and sorted all bots."""

from alembic import op

revision = "0028"
down_revision = "0027"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_index("ix_bots_position", "bots", ["position", "id"])

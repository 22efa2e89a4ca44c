"""A contact can carry a note for whoever gets it next."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import RowId

revision = "0038"
down_revision = "0037"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("contacts", sa.Column("note", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("note_operator_id", RowId, nullable=True))

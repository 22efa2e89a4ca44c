"""Skills of operators, and what contacts require of them: nothing, until somebody says so."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0034"
down_revision = "0033"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("operators", sa.Column("skills", sa.Text(), nullable=True))
    op.add_column("sources", sa.Column("skills", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("skills", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("needs", sa.Text(), nullable=True))
    op.add_column("contacts", sa.Column("drops_at", Instant(), nullable=True))
    waits = sa.text("drops_at IS NOT NULL")
    op.create_index("ix_contacts_drops", "contacts", ["drops_at"], sqlite_where=waits, postgresql_where=waits)

"""When a contact's current operator got it, beside when its first one did."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant

revision = "0008"
down_revision = "0007"
branch_labels = None
depends_on = None

_BACKFILL = """
UPDATE contacts SET current_assigned_at = COALESCE(
    (SELECT events.at FROM events
     WHERE events.contact_id = contacts.id AND events.kind = 'contact_assigned'
     ORDER BY events.id DESC LIMIT 1),
    assigned_at)
WHERE operator_id IS NOT NULL"""


def upgrade() -> None:
    op.add_column("contacts", sa.Column("current_assigned_at", Instant(), nullable=True))
    op.execute(_BACKFILL)

"""Cards that were shown again; which waits operators were reminded of; the pinned overview in each operator's chat.

Clients who are waiting at the time of the upgrade count as reminded of: else each operator would get a line for each.
"""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0026"
down_revision = "0025"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("posted", sa.Column("is_brief", sa.Boolean(), server_default=sa.false(), nullable=False))
    op.create_table(
        "reminders",
        sa.Column("contact_id", RowId, autoincrement=False, nullable=False),
        sa.Column("message_ref", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("minutes", RowId, nullable=False),
        sa.ForeignKeyConstraint(
            ["contact_id"], ["contacts.id"], name=op.f("fk_reminders_contact_id_contacts"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("contact_id", name=op.f("pk_reminders")),
    )
    op.execute(_WAITING_ALREADY)
    op.create_table(
        "overviews",
        sa.Column("chat_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("digest", sa.String(64), nullable=False),
        sa.Column("is_off", sa.Boolean(), nullable=False),
        sa.Column("sent_at", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("chat_id", "bot_id", name=op.f("pk_overviews")),
    )


_WAITING_ALREADY = """
INSERT INTO reminders (contact_id, message_ref, operator_id, minutes)
SELECT c.id, coalesce(min(m.id), 0), c.operator_id, 1000000
FROM contacts c LEFT JOIN messages m ON m.contact_id = c.id AND m.author = 'client' AND m.id > coalesce(
    (SELECT max(a.id) FROM messages a
     WHERE a.contact_id = c.id AND a.author = 'operator' AND a.withdrawn_at IS NULL), 0)
WHERE c.status <> 'closed' AND c.operator_id IS NOT NULL
GROUP BY c.id, c.operator_id
"""

"""The first schema."""

import sqlalchemy as sa
from alembic import op

from crm_core.storage.types import Instant, RowId

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.create_table(
        "alerts",
        sa.Column("cause", sa.String(length=96), nullable=False),
        sa.Column("told_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("cause", name=("pk_alerts")),
    )
    op.create_table(
        "bots",
        sa.Column("id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("username", sa.String(), nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("position", RowId, nullable=False),
        sa.Column("state", sa.String(), nullable=False),
        sa.Column("fence", RowId, nullable=False),
        sa.Column("not_before", Instant(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=("pk_bots")),
    )
    op.create_table(
        "events",
        sa.Column("id", RowId, nullable=False),
        sa.Column("at", Instant(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("actor", sa.String(length=48), nullable=False),
        sa.Column("contact_id", RowId, nullable=True),
        sa.Column("lead_id", RowId, nullable=True),
        sa.Column("source_id", RowId, nullable=True),
        sa.Column("operator_id", RowId, nullable=True),
        sa.Column("reason", sa.String(length=64), nullable=True),
        sa.Column("data", sa.JSON(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=("pk_events")),
    )
    with op.batch_alter_table("events", schema=None) as batch_op:
        batch_op.create_index(("ix_events_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index("ix_events_kind_at", ["kind", "at"], unique=False)

    op.create_table(
        "leads",
        sa.Column("id", RowId, nullable=False),
        sa.Column("external_id", sa.String(), nullable=True),
        sa.Column("email", sa.String(), nullable=True),
        sa.Column("phone", sa.String(), nullable=True),
        sa.Column("full_name", sa.String(), nullable=True),
        sa.Column("username", sa.String(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("name_folded", sa.String(), nullable=True),
        sa.Column("email_hint", sa.String(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_leads")),
        sa.UniqueConstraint("email", name=("uq_leads_email")),
        sa.UniqueConstraint("external_id", name=("uq_leads_external_id")),
    )
    with op.batch_alter_table("leads", schema=None) as batch_op:
        batch_op.create_index(("ix_leads_name_folded"), ["name_folded"], unique=False)

    op.create_table(
        "operators",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("name_folded", sa.String(), nullable=False),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("is_online", sa.Boolean(), nullable=False),
        sa.Column("max_leads", RowId, nullable=False),
        sa.Column("current_leads", RowId, nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("removed_at", Instant(), nullable=True),
        sa.CheckConstraint("current_leads >= 0", name=("ck_operators_current_leads")),
        sa.CheckConstraint("max_leads >= 0", name=("ck_operators_max_leads")),
        sa.PrimaryKeyConstraint("id", name=("pk_operators")),
    )
    with op.batch_alter_table("operators", schema=None) as batch_op:
        batch_op.create_index(
            "uq_operators_name_folded",
            ["name_folded"],
            unique=True,
            sqlite_where=sa.text("removed_at IS NULL"),
            postgresql_where=sa.text("removed_at IS NULL"),
        )

    op.create_table(
        "pending_replies",
        sa.Column("id", RowId, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("album", sa.String(), nullable=True),
        sa.Column("contact_id", RowId, nullable=True),
        sa.Column("messages", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=("pk_pending_replies")),
    )
    op.create_table(
        "prompts",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("question", sa.String(length=64), nullable=False),
        sa.Column("data", sa.JSON(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", name=("pk_prompts")),
    )
    op.create_table(
        "gates",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("not_before", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_gates_bot_id_bots")),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", name=("pk_gates")),
    )
    op.create_table(
        "inbox",
        sa.Column("id", RowId, nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("update_id", sa.BigInteger(), nullable=False),
        sa.Column("epoch", RowId, nullable=False),
        sa.Column("digest", sa.String(length=32), nullable=False),
        sa.Column("conversation", sa.String(length=64), nullable=False),
        sa.Column("raw", sa.Text(), nullable=False),
        sa.Column("state", sa.String(length=8), nullable=False),
        sa.Column("attempts", RowId, nullable=False),
        sa.Column("not_before", Instant(), nullable=True),
        sa.Column("received_at", Instant(), nullable=False),
        sa.Column("finished_at", Instant(), nullable=True),
        sa.Column("error", sa.String(length=200), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_inbox_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=("pk_inbox")),
        sa.UniqueConstraint("bot_id", "update_id", "epoch", name=("uq_inbox_bot_id_update_id_epoch")),
    )
    with op.batch_alter_table("inbox", schema=None) as batch_op:
        batch_op.create_index(("ix_inbox_finished_at"), ["finished_at"], unique=False)
        batch_op.create_index(
            "ix_inbox_waiting",
            ["bot_id", "conversation", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        )
        batch_op.create_index(
            "ix_inbox_waiting_order",
            ["bot_id", "id"],
            unique=False,
            sqlite_where=sa.text("state = 'new'"),
            postgresql_where=sa.text("state = 'new'"),
        )

    op.create_table(
        "invitations",
        sa.Column("digest", sa.String(length=64), nullable=False),
        sa.Column("role", sa.String(length=16), nullable=False),
        sa.Column("operator_id", RowId, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("expires_at", Instant(), nullable=False),
        sa.Column("used_at", Instant(), nullable=True),
        sa.Column("used_by", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=("fk_invitations_operator_id_operators")),
        sa.PrimaryKeyConstraint("digest", name=("pk_invitations")),
    )
    op.create_table(
        "outbox",
        sa.Column("id", RowId, nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", RowId, nullable=True),
        sa.Column("message_ref", RowId, nullable=True),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("once", sa.String(length=64), nullable=True),
        sa.Column("state", sa.String(length=16), nullable=False),
        sa.Column("attempts", RowId, nullable=False),
        sa.Column("ambiguous", RowId, nullable=False),
        sa.Column("fence", RowId, nullable=True),
        sa.Column("not_before", Instant(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("settled_at", Instant(), nullable=True),
        sa.Column("outcome", sa.String(length=200), nullable=True),
        sa.Column("result_id", sa.BigInteger(), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_outbox_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=("pk_outbox")),
    )
    with op.batch_alter_table("outbox", schema=None) as batch_op:
        batch_op.create_index(("ix_outbox_contact_id"), ["contact_id"], unique=False)
        batch_op.create_index(("ix_outbox_settled_at"), ["settled_at"], unique=False)
        batch_op.create_index(
            "ix_outbox_waiting",
            ["bot_id", "id"],
            unique=False,
            sqlite_where=sa.text("state IN ('pending', 'sending')"),
            postgresql_where=sa.text("state IN ('pending', 'sending')"),
        )
        batch_op.create_index(
            "uq_outbox_once",
            ["once"],
            unique=True,
            sqlite_where=sa.text("state = 'pending'"),
            postgresql_where=sa.text("state = 'pending'"),
        )

    op.create_table(
        "sources",
        sa.Column("id", RowId, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("description", sa.String(), nullable=True),
        sa.Column("bot_id", sa.BigInteger(), nullable=True),
        sa.Column("slug", sa.String(), nullable=True),
        sa.Column("is_active", sa.Boolean(), nullable=False),
        sa.Column("strategy", sa.String(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.CheckConstraint("strategy IN ('random', 'exact')", name=("ck_sources_strategy")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_sources_bot_id_bots")),
        sa.PrimaryKeyConstraint("id", name=("pk_sources")),
        sa.UniqueConstraint("name", name=("uq_sources_name")),
        sa.UniqueConstraint("slug", name=("uq_sources_slug")),
    )
    with op.batch_alter_table("sources", schema=None) as batch_op:
        batch_op.create_index(
            "uq_sources_main_of_bot",
            ["bot_id"],
            unique=True,
            sqlite_where=sa.text("slug IS NULL"),
            postgresql_where=sa.text("slug IS NULL"),
        )

    op.create_table(
        "staff",
        sa.Column("telegram_id", sa.BigInteger(), autoincrement=False, nullable=False),
        sa.Column("name", sa.String(), nullable=False),
        sa.Column("username", sa.String(), nullable=True),
        sa.Column("language", sa.String(length=16), nullable=True),
        sa.Column("is_admin", sa.Boolean(), nullable=False),
        sa.Column("operator_id", RowId, nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=("fk_staff_operator_id_operators")),
        sa.PrimaryKeyConstraint("telegram_id", name=("pk_staff")),
        sa.UniqueConstraint("operator_id", name=("uq_staff_operator_id")),
    )
    op.create_table(
        "chats",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("lead_id", RowId, nullable=False),
        sa.Column("source_id", RowId, nullable=True),
        sa.Column("is_blocked", sa.Boolean(), nullable=False),
        sa.Column("slowed_at", Instant(), nullable=True),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_chats_bot_id_bots")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=("fk_chats_lead_id_leads")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=("fk_chats_source_id_sources")),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", name=("pk_chats")),
    )
    with op.batch_alter_table("chats", schema=None) as batch_op:
        batch_op.create_index(("ix_chats_lead_id"), ["lead_id"], unique=False)

    op.create_table(
        "contacts",
        sa.Column("id", RowId, nullable=False),
        sa.Column("lead_id", RowId, nullable=False),
        sa.Column("source_id", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=True),
        sa.Column("status", sa.String(length=16), nullable=False),
        sa.Column("version", RowId, nullable=False),
        sa.Column("message", sa.Text(), nullable=True),
        sa.Column("bot_id", sa.BigInteger(), nullable=True),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("created_at", Instant(), nullable=False),
        sa.Column("queued_at", Instant(), nullable=True),
        sa.Column("assigned_at", Instant(), nullable=True),
        sa.Column("taken_at", Instant(), nullable=True),
        sa.Column("replied_at", Instant(), nullable=True),
        sa.Column("closed_at", Instant(), nullable=True),
        sa.CheckConstraint("status IN ('new', 'in_progress', 'closed')", name=("ck_contacts_status")),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_contacts_bot_id_bots")),
        sa.ForeignKeyConstraint(["lead_id"], ["leads.id"], name=("fk_contacts_lead_id_leads")),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=("fk_contacts_operator_id_operators")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=("fk_contacts_source_id_sources")),
        sa.PrimaryKeyConstraint("id", name=("pk_contacts")),
    )
    with op.batch_alter_table("contacts", schema=None) as batch_op:
        batch_op.create_index(("ix_contacts_created_at"), ["created_at"], unique=False)
        batch_op.create_index(("ix_contacts_lead_id"), ["lead_id"], unique=False)
        batch_op.create_index(
            "ix_contacts_open_of_operator",
            ["operator_id"],
            unique=False,
            sqlite_where=sa.text("status <> 'closed'"),
            postgresql_where=sa.text("status <> 'closed'"),
        )
        batch_op.create_index(
            "ix_contacts_queue",
            ["source_id", "id"],
            unique=False,
            sqlite_where=sa.text("operator_id IS NULL AND status = 'new'"),
            postgresql_where=sa.text("operator_id IS NULL AND status = 'new'"),
        )
        batch_op.create_index(
            "uq_contacts_open",
            ["lead_id", "source_id"],
            unique=True,
            sqlite_where=sa.text("status <> 'closed' AND chat_id IS NOT NULL"),
            postgresql_where=sa.text("status <> 'closed' AND chat_id IS NOT NULL"),
        )

    op.create_table(
        "staff_chats",
        sa.Column("telegram_id", sa.BigInteger(), nullable=False),
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("is_reachable", sa.Boolean(), nullable=False),
        sa.Column("changed_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["bot_id"], ["bots.id"], name=("fk_staff_chats_bot_id_bots")),
        sa.ForeignKeyConstraint(
            ["telegram_id"], ["staff.telegram_id"], name=("fk_staff_chats_telegram_id_staff"), ondelete="CASCADE"
        ),
        sa.PrimaryKeyConstraint("telegram_id", "bot_id", name=("pk_staff_chats")),
    )
    op.create_table(
        "weights",
        sa.Column("source_id", RowId, nullable=False),
        sa.Column("operator_id", RowId, nullable=False),
        sa.Column("weight", RowId, nullable=False),
        sa.Column("dealt", RowId, nullable=False),
        sa.CheckConstraint("weight > 0", name=("ck_weights_weight")),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=("fk_weights_operator_id_operators")),
        sa.ForeignKeyConstraint(["source_id"], ["sources.id"], name=("fk_weights_source_id_sources")),
        sa.PrimaryKeyConstraint("source_id", "operator_id", name=("pk_weights")),
    )
    with op.batch_alter_table("weights", schema=None) as batch_op:
        batch_op.create_index(("ix_weights_operator_id"), ["operator_id"], unique=False)

    op.create_table(
        "messages",
        sa.Column("id", RowId, nullable=False),
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("author", sa.String(length=16), nullable=False),
        sa.Column("operator_id", RowId, nullable=True),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("text", sa.Text(), nullable=True),
        sa.Column("entities", sa.JSON(), nullable=True),
        sa.Column("bot_id", sa.BigInteger(), nullable=True),
        sa.Column("chat_id", sa.BigInteger(), nullable=True),
        sa.Column("message_id", sa.BigInteger(), nullable=True),
        sa.Column("reply_to", RowId, nullable=True),
        sa.Column("can_copy", sa.Boolean(), nullable=False),
        sa.Column("created_at", Instant(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=("fk_messages_contact_id_contacts")),
        sa.ForeignKeyConstraint(["operator_id"], ["operators.id"], name=("fk_messages_operator_id_operators")),
        sa.ForeignKeyConstraint(["reply_to"], ["messages.id"], name=("fk_messages_reply_to_messages")),
        sa.PrimaryKeyConstraint("id", name=("pk_messages")),
        sa.UniqueConstraint("bot_id", "chat_id", "message_id", name=("uq_messages_bot_id_chat_id_message_id")),
    )
    with op.batch_alter_table("messages", schema=None) as batch_op:
        batch_op.create_index(("ix_messages_contact_id"), ["contact_id"], unique=False)

    op.create_table(
        "posted",
        sa.Column("bot_id", sa.BigInteger(), nullable=False),
        sa.Column("chat_id", sa.BigInteger(), nullable=False),
        sa.Column("message_id", sa.BigInteger(), nullable=False),
        sa.Column("contact_id", RowId, nullable=False),
        sa.Column("message_ref", RowId, nullable=True),
        sa.Column("is_card", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(["contact_id"], ["contacts.id"], name=("fk_posted_contact_id_contacts")),
        sa.ForeignKeyConstraint(["message_ref"], ["messages.id"], name=("fk_posted_message_ref_messages")),
        sa.PrimaryKeyConstraint("bot_id", "chat_id", "message_id", name=("pk_posted")),
    )
    with op.batch_alter_table("posted", schema=None) as batch_op:
        batch_op.create_index("ix_posted_card", ["contact_id", "chat_id"], unique=False)
        batch_op.create_index("ix_posted_message_ref", ["message_ref"], unique=False)

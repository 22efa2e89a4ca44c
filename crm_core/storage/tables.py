"""The tables: every fact that Mini-CRM keeps, each with the reason where the name does not give it."""

from datetime import datetime
from typing import Any, ClassVar

from sqlalchemy import (
    JSON,
    BigInteger,
    CheckConstraint,
    ForeignKey,
    Index,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped, mapped_column

from crm_core.storage.types import Instant, RowId


def _where(condition: str) -> dict[str, Any]:
    """A partial index's condition, said once for both databases."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# Nothing is kept as nothing, not as the word `null`, which would be written and read at every row.
_Json = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """Common ground: constraint names by rule, so that migrations can name what they change."""

    __table__: ClassVar[Table]  # always a Table here, which lets statements over columns be typed

    metadata = MetaData(
        naming_convention={
            "ix": "ix_%(table_name)s_%(column_0_N_name)s",
            "uq": "uq_%(table_name)s_%(column_0_N_name)s",
            "ck": "ck_%(table_name)s_%(constraint_name)s",
            "fk": "fk_%(table_name)s_%(column_0_name)s_%(referred_table_name)s",
            "pk": "pk_%(table_name)s",
        }
    )
    type_annotation_map = {int: RowId, datetime: Instant, dict[str, Any]: _Json, list[Any]: _Json}  # noqa: RUF012


class Bot(Base):
    """A Telegram bot that this installation speaks through. Its id is Telegram's."""

    __tablename__ = "bots"

    id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str]
    name: Mapped[str]
    position: Mapped[int] = mapped_column(comment="order in BOT_TOKENS; the first bot speaks for contacts of the API")
    state: Mapped[str] = mapped_column(comment="running, refused (its token), conflict (someone else polls it), away")
    fence: Mapped[int] = mapped_column(default=0, comment="grows with every process that takes the bot over")
    not_before: Mapped[datetime | None] = mapped_column(comment="the bot's gate: nothing is sent before")
    heard_at: Mapped[datetime | None] = mapped_column(comment="when it last took what waited for it; ten minutes late")


class Source(Base):
    """A channel that contacts come from: a bot, a link into a bot, or another system (no bot)."""

    __tablename__ = "sources"
    __table_args__ = (
        Index("uq_sources_main_of_bot", "bot_id", unique=True, **_where("slug IS NULL")),
        CheckConstraint("strategy IN ('random', 'exact')", "strategy"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    description: Mapped[str | None]
    bot_id: Mapped[int | None] = mapped_column(ForeignKey("bots.id"))
    slug: Mapped[str | None] = mapped_column(
        unique=True, comment="start payload src_<slug>; the bot's own source has none"
    )
    is_active: Mapped[bool] = mapped_column(default=True)
    strategy: Mapped[str] = mapped_column(default="random")
    created_at: Mapped[datetime]


class Operator(Base):
    """Somebody who handles contacts. `current_leads` is his load, changed only by claiming or freeing a place."""

    __tablename__ = "operators"
    __table_args__ = (
        Index("uq_operators_name_folded", "name_folded", unique=True, **_where("removed_at IS NULL")),
        CheckConstraint("max_leads >= 0", "max_leads"),
        CheckConstraint("current_leads >= 0", "current_leads"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str]
    name_folded: Mapped[str] = mapped_column(comment="case-folded: SQLite's lower() knows only ASCII")
    is_active: Mapped[bool] = mapped_column(default=True, comment="set by admins")
    is_online: Mapped[bool] = mapped_column(default=True, comment="set by himself: /online, /offline")
    max_leads: Mapped[int] = mapped_column(default=10)
    current_leads: Mapped[int] = mapped_column(default=0)
    created_at: Mapped[datetime]
    removed_at: Mapped[datetime | None]


class Staff(Base):
    """A Telegram account that belongs to us: an admin, an operator, or both."""

    __tablename__ = "staff"

    telegram_id: Mapped[int] = mapped_column(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str]
    username: Mapped[str | None]
    language: Mapped[str | None] = mapped_column(String(16))
    is_admin: Mapped[bool] = mapped_column(default=False)
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"), unique=True)
    created_at: Mapped[datetime]


class StaffChat(Base):
    """Whether a member of staff can be written to by a bot: he has pressed Start there and has not blocked it."""

    __tablename__ = "staff_chats"

    telegram_id: Mapped[int] = mapped_column(ForeignKey("staff.telegram_id", ondelete="CASCADE"), primary_key=True)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    is_reachable: Mapped[bool]
    changed_at: Mapped[datetime]


class Invitation(Base):
    """A one-time code, kept only as a digest: into an operator's place, into the admins, or the first admin's."""

    __tablename__ = "invitations"

    digest: Mapped[str] = mapped_column(String(64), primary_key=True)
    role: Mapped[str] = mapped_column(String(16), comment="operator, admin, first_admin")
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime]
    used_at: Mapped[datetime | None]
    used_by: Mapped[int | None] = mapped_column(BigInteger)


class Weight(Base):
    """How much of a source an operator should get."""

    __tablename__ = "weights"
    __table_args__ = (CheckConstraint("weight > 0", "weight"),)

    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"), primary_key=True)
    operator_id: Mapped[int] = mapped_column(ForeignKey("operators.id"), primary_key=True, index=True)
    weight: Mapped[int]
    dealt: Mapped[int] = mapped_column(
        default=0, comment="contacts given by strategy `exact` since it, or a weight of the source, last changed"
    )


class Lead(Base):
    """A person who wrote, known by an external id (`tg:<user id>` from Telegram), an e-mail, or both."""

    __tablename__ = "leads"
    __table_args__ = (Index("ix_leads_phone_key", "phone_key", **_where("phone_key IS NOT NULL")),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    external_id: Mapped[str | None] = mapped_column(unique=True)
    email: Mapped[str | None] = mapped_column(unique=True, comment="case-folded")
    phone: Mapped[str | None]
    phone_key: Mapped[str | None] = mapped_column(
        String(10), comment="the phone's last ten digits: however it is written, it is found"
    )
    full_name: Mapped[str | None]
    username: Mapped[str | None]
    language: Mapped[str | None] = mapped_column(String(16))
    name_folded: Mapped[str | None] = mapped_column(index=True)
    email_hint: Mapped[str | None] = mapped_column(
        comment="an e-mail he named that another lead already has: shown, never merged"
    )
    created_at: Mapped[datetime]


class Chat(Base):
    """A client's private chat with one bot: whether it can be written to, and which source his next words are for."""

    __tablename__ = "chats"

    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("leads.id"))
    source_id: Mapped[int | None] = mapped_column(
        ForeignKey("sources.id"), comment="booked by a source link until its contact is closed"
    )
    is_blocked: Mapped[bool] = mapped_column(default=False)
    slowed_at: Mapped[datetime | None] = mapped_column(comment="when he was last told that he writes too fast")


class Gate(Base):
    """Until when a chat must not be sent to (Telegram's flood wait). A row, so that a restart sends nothing early."""

    __tablename__ = "gates"

    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"), primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    not_before: Mapped[datetime]


class Contact(Base):
    """One request of a lead at a source."""

    __tablename__ = "contacts"
    __table_args__ = (
        # A client in Telegram has at most one open contact per source; each call of the API is a new one.
        Index(
            "uq_contacts_open",
            "lead_id",
            "source_id",
            unique=True,
            **_where("status <> 'closed' AND chat_id IS NOT NULL"),
        ),
        Index("ix_contacts_queue", "source_id", "id", **_where("operator_id IS NULL AND status = 'new'")),
        Index("ix_contacts_open_of_operator", "operator_id", **_where("status <> 'closed'")),
        # Lists of the API, newest first (docs/decisions.md says what they cost). Their conditions hold for every row;
        # they keep SQLite, which guesses, from using these indexes in any statement that does not ask for them.
        Index("ix_contacts_source_created", "source_id", "created_at", **_where("id > 0")),
        Index("ix_contacts_operator_created", "operator_id", "created_at", **_where("operator_id > 0")),
        CheckConstraint("status IN ('new', 'in_progress', 'closed')", "status"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    lead_id: Mapped[int] = mapped_column(ForeignKey("leads.id"), index=True)
    source_id: Mapped[int] = mapped_column(ForeignKey("sources.id"))
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"))
    status: Mapped[str] = mapped_column(String(16), default="new")
    version: Mapped[int] = mapped_column(
        default=1, comment="grows with every change of status or operator; buttons carry it"
    )
    message: Mapped[str | None] = mapped_column(Text, comment="the first text")
    bot_id: Mapped[int | None] = mapped_column(
        ForeignKey("bots.id"), comment="the bot that speaks; none until an API contact has one"
    )
    chat_id: Mapped[int | None] = mapped_column(BigInteger, comment="the client's chat, where he came from Telegram")
    created_at: Mapped[datetime] = mapped_column(index=True)
    queued_at: Mapped[datetime | None]
    assigned_at: Mapped[datetime | None] = mapped_column(comment="first assignment")
    current_assigned_at: Mapped[datetime | None] = mapped_column(comment="to this operator; none while it waits")
    taken_at: Mapped[datetime | None] = mapped_column(comment="first take")
    replied_at: Mapped[datetime | None] = mapped_column(comment="first reply")
    closed_at: Mapped[datetime | None]


class Message(Base):
    """What was said in a contact, and where Telegram keeps the original."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("bot_id", "chat_id", "message_id"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"), index=True)
    author: Mapped[str] = mapped_column(String(16), comment="client or operator")
    operator_id: Mapped[int | None] = mapped_column(ForeignKey("operators.id"))
    kind: Mapped[str] = mapped_column(String(32), comment="Telegram's content type")
    text: Mapped[str | None] = mapped_column(Text, comment="text or caption")
    entities: Mapped[list[Any] | None]
    bot_id: Mapped[int | None] = mapped_column(BigInteger)
    chat_id: Mapped[int | None] = mapped_column(BigInteger)
    message_id: Mapped[int | None] = mapped_column(BigInteger)
    reply_to: Mapped[int | None] = mapped_column(ForeignKey("messages.id"))
    can_copy: Mapped[bool] = mapped_column(default=True)
    created_at: Mapped[datetime]


class Posted(Base):
    """What our bots have put into a chat for a contact: a Telegram reply finds its contact here, never by guessing."""

    __tablename__ = "posted"
    __table_args__ = (
        Index("ix_posted_message_ref", "message_ref", **_where("message_ref IS NOT NULL")),
        Index("ix_posted_card", "contact_id", "chat_id"),
    )

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    message_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    contact_id: Mapped[int] = mapped_column(ForeignKey("contacts.id"))
    message_ref: Mapped[int | None] = mapped_column(
        ForeignKey("messages.id"), comment="the message that this is a copy of"
    )
    is_card: Mapped[bool] = mapped_column(default=False)


class PendingReply(Base):
    """An operator's message that waits until he says for which contact it is."""

    __tablename__ = "pending_replies"

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    bot_id: Mapped[int] = mapped_column(BigInteger)
    chat_id: Mapped[int] = mapped_column(BigInteger)
    album: Mapped[str | None] = mapped_column(comment="items of one album are asked about once")
    contact_id: Mapped[int | None] = mapped_column(comment="where it went: later items of an album follow")
    messages: Mapped[list[Any]] = mapped_column(comment="what `messages` will need, in order")
    created_at: Mapped[datetime]


class Prompt(Base):
    """A question that a bot asked somebody in a chat; their next text message there answers it."""

    __tablename__ = "prompts"

    bot_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    chat_id: Mapped[int] = mapped_column(BigInteger, primary_key=True)
    role: Mapped[str] = mapped_column(String(8), comment="admin, operator, client: as what they were asked")
    person_id: Mapped[int] = mapped_column(BigInteger, comment="the Telegram account that was asked")
    question: Mapped[str] = mapped_column(String(64))
    data: Mapped[dict[str, Any]]
    created_at: Mapped[datetime]


class Event(Base):
    """Who changed what, when and why. Only added to; statistics and logs are read from here."""

    __tablename__ = "events"
    __table_args__ = (Index("ix_events_kind_at", "kind", "at"),)

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    at: Mapped[datetime]
    kind: Mapped[str] = mapped_column(String(32))
    actor: Mapped[str] = mapped_column(String(48), comment="client, system, tg:<id>, api:<key id>")
    contact_id: Mapped[int | None] = mapped_column(index=True)
    lead_id: Mapped[int | None]
    source_id: Mapped[int | None]
    operator_id: Mapped[int | None]
    reason: Mapped[str | None] = mapped_column(String(64))
    data: Mapped[dict[str, Any] | None]


class Tally(Base):
    """What became of a source's contacts, in sums: so that statistics need not count them all (`crm_core.statistics`).

    A row per span in which contacts were opened (all time, a month, a day: `crm_core.statistics.buckets`), source and
    operator; operator 0 is the source itself.
    """

    __tablename__ = "tallies"

    span: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    source_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    operator_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    opened: Mapped[int] = mapped_column(comment="contacts opened; only of the source itself")
    drawn: Mapped[int] = mapped_column(comment="got by the draw")
    given: Mapped[int] = mapped_column(comment="got by hand")
    lost: Mapped[int] = mapped_column(comment="taken away by hand")
    returned: Mapped[int] = mapped_column(comment="went back to the queue")
    # What each draw owed him, in millionths of a contact: whole numbers add up alike in any order.
    due: Mapped[int] = mapped_column(comment="his weight of all")
    missed_off: Mapped[int] = mapped_column(comment="of that, missed while he was away")
    missed_full: Mapped[int] = mapped_column(comment="and while he was at his limit")
    gained_off: Mapped[int] = mapped_column(comment="owed besides while others were away")
    gained_full: Mapped[int] = mapped_column(comment="and while others were at their limits")
    spread: Mapped[int] = mapped_column(comment="variance of the draws")


class ArrivalTally(Base):
    """How many contacts were opened in a span (also an hour), and how many of them have an operator."""

    __tablename__ = "arrival_tallies"

    span: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    opened: Mapped[int]
    held: Mapped[int]


class LengthTally(Base):
    """How long something took, over the contacts opened in a span: a histogram (`crm_core.statistics.durations`)."""

    __tablename__ = "length_tallies"

    span: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    kind: Mapped[str] = mapped_column(String(32), primary_key=True, comment="the event that ended it")
    total: Mapped[int] = mapped_column(comment="sum of the lengths in milliseconds")
    longest: Mapped[int]
    buckets: Mapped[list[Any]] = mapped_column(comment="bucket, count, bucket, count, …")


class TallyState(Base):
    """How far the tallies go: one row."""

    __tablename__ = "tally_state"

    id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False)
    zone: Mapped[str] = mapped_column(comment="whose days, months and hours the spans are")
    generation: Mapped[int] = mapped_column(comment="grows when everything is tallied anew")
    after: Mapped[int] = mapped_column(comment="events up to this id are in the tallies")
    events: Mapped[int] = mapped_column(comment="how many those are")
    weights: Mapped[dict[str, Any]] = mapped_column(comment="as they were after that event, per source and operator")
    watch: Mapped[dict[str, Any] | None] = mapped_column(
        comment="PostgreSQL: who may still commit an event up to which id"
    )


class InboxRow(Base):
    """A raw update, stored before it is confirmed to Telegram and never rewritten."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("bot_id", "update_id", "epoch"),
        Index("ix_inbox_waiting", "bot_id", "conversation", "id", **_where("state = 'new'")),
        Index("ix_inbox_waiting_order", "bot_id", "id", **_where("state = 'new'")),
        Index("ix_inbox_finished_at", "finished_at", **_where("finished_at IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    update_id: Mapped[int] = mapped_column(BigInteger)
    epoch: Mapped[int] = mapped_column(default=0, comment="grows when an id returns with another body")
    digest: Mapped[str] = mapped_column(String(32))
    conversation: Mapped[str] = mapped_column(String(64))
    raw: Mapped[str] = mapped_column(Text)
    state: Mapped[str] = mapped_column(String(8), default="new", comment="new, done, dead")
    attempts: Mapped[int] = mapped_column(default=0)
    not_before: Mapped[datetime | None]
    received_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    error: Mapped[str | None] = mapped_column(String(200))


class OutboxRow(Base):
    """Something that somebody must be told. It names what and for whom; the words are made when it is sent."""

    __tablename__ = "outbox"
    __table_args__ = (
        Index("ix_outbox_waiting", "bot_id", "id", **_where("state IN ('pending', 'sending')")),
        # While an edit of a card waits, a further one would say the same: it is rendered from the newest state.
        Index("ix_outbox_settled_at", "settled_at", **_where("settled_at IS NOT NULL")),
        Index("uq_outbox_once", "once", unique=True, **_where("state = 'pending' AND once IS NOT NULL")),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    kind: Mapped[str] = mapped_column(String(32))
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    chat_id: Mapped[int] = mapped_column(BigInteger)
    contact_id: Mapped[int | None] = mapped_column(index=True)
    message_ref: Mapped[int | None]
    payload: Mapped[dict[str, Any]]
    once: Mapped[str | None] = mapped_column(String(64))
    state: Mapped[str] = mapped_column(String(16), default="pending", comment="pending, sending, sent, uncertain, dead")
    attempts: Mapped[int] = mapped_column(default=0)
    ambiguous: Mapped[int] = mapped_column(default=0, comment="attempts whose outcome nobody knows")
    fence: Mapped[int | None] = mapped_column(comment="which life of the bot is sending it")
    not_before: Mapped[datetime | None]
    created_at: Mapped[datetime]
    settled_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(200))
    result_id: Mapped[int | None] = mapped_column(BigInteger)


class Export(Base):
    """An export that an admin asked for in Telegram, until its files are sent."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("uq_exports_under_way", "asked_by", unique=True, **_where("state IN ('waiting', 'running')")),
        Index("ix_exports_under_way", "bot_id", "id", **_where("state IN ('waiting', 'running')")),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    what: Mapped[str] = mapped_column(String(16))
    form: Mapped[str] = mapped_column(String(8))
    period: Mapped[str] = mapped_column(String(8), comment="as it was asked for; `since` is what it meant")
    since: Mapped[datetime | None]
    until: Mapped[datetime]
    language: Mapped[str] = mapped_column(String(16))
    asked_by: Mapped[int] = mapped_column(BigInteger)
    bot_id: Mapped[int] = mapped_column(ForeignKey("bots.id"))
    message_id: Mapped[int] = mapped_column(BigInteger, comment="the screen that shows how far it is")
    state: Mapped[str] = mapped_column(String(8), default="waiting", comment="waiting, running, done, failed")
    fence: Mapped[int | None] = mapped_column(comment="which life of the bot is making it")
    attempts: Mapped[int] = mapped_column(default=0)
    asked_at: Mapped[datetime]
    finished_at: Mapped[datetime | None]
    outcome: Mapped[str | None] = mapped_column(String(200))


class Alert(Base):
    """When admins were last told of a cause, so that they hear of it once in ten minutes."""

    __tablename__ = "alerts"

    cause: Mapped[str] = mapped_column(String(96), primary_key=True)
    told_at: Mapped[datetime]


class ApiKey(Base):
    """A key of the HTTP API. The key itself is shown once, when it is made; only its digest is kept.

    A key of scope `form` is no secret: it stands in a public page, and can do nothing but bring contacts to one source.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("scope IN ('read', 'write', 'admin', 'form')", "scope"),
        CheckConstraint("(scope = 'form') = (source_id IS NOT NULL)", "source"),
    )

    id: Mapped[int] = mapped_column(RowId, primary_key=True)
    name: Mapped[str] = mapped_column(unique=True)
    prefix: Mapped[str] = mapped_column(String(16), unique=True, comment="the key's public beginning")
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of the whole key, hexadecimal")
    scope: Mapped[str] = mapped_column(String(8))
    source_id: Mapped[int | None] = mapped_column(ForeignKey("sources.id"))
    created_at: Mapped[datetime]
    expires_at: Mapped[datetime | None]
    last_used_at: Mapped[datetime | None]
    revoked_at: Mapped[datetime | None]


class Idempotency(Base):
    """A call of the API that carried an `Idempotency-Key`, and its answer: the same call gets the same answer again.

    The row commits with what the call did (`crm_core.api.idempotency`), so there is none of a call that is under way.
    """

    __tablename__ = "idempotency"

    key_id: Mapped[int] = mapped_column(primary_key=True, autoincrement=False, comment="of the API key; 0 without one")
    route: Mapped[str] = mapped_column(String(200), primary_key=True, comment="method and path")
    idempotency_key: Mapped[str] = mapped_column(String(255), primary_key=True)
    digest: Mapped[str] = mapped_column(String(64), comment="SHA-256 of all that was asked, hexadecimal")
    status: Mapped[int] = mapped_column(comment="of the answer")
    headers: Mapped[dict[str, Any]]
    body: Mapped[str] = mapped_column(Text)
    created_at: Mapped[datetime] = mapped_column(index=True)

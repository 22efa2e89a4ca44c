"""The tables: everything that Mini-CRM stores, with the reason where the name does not give it.

Every column is marked as `personal`, `content` or `technical` (`crm_core.storage.columns`).
"""

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
    false,
    text,
)
from sqlalchemy.orm import DeclarativeBase, Mapped

from crm_core.storage.columns import content, personal, technical
from crm_core.storage.types import Instant, RowId, Word


def _where(condition: str) -> dict[str, Any]:
    """The condition of a partial index, in the form that each database's dialect takes it."""
    return {"sqlite_where": text(condition), "postgresql_where": text(condition)}


# None is stored as SQL NULL, not as JSON null, which would be written to and read from every row.
_Json = JSON(none_as_null=True)


class Base(DeclarativeBase):
    """The base of all tables: constraint names follow a rule, so that migrations can name what they change."""

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
    """A Telegram bot of this installation. Its id is Telegram's."""

    __tablename__ = "bots"
    __table_args__ = (Index("ix_bots_position", "position", "id"),)  # each registration asks for the first one

    id: Mapped[int] = technical(BigInteger, primary_key=True, autoincrement=False)
    username: Mapped[str] = technical()
    name: Mapped[str] = technical()
    position: Mapped[int] = technical(comment="order in BOT_TOKENS; the first bot serves contacts of the API")
    state: Mapped[str] = technical(comment="running, refused (its token), conflict (another program polls it), away")
    fence: Mapped[int] = technical(default=0, comment="the newest fencing token: grows with every session of the bot")
    not_before: Mapped[datetime | None] = technical(comment="the bot's gate: nothing is sent before")
    heard_at: Mapped[datetime | None] = technical(
        comment="when it last received all that waited for it; written every ten minutes"
    )


class Source(Base):
    """A channel that contacts come from: a bot, a link into a bot, or another system (no bot)."""

    __tablename__ = "sources"
    __table_args__ = (
        Index("uq_sources_main_of_bot", "bot_id", unique=True, **_where("slug IS NULL")),
        Index("ix_sources_ramp", "ramp", **_where("ramp IS NOT NULL")),
        CheckConstraint("strategy IN ('random', 'exact')", "strategy"),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    name: Mapped[str] = technical(unique=True)
    description: Mapped[str | None] = technical()
    bot_id: Mapped[int | None] = technical(ForeignKey("bots.id"))
    slug: Mapped[str | None] = technical(unique=True, comment="start payload src_<slug>; the bot's own source has none")
    is_active: Mapped[bool] = technical(default=True)
    strategy: Mapped[str] = technical(default="random")
    late_hours: Mapped[int] = technical(
        default=24, comment="so long after closing, a client's message joins the closed contact; 0: never"
    )
    created_at: Mapped[datetime] = technical()
    sticky_days: Mapped[int] = technical(
        default=0, comment="so long after closing, a client's next contact goes to the operator they had; 0: never"
    )
    sticky_mode: Mapped[str] = technical(
        String(8), default="charged", comment="whether that operator pays for it where shares are exact: charged, apart"
    )
    offer_seconds: Mapped[int] = technical(
        default=0, comment="so long a contact is offered to an operator, in their working time; 0: it is theirs at once"
    )
    offer_rounds: Mapped[int] = technical(default=3, comment="after so many offers in vain others are told")
    miss_limit: Mapped[int] = technical(
        default=3, comment="after so many missed offers in a row an operator is set offline; 0: never"
    )
    duty_operator_id: Mapped[int | None] = technical(
        comment="the operator who gets what was offered in vain; none: admins are told"
    )
    hours: Mapped[dict[str, Any] | None] = technical(comment="working hours (`crm_core.hours.stored`); none: always")
    is_open: Mapped[bool] = technical(default=True, comment="whether these hours let contacts be given out now")
    opening_changes_at: Mapped[datetime | None] = technical(comment="when to look at the hours again")
    sla: Mapped[dict[str, Any] | None] = technical(
        comment="targets in minutes (`crm_core.service.targets`); none: none"
    )
    terms: Mapped[int] = technical(default=0, comment="grows with every change of hours or targets")
    opened_at: Mapped[datetime | None] = technical(comment="since when contacts are given out; NULL: as long as it is")
    catch_up: Mapped[int] = technical(
        server_default="0", comment="of contacts missed by leave, the most that are credited where shares are exact"
    )
    protect_content: Mapped[bool] = technical(
        server_default=false(), comment="whether what clients send can't be forwarded or saved at operators"
    )
    ramp: Mapped[int | None] = technical(
        comment="of what had waited before somebody comes, or it opens, the most they get in a minute; none: any number"
    )
    skills: Mapped[str | None] = technical(Text, comment="required of operators (`crm_core.routing.skills`)")
    priority_minutes: Mapped[int] = technical(
        server_default="0", comment="head start of its contacts in the queue (`crm_core.routing.priority`)"
    )
    keywords: Mapped[str | None] = technical(
        Text, comment="what follows from words of a first message (`crm_core.routing.keywords`)"
    )
    waiting_load: Mapped[int] = technical(
        server_default="100", comment="what a contact that waits for its client counts, in hundredths"
    )
    handover: Mapped[str] = technical(
        String(16), default="hand_over", comment="of what its operators are away from (`crm_core.routing.absence`)"
    )
    away_minutes: Mapped[int] = technical(default=30, comment="after which absence that is done")
    forum_chat_id: Mapped[int | None] = technical(
        comment="the team's forum (`crm_core.conversation.forums`); none: none"
    )
    forum_bot_id: Mapped[int | None] = technical(comment="the bot that writes there")
    forum_language: Mapped[str | None] = technical(comment="of the admin who chose it; none: the installation's")


class Operator(Base):
    """A person who handles contacts. `current_leads` is their load, changed only by reserving and releasing places."""

    __tablename__ = "operators"
    __table_args__ = (
        Index("uq_operators_name_folded", "name_folded", unique=True, **_where("removed_at IS NULL")),
        CheckConstraint("max_leads >= 0", "max_leads"),
        CheckConstraint("current_leads >= 0", "current_leads"),
        Index("ix_operators_away", "away_since", **_where("away_since IS NOT NULL")),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    name: Mapped[str] = personal()
    name_folded: Mapped[str] = personal(comment="case-folded: SQLite's lower() knows only ASCII")
    is_active: Mapped[bool] = technical(default=True, comment="set by admins")
    is_online: Mapped[bool] = technical(default=True, comment="set by the operator: /online, /offline")
    max_leads: Mapped[int] = technical(default=10)
    current_leads: Mapped[int] = technical(default=0)
    reach_version: Mapped[int] = technical(
        default=0, comment="grows when they are removed, replaced or lose a chat: who chose them before chooses again"
    )
    created_at: Mapped[datetime] = technical()
    removed_at: Mapped[datetime | None] = technical()
    hours: Mapped[dict[str, Any] | None] = personal(comment="working hours (`crm_core.hours.stored`); none: always")
    on_shift: Mapped[bool] = technical(default=True, comment="whether these hours let new contacts come now")
    on_leave: Mapped[bool] = technical(server_default=false(), comment="whether this is planned absence by these hours")
    shift_changes_at: Mapped[datetime | None] = technical(comment="when to look at the hours again")
    receives_since: Mapped[datetime | None] = technical(
        comment="when they last came: online and on shift since then; NULL: since they were added"
    )
    missed_offers: Mapped[int] = technical(server_default="0", comment="in a row, where somebody else could take them")
    rate: Mapped[int | None] = technical(comment="the most contacts that they are given in an hour; none: any number")
    given_lately: Mapped[int] = technical(
        default=0, comment="contacts given in the last hour, counted while they have a rate: the rows of `given`"
    )
    skills: Mapped[str | None] = personal(Text, comment="their tags (`crm_core.routing.skills`)")
    snoozed: Mapped[int] = technical(server_default="0", comment="contacts of theirs that sleep: no part of the load")
    relief: Mapped[int] = technical(
        server_default="0", comment="what contacts that wait for their clients take off the load, in hundredths"
    )
    max_held: Mapped[int | None] = technical(
        comment="the most contacts that are theirs, sleeping ones included; none: three times the limit"
    )
    away_since: Mapped[datetime | None] = technical(
        comment="since when they are not there (`crm_core.team.away`); none: they are"
    )


class Staff(Base):
    """The Telegram account of an admin, an operator, or somebody who is both."""

    __tablename__ = "staff"

    telegram_id: Mapped[int] = personal(BigInteger, primary_key=True, autoincrement=False)
    name: Mapped[str] = personal()
    username: Mapped[str | None] = personal()
    language: Mapped[str | None] = personal(String(16))
    is_admin: Mapped[bool] = technical(default=False)
    operator_id: Mapped[int | None] = technical(ForeignKey("operators.id"), unique=True)
    created_at: Mapped[datetime] = technical()
    has_topics: Mapped[bool] = technical(server_default=false(), comment="set by the operator: /topics")


class StaffChat(Base):
    """Whether a bot can write to a member of staff: they have pressed Start there and have not blocked it."""

    __tablename__ = "staff_chats"

    telegram_id: Mapped[int] = personal(ForeignKey("staff.telegram_id", ondelete="CASCADE"), primary_key=True)
    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    is_reachable: Mapped[bool] = technical()
    changed_at: Mapped[datetime] = technical()


class Invitation(Base):
    """A one-time code that makes an account an operator, an admin or the first admin. Only its digest is stored."""

    __tablename__ = "invitations"

    digest: Mapped[str] = technical(String(64), primary_key=True)
    role: Mapped[str] = technical(String(16), comment="operator, admin, first_admin")
    operator_id: Mapped[int | None] = technical(ForeignKey("operators.id"))
    invited_by: Mapped[int | None] = personal(BigInteger, comment="an admin's account; none: the command line, the API")
    created_at: Mapped[datetime] = technical()
    expires_at: Mapped[datetime] = technical()
    used_at: Mapped[datetime | None] = technical()
    used_by: Mapped[int | None] = personal(BigInteger)


class RemovedAdmin(Base):
    """An account that was removed from the admins: the setting ADMIN_IDS does not make it one again."""

    __tablename__ = "removed_admins"

    telegram_id: Mapped[int] = personal(BigInteger, primary_key=True, autoincrement=False)
    removed_at: Mapped[datetime] = technical()


class FormerStaff(Base):
    """A chat with somebody who was removed from the staff: for a while, what they write opens no contact."""

    __tablename__ = "former_staff"

    telegram_id: Mapped[int] = personal(BigInteger, primary_key=True, autoincrement=False)
    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    left_at: Mapped[datetime] = technical(index=True)


class Weight(Base):
    """The weight of an operator at a source: share = weight / sum of weights."""

    __tablename__ = "weights"
    __table_args__ = (CheckConstraint("weight > 0", "weight"),)

    source_id: Mapped[int] = technical(ForeignKey("sources.id"), primary_key=True)
    operator_id: Mapped[int] = technical(ForeignKey("operators.id"), primary_key=True, index=True)
    weight: Mapped[int] = technical()
    limit: Mapped[int | None] = technical(comment="the most open contacts from there; none: only the operator's own")


class Given(Base):
    """A contact that an operator was given, where that counts: with a rate for an hour, and for a minute if it had
    waited before they came. The row goes when its time is over, and makes room for another contact.
    """

    __tablename__ = "given"
    __table_args__ = (Index("ix_given_had_waited", "operator_id", **_where("had_waited")),)

    id: Mapped[int] = technical(RowId, primary_key=True)
    operator_id: Mapped[int] = technical(ForeignKey("operators.id"))
    contact_id: Mapped[int] = technical()
    at: Mapped[datetime] = technical(index=True)
    had_waited: Mapped[bool] = technical(
        server_default=false(),
        comment="in its first minute, if it had waited before the operator came, or its source opened",
    )


class Credit(Base):
    """What the draws of a source with exact shares owe to an operator (`crm_core.routing.credits`).

    A row remains when the weight ends, and goes with the operator.
    """

    __tablename__ = "credits"

    source_id: Mapped[int] = technical(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    operator_id: Mapped[int] = technical(ForeignKey("operators.id"), primary_key=True, index=True)
    credit: Mapped[int] = technical(comment="2,329,089,562,800 are one contact; the sum over a source is 0")
    missed: Mapped[int] = technical(
        server_default="0", comment="what draws during the operator's leave would have added"
    )


class Lead(Base):
    """A person who wrote, known by an external id (`tg:<user id>` from Telegram), an e-mail, or both."""

    __tablename__ = "leads"
    __table_args__ = (
        Index("ix_leads_phone_key", "phone_key", **_where("phone_key IS NOT NULL")),
        UniqueConstraint("email_key", name="uq_leads_email"),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    external_id: Mapped[str | None] = personal(unique=True)
    email: Mapped[str | None] = personal(comment="as it was given")
    email_key: Mapped[str | None] = personal(comment="what the e-mail is compared by (`crm_core.contacts.emails`)")
    phone: Mapped[str | None] = personal()
    phone_key: Mapped[str | None] = personal(
        String(40), comment="the phone in E.164: it is found in any notation (`crm_core.contacts.phones`)"
    )
    full_name: Mapped[str | None] = personal()
    username: Mapped[str | None] = personal()
    language: Mapped[str | None] = personal(String(16))
    email_hint: Mapped[str | None] = personal(
        comment="an e-mail they gave that another lead already has: shown, never merged"
    )
    created_at: Mapped[datetime] = technical()
    head_start: Mapped[int] = technical(
        server_default="0", comment="minutes in the queue (`crm_core.routing.priority`)"
    )


class LeadWord(Base):
    """A word of a lead's name, case-folded; leads are found by the beginnings of words."""

    __tablename__ = "lead_words"
    __table_args__ = (Index("ix_lead_words_word_lead_id", "word", "lead_id"), {"sqlite_with_rowid": False})

    lead_id: Mapped[int] = technical(ForeignKey("leads.id", ondelete="CASCADE"), primary_key=True)
    word: Mapped[str] = personal(Word, primary_key=True)


class Chat(Base):
    """A client's private chat with one bot: whether the bot can write to it, and the source of the next message."""

    __tablename__ = "chats"

    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True)
    lead_id: Mapped[int] = technical(ForeignKey("leads.id"))
    source_id: Mapped[int | None] = technical(
        ForeignKey("sources.id"), comment="set by a source link, until its contact is closed"
    )
    is_blocked: Mapped[bool] = technical(default=False)
    slowed_at: Mapped[datetime | None] = technical(comment="when the client was last told that they write too fast")


class Gate(Base):
    """Until when nothing may be sent to a chat (Telegram's flood wait). Stored, so that it outlives a restart."""

    __tablename__ = "gates"

    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True)
    not_before: Mapped[datetime] = technical()


class MethodGate(Base):
    """Until when a method that concerns no chat must not be called (Telegram's flood wait)."""

    __tablename__ = "method_gates"

    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    method: Mapped[str] = technical(String(64), primary_key=True)
    not_before: Mapped[datetime] = technical()


class ShownMenu(Base):
    """The list of commands that Telegram shows, as a digest: it is sent again only when it has changed."""

    __tablename__ = "shown_menus"

    bot_id: Mapped[int] = technical(ForeignKey("bots.id"), primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True, comment="whose; 0: of all who have none of their own")
    language: Mapped[str] = technical(String(8), primary_key=True, comment="empty: of all others")
    digest: Mapped[str] = technical(String(64))


class Contact(Base):
    """One request of a lead at a source."""

    __tablename__ = "contacts"
    __table_args__ = (
        # A client of a bot has at most one open contact per source; each call of the API makes a new one.
        Index(
            "uq_contacts_open",
            "lead_id",
            "source_id",
            "bot_id",
            unique=True,
            **_where("status <> 'closed' AND chat_id IS NOT NULL"),
        ),
        Index(
            "ix_contacts_queue",
            "source_id",
            "order_at",
            "id",
            "wakes_at",
            **_where("operator_id IS NULL AND status = 'new'"),
        ),
        Index("ix_contacts_late", "late_from", **_where("late_from IS NOT NULL")),
        Index("ix_contacts_offered", "offer_ends_at", **_where("offered_at IS NOT NULL")),
        Index("ix_contacts_moved", "first_source_id", **_where("first_source_id IS NOT NULL")),
        Index("ix_contacts_drops", "drops_at", **_where("drops_at IS NOT NULL")),
        Index("ix_contacts_open_of_operator", "operator_id", "source_id", "wakes_at", **_where("status <> 'closed'")),
        Index("ix_contacts_wakes", "wakes_at", **_where("wakes_at IS NOT NULL")),
        # Lists of the API, newest first (docs/decisions.md says what they cost). Their conditions hold for every row;
        # they keep SQLite's planner from using these indexes in statements that do not repeat the condition.
        Index("ix_contacts_source_created", "source_id", "created_at", **_where("id > 0")),
        Index("ix_contacts_operator_created", "operator_id", "created_at", **_where("operator_id > 0")),
        CheckConstraint("status IN ('new', 'in_progress', 'closed')", "status"),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    lead_id: Mapped[int] = technical(ForeignKey("leads.id"), index=True)
    source_id: Mapped[int] = technical(ForeignKey("sources.id"))
    operator_id: Mapped[int | None] = technical(ForeignKey("operators.id"))
    status: Mapped[str] = technical(String(16), default="new")
    version: Mapped[int] = technical(
        default=1, comment="grows with every change of status or operator; buttons carry it"
    )
    message: Mapped[str | None] = content(Text, comment="the first text")
    bot_id: Mapped[int | None] = technical(
        ForeignKey("bots.id"), comment="the bot that serves it; NULL until an API contact has one"
    )
    chat_id: Mapped[int | None] = personal(BigInteger, comment="the client's chat; NULL unless they came from Telegram")
    created_at: Mapped[datetime] = technical(index=True)
    queued_at: Mapped[datetime | None] = technical()
    assigned_at: Mapped[datetime | None] = technical(comment="first assignment")
    current_assigned_at: Mapped[datetime | None] = technical(comment="to this operator; NULL while it waits")
    taken_at: Mapped[datetime | None] = technical(comment="first take")
    replied_at: Mapped[datetime | None] = technical(comment="first reply")
    closed_at: Mapped[datetime | None] = technical()
    late_from: Mapped[int | None] = technical(
        comment="the first message after closing of which the operator has not yet said what to do with it"
    )
    previous_operator_id: Mapped[int | None] = technical(comment="who had it before it was handed on")
    offered_at: Mapped[datetime | None] = technical(
        comment="since when it is offered to its operator; NULL once it is theirs, and without one"
    )
    offer_ends_at: Mapped[datetime | None] = technical(
        comment="when that offer is missed; NULL: it stays until somebody comes who was not asked yet"
    )
    offers: Mapped[int] = technical(server_default="0", comment="offers that came to nothing in this wait")
    waits_since: Mapped[datetime | None] = technical(
        comment="when it came back from an operator who had it for good; NULL: it waits, or waited, since it was opened"
    )
    escalated_at: Mapped[datetime | None] = technical(comment="when admins were told that nobody takes it")
    is_asked: Mapped[bool] = technical(server_default=false(), comment="whether it has rows in `asked`")
    note: Mapped[str | None] = content(Text, comment="for whoever gets it next")
    note_operator_id: Mapped[int | None] = technical(comment="who wrote it")
    skills: Mapped[str | None] = technical(Text, comment="required of operators, beside what its source requires")
    needs: Mapped[str | None] = technical(Text, comment="while it waits: the skills that it requires now")
    drops_at: Mapped[datetime | None] = technical(comment="while it waits: when the next of them is dropped")
    head_start: Mapped[int] = technical(server_default="0", comment="its own minutes (`crm_core.routing.priority`)")
    order_at: Mapped[datetime | None] = technical(comment="while it waits: what the queue is given out by")
    first_source_id: Mapped[int | None] = technical(comment="where it came in; NULL unless it was moved elsewhere")
    relief: Mapped[int] = technical(
        server_default="0", comment="what it takes off its operator's load (`crm_core.routing.relief`), in hundredths"
    )
    wakes_at: Mapped[datetime | None] = technical(comment="until when it sleeps; NULL: it does not")
    woke_at: Mapped[datetime | None] = technical(comment="when it last woke")
    goes_first: Mapped[bool] = technical(
        server_default=false(), comment="in the queue, since it woke to an operator above their ceiling"
    )
    told_away_for: Mapped[int | None] = technical(
        comment="the unanswered message of whose author we know that they were told that their operator is away"
    )


class AskedOperator(Base):
    """An operator who had a contact before, and what came of that (`crm_core.routing.choose.Asked`)."""

    __tablename__ = "asked"

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    operator_id: Mapped[int] = technical(ForeignKey("operators.id"), primary_key=True, index=True)
    outcome: Mapped[str] = technical(String(8), comment="declined, missed, refused, returned")


class Message(Base):
    """A message of a contact, and where the original is in Telegram."""

    __tablename__ = "messages"
    __table_args__ = (UniqueConstraint("bot_id", "chat_id", "message_id"),)

    id: Mapped[int] = technical(RowId, primary_key=True)
    contact_id: Mapped[int] = technical(ForeignKey("contacts.id"), index=True)
    author: Mapped[str] = technical(String(16), comment="client or operator")
    operator_id: Mapped[int | None] = technical(ForeignKey("operators.id"))
    kind: Mapped[str] = technical(String(32), comment="Telegram's content type")
    text: Mapped[str | None] = content(Text, comment="text or caption")
    entities: Mapped[list[Any] | None] = content()
    bot_id: Mapped[int | None] = technical(BigInteger)
    chat_id: Mapped[int | None] = personal(BigInteger)
    message_id: Mapped[int | None] = technical(BigInteger)
    reply_to: Mapped[int | None] = technical(ForeignKey("messages.id"))
    can_copy: Mapped[bool] = technical(default=True)
    forwarded_from: Mapped[str | None] = personal(Text, comment="whose words they were first; empty: Telegram says not")
    about: Mapped[dict[str, Any] | None] = content(comment="quoted words, and the message elsewhere that it replies to")
    media: Mapped[dict[str, Any] | None] = content(comment="its file, as Telegram names it")
    created_at: Mapped[datetime] = technical()
    withdrawn_at: Mapped[datetime | None] = technical(comment="when its operator took it back")
    album: Mapped[str | None] = technical(comment="Telegram's id of the album that it is part of")


class Posted(Base):
    """A message that a bot of ours sent for a contact: a Telegram reply finds its contact here, never by guessing."""

    __tablename__ = "posted"
    __table_args__ = (
        Index("ix_posted_message_ref", "message_ref", **_where("message_ref IS NOT NULL")),
        Index("ix_posted_card", "contact_id", "chat_id"),
    )

    bot_id: Mapped[int] = technical(BigInteger, primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True)
    message_id: Mapped[int] = technical(BigInteger, primary_key=True)
    contact_id: Mapped[int] = technical(ForeignKey("contacts.id"))
    message_ref: Mapped[int | None] = technical(ForeignKey("messages.id"), comment="the message that this is a copy of")
    is_card: Mapped[bool] = technical(default=False)
    # The database fills it in: most rows are no cards that were shown again.
    is_brief: Mapped[bool] = technical(
        server_default=false(), comment="a card that was shown again: it is short, and has the last messages"
    )
    asked_at: Mapped[datetime | None] = technical(comment="when it was shown because its operator asked for it")


class Topic(Base):
    """A topic that a bot made for a contact in an operator's chat; it is where something is shown, and nothing else."""

    __tablename__ = "topics"

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id"), primary_key=True)
    bot_id: Mapped[int] = technical(primary_key=True)
    chat_id: Mapped[int] = personal(primary_key=True)
    topic_id: Mapped[int] = technical(comment="Telegram's message_thread_id")
    shown: Mapped[str] = technical(String(16), comment="a digest of its name")


class ForumTopic(Base):
    """The topic of a contact in a forum, that of its source or of one before; it shows what is stored elsewhere."""

    __tablename__ = "forum_topics"
    __table_args__ = (Index("uq_forum_topics_topic", "chat_id", "topic_id", unique=True),)

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id"), primary_key=True)
    chat_id: Mapped[int] = personal(primary_key=True)
    topic_id: Mapped[int] = technical(comment="Telegram's message_thread_id")
    name: Mapped[str] = technical(String(16), comment="a digest of what its name shows")
    head: Mapped[str] = technical(String(16), comment="a digest of the line that says who has the contact")
    is_closed: Mapped[bool] = technical()
    shown_to: Mapped[int] = technical(comment="the newest message that it shows")


class ForumLine(Base):
    """Where a message is shown in a topic of a forum: what is edited or taken back shows there, too."""

    __tablename__ = "forum_lines"
    __table_args__ = (
        Index("ix_forum_lines_posted", "chat_id", "posted_id"),
        Index("ix_forum_lines_stale", "contact_id", "chat_id", **_where("is_stale")),
    )

    message_ref: Mapped[int] = technical(ForeignKey("messages.id"), primary_key=True)
    chat_id: Mapped[int] = personal(primary_key=True)
    contact_id: Mapped[int] = technical(ForeignKey("contacts.id"))
    posted_id: Mapped[int] = technical(comment="Telegram's id of the message that shows it, perhaps with others")
    shape: Mapped[str] = technical(String(8), comment="words, copy or part")
    above: Mapped[dict[str, Any] | None] = personal(comment="of the first: what stands above it, and names an operator")
    is_stale: Mapped[bool] = technical(comment="it was edited or taken back since")


class Reminder(Base):
    """What an operator was told of a client who waits: each of the minutes once in a wait."""

    __tablename__ = "reminders"

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    message_ref: Mapped[int] = technical(comment="the first unanswered message; 0: none, the contact itself waits")
    operator_id: Mapped[int] = technical(comment="who was told: somebody else is told anew")
    minutes: Mapped[int] = technical(comment="the most minutes of waiting that were told")


class ServiceWatch(Base):
    """When to look at the clocks of an open contact again (`crm_core.service.watch`), as things stood then."""

    __tablename__ = "service_watches"

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    version: Mapped[int] = technical(comment="of the contact")
    message_ref: Mapped[int] = technical(comment="the first unanswered message; 0: none")
    operator_id: Mapped[int] = technical(comment="who has it and is there; 0: nobody")
    terms: Mapped[int] = technical(comment="of the source")
    looks_at: Mapped[datetime | None] = technical(comment="NULL: nothing runs out unless something happens")
    due_at: Mapped[datetime | None] = technical(
        comment="when the reply is due that the client waits for; NULL: no target"
    )


class ServiceNotice(Base):
    """A share of a target that ran out on a clock of a contact: each is told once."""

    __tablename__ = "service_notices"

    contact_id: Mapped[int] = technical(ForeignKey("contacts.id", ondelete="CASCADE"), primary_key=True)
    measure: Mapped[str] = technical(String(16), primary_key=True)
    since: Mapped[datetime] = technical(primary_key=True, comment="when the clock was started")
    percent: Mapped[int] = technical(primary_key=True, autoincrement=False)
    told_at: Mapped[datetime | None] = technical(comment="NULL: admins are to be told yet")


class Overview(Base):
    """The pinned message in an operator's chat that lists their open contacts, page by page; it is edited in place."""

    __tablename__ = "overviews"

    chat_id: Mapped[int] = personal(BigInteger, primary_key=True, autoincrement=False)
    bot_id: Mapped[int] = technical(BigInteger, primary_key=True, autoincrement=False)
    message_id: Mapped[int | None] = technical(BigInteger, comment="NULL: it has not been sent, or is gone")
    digest: Mapped[str] = technical(String(64), comment="of what it shows, or will show when it is sent")
    is_off: Mapped[bool] = technical(comment="set by the operator: /overview")
    sent_at: Mapped[datetime | None] = technical(comment="when it was last sent anew")
    page: Mapped[int] = technical(server_default="0", comment="the one to which its operator turned")
    is_protected: Mapped[bool] = technical(
        server_default=false(), comment="whether its message was sent so that it can't be forwarded or saved"
    )


class PendingReply(Base):
    """Messages of an operator that wait until they choose a contact or open one again; later, to which they went."""

    __tablename__ = "pending_replies"
    __table_args__ = (Index("ix_pending_replies_waiting", "bot_id", "chat_id", **_where("ends_at IS NOT NULL")),)

    id: Mapped[int] = technical(RowId, primary_key=True)
    bot_id: Mapped[int] = technical(BigInteger)
    chat_id: Mapped[int] = personal(BigInteger)
    album: Mapped[str | None] = technical(comment="for all items of one album, the operator is asked once")
    contact_id: Mapped[int | None] = technical(comment="where they went: later items of the album go there too")
    closed_contact_id: Mapped[int | None] = technical(comment="the contact that must be opened again first")
    messages: Mapped[list[Any]] = content(
        comment="the rows for `messages`, in order; what was sent and can be taken back, by its id in `messages`"
    )
    ends_at: Mapped[datetime | None] = technical(comment="until when a choice is awaited; NULL: none, or none any more")
    question_id: Mapped[int | None] = technical(BigInteger, comment="Telegram's id of the question")
    created_at: Mapped[datetime] = technical()


class Prompt(Base):
    """A question that a bot asked somebody in a chat; their next text message there answers it."""

    __tablename__ = "prompts"

    bot_id: Mapped[int] = technical(BigInteger, primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True)
    role: Mapped[str] = technical(String(8), comment="admin, operator, client: as what they were asked")
    person_id: Mapped[int] = personal(BigInteger, comment="the Telegram account that was asked")
    question: Mapped[str] = technical(String(64))
    data: Mapped[dict[str, Any]] = content()
    created_at: Mapped[datetime] = technical()


class Event(Base):
    """Who changed what, when and why. Rows are only added; statistics and logs are made from them."""

    __tablename__ = "events"
    __table_args__ = (
        # What held when: few rows, which a report of the service level looks up.
        Index("ix_events_sources", "source_id", "id", **_where("kind = 'source_changed'")),
        Index("ix_events_operators", "operator_id", "id", **_where("kind = 'operator_changed'")),
        Index("ix_events_weights", "source_id", "id", **_where("kind = 'weight_changed'")),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    at: Mapped[datetime] = technical()
    kind: Mapped[str] = technical(String(32))
    actor: Mapped[str] = personal(String(48), comment="client, system, tg:<id>, api:<key id>")
    contact_id: Mapped[int | None] = technical(index=True)
    lead_id: Mapped[int | None] = technical()
    source_id: Mapped[int | None] = technical()
    operator_id: Mapped[int | None] = technical()
    reason: Mapped[str | None] = technical(String(64))
    data: Mapped[dict[str, Any] | None] = content()
    decision: Mapped[str | None] = technical(
        Text, comment="what an operator was chosen from (`crm_core.routing.decisions`)"
    )


class PreferenceRow(Base):
    """A change of a setting that admins can change (`crm_core.preferences`). The newest version of a name holds."""

    __tablename__ = "preferences"

    name: Mapped[str] = technical(String(64), primary_key=True)
    version: Mapped[int] = technical(primary_key=True, autoincrement=False, comment="1, 2, 3, … for each name")
    value: Mapped[Any | None] = content(_Json, comment="NULL where the default was brought back")
    actor: Mapped[str] = personal(String(48), comment="as in `events`")
    at: Mapped[datetime] = technical()
    undone: Mapped[bool] = technical(comment="undone by a later version, or itself the undo of an earlier one")


class Tally(Base):
    """Sums over a source's contacts, so that statistics need not count them all (`crm_core.statistics`).

    A row per span in which contacts were opened (all time, a month, a day: `crm_core.statistics.buckets`), source and
    operator; operator 0 is the source itself.
    """

    __tablename__ = "tallies"

    span: Mapped[int] = technical(primary_key=True, autoincrement=False)
    source_id: Mapped[int] = technical(primary_key=True, autoincrement=False)
    operator_id: Mapped[int] = technical(primary_key=True, autoincrement=False)
    opened: Mapped[int] = technical(comment="contacts opened; only of the source itself")
    drawn: Mapped[int] = technical(comment="received by a draw")
    given: Mapped[int] = technical(comment="received by hand")
    lost: Mapped[int] = technical(comment="taken away by hand")
    returned: Mapped[int] = technical(comment="went back to the queue")
    # What each draw owed the operator, in millionths of a contact: sums of whole numbers do not depend on the order.
    due: Mapped[int] = technical(comment="their share by weight")
    missed_off: Mapped[int] = technical(comment="of that, missed while they were away")
    missed_full: Mapped[int] = technical(comment="of that, missed while they were at their limit")
    gained_off: Mapped[int] = technical(comment="owed in addition while others were away")
    gained_full: Mapped[int] = technical(comment="owed in addition while others were at their limits")
    spread: Mapped[int] = technical(comment="variance of the draws")
    missed_off_shift: Mapped[int] = technical(comment="missed outside their working hours")
    missed_full_here: Mapped[int] = technical(comment="missed at their limit for the source")
    missed_rate: Mapped[int] = technical(comment="missed at their hourly limit")
    missed_ramp: Mapped[int] = technical(server_default="0", comment="missed at the limit per minute after they came")
    missed_no_skill: Mapped[int] = technical(comment="missed for want of a skill")
    gained_off_shift: Mapped[int] = technical(comment="owed in addition while others were outside theirs, and so on")
    gained_full_here: Mapped[int] = technical()
    gained_rate: Mapped[int] = technical()
    gained_ramp: Mapped[int] = technical(server_default="0")
    gained_no_skill: Mapped[int] = technical()
    returned_declined: Mapped[int] = technical(comment="went back since they declined it, or gave it back")
    returned_missed: Mapped[int] = technical(comment="went back since they did not answer its offer")
    sticky: Mapped[int] = technical(comment="received since its client had them before")
    missed_declined: Mapped[int] = technical(comment="missed since they had declined it before")
    missed_missed: Mapped[int] = technical(comment="missed since they had not answered its offer before")
    gained_declined: Mapped[int] = technical()
    gained_missed: Mapped[int] = technical()


class ArrivalTally(Base):
    """How many contacts were opened in a span (also an hour), and how many of them have an operator."""

    __tablename__ = "arrival_tallies"

    span: Mapped[int] = technical(primary_key=True, autoincrement=False)
    opened: Mapped[int] = technical()
    held: Mapped[int] = technical()


class LengthTally(Base):
    """How long something took, over the contacts opened in a span: a histogram (`crm_core.statistics.durations`)."""

    __tablename__ = "length_tallies"

    span: Mapped[int] = technical(primary_key=True, autoincrement=False)
    kind: Mapped[str] = technical(String(32), primary_key=True, comment="the event that ended it")
    total: Mapped[int] = technical(comment="sum of the lengths in milliseconds")
    longest: Mapped[int] = technical()
    buckets: Mapped[list[Any]] = technical(comment="bucket, count, bucket, count, …")


class TallyState(Base):
    """How far the tallies go: one row."""

    __tablename__ = "tally_state"

    id: Mapped[int] = technical(primary_key=True, autoincrement=False)
    zone: Mapped[str] = technical(comment="the time zone of the spans' hours, days and months")
    generation: Mapped[int] = technical(comment="grows when all sums are computed anew")
    after: Mapped[int] = technical(comment="events up to this id are in the tallies")
    events: Mapped[int] = technical(comment="how many events that is")
    weights: Mapped[dict[str, Any]] = technical(comment="weights after that event, per source and operator")
    watch: Mapped[dict[str, Any] | None] = technical(
        comment="PostgreSQL: transactions that may still commit events, and up to which id"
    )


class InboxRow(Base):
    """A raw update, stored before it is confirmed to Telegram and never changed."""

    __tablename__ = "inbox"
    __table_args__ = (
        UniqueConstraint("bot_id", "update_id", "epoch"),
        Index("ix_inbox_waiting", "bot_id", "conversation", "id", **_where("state = 'new'")),
        Index("ix_inbox_waiting_order", "bot_id", "id", **_where("state = 'new'")),
        Index("ix_inbox_finished_at", "finished_at", **_where("finished_at IS NOT NULL")),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    bot_id: Mapped[int] = technical(ForeignKey("bots.id"))
    update_id: Mapped[int] = technical(BigInteger)
    epoch: Mapped[int] = technical(default=0, comment="grows when Telegram uses an id again for another body")
    digest: Mapped[str] = technical(String(32))
    conversation: Mapped[str] = personal(String(64))
    raw: Mapped[str] = content(Text)
    state: Mapped[str] = technical(String(8), default="new", comment="new, done, dead")
    attempts: Mapped[int] = technical(default=0)
    not_before: Mapped[datetime | None] = technical()
    received_at: Mapped[datetime] = technical()
    finished_at: Mapped[datetime | None] = technical()
    error: Mapped[str | None] = technical(String(200))


class OutboxRow(Base):
    """Something to be sent. It names what, and to whom; the text is made when it is sent.

    Rows for Telegram have a bot and a chat. Rows for any other receiver (`crm_core.messaging.receivers`) have the id of
    an endpoint in a table of that receiver's own.
    """

    __tablename__ = "outbox"
    __table_args__ = (
        CheckConstraint(
            "(receiver = 'telegram' AND bot_id IS NOT NULL AND chat_id IS NOT NULL AND endpoint_id IS NULL)"
            " OR (receiver <> 'telegram' AND bot_id IS NULL AND chat_id IS NULL AND endpoint_id IS NOT NULL)",
            "receiver",
        ),
        Index("ix_outbox_waiting", "bot_id", "id", **_where("state IN ('pending', 'sending')")),
        Index(
            "ix_outbox_waiting_receiver",
            "receiver",
            "id",
            **_where("state IN ('pending', 'sending') AND bot_id IS NULL"),
        ),
        Index("ix_outbox_settled_at", "settled_at", **_where("settled_at IS NOT NULL")),
        Index("ix_outbox_lost_edits", "chat_id", **_where("kind = 'card_edit' AND state = 'dead'")),
        # While an edit of a card waits, a further one would say the same: it is rendered from the newest state.
        Index("uq_outbox_once", "once", unique=True, **_where("state = 'pending' AND once IS NOT NULL")),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    kind: Mapped[str] = technical(String(32))
    # The database fills it in for Telegram: one value less to bind for every message.
    receiver: Mapped[str] = technical(String(16), server_default="telegram")
    bot_id: Mapped[int | None] = technical(ForeignKey("bots.id"))
    chat_id: Mapped[int | None] = personal(BigInteger)
    endpoint_id: Mapped[int | None] = technical()
    contact_id: Mapped[int | None] = technical(index=True)
    message_ref: Mapped[int | None] = technical()
    payload: Mapped[dict[str, Any]] = content()
    once: Mapped[str | None] = technical(String(64), comment="deduplication key, until the row is claimed")
    state: Mapped[str] = technical(String(16), default="pending", comment="pending, sending, sent, uncertain, dead")
    attempts: Mapped[int] = technical(default=0, comment="to send it; further requests of an attempt count, too")
    ambiguous: Mapped[int] = technical(default=0, comment="attempts whose outcome nobody knows")
    # As with `receiver`.
    failures: Mapped[int] = technical(server_default="0", comment="those of them that failed while others were sent")
    fence: Mapped[int | None] = technical(comment="fencing token of the session that is sending it")
    not_before: Mapped[datetime | None] = technical()
    created_at: Mapped[datetime] = technical()
    settled_at: Mapped[datetime | None] = technical()
    outcome: Mapped[str | None] = technical(String(200))
    result_id: Mapped[int | None] = technical(BigInteger)


class ReceiverRow(Base):
    """A kind of receiver other than Telegram, and the newest session that sends to it."""

    __tablename__ = "receivers"

    receiver: Mapped[str] = technical(String(16), primary_key=True)
    fence: Mapped[int] = technical(comment="the newest fencing token: grows with every session")


class Export(Base):
    """An export that an admin requested in Telegram, until its files are sent."""

    __tablename__ = "exports"
    __table_args__ = (
        Index("uq_exports_under_way", "asked_by", unique=True, **_where("state IN ('waiting', 'running')")),
        Index("ix_exports_under_way", "bot_id", "id", **_where("state IN ('waiting', 'running')")),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    what: Mapped[str] = technical(String(16))
    form: Mapped[str] = technical(String(8))
    period: Mapped[str] = technical(String(8), comment="as requested; `since` is what it meant then")
    since: Mapped[datetime | None] = technical()
    until: Mapped[datetime] = technical()
    language: Mapped[str] = personal(String(16))
    asked_by: Mapped[int] = personal(BigInteger)
    bot_id: Mapped[int] = technical(ForeignKey("bots.id"))
    message_id: Mapped[int] = technical(BigInteger, comment="the message that shows the progress")
    state: Mapped[str] = technical(String(8), default="waiting", comment="waiting, running, done, failed")
    fence: Mapped[int | None] = technical(comment="fencing token of the session that is making it")
    attempts: Mapped[int] = technical(default=0)
    asked_at: Mapped[datetime] = technical()
    finished_at: Mapped[datetime | None] = technical()
    outcome: Mapped[str | None] = technical(String(200))


class Alert(Base):
    """When admins were last told of a cause, so that they are told once in ten minutes."""

    __tablename__ = "alerts"

    cause: Mapped[str] = technical(String(96), primary_key=True)
    told_at: Mapped[datetime] = technical()


class WaitNotice(Base):
    """A message in an admin's chat that tells that clients wait at a source; it is edited until nobody waits."""

    __tablename__ = "wait_notices"

    source_id: Mapped[int] = technical(ForeignKey("sources.id", ondelete="CASCADE"), primary_key=True)
    chat_id: Mapped[int] = personal(BigInteger, primary_key=True, autoincrement=False)
    bot_id: Mapped[int] = technical(BigInteger)
    message_id: Mapped[int] = technical(BigInteger)
    waiting: Mapped[int] = technical(comment="how many wait, as the message says")
    contact_id: Mapped[int] = technical(comment="which waits the longest, as the message says")


class ApiKey(Base):
    """A key of the HTTP API. The key itself is shown once, when it is made; only its digest is kept.

    A key of scope `form` is no secret: it is part of a public page, and can only register contacts at one source.
    """

    __tablename__ = "api_keys"
    __table_args__ = (
        CheckConstraint("scope IN ('read', 'write', 'admin', 'form')", "scope"),
        CheckConstraint("(scope = 'form') = (source_id IS NOT NULL)", "source"),
    )

    id: Mapped[int] = technical(RowId, primary_key=True)
    name: Mapped[str] = technical(unique=True)
    prefix: Mapped[str] = technical(String(16), unique=True, comment="the key's public beginning")
    digest: Mapped[str] = technical(String(64), comment="SHA-256 of the whole key, hexadecimal")
    scope: Mapped[str] = technical(String(8))
    source_id: Mapped[int | None] = technical(ForeignKey("sources.id"))
    created_at: Mapped[datetime] = technical()
    expires_at: Mapped[datetime | None] = technical()
    last_used_at: Mapped[datetime | None] = technical()
    revoked_at: Mapped[datetime | None] = technical()


class Idempotency(Base):
    """A call of the API with an `Idempotency-Key`, and its answer: the same call gets the same answer again.

    The row commits with the effect of the call (`crm_core.api.idempotency`), so a call in progress has none.
    """

    __tablename__ = "idempotency"

    key_id: Mapped[int] = technical(primary_key=True, autoincrement=False, comment="of the API key; 0 without one")
    route: Mapped[str] = technical(String(200), primary_key=True, comment="method and path")
    idempotency_key: Mapped[str] = technical(String(255), primary_key=True)
    digest: Mapped[str] = technical(String(64), comment="SHA-256 of the request, hexadecimal")
    status: Mapped[int] = technical(comment="of the answer")
    headers: Mapped[dict[str, Any]] = technical()
    body: Mapped[str] = content(Text)
    created_at: Mapped[datetime] = technical(index=True)

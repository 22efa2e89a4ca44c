"""What a claimed row of the outbox says: itself, and the data for its text."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from crm_core.conversation.forum_steps import Step
from crm_core.conversation.history import Said
from crm_core.conversation.looks import Needed
from crm_core.conversation.overview_pages import Shown
from crm_core.conversation.topics import ShownTopic


@dataclass(frozen=True, slots=True, kw_only=True)
class CardData:
    """A contact as a card or a notice shows it, at one version.

    Its columns are given by name: by position, a new one once made cards name the wrong operator.

    Attributes:
        taken_at: the take of the operator who holds it now, if somebody else took it before them.
        has_chat: whether the client is in Telegram.
        has_late: whether the client has written after it was closed, and nobody has said what to do with it.
        previous_operator: who had it before it was handed on to who has it now.
        offered_at, offer_ends_at: of an offer to who has it now, which may have no end.
        note, note_by: what whoever had it before wrote for who has it now, and their name.
        is_vip: whether its client comes before others in the queue.
        wakes_at: until when it sleeps; None if it does not.
        is_alone: whether who has it now has no other open contact that is awake.
        last_id, last_operator, last_closed_at: the client's request before this one, and whose it is, or was when it
            was closed.
        operator_language, operator_has_topics: of who has it now, who is most often who reads the card.
        source_skills, own_skills: what it requires of operators (`crm_core.routing.skills`).
        protect_content: whether its source lets operators neither forward nor save what its client sends.
    """

    id: int
    version: int
    status: str
    source: str
    bot_id: int | None
    created_at: datetime
    taken_at: datetime | None
    closed_at: datetime | None
    operator: str | None
    operator_chat: int | None
    lead_name: str | None
    lead_username: str | None
    lead_language: str | None
    phone: str | None
    email: str | None
    email_hint: str | None
    first_kind: str | None
    first_text: str | None
    first_entities: list[dict[str, Any]] | None
    earlier: int
    last_operator: str | None
    has_chat: bool = True
    current_assigned_at: datetime | None = None
    has_late: bool = False
    previous_operator: str | None = None
    queue_position: int | None = None
    first_forwarded_from: str | None = None
    first_about: dict[str, Any] | None = None
    offered_at: datetime | None = None
    offer_ends_at: datetime | None = None
    note: str | None = None
    note_by: str | None = None
    is_vip: bool = False
    wakes_at: datetime | None = None
    is_alone: bool = False
    protect_content: bool = False
    last_id: int | None = None
    last_closed_at: datetime | None = None
    source_skills: str | None = None
    own_skills: str | None = None
    operator_language: str | None = None
    operator_has_topics: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class MessageData:
    """A stored message that is to be copied, and what the copy replies to in its new chat.

    Attributes:
        reply_to: Telegram's id, in the chat where the copy goes, of the message that it replies to; None for none.
        answered: the stored message that it replies to, None for none.
        is_exact: whether `reply_to` is that message, or its copy, and not the card that everything hangs on.
        is_in_talk: whether `reply_to` is a talk that shows that message among others.
        copy_id: Telegram's id of an earlier copy in that chat, if there is one.
        is_withdrawn: whether its operator has taken it back.
        operator: the name of who wrote it, None for the client.
        forwarded_from, about, media: as in `MessageContent`.
        protect_content: as in `CardData`.
    """

    id: int
    kind: str
    text: str | None
    entities: list[dict[str, Any]] | None
    chat_id: int | None
    message_id: int | None
    can_copy: bool
    reply_to: int | None
    answered: int | None = None
    is_exact: bool = True
    is_in_talk: bool = False
    copy_id: int | None = None
    is_withdrawn: bool = False
    operator: str | None = None
    forwarded_from: str | None = None
    about: dict[str, Any] | None = None
    media: dict[str, Any] | None = None
    protect_content: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AlbumData:
    """What the album of a message needs, whose copies can be no replies while it arrives as an album.

    Attributes:
        reply_to: Telegram's id of the message that it must reply to nevertheless: the one that its writer replied to,
            or its first copy if this part is late; None for none.
        is_beneath: whether what came last in the chat is of the same contact, so that it is clear whose it is.
        client: the name of the contact's client.
    """

    reply_to: int | None
    is_beneath: bool
    client: str | None


@dataclass(frozen=True, slots=True)
class ClaimedRow:
    """A claimed row with the data for its text.

    Attributes:
        language: the reader's, None if unknown.
        roles: the reader's on the staff: `operator`, `admin`.
        latest, needed: the newest messages, and what is needed now, for a card that was shown again.
        is_over: whether what it would tell is no longer so.
        is_followed: whether it is tried again after a newer row that changes the same message.
        overview: what an overview shows.
        is_protected: whether what is sent can be neither forwarded nor saved: what a client sent, at an operator.
        forum: the next step of the contact's topic in a team's forum, if there is one.
        topic: of the contact in the chat, if its reader wants topics; None for a row that has nothing to do with one.
    """

    id: int
    kind: str
    bot_id: int
    chat_id: int
    contact_id: int | None
    payload: dict[str, Any]
    attempts: int
    ambiguous: int
    failures: int
    language: str | None
    contact: CardData | None = None
    message: MessageData | None = None
    roles: tuple[str, ...] = ()
    talk: tuple[Said, ...] = ()
    latest: tuple[Said, ...] = ()
    is_over: bool = False
    is_followed: bool = False
    overview: Shown | None = None
    album: AlbumData | None = None
    is_protected: bool = False
    topic: ShownTopic | None = None
    needed: Needed | None = None
    forum: Step | None = None

    @property
    def messages(self) -> int:
        """How many messages it makes, as limits count them."""
        return 1 if self.forum is None else self.forum.messages

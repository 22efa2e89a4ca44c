"""Messages of operators: each goes to the client that it is for, or the operator is asked; nothing is guessed.

A reply goes where it points, without a word. Other words go by the number that they begin with, or by themselves where
only one client can be meant (`recipients.only_one`); then a line says to whom, and takes them back.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_operator, access_own_contact
from crm_core.contacts import cards, checks, reopening
from crm_core.conversation import forum_lines, forums, overviews, questions, recipients
from crm_core.conversation.sending_to_client import Writer, send
from crm_core.errors import (
    AnswersColleague,
    CommandNotSent,
    ContactHasNoChat,
    ContactNotFound,
    NotCopyable,
    NothingOpen,
    NumberMismatch,
    NumberNotChosen,
    NumberNotYours,
    PollNotSent,
)
from crm_core.messaging import messages, outbox
from crm_core.messaging.messages import MessageContent, Target
from crm_core.routing import queue
from crm_core.routing.assignment import Rng
from crm_core.storage.execute import execute
from crm_core.storage.tables import Chat, Contact, Lead

_chat, _lead, _contact = Chat.__table__, Lead.__table__, Contact.__table__


@dataclass(frozen=True, slots=True)
class Sent:
    """An operator's message was queued for the client of this contact."""

    contact_id: int


@dataclass(frozen=True, slots=True)
class Waits:
    """A message waits under this id until the operator chooses its contact, or opens the closed one again."""

    pending_id: int


@dataclass(frozen=True, slots=True)
class Shown:
    """The message was only the number of a contact: its card was sent again."""

    contact_id: int


Routed = Sent | Waits | Shown


def route(
    s: Session,
    *,
    actor: Actor,
    content: MessageContent,
    now: datetime,
    is_correction: bool = False,
    rng: Rng | None = None,
    further: Sequence[MessageContent] = (),
) -> Routed:
    """An operator wrote to a bot: the message goes to the client that it is for, or the operator is asked.

    A reply goes where it points; where that is not known, or is not clear without a reply, the operator is asked. The
    items of an album go where its first item went. What is for a closed contact waits until that is opened again.

    Args:
        is_correction: it was edited into these words and had gone to nobody before. It may have answered a question of
            the bot, so unless it is a reply, the operator is asked.
        further: the other items of the album that `content` is the first one of, if they came with it.

    Raises NotAllowed, NothingOpen, ContactClosed, ContactHeld, ContactElsewhere, ClientHasOpen, ClientUnreachable,
    ContactHasNoChat, NotCopyable, PollNotSent, CommandNotSent, NumberNotYours, NumberMismatch, NotRecordedYet.
    """
    writer = Writer(access_operator(s, actor).id, actor, rng)
    routed = _route(s, content, writer, now=now, is_correction=is_correction)
    for item in further:
        _route(s, item, writer, now=now)
    return routed


def _route(
    s: Session, content: MessageContent, writer: Writer, *, now: datetime, is_correction: bool = False
) -> Routed:
    _check_sendable(content)
    album = content.album
    begun = None if album is None else questions.album_of(s, content, album)
    if begun is not None:
        return _follow(s, content, begun, writer, now)
    numbered = recipients.numbered(content)
    target = _replied_to(s, content)
    if target is not None:
        content = _check_number(s, content, target, numbered, writer)
        return _deliver(s, content, target, writer, album=album, now=now)
    if numbered is not None and content.reply_to is None:
        return _by_number(s, numbered, writer, album=album, now=now)
    return _by_itself(s, content, writer, album=album, now=now, can_guess=not is_correction)


def _check_sendable(content: MessageContent) -> None:
    """Raises NotCopyable, PollNotSent, CommandNotSent."""
    if not content.can_copy and (content.kind != "text" or not content.text):  # a text can be sent anew
        raise NotCopyable(kind=content.kind)
    if content.kind == "poll":
        raise PollNotSent()
    if content.text is not None and content.text.startswith("/"):
        raise CommandNotSent()


def _replied_to(s: Session, content: MessageContent) -> Target | None:
    """What a Telegram reply points to, as far as it is known. Raises NotRecordedYet."""
    if content.bot_id is None or content.chat_id is None:
        raise ValueError("an operator's message comes from a chat")
    if content.reply_to is None:
        return None
    return messages.reply_target(s, bot_id=content.bot_id, chat_id=content.chat_id, message_id=content.reply_to)


# --- whom it is for --------------------------------------------------------------------------------------------------


def _follow(s: Session, content: MessageContent, begun: Row[Any], writer: Writer, now: datetime) -> Routed:
    """A further item of an album waits with the others, or goes where they went."""
    if begun.contact_id is None:
        questions.add_item(s, begun, questions.kept(content))
        return Waits(begun.id)
    target = _replied_to(s, content)
    message_ref = target.message_ref if target is not None and target.contact_id == begun.contact_id else None
    ref = send(s, begun.contact_id, content, writer, now=now, reply_to=message_ref)
    if begun.messages:  # the line that says to whom it went takes this item back, too
        questions.add_item(s, begun, {"ref": ref})
    return Sent(begun.contact_id)


def _check_number(
    s: Session, content: MessageContent, target: Target, numbered: recipients.Numbered | None, writer: Writer
) -> MessageContent:
    """What is to be sent of a reply that begins with a number: that of its own contact is not for the client.

    Raises NumberMismatch where it is that of another contact that the message may be for.
    """
    if numbered is None or numbered.is_bare:
        return content
    if numbered.contact_id == target.contact_id:
        return numbered.content
    open_here = recipients.open_here(s, operator_id=writer.operator_id, bot_id=content.bot_id)
    for one in open_here:
        if one.contact_id == numbered.contact_id:
            raise NumberMismatch(contact=target.contact_id, number=one.contact_id, name=one.lead_name)
    return content


def _by_number(
    s: Session, numbered: recipients.Numbered, writer: Writer, *, album: str | None, now: datetime
) -> Routed:
    """Words that begin with the number of a contact go there, or nowhere."""
    content = numbered.content
    _check_yours(s, numbered.contact_id, writer)
    if numbered.is_bare:
        assert content.bot_id is not None
        cards.show(s, contact_id=numbered.contact_id, bot_id=content.bot_id, actor=writer.actor, now=now)
        return Shown(numbered.contact_id)
    return _deliver(s, content, Target(numbered.contact_id, None), writer, album=album, now=now, says_to_whom=True)


def _check_yours(s: Session, contact_id: int, writer: Writer) -> None:
    """Checks that a typed number is that of a contact of this operator. Raises NumberNotYours."""
    try:
        access_own_contact(s, contact_id, writer.operator_id)
    except ContactNotFound:
        raise NumberNotYours(contact=contact_id) from None


def _check_no_site(s: Session, writer: Writer) -> None:
    """Raises ContactHasNoChat where all that the operator has open came without a chat: then it is said why."""
    held = select(_contact.c.id, _contact.c.chat_id, _contact.c.status).where(
        _contact.c.operator_id == writer.operator_id, queue.OPEN
    )
    rows = execute(s, held.order_by(_contact.c.id.desc())).all()
    if rows and all(row.chat_id is None for row in rows):
        raise ContactHasNoChat(contact=rows[0].id, is_new=rows[0].status == "new")


def _by_itself(
    s: Session, content: MessageContent, writer: Writer, *, album: str | None, now: datetime, can_guess: bool
) -> Routed:
    """Words without a recipient go by themselves if only one client can be meant, and nothing waits before them."""
    options = recipients.open_here(s, operator_id=writer.operator_id, bot_id=content.bot_id)
    if not options:
        _check_no_site(s, writer)
        raise NothingOpen()
    meant = recipients.only_one(options) if can_guess and _points_at_nobody(s, content) else None
    if meant is not None and (
        recipients.may_name_another(content, options, meant) or recipients.came_after(content, meant)
    ):
        meant = None
    if meant is None or questions.is_waiting(s, content):
        return Waits(questions.ask(s, content, options, album=album, now=now))
    return _deliver(s, content, Target(meant.contact_id, None), writer, album=album, now=now, says_to_whom=True)


def _points_at_nobody(s: Session, content: MessageContent) -> bool:
    """Whether words are no reply, or one to the overview, which lists everybody whom they may be for."""
    if content.reply_to is None:
        return True
    assert content.bot_id is not None and content.chat_id is not None  # noqa: PT018
    return overviews.is_overview(s, bot_id=content.bot_id, chat_id=content.chat_id, message_id=content.reply_to)


def _deliver(
    s: Session,
    content: MessageContent,
    target: Target,
    writer: Writer,
    *,
    album: str | None,
    now: datetime,
    says_to_whom: bool = False,
) -> Routed:
    """Sends a message to its contact, or keeps it until that is opened again.

    Args:
        says_to_whom: whether a line says to whom it went, since the operator did not point there.
    """
    if _can_reopen(s, target.contact_id, content, writer):
        return Waits(questions.hold_for_closed(s, content, target.contact_id, album=album, now=now))
    ref = send(s, target.contact_id, content, writer, now=now, reply_to=target.message_ref)
    if album is not None or says_to_whom:
        sent = [{"ref": ref}] if says_to_whom else []
        row_id = questions.keep(s, content, now, album=album, contact_id=target.contact_id, messages=sent)
        if says_to_whom:
            _say_to_whom(s, content, target.contact_id, row_id, now)
    return Sent(target.contact_id)


def _can_reopen(s: Session, contact_id: int, content: MessageContent, writer: Writer) -> bool:
    """Whether a contact is closed, and the operator may open it again for a message. Raises ClientHasOpen."""
    contact = access_contact(s, contact_id)
    if contact.status != "closed" or contact.operator_id != writer.operator_id or contact.chat_id is None:
        return False
    checks.check_bot(s, contact, content.bot_id)
    reopening.check_no_other_open(s, contact)
    return True


def _say_to_whom(s: Session, content: MessageContent, contact_id: int, row_id: int, now: datetime) -> None:
    """One line, without a sound, for words that went without a reply."""
    assert content.bot_id is not None and content.chat_id is not None  # noqa: PT018
    name = execute(s, _NAME, {"contact_id": contact_id}).scalar_one()
    payload = {
        "code": "went_to",
        "contact": contact_id,
        "name": name,
        "pending": row_id,
        "reply_to": content.message_id,
        "is_silent": True,
    }
    line = outbox.OutboxEntry(outbox.STAFF_NOTICE, content.bot_id, content.chat_id, contact_id, payload=payload)
    outbox.add(s, [line], now=now)


_NAME = (
    select(_lead.c.full_name)
    .join(_contact, _contact.c.lead_id == _lead.c.id)
    .where(_contact.c.id == bindparam("contact_id"))
)


# --- in a topic of a team's forum -------------------------------------------------------------------------------------


def answer_in_topic(
    s: Session,
    *,
    topic_id: int,
    content: MessageContent,
    is_to_person: bool = False,
    corrected_from: datetime | None = None,
    actor: Actor,
    now: datetime,
    rng: Rng | None = None,
    further: Sequence[MessageContent] = (),
) -> int | None:
    """Somebody wrote in a topic of a team's forum: it goes to the client if they hold the contact, else nowhere.

    Args:
        is_to_person: whether it replies to what another than the bot has written; those words may be for the client,
            like the reply, or the team's own talk.
        corrected_from: when it was written, if it was edited into these words and had gone to nobody before. What was
            the team's own talk then stays so.
        further: as in `route`.

    Returns the contact's id, None where it went nowhere. Raises what `route` raises for a reply to a card, and
    ContactClosed, AnswersColleague.
    """
    operator = access_operator(s, actor)
    if content.bot_id is None or content.chat_id is None:
        raise ValueError("what is written in a topic comes from a chat")
    place = {"bot_id": content.bot_id, "chat_id": content.chat_id, "topic_id": topic_id}
    contact_id = forums.held_in(s, operator_id=operator.id, **place)
    if contact_id is None:
        return None
    if corrected_from is not None and not forums.was_for_client(
        s, contact_id, operator_id=operator.id, written_at=corrected_from
    ):
        return None
    writer = Writer(operator.id, actor, rng)
    for item in (content, *further):
        _answer_in_topic(s, contact_id, item, writer, place, is_to_person=is_to_person, now=now)
    return contact_id


def _answer_in_topic(
    s: Session,
    contact_id: int,
    content: MessageContent,
    writer: Writer,
    place: dict[str, int],
    *,
    is_to_person: bool,
    now: datetime,
) -> None:
    _check_sendable(content)
    answered = None
    # Of what replies to nothing, Telegram names the topic's beginning.
    if content.reply_to not in (None, place["topic_id"]):
        said = {"bot_id": place["bot_id"], "chat_id": place["chat_id"], "message_id": content.reply_to}
        found = forum_lines.stands_at(s, **said)
        answered = found.message_ref if found is not None and found.contact_id == contact_id else None
        if answered is None and is_to_person:
            raise AnswersColleague(contact=contact_id)
    content = replace(content, reply_to=None)
    target = Target(contact_id, answered)
    content = _check_number(s, content, target, recipients.numbered(content), writer)
    send(s, contact_id, content, writer, now=now, reply_to=answered)


# --- messages that wait for the operator -----------------------------------------------------------------------------


def send_pending(
    s: Session,
    *,
    pending_id: int,
    contact_id: int,
    bot_id: int,
    chat_id: int,
    actor: Actor,
    now: datetime,
    rng: Rng | None = None,
) -> int:
    """The operator chose the contact that their waiting messages are for. Returns how many were sent.

    Args:
        bot_id, chat_id: of the pressed button; only what they wrote in that chat is theirs to send.

    Raises ChoiceExpired where they were sent already, ChoiceEnded where the question is not open any more,
    NumberNotChosen where one begins with the number of another contact by now, and what `send_to_client` raises; then
    they go on waiting.
    """
    writer = Writer(access_operator(s, actor).id, actor, rng)
    rows = questions.chosen(s, pending_id=pending_id, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id)
    said = [_unnumbered(s, content, contact_id, writer) for content in questions.contents(rows)]
    refs = [send(s, contact_id, content, writer, now=now) for content in said]
    questions.note_sent(s, pending_id, refs)
    return len(refs)


def _unnumbered(s: Session, content: MessageContent, contact_id: int, writer: Writer) -> MessageContent:
    """A message that waited, without the number that an edit has put before it. Raises NumberNotChosen."""
    try:
        return _check_number(s, content, Target(contact_id, None), recipients.numbered(content), writer)
    except NumberMismatch as error:
        raise NumberNotChosen(contact=contact_id, number=error.fields["number"], name=error.fields["name"]) from None


def reopen_and_send(
    s: Session, *, pending_id: int, bot_id: int, chat_id: int, actor: Actor, now: datetime, rng: Rng | None = None
) -> int:
    """The operator opens a closed contact again to send what they wrote to it. Returns the contact's id.

    Raises ChoiceExpired where that was sent already, ChoiceEnded where nothing is known of it any more, and what
    `reopening.reopen` and `send_to_client` raise.
    """
    place = {"pending_id": pending_id, "bot_id": bot_id, "chat_id": chat_id}
    contact_id = questions.closed_contact_of(s, **place)
    if access_contact(s, contact_id).status == "closed":
        reopening.reopen(s, contact_id=contact_id, version=None, actor=actor, now=now)
    send_pending(s, contact_id=contact_id, actor=actor, now=now, rng=rng, **place)
    return contact_id

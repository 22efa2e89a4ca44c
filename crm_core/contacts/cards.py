"""The cards of a contact in operators' chats: sent again, edited, replaced."""

from datetime import datetime

from sqlalchemy import ColumnElement, bindparam, select, text, update
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_operator, access_own_contact
from crm_core.contacts.checks import check_bot, check_former, check_holder, check_version
from crm_core.messaging import giving_up, outbox
from crm_core.messaging.card_edits import Place, dedup_key, queue_edit, refresh
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, OutboxRow, Posted, Staff

_posted = Posted.__table__


def ask_to_close(s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """Queues an edit by which a card asks whether to close what nobody has taken; a later edit ends the question."""
    _ask(s, contact_id, (bot_id, chat_id, message_id), now, asks_to_close=True)


def _ask(s: Session, contact_id: int, place: Place, now: datetime, **asks: bool) -> None:
    """Queues an edit by which a card asks something. One that was shown again since, below, stays dead."""
    bot_id, chat_id, message_id = place
    if is_folded(s, bot_id=bot_id, chat_id=chat_id, message_id=message_id):
        fold(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)
        return
    queue_edit(s, contact_id, place, now, key="card_asks", is_brief=_is_brief(s, contact_id, place), **asks)


def _is_brief(s: Session, contact_id: int, place: Place) -> bool:
    bot_id, chat_id, message_id = place
    found = select(_posted.c.is_brief).where(
        *_cards_in(contact_id, bot_id, chat_id), _posted.c.message_id == message_id
    )
    return bool(s.execute(found).scalar_one_or_none())


def ask_why_declined(s: Session, *, contact_id: int, place: Place, now: datetime) -> None:
    """Queues an edit by which the card of an offer asks why it is declined; a later edit ends the question."""
    _ask(s, contact_id, place, now, asks_why=True)


def ask_until_when(
    s: Session,
    *,
    contact_id: int,
    version: int,
    bot_id: int,
    chat_id: int,
    message_id: int | None,
    actor: Actor,
    now: datetime,
) -> None:
    """[Snooze] on a card: it asks until when, until a later edit.

    Raises NotAllowed, ContactNotFound, ContactClosed, ContactHeld, CardOutdated.
    """
    operator = access_operator(s, actor)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator.id)
    check_version(contact, version)
    if message_id is not None:
        _ask(s, contact_id, (bot_id, chat_id, message_id), now, asks_until_when=True)


def show_more(
    s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int | None, actor: Actor, now: datetime
) -> None:
    """[⋯] on a card: it shows what else can be done, until a later edit.

    Raises NotAllowed, ContactNotFound, ContactHeld.
    """
    operator = access_operator(s, actor)
    check_former(s, access_contact(s, contact_id), operator.id)
    if message_id is not None:
        _ask(s, contact_id, (bot_id, chat_id, message_id), now, shows_more=True)


def refresh_pressed(s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """Queues an edit of the card whose button was refused. A message that is no card of this contact is left alone."""
    card = select(_posted.c.is_brief).where(*_cards_in(contact_id, bot_id, chat_id), _posted.c.message_id == message_id)
    found = s.execute(card).first()
    if found is not None:
        here = {"contact_id": contact_id, "bot_id": bot_id, "chat_id": chat_id, "message_id": message_id}
        refresh(s, **here, is_brief=found.is_brief, now=now)


def _cards_in(contact_id: int, bot_id: int, chat_id: int) -> tuple[ColumnElement[bool], ...]:
    """Conditions for the cards of a contact in one chat."""
    return (
        _posted.c.contact_id == contact_id,
        _posted.c.bot_id == bot_id,
        _posted.c.chat_id == chat_id,
        _posted.c.is_card.is_(True),
    )


# In the words of its index: those that were lost are few among all that was sent in a week.
_LOST = (OutboxRow.chat_id == bindparam("of_chat"), text("outbox.kind = 'card_edit' AND outbox.state = 'dead'"))
_WITH_LOST_EDITS = Prepared(
    select(_posted.c.contact_id, _posted.c.message_id, _posted.c.is_brief).where(
        _posted.c.bot_id + 0 == bindparam("of_bot"),  # by contact: the chat has all that it was ever sent
        _posted.c.chat_id == bindparam("of_chat"),
        _posted.c.is_card.is_(True),
        _posted.c.contact_id.in_(select(OutboxRow.contact_id).where(OutboxRow.bot_id == bindparam("of_bot"), *_LOST)),
    )
)


def refresh_lost(s: Session, *, bot_id: int, chat_id: int, now: datetime) -> None:
    """Queues edits of a chat's cards whose earlier edits could not be delivered while the bot could not write there."""
    for row in execute(s, _WITH_LOST_EDITS, {"of_bot": bot_id, "of_chat": chat_id}).all():
        refresh(
            s,
            contact_id=row.contact_id,
            bot_id=bot_id,
            chat_id=chat_id,
            message_id=row.message_id,
            is_brief=row.is_brief,
            now=now,
        )


def replace(
    s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, is_gone: bool, now: datetime
) -> None:
    """Sends a new card where one cannot be edited, if its reader holds the contact.

    Nothing is sent where that chat has another card of the contact.

    Args:
        is_gone: whether it was deleted or is too old to be edited. Of one whose edits failed without a reason nobody
            knows what it shows: it is edited again when the new one has arrived, or the contact changes.
    """
    here = _cards_in(contact_id, bot_id, chat_id)
    if is_gone:
        s.execute(update(_posted).where(*here, _posted.c.message_id == message_id).values(is_card=False))
    holds = s.execute(
        select(Staff.telegram_id)
        .join(Contact, Contact.operator_id == Staff.operator_id)
        .where(Contact.id == contact_id, Contact.status != "closed", Staff.telegram_id == chat_id)
    ).first()
    others = select(_posted.c.message_id).where(*here, _posted.c.message_id != message_id)
    if holds is not None and s.execute(others).first() is None:
        key = dedup_key((bot_id, chat_id, contact_id), "card_instead")
        card = outbox.OutboxEntry(outbox.CARD, bot_id, chat_id, contact_id, payload={REPLACES: True}, dedup_key=key)
        outbox.add(s, [card], now=now)


REPLACES = "replaces"  # in the payload of a card that comes instead of another one


def holder(s: Session, *, contact_id: int) -> tuple[int, int] | None:
    """Where the operator of an open contact sees it: (bot_id, chat_id); None for nobody, or nobody in Telegram."""
    query = (
        select(Contact.bot_id, Staff.telegram_id)
        .join(Staff, Staff.operator_id == Contact.operator_id)
        .where(Contact.id == contact_id, Contact.status != "closed", Contact.bot_id.is_not(None))
    )
    row = s.execute(query).one_or_none()
    return None if row is None or row.bot_id is None else (row.bot_id, row.telegram_id)


def note_brief(s: Session, *, bot_id: int, chat_id: int, message_id: int, asked_at: datetime | None) -> None:
    """Stores that a card was shown again, so that its edits leave it short.

    Args:
        asked_at: when it came, if its operator asked for it.
    """
    there = (_posted.c.bot_id == bot_id, _posted.c.chat_id == chat_id, _posted.c.message_id == message_id)
    s.execute(update(_posted).where(*there).values(is_brief=True, asked_at=asked_at))


def fold_older(s: Session, *, contact_id: int, bot_id: int, chat_id: int, now: datetime) -> None:
    """Makes the newest card of a contact the only live one in a chat: earlier ones become a line without buttons.

    The caller has locked the contact.
    """
    here = _cards_in(contact_id, bot_id, chat_id)
    found = select(_posted.c.message_id).where(*here).order_by(_posted.c.message_id.desc()).offset(1)
    for message_id in s.execute(found).scalars().all():
        s.execute(update(_posted).where(*here, _posted.c.message_id == message_id).values(is_card=False))
        # An edit that still waits would make it live again.
        giving_up.give_up_keyed(s, dedup_key=dedup_key((bot_id, chat_id, message_id)), outcome="shown_again", now=now)
        fold(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


def fold(s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int, now: datetime) -> None:
    """Queues the edit that says of an earlier card that there is a newer one below."""
    queue_edit(s, contact_id, (bot_id, chat_id, message_id), now, key="card_below", is_below=True)


def is_folded(s: Session, *, bot_id: int, chat_id: int, message_id: int) -> bool:
    """Whether a message was a card until a newer one was shown."""
    there = (_posted.c.bot_id == bot_id, _posted.c.chat_id == chat_id, _posted.c.message_id == message_id)
    return s.execute(select(_posted.c.is_card).where(*there)).scalar_one_or_none() is False


def keep(
    s: Session, *, contact_id: int, bot_id: int, chat_id: int, message_id: int | None, actor: Actor, now: datetime
) -> None:
    """The operator does not want to close it after all: their card asks no more. Raises NotAllowed."""
    access_operator(s, actor)
    if message_id is not None:
        refresh_pressed(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)


def show(s: Session, *, contact_id: int, bot_id: int, actor: Actor, now: datetime) -> None:
    """Sends the card of a contact to its operator again, at the end of their chat; also of one that they have closed.

    It is short, and has the last messages of both sides. When it is there, earlier ones are no longer live. Asked for
    again while it waits, it comes once: who sees nothing come presses again, and each further card makes it worse.

    Raises NotAllowed, ContactNotFound, ContactHeld, ContactElsewhere.
    """
    operator = access_operator(s, actor)
    contact = access_contact(s, contact_id)
    check_former(s, contact, operator.id)
    check_bot(s, contact, bot_id)
    if actor.telegram_id is not None:
        show_again(s, contact_id=contact_id, bot_id=bot_id, chat_id=actor.telegram_id, is_asked_for=True, now=now)


def show_linked(s: Session, *, contact_id: int, bot_id: int, actor: Actor, now: datetime) -> None:
    """`show` for a number in a link, which anybody may have made up: what is not the operator's own does not exist.

    Raises NotAllowed, ContactNotFound, ContactElsewhere.
    """
    access_own_contact(s, contact_id, access_operator(s, actor).id)
    show(s, contact_id=contact_id, bot_id=bot_id, actor=actor, now=now)


ASKED_FOR = "is_asked_for"  # in the payload of a card that is shown again because its operator wants to see it


def show_again(
    s: Session, *, contact_id: int, bot_id: int, chat_id: int, now: datetime, is_asked_for: bool = False
) -> None:
    """`show` for whoever is known to hold the contact.

    Args:
        is_asked_for: whether they want to see it, and so look at it when it comes.
    """
    place = (bot_id, chat_id, contact_id)
    key = dedup_key(place, "card_again")
    payload = {"is_brief": True, ASKED_FOR: is_asked_for}
    outbox.add(s, [outbox.OutboxEntry(outbox.CARD, *place, payload=payload, dedup_key=key)], now=now)

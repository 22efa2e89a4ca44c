"""Checks on a contact's row before it is changed. Nothing here changes anything."""

from typing import Any

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor
from crm_core.errors import CardOutdated, ContactClosed, ContactElsewhere, ContactHeld
from crm_core.storage.execute import execute
from crm_core.storage.tables import Bot, Event, Operator


def check_holder(s: Session, contact: Row[Any], operator_id: int) -> None:
    """Checks that a contact is open and held by this operator.

    Raises ContactClosed, or ContactHeld with the name of the operator who has it.
    """
    if contact.status == "closed":
        raise ContactClosed(contact=contact.id)
    if contact.operator_id != operator_id:
        raise ContactHeld(contact=contact.id, operator=operator_name(s, contact.operator_id))


def check_former(s: Session, contact: Row[Any], operator_id: int) -> None:
    """Checks that a contact is with this operator, or was when it was closed. Raises ContactHeld."""
    if contact.operator_id != operator_id:
        raise ContactHeld(contact=contact.id, operator=operator_name(s, contact.operator_id))


def check_bot(s: Session, contact: Row[Any], bot_id: int | None) -> None:
    """Checks that the messages of a contact go through this bot. Raises ContactElsewhere with the right bot."""
    if contact.bot_id != bot_id:
        username = s.execute(select(Bot.username).where(Bot.id == contact.bot_id)).scalar_one_or_none()
        raise ContactElsewhere(contact=contact.id, bot=username)


def check_version(contact: Row[Any], version: int | None) -> None:
    """Checks that a contact is at the version that the caller knows; None skips the check. Raises CardOutdated."""
    if version is not None and version != contact.version:
        raise CardOutdated(contact=contact.id)


def check_own_step(s: Session, contact: Row[Any], version: int | None, actor: Actor) -> None:
    """`check_version` for a button, which may be older than the last step of whoever presses it.

    Take, or an answer that takes, and then Close on the card as it was: both are meant. What somebody else has changed
    is not known to who presses. Raises CardOutdated.
    """
    took_it_since = (
        version is not None
        and contact.version == version + 1
        and contact.status == "in_progress"
        and actor.telegram_id is not None
        and execute(s, _LAST_TAKE, {"contact_id": contact.id}).scalar_one_or_none() == actor.label
    )
    if not took_it_since:
        check_version(contact, version)


_LAST_TAKE = (
    select(Event.actor)
    .where(Event.contact_id == bindparam("contact_id"), Event.kind == events.CONTACT_TAKEN)
    .order_by(Event.id.desc())
    .limit(1)
)


def operator_name(s: Session, operator_id: int | None) -> str | None:
    """An operator's name, None for nobody."""
    if operator_id is None:
        return None
    return s.execute(select(Operator.name).where(Operator.id == operator_id)).scalar_one_or_none()

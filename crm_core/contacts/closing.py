"""[Close] on a card: a contact that nobody has taken is closed only after a question."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_contact, access_operator
from crm_core.contacts import cards, lifecycle
from crm_core.contacts.checks import check_holder, check_own_step
from crm_core.routing.assignment import Rng


def press_close(
    s: Session,
    *,
    contact_id: int,
    version: int,
    bot_id: int,
    chat_id: int,
    message_id: int | None,
    actor: Actor,
    now: datetime,
    rng: Rng,
) -> bool:
    """Closes a contact, or, if nobody has taken it, lets its card ask; that question may wait for days.

    Args:
        version: of the contact, as the button carries it.
        bot_id, chat_id, message_id: the card whose button was pressed.

    Returns whether the contact was closed. Raises what `lifecycle.close` raises.
    """
    operator = access_operator(s, actor)
    contact = access_contact(s, contact_id)
    check_holder(s, contact, operator.id)
    if contact.status != "new" or message_id is None:
        lifecycle.close(s, contact_id=contact_id, version=version, actor=actor, now=now, rng=rng)
        return True
    check_own_step(s, contact, version, actor)
    cards.ask_to_close(s, contact_id=contact_id, bot_id=bot_id, chat_id=chat_id, message_id=message_id, now=now)
    return False

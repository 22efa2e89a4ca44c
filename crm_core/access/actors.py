"""Who may do what, checked inside the transaction that does it, so that a role that was just lost does not count."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, exists, or_, select
from sqlalchemy.orm import Session

from crm_core.access.scopes import ADMIN, WRITE, includes
from crm_core.access.serving import of_own_request, serves
from crm_core.errors import ContactClosed, ContactHeld, ContactNotFound, NotAllowed
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import ApiKey, Chat, Contact, Operator, Staff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts: a Telegram account by its numeric id (usernames change hands), or an API key by its number."""

    label: str
    telegram_id: int | None = None
    key_id: int | None = None


def telegram(user_id: int) -> Actor:
    """A Telegram account as an actor."""
    return Actor(f"tg:{user_id}", user_id)


def api(key_id: int) -> Actor:
    """A key of the HTTP API as an actor."""
    return Actor(f"api:{key_id}", key_id=key_id)


NO_KEY = 0
LOCAL_API = Actor("api:local", key_id=NO_KEY)
"""A caller of the API on this machine, while no key was ever created."""

SYSTEM = Actor("system")
CLIENT = Actor("client")

_OPERATOR = Prepared(
    select(Operator.id, Operator.name, Operator.is_active, Operator.is_online, Operator.missed_offers)
    .join(Staff, Staff.operator_id == Operator.id)
    .where(Staff.telegram_id == bindparam("telegram_id"), Operator.removed_at.is_(None))
)
_ADMIN = Prepared(select(Staff.is_admin).where(Staff.telegram_id == bindparam("telegram_id")))
# The id of a private chat is the id of the account in it.
_CLIENT = select(Chat.chat_id).where(
    Chat.chat_id == bindparam("telegram_id"),
    Chat.bot_id == bindparam("bot_id"),
    or_(~serves(Chat.chat_id, Chat.bot_id), exists().where(of_own_request()).correlate(Chat)),
)
_KEY = select(ApiKey.scope).where(ApiKey.id == bindparam("key_id"), ApiKey.revoked_at.is_(None))
_ANY_KEY = select(ApiKey.id).limit(1)
_contact = Contact.__table__
_CONTACT = Prepared(select(_contact).where(_contact.c.id == bindparam("contact_id")))


def access_operator(s: Session, actor: Actor) -> Row[int, str, bool, bool, int]:
    """The operator of the actor's account: (id, name, is_active, is_online, missed_offers).

    Raises NotAllowed for other accounts.
    """
    row: Row[int, str, bool, bool, int] | None = execute(s, _OPERATOR, {"telegram_id": actor.telegram_id}).one_or_none()
    if row is None:
        raise NotAllowed(role="operator")
    return row


def access_admin(s: Session, actor: Actor) -> None:
    """Raises NotAllowed unless the actor is an admin now, or the system itself (command line, start)."""
    if actor is SYSTEM:
        return
    if actor.key_id is not None:
        access_key(s, actor, needs=ADMIN)
        return
    if not execute(s, _ADMIN, {"telegram_id": actor.telegram_id}).scalar_one_or_none():
        raise NotAllowed(role="admin")


def access_client(s: Session, actor: Actor, *, bot_id: int) -> None:
    """Raises NotAllowed unless the actor is a client of this bot.

    They have a chat with it, and are not on its staff, or are still the client of a request that is open there.
    """
    if execute(s, _CLIENT, {"telegram_id": actor.telegram_id, "bot_id": bot_id}).first() is None:
        raise NotAllowed(role="client")


def access_key(s: Session, actor: Actor, *, needs: str) -> None:
    """Raises NotAllowed unless the actor is an API key whose scope includes what is needed, and that is not revoked.

    While no key was ever created, the API serves callers on this machine only, and allows them everything. Whether a
    key has expired is checked where the request comes in, a moment before.

    Args:
        needs: one of `scopes.SCOPES`.
    """
    if actor.key_id == NO_KEY:
        is_allowed = execute(s, _ANY_KEY).scalar_one_or_none() is None
    else:
        held = execute(s, _KEY, {"key_id": actor.key_id}).scalar_one_or_none()
        is_allowed = held is not None and includes(held, needs)
    if not is_allowed:
        raise NotAllowed(role=needs)


def access_holder(s: Session, actor: Actor, contact_id: int) -> int:
    """The operator as whom the actor works on a contact: their own; for an API key, the one who holds the contact.

    Raises NotAllowed; for a key also ContactNotFound, ContactClosed, and ContactHeld where the contact is queued.
    """
    if actor.key_id is None:
        operator_id: int = access_operator(s, actor).id
        return operator_id
    access_key(s, actor, needs=WRITE)
    contact = access_contact(s, contact_id)
    if contact.status == "closed":
        raise ContactClosed(contact=contact_id)
    if contact.operator_id is None:
        raise ContactHeld(contact=contact_id, operator=None)
    return int(contact.operator_id)


def access_assigning(s: Session, actor: Actor) -> None:
    """Raises NotAllowed unless the actor may assign contacts by hand: an admin, or an API key that may write."""
    if actor.key_id is not None:
        access_key(s, actor, needs=WRITE)
    else:
        access_admin(s, actor)


def access_transferring(s: Session, actor: Actor) -> int | None:
    """The operator as whom the actor hands on contacts, only their own; None for who may hand on any open one.

    Those are admins and API keys that may write. Raises NotAllowed.
    """
    try:
        access_assigning(s, actor)
    except NotAllowed:
        if actor.key_id is not None:
            raise
        operator_id: int = access_operator(s, actor).id
        return operator_id
    return None


@dataclass(frozen=True, slots=True)
class Reader:
    """Who may read a contact.

    Attributes:
        contact: its row.
        is_own: whether they hold it as an operator, or held it when it was closed.
    """

    contact: Row[Any]
    is_own: bool


def access_reader(s: Session, actor: Actor, contact_id: int) -> Reader:
    """Allows an admin, the operator who has a contact, or had it when it was closed, and an API key that administers.

    Raises NotAllowed, ContactNotFound (also where it is somebody else's).
    """
    is_admin, operator_id = True, None
    try:
        access_admin(s, actor)
    except NotAllowed:
        is_admin = False
    try:
        operator_id = access_operator(s, actor).id
    except NotAllowed:
        if not is_admin:
            raise
    contact = access_contact(s, contact_id)
    is_own = operator_id is not None and contact.operator_id == operator_id
    if not (is_admin or is_own):
        raise ContactNotFound(contact=contact_id)
    return Reader(contact, is_own)


def for_admin(s: Session, *, actor: Actor, query: Callable[..., T], inputs: dict[str, Any]) -> T:
    """The result of a query, for admins only. Raises NotAllowed, and what the query raises."""
    access_admin(s, actor)
    return query(s, **inputs)


def access_contact(s: Session, contact_id: int) -> Row[Any]:
    """A contact's row, for an actor who is already authorised. Raises ContactNotFound."""
    row: Row[Any] | None = execute(s, _CONTACT, {"contact_id": contact_id}).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return row


LARGEST_NUMBER = 2**31 - 1  # that the database can hold


def access_own_contact(s: Session, contact_id: int, operator_id: int) -> Row[Any]:
    """The row of a contact that an operator has, or had when it was closed, by a number that somebody gave.

    Raises ContactNotFound, also where it is somebody else's.
    """
    contact = access_contact(s, contact_id) if contact_id <= LARGEST_NUMBER else None
    if contact is None or contact.operator_id != operator_id:
        raise ContactNotFound(contact=contact_id)
    return contact

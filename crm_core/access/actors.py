"""Who may do what, asked inside the transaction that does it: a role lost a moment ago is not there any more."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core.errors import ContactClosed, ContactHeld, ContactNotFound, NotAllowed
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import ApiKey, Contact, Operator, Staff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. A Telegram account has its numeric id (usernames change hands), a key of the API its number."""

    label: str
    telegram_id: int | None = None
    key_id: int | None = None


def telegram(user_id: int) -> Actor:
    """The actor that a Telegram account is."""
    return Actor(f"tg:{user_id}", user_id)


def api(key_id: int) -> Actor:
    """The actor that a key of the HTTP API is."""
    return Actor(f"api:{key_id}", key_id=key_id)


NO_KEY = 0
LOCAL_API = Actor("api:local", key_id=NO_KEY)
"""Whoever calls the API from this machine while no key was ever made."""

CONTACT_SCOPES = ("admin", "write")
"""Keys that may work on contacts; the last is what is named to others as needed."""

SYSTEM = Actor("system")
CLIENT = Actor("client")

_OPERATOR = Prepared(
    select(Operator.id, Operator.name, Operator.is_active, Operator.is_online)
    .join(Staff, Staff.operator_id == Operator.id)
    .where(Staff.telegram_id == bindparam("telegram_id"), Operator.removed_at.is_(None))
)
_ADMIN = Prepared(select(Staff.is_admin).where(Staff.telegram_id == bindparam("telegram_id")))
_KEY = select(ApiKey.scope).where(ApiKey.id == bindparam("key_id"), ApiKey.revoked_at.is_(None))
_ANY_KEY = select(ApiKey.id).limit(1)
_contact = Contact.__table__
_CONTACT = Prepared(select(_contact).where(_contact.c.id == bindparam("contact_id")))


def access_operator(s: Session, actor: Actor) -> Row[int, str, bool, bool]:
    """The operator that the actor is: (id, name, is_active, is_online). Raises NotAllowed for anybody else."""
    row: Row[int, str, bool, bool] | None = execute(s, _OPERATOR, {"telegram_id": actor.telegram_id}).one_or_none()
    if row is None:
        raise NotAllowed(role="operator")
    return row


def access_admin(s: Session, actor: Actor) -> None:
    """Raises NotAllowed unless the actor is an admin now, or the system itself (command line, start)."""
    if actor is SYSTEM:
        return
    if actor.key_id is not None:
        access_key(s, actor, scopes=("admin",))
        return
    if not execute(s, _ADMIN, {"telegram_id": actor.telegram_id}).scalar_one_or_none():
        raise NotAllowed(role="admin")


def access_key(s: Session, actor: Actor, *, scopes: Sequence[str]) -> None:
    """Raises NotAllowed unless the actor is an API key that is good now, of one of these scopes.

    Without any key the API answers to this machine alone, and to it everything. When a key runs out is looked at where
    the request comes in, a moment before.
    """
    if actor.key_id == NO_KEY:
        is_allowed = execute(s, _ANY_KEY).scalar_one_or_none() is None
    else:
        is_allowed = execute(s, _KEY, {"key_id": actor.key_id}).scalar_one_or_none() in scopes
    if not is_allowed:
        raise NotAllowed(role=scopes[-1])


def access_holder(s: Session, actor: Actor, contact_id: int) -> int:
    """The operator as whom the actor works on a contact: himself; for a key of the API, whoever holds the contact.

    Raises NotAllowed; for a key also ContactNotFound, ContactClosed, and ContactHeld where the contact is queued.
    """
    if actor.key_id is None:
        operator_id: int = access_operator(s, actor).id
        return operator_id
    access_key(s, actor, scopes=CONTACT_SCOPES)
    contact = access_contact(s, contact_id)
    if contact.status == "closed":
        raise ContactClosed(contact=contact_id)
    if contact.operator_id is None:
        raise ContactHeld(contact=contact_id, operator=None)
    return int(contact.operator_id)


def access_assigning(s: Session, actor: Actor) -> None:
    """Raises NotAllowed unless the actor may give contacts by hand: an admin, or a key for work on contacts."""
    if actor.key_id is not None:
        access_key(s, actor, scopes=CONTACT_SCOPES)
    else:
        access_admin(s, actor)


def for_admin(s: Session, *, actor: Actor, query: Callable[..., T], inputs: dict[str, Any]) -> T:
    """What a query finds, for an admin's eyes only. Raises NotAllowed, and what the query raises."""
    access_admin(s, actor)
    return query(s, **inputs)


def access_contact(s: Session, contact_id: int) -> Row[Any]:
    """A contact's row for somebody already authorised. Raises ContactNotFound."""
    row: Row[Any] | None = execute(s, _CONTACT, {"contact_id": contact_id}).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return row

"""Who may do what, asked inside the transaction that does it: a role lost a moment ago is not there any more."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

from sqlalchemy import Row, bindparam, select
from sqlalchemy.orm import Session

from crm_core.errors import ContactNotFound, NotAllowed
from crm_core.storage.hot import Hot
from crm_core.storage.rows import run
from crm_core.storage.tables import Contact, Operator, Staff

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Actor:
    """Who acts. A Telegram account has its numeric id (usernames change hands); others have none."""

    label: str
    telegram_id: int | None = None


def telegram(user_id: int) -> Actor:
    """The actor that a Telegram account is."""
    return Actor(f"tg:{user_id}", user_id)


SYSTEM = Actor("system")
CLIENT = Actor("client")

_OPERATOR = Hot(
    select(Operator.id, Operator.name, Operator.is_active, Operator.is_online)
    .join(Staff, Staff.operator_id == Operator.id)
    .where(Staff.telegram_id == bindparam("telegram_id"), Operator.removed_at.is_(None))
)
_ADMIN = Hot(select(Staff.is_admin).where(Staff.telegram_id == bindparam("telegram_id")))
_contact = Contact.__table__
_CONTACT = Hot(select(_contact).where(_contact.c.id == bindparam("contact_id")))


def access_operator(s: Session, actor: Actor) -> Row[int, str, bool, bool]:
    """The operator that the actor is: (id, name, is_active, is_online). Raises NotAllowed for anybody else."""
    row: Row[int, str, bool, bool] | None = run(s, _OPERATOR, {"telegram_id": actor.telegram_id}).one_or_none()
    if row is None:
        raise NotAllowed(role="operator")
    return row


def access_admin(s: Session, actor: Actor) -> None:
    """Raises NotAllowed unless the actor is an admin now, or the system itself (command line, start)."""
    if actor is SYSTEM:
        return
    if not run(s, _ADMIN, {"telegram_id": actor.telegram_id}).scalar_one_or_none():
        raise NotAllowed(role="admin")


def for_admin(s: Session, *, actor: Actor, query: Callable[..., T], inputs: dict[str, Any]) -> T:
    """What a query finds, for an admin's eyes only. Raises NotAllowed, and what the query raises."""
    access_admin(s, actor)
    return query(s, **inputs)


def access_contact(s: Session, contact_id: int) -> Row[Any]:
    """A contact's row for somebody already authorised. Raises ContactNotFound."""
    row: Row[Any] | None = run(s, _CONTACT, {"contact_id": contact_id}).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return row

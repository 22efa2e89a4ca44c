"""Leads: people who wrote, found by an external id or an e-mail."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, exists, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_key
from crm_core.access.scopes import WRITE
from crm_core.contacts import lead_words
from crm_core.contacts.emails import check_email, email_key
from crm_core.contacts.phones import Phone
from crm_core.errors import EmailTaken, LeadNotFound
from crm_core.events import NewEvent
from crm_core.storage.execute import execute, execute_count, prefetch, prefetch_id
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Lead

_table = Lead.__table__


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What is known of a person when they write. Their lead is found by the external id or the e-mail.

    Attributes:
        email: as `check_email` returns it.
    """

    external_id: str | None = None
    email: str | None = None
    phone: Phone | None = None
    full_name: str | None = None
    username: str | None = None
    language: str | None = None


_BY_EXTERNAL_ID = _table.c.external_id == bindparam("external_id")
_BY_EMAIL = _table.c.email_key == bindparam("email_key")
# One for each set of what may be known: PostgreSQL would plan a comparison with NULL anew at each execution, which
# takes ten times as long as the query itself.
_SAME = {
    ("external_id",): _BY_EXTERNAL_ID,
    ("email_key",): _BY_EMAIL,
    ("external_id", "email_key"): or_(_BY_EXTERNAL_ID, _BY_EMAIL),
}
_RECORD = select(
    _table.c.id, _table.c.external_id, _table.c.email, _table.c.phone, _table.c.full_name, _table.c.phone_key
)
# Where the two name different leads, the external id says who it is.
_FIRST = case((_BY_EXTERNAL_ID, 0), else_=1)
_FIND = {
    names: Prepared(_RECORD.where(same).order_by(_FIRST).limit(1) if len(names) > 1 else _RECORD.where(same))
    for names, same in _SAME.items()
}
INSERT = prepared_insert(_table)
"""A new lead."""

_IS_KNOWN = {names: Prepared(exists().where(same)) for names, same in _SAME.items()}
"""The condition that there is such a lead."""


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """A lead as another system sees it."""

    id: int
    external_id: str | None
    email: str | None
    phone: str | None
    full_name: str | None
    phone_key: str | None = None


def telegram_external_id(user_id: int) -> str:
    """The external id of a Telegram account."""
    return f"tg:{user_id}"


def _known(facts: LeadFacts) -> dict[str, Any]:
    """What tells a lead from others, by name; empty if nothing does."""
    known = {"external_id": facts.external_id, "email_key": None if facts.email is None else email_key(facts.email)}
    return {name: value for name, value in known.items() if value is not None}


def prefetch_lead(s: Session, facts: LeadFacts) -> None:
    """Announces `find_or_create`, so that what it reads needs no round trip of its own."""
    known = _known(facts)
    if known:
        prefetch(s, _FIND[tuple(known)], known)
        prefetch_id(s, INSERT, unless=_IS_KNOWN[tuple(known)], values=known)


def find(s: Session, facts: LeadFacts) -> LeadRecord | None:
    """The lead of an external id or e-mail, None if there is none; nothing changes."""
    known = _known(facts)
    row = execute(s, _FIND[tuple(known)], known).one_or_none() if known else None
    return None if row is None else LeadRecord(*row)


def find_or_create(
    s: Session, facts: LeadFacts, *, now: datetime, happened: list[NewEvent] | None = None
) -> LeadRecord:
    """The lead of an external id or e-mail, created if there is none. Fields that were unknown are completed.

    Fields that are known stay as they are; otherwise anybody who can name an address could change whose it is.

    Args:
        happened: see `create`.
    """
    known = find(s, facts)
    given = _given(facts)
    if known is None:
        return LeadRecord(create(s, facts, now=now, happened=happened), **given)
    news = {name: value for name, value in given.items() if value is not None and getattr(known, name) is None}
    if known.phone is not None:
        news.pop("phone_key", None)  # an earlier phone may have none
    return _complete(s, known, news, now) if news else known


def _given(facts: LeadFacts) -> dict[str, Any]:
    """What somebody says of a person, as a lead's row has it."""
    phone = facts.phone
    return {
        "external_id": facts.external_id,
        "email": facts.email,
        "phone": None if phone is None else phone.text,
        "phone_key": None if phone is None else phone.key,
        "full_name": facts.full_name,
    }


def _complete(s: Session, known: LeadRecord, news: dict[str, Any], now: datetime) -> LeadRecord:
    values = dict(news)
    if "email" in news:
        if _owner_of(s, news["email"]) is None:
            values["email_key"] = email_key(news["email"])
        else:
            del values["email"]  # found by the external id, but another lead has the address
            values["email_hint"] = news.pop("email")
    s.execute(update(_table).where(_table.c.id == known.id).values(values))
    if "full_name" in news:
        lead_words.replace(s, lead_id=known.id, name=news["full_name"])
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=known.id, reason="completed")])
    return replace(known, **news)


def _owner_of(s: Session, email: str) -> int | None:
    """The lead who has an address, in whichever spelling."""
    theirs = select(_table.c.id).where(_table.c.email_key == email_key(email))
    owner: int | None = s.execute(theirs).scalar_one_or_none()
    return owner


def create(s: Session, facts: LeadFacts, *, now: datetime, happened: list[NewEvent] | None = None) -> int:
    """Creates a lead, for a caller who has found none. Returns its id.

    Args:
        happened: gets the event, for a caller who records it with others of the same action, in one statement.
    """
    lead_id: int = execute(
        s,
        INSERT,
        {
            **_given(facts),
            "email_key": None if facts.email is None else email_key(facts.email),
            "username": facts.username,
            "language": facts.language,
            "created_at": now,
        },
    ).scalar_one()
    lead_words.store(s, lead_id=lead_id, name=facts.full_name)
    created = NewEvent(events.LEAD_CREATED, now, events.CLIENT, lead_id=lead_id)
    if happened is None:
        events.record(s, [created])
    else:
        happened.append(created)
    return lead_id


def update_profile(s: Session, *, lead_id: int, changed: dict[str, str | None]) -> None:
    """Stores what Telegram now shows of a person.

    Args:
        changed: those of `full_name`, `username` and `language` that are not as they were.
    """
    s.execute(update(_table).where(_table.c.id == lead_id).values(changed))
    if "full_name" in changed:
        lead_words.replace(s, lead_id=lead_id, name=changed["full_name"])


def set_phone(s: Session, *, lead_id: int, phone: Phone, now: datetime) -> None:
    """Stores the phone that a person shared as their own."""
    s.execute(update(_table).where(_table.c.id == lead_id).values(phone=phone.text, phone_key=phone.key))
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=lead_id, reason="phone")])


def change(s: Session, *, lead_id: int, values: dict[str, Any], actor: Actor, now: datetime) -> None:
    """Corrects a lead, through the API.

    Args:
        values: any of `email` (as `check_email` returns it), `phone` (a Phone), `full_name`; None removes it.

    Raises NotAllowed, LeadNotFound, EmailTaken.
    """
    access_key(s, actor, needs=WRITE)
    new = dict(values)
    if "email" in new:
        email = new["email"]
        if email is not None and _owner_of(s, email) not in (None, lead_id):
            raise EmailTaken()
        new["email_key"] = None if email is None else email_key(email)
    if "phone" in new:
        phone: Phone | None = new["phone"]
        new["phone"], new["phone_key"] = (None, None) if phone is None else (phone.text, phone.key)
    if execute_count(s, update(_table).where(_table.c.id == lead_id).values(new or {"id": lead_id})) != 1:
        raise LeadNotFound(lead=lead_id)
    if "full_name" in new:
        lead_words.replace(s, lead_id=lead_id, name=new["full_name"])
    if new:
        events.record(s, [NewEvent(events.LEAD_CHANGED, now, actor.label, lead_id=lead_id, reason="corrected")])


def set_email(s: Session, *, lead_id: int, email: str, now: datetime) -> bool:
    """Stores the e-mail that a person named as their own.

    If another lead has it, nothing is merged, since anybody can type anybody's address: the operator sees it as a hint.

    Returns False if they had named it before, in whichever spelling. Raises BadEmail.
    """
    address = check_email(email)
    before = s.execute(select(_table.c.email_key, _table.c.email_hint).where(_table.c.id == lead_id)).one()
    if email_key(address) in (before.email_key, before.email_hint and email_key(before.email_hint)):
        return False
    is_free = _owner_of(s, address) in (None, lead_id)
    values: dict[str, str | None] = {"email_hint": address}
    if is_free:
        values = {"email": address, "email_key": email_key(address), "email_hint": None}
    s.execute(update(_table).where(_table.c.id == lead_id).values(values))
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=lead_id, reason="email")])
    return True

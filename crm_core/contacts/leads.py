"""Leads: people who wrote, found by an external id or an e-mail."""

import re
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import bindparam, case, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_key
from crm_core.access.scopes import WRITE
from crm_core.contacts import lead_words
from crm_core.errors import BadEmail, EmailTaken, LeadNotFound
from crm_core.events import NewEvent
from crm_core.names import phone_key
from crm_core.storage.execute import execute, execute_count, prefetch
from crm_core.storage.prepared import Prepared, prepared_insert
from crm_core.storage.tables import Lead

EMAIL_LONGEST = 254  # RFC 5321, section 4.5.3.1.3, without the angle brackets
_NEVER = r"@\s\x00-\x1f\x7f,;<>\"()\[\]\\"  # in an e-mail address
_EMAIL = re.compile(rf"[^{_NEVER}]+@[^{_NEVER}.]+(\.[^{_NEVER}.]+)+")

_table = Lead.__table__


@dataclass(frozen=True, slots=True)
class LeadFacts:
    """What is known of a person when they write. Their lead is found by the external id or the e-mail."""

    external_id: str | None = None
    email: str | None = None
    phone: str | None = None
    full_name: str | None = None
    username: str | None = None
    language: str | None = None


_BY_EXTERNAL_ID = _table.c.external_id == bindparam("external_id")
_BY_EMAIL = _table.c.email == bindparam("email")
_RECORD = select(_table.c.id, _table.c.external_id, _table.c.email, _table.c.phone, _table.c.full_name)
# One for each set of what may be known: PostgreSQL would plan a comparison with NULL anew at each execution, which
# takes ten times as long as the query itself.
_FIND = {
    ("external_id",): Prepared(_RECORD.where(_BY_EXTERNAL_ID)),
    ("email",): Prepared(_RECORD.where(_BY_EMAIL)),
    # Where the two name different leads, the external id says who it is.
    ("external_id", "email"): Prepared(
        _RECORD.where(or_(_BY_EXTERNAL_ID, _BY_EMAIL)).order_by(case((_BY_EXTERNAL_ID, 0), else_=1)).limit(1)
    ),
}
INSERT = prepared_insert(_table)
"""A new lead. Who calls `create` may announce its id (`prefetch_ids`)."""


@dataclass(frozen=True, slots=True)
class LeadRecord:
    """A lead as another system sees it."""

    id: int
    external_id: str | None
    email: str | None
    phone: str | None
    full_name: str | None


def telegram_external_id(user_id: int) -> str:
    """The external id of a Telegram account."""
    return f"tg:{user_id}"


def check_email(text: str) -> str:
    """An e-mail address, trimmed and case-folded. Raises BadEmail for what cannot be one."""
    email = text.strip().casefold()
    if len(email) > EMAIL_LONGEST or not _EMAIL.fullmatch(email):
        raise BadEmail(field="email")
    return email


def _query(facts: LeadFacts) -> tuple[Prepared | None, dict[str, Any]]:
    """The query for a lead, None if nothing is known that would tell it from others."""
    named = {"external_id": facts.external_id, "email": facts.email}
    values = {name: value for name, value in named.items() if value is not None}
    return _FIND.get(tuple(values)), values


def prefetch_lead(s: Session, facts: LeadFacts) -> None:
    """Announces `find` or `find_or_create`, so that its query needs no round trip of its own."""
    query, values = _query(facts)
    if query is not None:
        prefetch(s, query, values)


def find(s: Session, facts: LeadFacts) -> LeadRecord | None:
    """The lead of an external id or e-mail, None if there is none; nothing changes."""
    query, values = _query(facts)
    row = None if query is None else execute(s, query, values).one_or_none()
    return None if row is None else LeadRecord(*row)


def find_or_create(s: Session, facts: LeadFacts, *, now: datetime) -> LeadRecord:
    """The lead of an external id or e-mail, created if there is none. Fields that were unknown are completed.

    Fields that are known stay as they are; otherwise anybody who can name an address could change whose it is.
    """
    known = find(s, facts)
    if known is None:
        return LeadRecord(create(s, facts, now=now), facts.external_id, facts.email, facts.phone, facts.full_name)
    news: dict[str, Any] = {
        name: getattr(facts, name)
        for name in ("external_id", "email", "phone", "full_name")
        if getattr(facts, name) is not None and getattr(known, name) is None
    }
    return _complete(s, known, news, now) if news else known


def _complete(s: Session, known: LeadRecord, news: dict[str, Any], now: datetime) -> LeadRecord:
    values = dict(news)
    if "email" in news and _owner_of(s, news["email"]) is not None:
        del values["email"]  # found by the external id, but another lead has the address
        values["email_hint"] = news.pop("email")
    if "phone" in news:
        values["phone_key"] = phone_key(news["phone"])
    s.execute(update(_table).where(_table.c.id == known.id).values(values))
    if "full_name" in news:
        lead_words.replace(s, lead_id=known.id, name=news["full_name"])
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=known.id, reason="completed")])
    return replace(known, **news)


def _owner_of(s: Session, email: str) -> int | None:
    owner: int | None = s.execute(select(_table.c.id).where(_table.c.email == email)).scalar_one_or_none()
    return owner


def create(s: Session, facts: LeadFacts, *, now: datetime) -> int:
    """Creates a lead, for a caller who has found none. Returns its id."""
    lead_id: int = execute(
        s,
        INSERT,
        {
            "external_id": facts.external_id,
            "email": facts.email,
            "phone": facts.phone,
            "phone_key": phone_key(facts.phone),
            "full_name": facts.full_name,
            "username": facts.username,
            "language": facts.language,
            "created_at": now,
        },
    ).scalar_one()
    lead_words.store(s, lead_id=lead_id, name=facts.full_name)
    events.record(s, [NewEvent(events.LEAD_CREATED, now, events.CLIENT, lead_id=lead_id)])
    return lead_id


def update_profile(s: Session, *, lead_id: int, changed: dict[str, str | None]) -> None:
    """Stores what Telegram now shows of a person.

    Args:
        changed: those of `full_name`, `username` and `language` that are not as they were.
    """
    s.execute(update(_table).where(_table.c.id == lead_id).values(changed))
    if "full_name" in changed:
        lead_words.replace(s, lead_id=lead_id, name=changed["full_name"])


def set_phone(s: Session, *, lead_id: int, phone: str, now: datetime) -> None:
    """Stores the phone that a person shared as their own."""
    s.execute(update(_table).where(_table.c.id == lead_id).values(phone=phone, phone_key=phone_key(phone)))
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=lead_id, reason="phone")])


def change(s: Session, *, lead_id: int, values: dict[str, str | None], actor: Actor, now: datetime) -> None:
    """Corrects a lead, through the API.

    Args:
        values: any of `email` (as `check_email` returns it), `phone`, `full_name`; None removes it.

    Raises NotAllowed, LeadNotFound, EmailTaken.
    """
    access_key(s, actor, needs=WRITE)
    new: dict[str, str | None] = dict(values)
    if new.get("email") is not None and _owner_of(s, str(new["email"])) not in (None, lead_id):
        raise EmailTaken()
    if "phone" in new:
        new["phone_key"] = phone_key(new["phone"])
    if execute_count(s, update(_table).where(_table.c.id == lead_id).values(new or {"id": lead_id})) != 1:
        raise LeadNotFound(lead=lead_id)
    if "full_name" in new:
        lead_words.replace(s, lead_id=lead_id, name=new["full_name"])
    if new:
        events.record(s, [NewEvent(events.LEAD_CHANGED, now, actor.label, lead_id=lead_id, reason="corrected")])


def set_email(s: Session, *, lead_id: int, email: str, now: datetime) -> None:
    """Stores the e-mail that a person named as their own.

    If another lead has it, nothing is merged, since anybody can type anybody's address: the operator sees it as a hint.

    Raises BadEmail.
    """
    address = check_email(email)
    is_free = _owner_of(s, address) in (None, lead_id)
    values = {"email": address, "email_hint": None} if is_free else {"email_hint": address}
    s.execute(update(_table).where(_table.c.id == lead_id).values(values))
    events.record(s, [NewEvent(events.LEAD_CHANGED, now, events.CLIENT, lead_id=lead_id, reason="email")])

"""Where what a contact requires comes from, and its head start: its source, its client, keyword rules, the API."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any

from sqlalchemy import bindparam, select
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.routing import skills
from crm_core.storage.execute import execute
from crm_core.storage.tables import Contact, Event, Lead, Source


class Origin(StrEnum):
    """Who or what made a contact require something, or come before others."""

    CLIENT = "client"  # an admin marked them: /vip
    SOURCE = "source"
    KEYWORDS = "keywords"
    API = "api"


@dataclass(frozen=True, slots=True)
class RequiredSkill:
    """A skill that a contact requires. `after`: minutes of waiting after which it is dropped; None: never."""

    tag: str
    after: int | None
    origin: Origin


@dataclass(frozen=True, slots=True)
class Ahead:
    """A part of a contact's head start in the queue."""

    minutes: int
    origin: Origin


@dataclass(frozen=True, slots=True)
class Origins:
    """What a contact requires and how far it is ahead: by itself since it came, by its source and its client as of now.

    Attributes:
        rules: the keyword rules that its first message had words of, as they were then.
    """

    skills: tuple[RequiredSkill, ...] = ()
    ahead: tuple[Ahead, ...] = ()
    rules: tuple[str, ...] = ()


NONE = Origins()

_OF_CONTACT = (
    select(
        Contact.skills,
        Contact.head_start,
        Lead.head_start.label("of_client"),
        Source.priority_minutes.label("of_source"),
        Source.skills.label("source_skills"),
    )
    .join(Lead, Lead.id == Contact.lead_id)
    .join(Source, Source.id == Contact.source_id)
    .where(Contact.id == bindparam("contact_id"))
)
_CREATED = select(Event.data).where(
    Event.contact_id == bindparam("contact_id"), Event.kind == events.CONTACT_CREATED, Event.data.is_not(None)
)


def origins(s: Session, *, contact_id: int) -> Origins:
    """Of a contact that there is."""
    row = execute(s, _OF_CONTACT, {"contact_id": contact_id}).one()
    created: Mapping[str, Any] = {}
    if row.skills or row.head_start:
        created = execute(s, _CREATED, {"contact_id": contact_id}).scalar() or {}
    own, by_words = skills.read(row.skills), set(created.get("skills", ()))
    required = [
        RequiredSkill(tag, after, (Origin.KEYWORDS if tag in by_words else Origin.API) if tag in own else Origin.SOURCE)
        for tag, after in sorted(skills.required_by(row.source_skills, row.skills).items())
    ]
    minutes = {
        Origin.CLIENT: row.of_client,
        Origin.SOURCE: row.of_source,
        Origin.KEYWORDS: created.get("minutes", 0),
        Origin.API: row.head_start - created.get("minutes", 0),
    }
    ahead = tuple(Ahead(count, origin) for origin, count in minutes.items() if count)
    return Origins(tuple(required), ahead, tuple(created.get("keywords", ())))

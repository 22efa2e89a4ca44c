"""A source as a choice sees it: its settings, read with one query or beside another row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    and_,
    bindparam,
    exists,
    func,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Session

from crm_core.access.serving import SPEAKER
from crm_core.errors import SourceNotFound
from crm_core.routing.choose import (
    NOTHING,
    Asked,
    SourceExclusion,
)
from crm_core.routing.skills import tags
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Source


@dataclass(slots=True)
class SourceFacts:
    """What a choice needs to know of a source.

    Not to be changed, though not frozen: each choice makes one, which would cost three times as much.

    Attributes:
        bot_id: the source's own bot, None for another system.
        card_bot_id: the bot that talks to operators about its contacts: the source's own, else the first.
        client_chat: the client of the contact that is assigned, whom it is never given to; None if that is nobody's.
        has_line: False if no contact waited at it when it was read; True also where nobody looked.
        sticky_days: for so long a client's next contact goes to the operator they had; 0: never.
        sticky_mode: `charged` if that operator pays for it where shares are exact, else `apart`.
        offer_seconds: for so long a contact is offered to an operator; 0: it is theirs at once.
        asked: of the contact that is assigned: who had it before, and what came of that.
        is_open: whether its working hours let contacts be given out now.
        skills: what it requires of operators, as it is stored.
        needs: the skills that the contact that is assigned requires.
        keywords: the rules for what comes in, as they are stored.
        ramp: of what had waited before an operator comes, or it opens, the most that they get in a minute; None: any.
        catch_up: of contacts missed by leave, the most that are credited where shares are exact.
        has_ramps: whether any source has a ramp, so that what operators get is counted.
        since: since when the contact that is assigned waits; None for a new one, and where nothing is counted.
        has_other_bot: whether that contact was moved here from another bot, which `card_bot_id` is then.
        waiting_load: what a contact that waits for its client counts, in hundredths.
        forum_bot_id, forum_chat_id: the team's forum, and the bot that writes there; None without one.
    """

    id: int
    name: str
    strategy: str
    bot_id: int | None
    card_bot_id: int | None
    is_active: bool = True
    client_chat: int | None = None
    has_line: bool = True
    sticky_days: int = 0
    sticky_mode: str = "charged"
    offer_seconds: int = 0
    asked: Mapping[int, Asked] = field(default_factory=dict)
    is_open: bool = True
    skills: str | None = None
    needs: frozenset[str] = NOTHING
    keywords: str | None = None
    ramp: int | None = None
    catch_up: int = 0
    has_ramps: bool = False
    since: datetime | None = None
    has_other_bot: bool = False
    waiting_load: int = 100
    forum_bot_id: int | None = None
    forum_chat_id: int | None = None

    @property
    def counts_less(self) -> bool:
        """Whether a contact counts less while it waits for its client."""
        return self.waiting_load < 100

    @property
    def why_nobody(self) -> SourceExclusion | None:
        """Why nobody can get a contact from here, whatever the state of its operators; None if somebody may."""
        if not self.is_active:
            return SourceExclusion.SOURCE_OFF
        return None if self.is_open else SourceExclusion.SOURCE_CLOSED

    @property
    def is_exact(self) -> bool:
        """Whether its shares are kept exactly, in a ledger of credits."""
        return self.strategy == "exact"

    @property
    def credits_leave(self) -> bool:
        """Whether operators are credited what they missed by leave."""
        return bool(self.catch_up) and self.is_exact


# In the words of the index: SQLite uses a partial index only for the very condition that it was made with.
# What sleeps may have no operator either: who had it was removed.
WAITS = (Contact.operator_id.is_(None), text("contacts.status = 'new'"), Contact.wakes_at.is_(None))
"""The condition that a contact waits in the queue."""

WAITS_SINCE = func.coalesce(Contact.waits_since, Contact.created_at, type_=Contact.created_at.type)
"""Since when a contact has waited, offers that came to nothing included."""

_some = Source.__table__.alias("some")

SETTINGS = (
    Source.id.label("source_id"),
    Source.name.label("source_name"),
    Source.strategy,
    Source.is_active.label("source_is_active"),
    Source.sticky_days,
    Source.sticky_mode,
    Source.offer_seconds,
    Source.is_open.label("source_is_open"),
    Source.skills.label("source_skills"),
    Source.keywords.label("source_keywords"),
    Source.ramp,
    Source.catch_up,
    type_coerce(exists().where(_some.c.ramp.is_not(None)), Integer).label("has_ramps"),
    Source.waiting_load,
    Source.forum_bot_id,
    Source.forum_chat_id,
)
"""What `facts_from` reads of a source: a query that finds one by the way reads all of it, or a rule is left out."""

SOURCE_COLUMNS = (*SETTINGS, Source.bot_id, SPEAKER.label("card_bot_id"))
"""The same, with its bots, for a query that finds several."""

_HAS_LINE = exists().where(*WAITS, Contact.source_id == Source.id).correlate(Source)
_SOURCE = Prepared(
    select(*SOURCE_COLUMNS, type_coerce(_HAS_LINE, Integer).label("has_line")).where(
        Source.id == bindparam("source_id")
    )
)


def source_facts(s: Session, source_id: int, *, is_for_system: bool = False) -> SourceFacts:
    """A source as a choice sees it. Raises SourceNotFound.

    Args:
        is_for_system: for a request of another system, to whom a bot's source is like any other.
    """
    row = execute(s, _SOURCE, {"source_id": source_id}).one_or_none()
    if row is None:
        raise SourceNotFound(name=str(source_id), close=[])
    bot_id = None if is_for_system else row.bot_id
    return facts_from(row, bot_id=bot_id, card_bot_id=row.card_bot_id, has_line=bool(row.has_line))


def is_own_source(bot_id: Any) -> ColumnElement[bool]:
    """The condition that a source is the one that messages to a bot are for where nothing else is set.

    Args:
        bot_id: a column or a parameter.
    """
    return and_(Source.bot_id.is_not(None), Source.bot_id == bot_id, Source.slug.is_(None))


def is_open(s: Session, source_id: int) -> bool:
    """Whether a source's working hours let contacts be given out now."""
    return bool(execute(s, select(Source.is_open).where(Source.id == source_id)).scalar_one())


def facts_from(row: Any, *, bot_id: int | None, card_bot_id: int | None, has_line: bool = True) -> SourceFacts:
    """A source from a row with `SETTINGS`, for a caller who knows its bots."""
    return SourceFacts(
        row.source_id,
        row.source_name,
        row.strategy,
        bot_id,
        card_bot_id,
        is_active=row.source_is_active,
        has_line=has_line,
        sticky_days=row.sticky_days,
        sticky_mode=row.sticky_mode,
        offer_seconds=row.offer_seconds,
        is_open=row.source_is_open,
        skills=row.source_skills,
        needs=tags(row.source_skills),
        keywords=row.source_keywords,
        ramp=row.ramp,
        catch_up=row.catch_up,
        has_ramps=bool(row.has_ramps),
        waiting_load=row.waiting_load,
        forum_bot_id=row.forum_bot_id,
        forum_chat_id=row.forum_chat_id,
    )

"""The queue: open contacts without an operator, by minutes waited plus head start (`crm_core.routing.priority`).

`assign_waiting` is the one function that gives contacts from the queue to operators. Its caller has locked the sources
first, as does every transaction that queues a contact or frees a place: `crm_core.routing.assignment` says why.

A long queue is given out in slices of `AT_ONCE`, each in a transaction of its own. One that leaves something to do says
so to listeners when it is committed (`MoreToAssign`), and `bot.runtime.queue_slices` goes on with `assign_more`. Until
then whoever is new waits behind the others (`is_behind_others`). If the process ends in between, `sweep` goes on.
"""

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Text, and_, bindparam, case, cast, func, not_, or_, select, text, tuple_, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor
from crm_core.errors import ContactNotFound
from crm_core.messaging import alerts, card_edits, messages, outbox
from crm_core.routing import assignment, offers, priority, ramps, relief, returning
from crm_core.routing.assignment import Reservation, Rng
from crm_core.routing.candidates import WAITS, WAITS_SINCE, SourceFacts, candidates, source_facts
from crm_core.routing.choose import OF_ONE_CONTACT, Choice, Exclusion, SourceExclusion, choose
from crm_core.routing.offers import Offer
from crm_core.routing.operator_locks import lock_team
from crm_core.routing.skills import tags
from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Lead, Operator, Source, WaitNotice

_contact = Contact.__table__
# In the words of the index, like `WAITS`.
OPEN = text("contacts.status <> 'closed'")

AT_ONCE = 50
"""How many contacts one transaction gives out: about 50 ms, during which everybody else waits on SQLite."""


@dataclass(frozen=True, slots=True)
class Assigned:
    """What a change has given out of the queue.

    Attributes:
        count: how many waiting contacts found an operator in this transaction.
        goes_on: whether more wait while somebody is free; these follow, `AT_ONCE` at a time.
    """

    count: int
    goes_on: bool = False


@dataclass(frozen=True, slots=True)
class MoreToAssign:
    """Handed to listeners after the commit: contacts wait at these sources while somebody is free."""

    source_ids: frozenset[int]


_LINE = (_contact.c.order_at, _contact.c.id)
_OLDEST = (
    select(
        _contact.c.id,
        _contact.c.source_id,
        _contact.c.lead_id,
        _contact.c.version,
        _contact.c.bot_id,
        _contact.c.chat_id,
        _contact.c.operator_id,
        _contact.c.previous_operator_id,
        _contact.c.is_asked,
        _contact.c.offered_at,
        _contact.c.escalated_at,
        _contact.c.needs,
        WAITS_SINCE.label("since"),
        _contact.c.first_source_id,
    )
    .where(
        *WAITS,
        _contact.c.source_id.in_(bindparam("source_ids", expanding=True)),
        _contact.c.id.not_in(bindparam("passed_over", expanding=True)),
        or_(
            _contact.c.needs.is_(None),
            (cast(_contact.c.source_id, Text) + ":" + _contact.c.needs).not_in(bindparam("in_vain", expanding=True)),
        ),
    )
    .order_by(*_LINE)
    .limit(1)
)
# Those that others than the source's own bot can reach operators for.
_OLDEST_OF_OTHERS = _OLDEST.where(or_(_contact.c.chat_id.is_(None), _contact.c.first_source_id.is_not(None)))
_ASSIGN = (
    update(_contact)
    .where(
        _contact.c.id == bindparam("contact_id"),
        _contact.c.version == bindparam("seen"),
        _contact.c.operator_id.is_(None),
        _contact.c.status == "new",
    )
    .values(assignment.ASSIGNED_VALUES)
)


def assign_waiting(s: Session, *, source_ids: Iterable[int], actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Assigns waiting contacts of these sources, first in line first, to operators who are free now, at most `AT_ONCE`.

    Called in the transaction of everything that may free a place: a close, a raised limit, an activation, a new
    weight, coming online. Nobody waits while somebody eligible is free, except for the moments between two slices.

    The caller has locked these sources and whoever works there, by `operator_locks.hold_operators` or `lock_team`.
    """
    wanted = frozenset(source_ids)
    slice_ = _Slice(s, actor, now, rng)
    not_in_telegram = slice_.fill(_OLDEST, set(wanted))
    # Operators who are free but not in Telegram can work on what came through the API, though not on a client's chat.
    # What was moved here from another bot's source reaches those whom that bot reaches.
    slice_.fill(_OLDEST_OF_OTHERS, not_in_telegram)
    if slice_.goes_on:
        on_commit(s, MoreToAssign(wanted))
    return Assigned(slice_.given, slice_.goes_on)


@dataclass(slots=True)
class _Slice:
    """What one transaction assigns.

    Attributes:
        given: how many contacts it has assigned.
        goes_on: whether it ended at `AT_ONCE` while somebody was free for the next one.
    """

    s: Session
    actor: Actor
    now: datetime
    rng: Rng
    given: int = 0
    goes_on: bool = False

    def fill(self, oldest_of: Select[Any], still: set[int]) -> set[int]:
        """Assigns until nothing waits at these sources, nobody is free, or it was enough for one transaction.

        Returns the sources where something waits because of unreachable operators.
        """
        s, not_in_telegram, own, in_vain = self.s, set[int](), set[int](), set[str]()
        while still and not self.goes_on:
            others = {"source_ids": sorted(still), "passed_over": sorted(own), "in_vain": sorted(in_vain)}
            oldest = execute(s, oldest_of, others).one_or_none()
            if oldest is None:
                break
            source = as_seen_by(
                source_facts(s, oldest.source_id),
                chat_id=oldest.chat_id,
                needs=oldest.needs,
                since=oldest.since,
                bot_id=oldest.bot_id,
            )
            if oldest.is_asked:
                source = offers.with_asked(s, source, oldest.id)
            if self.given >= AT_ONCE and has_room(s, source):
                self.goes_on = True
                break
            place = self._reserve(source, oldest) if source.why_nobody is None else None
            is_of_one = isinstance(place, Choice) and OF_ONE_CONTACT & {why for _, why in place.excluded}
            if is_of_one or (isinstance(place, Choice) and oldest.first_source_id is not None):
                own.add(oldest.id)  # it waits for somebody else; who cannot have it may get the next one
                continue
            if not isinstance(place, Reservation):
                if place and (paced := {one for one, why in place.excluded if why is Exclusion.RAMP}):
                    # Who had as much as they get in a minute of what waited before they came may get what came later.
                    oldest_of = _came_after(oldest_of, s, oldest, paced)
                elif place and Exclusion.NO_SKILL in {why for _, why in place.excluded}:
                    in_vain.add(f"{source.id}:{oldest.needs}")  # who lacks a skill may get what requires less
                else:
                    still.discard(source.id)
                if place and Exclusion.UNREACHABLE in {why for _, why in place.excluded}:
                    not_in_telegram.add(source.id)
                continue
            offer = offers.make(
                s,
                operator_id=place.operator_id,
                seconds=source.offer_seconds,
                now=self.now,
                before=source.asked.get(place.operator_id),
                is_escalated=oldest.escalated_at is not None,
            )
            assign(
                s,
                contact_id=oldest.id,
                version=oldest.version,
                source=source,
                place=place,
                actor=self.actor,
                now=self.now,
                offer=offer,
                # Of an offer the client hears once it is taken.
                also=handed_on(oldest, to=place.operator_id) if offer is None else (),
            )
            self.given += 1
        return not_in_telegram

    def _reserve(self, source: SourceFacts, contact: Row[Any]) -> Reservation | Choice:
        """A place of the operator whom the client had before, if they can get it, else of whoever is chosen."""
        before = returning.former_operator(self.s, source, contact.lead_id, self.now)
        if before is not None:
            is_charged = source.sticky_mode == "charged"
            same = assignment.reserve_preferred(self.s, source, operator_id=before, is_charged=is_charged)
            if same is not None:
                return same
        return assignment.reserve_operator(self.s, source, rng=self.rng)


def _came_after(oldest_of: Select[Any], s: Session, contact: Row[Any], operator_ids: Collection[int]) -> Select[Any]:
    """The same without what has waited for all these operators like this contact, and finds nobody either."""
    came = ramps.first_to_come(s, source_id=contact.source_id, operator_ids=operator_ids)
    alike = (
        _contact.c.source_id == contact.source_id,
        _contact.c.needs.is_not_distinct_from(contact.needs),
        _contact.c.first_source_id.is_(None),  # those that were moved here are each looked at
    )
    return oldest_of.where(not_(and_(*alike, came > WAITS_SINCE)))


def has_room(s: Session, source: SourceFacts) -> bool:
    """Whether somebody is eligible for the next contact of a source."""
    return choice_now(s, source).operator is not None


def choice_now(s: Session, source: SourceFacts) -> Choice:
    """Whom a contact would find now, though nothing is given out, or why nobody.

    Args:
        source: as the contact sees it (`as_seen_by`).
    """
    if source.why_nobody is not None:
        return Choice(None, source.why_nobody.value, ())
    return choose(candidates(s, source), 0.0)


def as_seen_by(
    source: SourceFacts,
    *,
    chat_id: int | None,
    needs: str | None = None,
    since: datetime | None = None,
    bot_id: int | None = None,
) -> SourceFacts:
    """A source as a contact sees it: a contact from the API can be worked on through the API, at a bot's source too.

    So operators without a Telegram account are eligible for it. Those who have one get its card from the bot.
    Whoever is the client of a contact is never eligible for it.

    Args:
        needs: the skills that the contact requires, as its row has it.
        since: since when it waits; None for a new one.
        bot_id: the bot that its client writes to: another one than the source's where it was moved here. That bot goes
            on talking to the client, and so to the operator. None: it was not moved.
    """
    waits = since if source.has_ramps else None
    if chat_id is None:
        return replace(source, bot_id=None, needs=tags(needs), since=waits)
    if bot_id in (None, source.bot_id):
        return replace(source, client_chat=chat_id, needs=tags(needs), since=waits)
    moved = replace(source, bot_id=bot_id, card_bot_id=bot_id, has_other_bot=True)
    return replace(moved, client_chat=chat_id, needs=tags(needs), since=waits)


def assign(
    s: Session,
    *,
    contact_id: int,
    version: int,
    source: SourceFacts,
    place: Reservation,
    actor: Actor,
    now: datetime,
    offer: Offer | None = None,
    also: Sequence[outbox.OutboxEntry] = (),
) -> None:
    """Gives a waiting contact to the operator whose place was reserved, with all that was said meanwhile.

    Args:
        offer: where it is only offered.
        also: rows of the same action.
    """
    values = {
        "contact_id": contact_id,
        "seen": version,
        "to_operator": place.operator_id,
        "at": now,
        "offered": None if offer is None else now,
        "offer_ends": None if offer is None else offer.ends_at,
    }
    if execute_count(s, _ASSIGN, values) != 1:
        raise RuntimeError("a waiting contact changed under its source's lock")
    if version > 1:  # somebody may have had it: their card says who has it now
        card_edits.refresh_all(s, contact_id=contact_id, now=now)
    if source.counts_less and offer is None:
        relief.settle(s, contact_id)
    said = messages.said(s, contact_id)
    assignment.announce_assignment(
        s,
        contact_id=contact_id,
        source=source,
        place=place,
        actor=actor.label,
        now=now,
        said=said,
        offer=offer,
        also=also,
    )


def handed_on(contact: Row[Any], *, to: int) -> list[outbox.OutboxEntry]:
    """The notice to a client whom somebody else was to answer, that this operator will; none if nobody was."""
    had = contact.operator_id if contact.offered_at is None else None  # who is only offered it is nobody yet
    before = had or contact.previous_operator_id
    if before in (None, to) or contact.chat_id is None:
        return []
    payload = {"code": "handed_on"}
    return [outbox.OutboxEntry(outbox.CLIENT_NOTICE, contact.bot_id, contact.chat_id, contact.id, payload=payload)]


_MOVED_WITH_BOT = case((_contact.c.first_source_id.is_not(None), _contact.c.bot_id)).label("moved_with_bot")
_FIRST_IN_LINE = Prepared(
    select(
        _contact.c.id,
        _contact.c.chat_id,
        _contact.c.needs,
        _contact.c.is_asked,
        WAITS_SINCE.label("since"),
        _MOVED_WITH_BOT,
    )
    .where(*WAITS, _contact.c.source_id == bindparam("source_id"))
    .order_by(*_LINE)
    .limit(1)
)
# Contacts that may find another operator than the first one does; without those that somebody had before, each of whom
# may find others still.
_KINDS = (
    select(
        func.max(_contact.c.chat_id).label("chat_id"),
        _contact.c.needs,
        func.max(WAITS_SINCE).label("since"),
        _MOVED_WITH_BOT,
    )
    .where(*WAITS, _contact.c.source_id == bindparam("source_id"), _contact.c.is_asked.is_(False))
    .group_by(_contact.c.needs, _contact.c.chat_id.is_(None), _MOVED_WITH_BOT)
)


def prefetch_line(s: Session, source_id: int) -> None:
    """Announces what `is_behind_others` reads first, for a caller who has not read the source's `has_line`."""
    prefetch(s, _FIRST_IN_LINE, {"source_id": source_id})


def is_behind_others(s: Session, source: SourceFacts) -> bool:
    """Whether somebody waits who would get the place that a new contact of this source could take.

    That is so between two slices of a long queue, and after a process has ended there.

    Args:
        source: as the new contact sees it (`as_seen_by`).
    """
    first = execute(s, _FIRST_IN_LINE, {"source_id": source.id}).one_or_none()
    if first is None:
        return False
    waiting = _as_waiting(source, first)
    if has_room(s, offers.with_asked(s, waiting, first.id) if first.is_asked else waiting):
        return True
    is_alike = first.needs is None and source.ramp is None and first.moved_with_bot is None
    if not first.is_asked and is_alike and (first.chat_id is None or source.bot_id is not None):
        return False  # what has no place for the first has none for the new one
    return any(has_room(s, _as_waiting(source, kind)) for kind in execute(s, _KINDS, {"source_id": source.id}))


def _as_waiting(source: SourceFacts, waiting: Any) -> SourceFacts:
    """A source, given as a new contact sees it, as one in the queue does (its `chat_id`, `needs`, `since` and bot)."""
    if waiting.chat_id is None:
        return replace(source, needs=tags(waiting.needs), since=waiting.since if source.has_ramps else None)
    its_own, other = replace(source, bot_id=source.card_bot_id), waiting.moved_with_bot
    return as_seen_by(its_own, chat_id=waiting.chat_id, needs=waiting.needs, since=waiting.since, bot_id=other)


_this = _contact.alias("this")
_THIS_ORDER = select(_this.c.order_at).where(_this.c.id == bindparam("contact_id")).scalar_subquery()
_AHEAD = (
    select(func.count())
    .select_from(_contact)
    .where(
        *WAITS,
        _contact.c.source_id == bindparam("source_id"),
        tuple_(*_LINE) <= tuple_(_THIS_ORDER, bindparam("contact_id")),
    )
)


def position_of(s: Session, *, contact_id: int, source_id: int) -> int:
    """The position of a waiting contact in the queue of its source, from 1; 0 for one that does not wait."""
    ahead: int = execute(s, _AHEAD, {"source_id": source_id, "contact_id": contact_id}).scalar_one()
    return ahead


@dataclass(frozen=True, slots=True)
class Waiting:
    """A contact in the queue, as a list shows it; `operator` and `is_closed` in case it has left the queue.

    Attributes:
        head_start: minutes that it has before others: its own, its lead's and its source's.
        is_vip: whether its lead has any.
    """

    id: int
    source_name: str
    lead_name: str | None
    message: str | None
    since: datetime
    version: int
    operator: str | None = None
    is_closed: bool = False
    head_start: int = 0
    is_vip: bool = False


_LISTED = (
    select(
        _contact.c.id,
        Source.name,
        Lead.full_name,
        _contact.c.message,
        _contact.c.created_at,
        _contact.c.version,
        Operator.name,
        _contact.c.status == "closed",
        _contact.c.head_start + Lead.head_start + Source.priority_minutes,
        Lead.head_start > 0,
    )
    .join(Source, Source.id == _contact.c.source_id)
    .join(Lead, Lead.id == _contact.c.lead_id)
    .outerjoin(Operator, Operator.id == _contact.c.operator_id)
)


def waiting(s: Session, *, limit: int = 20, skip: int = 0) -> list[Waiting]:
    """The queue over all sources, first in line first."""
    rows = s.execute(_LISTED.where(*WAITS).order_by(*_LINE).offset(skip).limit(limit))
    return [Waiting(*row) for row in rows]


def one(s: Session, *, contact_id: int) -> Waiting:
    """One contact, in the queue or not, for an admin who is about to assign it by hand. Raises ContactNotFound."""
    row = s.execute(_LISTED.where(_contact.c.id == contact_id)).one_or_none()
    if row is None:
        raise ContactNotFound(contact=contact_id)
    return Waiting(*row)


def length(s: Session, *, source_id: int | None = None) -> int:
    """How many contacts wait, over all sources or at one."""
    statement = select(func.count()).select_from(_contact).where(*WAITS)
    if source_id is not None:
        statement = statement.where(_contact.c.source_id == source_id)
    return s.execute(statement).scalar_one()


def lengths(s: Session) -> dict[int, int]:
    """How many contacts wait at each source where any do."""
    found = select(_contact.c.source_id, func.count()).where(*WAITS).group_by(_contact.c.source_id)
    return {row[0]: row[1] for row in s.execute(found)}


def notify_waiting(s: Session, *, contact_ids: Iterable[int], now: datetime) -> int:
    """Notifies admins of contacts that went back to the queue and still wait, with the reason.

    At most once in ten minutes for a source, and not where they are still being given out. Returns how many of these
    contacts wait.
    """
    ids = sorted(set(contact_ids))
    left = s.execute(select(_contact.c.id, _contact.c.source_id).where(*WAITS, _contact.c.id.in_(ids))).all()
    oldest = {source_id: contact_id for contact_id, source_id in sorted(left, reverse=True)}
    for source_id, contact_id in oldest.items():
        _notify_if_nobody_is_free(s, source_id, contact_id=contact_id, now=now)
    return len(left)


def _notify_if_nobody_is_free(s: Session, source_id: int, *, contact_id: int, now: datetime) -> None:
    why = why_it_waits(s, source_id, contact_id=contact_id)
    # That a source is closed is as admins have planned it, and who has had enough for a minute goes on after it.
    if why not in (None, SourceExclusion.SOURCE_CLOSED.value) and Exclusion.RAMP not in why.split("+"):
        notify_contact_waits(s, source_facts(s, source_id), contact_id=contact_id, why=why, now=now)


def why_it_waits(s: Session, source_id: int, *, contact_id: int) -> str | None:
    """What excludes everybody from a waiting contact: the reason of a `Choice`, or a `SourceExclusion`.

    None if somebody is free for it.
    """
    source = source_facts(s, source_id)
    if source.why_nobody is not None:
        return source.why_nobody.value
    columns = (
        _contact.c.chat_id,
        _contact.c.needs,
        _contact.c.is_asked,
        WAITS_SINCE.label("since"),
        _MOVED_WITH_BOT,
    )
    waits = execute(s, select(*columns).where(_contact.c.id == contact_id)).one()
    asked = offers.asked_of(s, contact_id) if waits.is_asked else {}
    since = waits.since if source.has_ramps else None
    if waits.chat_id is not None:
        source = as_seen_by(source, chat_id=waits.chat_id, bot_id=waits.moved_with_bot)
    seen = replace(source, needs=tags(waits.needs), asked=asked, since=since)
    choice = choice_now(s, seen)
    return choice.reason if choice.operator is None else None


# Those that nobody had before, alike ones once; each of the others may find somebody else.
_OLDER_KINDS = (
    select(
        _contact.c.source_id,
        func.max(_contact.c.chat_id).label("chat_id"),
        _contact.c.needs,
        func.max(WAITS_SINCE).label("since"),
        _MOVED_WITH_BOT,
        case((_contact.c.is_asked, _contact.c.id)).label("asked_id"),
    )
    .where(
        *WAITS,
        _contact.c.source_id.in_(bindparam("source_ids", expanding=True)),
        tuple_(*_LINE) < tuple_(bindparam("order", type_=_contact.c.order_at.type), bindparam("than")),
    )
    .group_by(_contact.c.source_id, _contact.c.needs, _contact.c.chat_id.is_(None), _MOVED_WITH_BOT, "asked_id")
)


def older_kinds(s: Session, *, source_ids: Iterable[int], than: int) -> Iterator[SourceFacts]:
    """Sources as contacts see them that wait there and come before this one, wherever this one is.

    Without sources where nobody can get anything now.
    """
    values = {"source_ids": sorted(source_ids), "than": than, "order": priority.order_of(s, than)}
    for row in execute(s, _OLDER_KINDS, values).all():
        source, other = source_facts(s, row.source_id), row.moved_with_bot
        source = as_seen_by(source, chat_id=row.chat_id, needs=row.needs, since=row.since, bot_id=other)
        if source.why_nobody is None:
            yield source if row.asked_id is None else offers.with_asked(s, source, row.asked_id)


def first_in_line(s: Session, source_id: int) -> int | None:
    """The contact that is given out next at a source."""
    first = execute(s, _FIRST_IN_LINE, {"source_id": source_id}).one_or_none()
    return None if first is None else int(first.id)


def longest_waiting(s: Session, source_id: int) -> int | None:
    """The contact that has waited the longest at a source, whoever is given out before it."""
    of_source = select(_contact.c.id).where(*WAITS, _contact.c.source_id == source_id)
    found: int | None = s.execute(of_source.order_by(_contact.c.created_at, _contact.c.id).limit(1)).scalar()
    return found


def notify_contact_waits(s: Session, source: SourceFacts, *, contact_id: int, why: str, now: datetime) -> None:
    """Notifies admins that a contact found no operator, at most once in ten minutes for a source.

    Not while they have a message that says so already: that is brought up to date (`crm_core.routing.wait_notices`).

    Args:
        why: what excluded everybody: the reason of a `Choice`, or a `SourceExclusion`.
    """
    if s.execute(select(WaitNotice.source_id).where(WaitNotice.source_id == source.id).limit(1)).first() is not None:
        return
    alerts.notify_admins(
        s,
        cause=f"waits:{source.id}",
        code="contact_waits",
        now=now,
        bot_id=source.card_bot_id,
        contact=contact_id,
        source=source.name,
        source_id=source.id,
        why=why,
    )


def assign_more(s: Session, *, source_ids: Iterable[int], now: datetime, rng: Rng) -> Assigned:
    """The next slice of a long queue, after `MoreToAssign`.

    After the last one, admins are notified of what still waits, as they were not while it was given out.
    """
    wanted = sorted(source_ids)
    lock_team(s, wanted)
    done = assign_waiting(s, source_ids=wanted, actor=SYSTEM, now=now, rng=rng)
    if not done.goes_on:
        notify_if_some_wait(s, source_ids=wanted, now=now)
    return done


def notify_if_some_wait(s: Session, *, source_ids: Iterable[int], now: datetime) -> None:
    """Notifies admins of what still waits at these sources, once all that could be given out was, and why."""
    for source_id in sorted(source_ids):
        first = execute(s, _FIRST_IN_LINE, {"source_id": source_id}).one_or_none()
        if first is not None:
            _notify_if_nobody_is_free(s, source_id, contact_id=first.id, now=now)


def sweep(s: Session, *, now: datetime, rng: Rng) -> int:
    """Assigns what waits at any source, a slice at a time. Returns how many contacts were assigned.

    A safety net: other actions should leave nothing for it, except after a change that did not go through these
    functions, such as an UPDATE by hand, and where a process ended between two slices.
    """
    source_ids = s.execute(select(_contact.c.source_id).where(*WAITS).distinct()).scalars().all()
    lock_team(s, source_ids)
    return assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng).count

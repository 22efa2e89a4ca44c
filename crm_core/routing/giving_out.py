"""Gives contacts from the queue to operators.

`assign_waiting` is the one function that does. Its caller has locked the sources first, as does every transaction that
queues a contact or frees a place: `crm_core.routing.assignment` says why.

A long queue is given out in slices of `AT_ONCE`, each in a transaction of its own. One that leaves something to do says
so to listeners when it is committed (`MoreToAssign`), and `bot.runtime.queue_slices` goes on with `assign_more`. Until
then whoever is new waits behind the others (`queue.is_behind_others`). If the process ends in between, `sweep` goes on.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Row, Select, Text, and_, bindparam, cast, not_, or_, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor
from crm_core.messaging import card_edits, messages, outbox
from crm_core.routing import assignment, offers, queue, ramps, relief, returning, wait_alerts
from crm_core.routing.assignment import Reservation, Rng
from crm_core.routing.choose import OF_ONE_CONTACT, Choice, Exclusion
from crm_core.routing.holding_back import HoldingBack
from crm_core.routing.offers import Offer
from crm_core.routing.operator_locks import lock_team
from crm_core.routing.source_facts import WAITS, WAITS_SINCE, SourceFacts, source_facts
from crm_core.storage.database import on_commit
from crm_core.storage.execute import execute, execute_count
from crm_core.storage.tables import Contact

_contact = Contact.__table__

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
    .order_by(*queue.LINE)
    .limit(1)
)
# Those that others than the source's own bot can reach operators for.
_OLDEST_OF_OTHERS = _OLDEST.where(or_(_contact.c.chat_id.is_(None), _contact.c.first_source_id.is_not(None)))
_OLDEST_MOVED = _OLDEST.where(_contact.c.first_source_id.is_not(None))
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
    # What was moved here from another bot's source reaches those whom that bot reaches, whatever waits before it.
    slice_.fill(_OLDEST_MOVED, slice_.fill(_OLDEST_OF_OTHERS, not_in_telegram))
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
    held_back: HoldingBack = field(default_factory=HoldingBack)

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
            source = queue.as_seen_by(
                source_facts(s, oldest.source_id),
                chat_id=oldest.chat_id,
                needs=oldest.needs,
                since=oldest.since,
                bot_id=oldest.bot_id,
            )
            if oldest.is_asked:
                source = offers.with_asked(s, source, oldest.id)
            if self.given >= AT_ONCE and queue.has_room(s, source):
                self.goes_on = True
                break
            place = self._reserve(source, oldest) if source.why_nobody is None else None
            came = self._hold_back(oldest, place) if isinstance(place, Choice) else None
            is_of_one = isinstance(place, Choice) and OF_ONE_CONTACT & {why for _, why in place.excluded}
            if is_of_one or (isinstance(place, Choice) and oldest.first_source_id is not None):
                own.add(oldest.id)  # it waits for somebody else; who cannot have it may get the next one
                continue
            if not isinstance(place, Reservation):
                if came is not None:
                    # Who had as much as they get in a minute of what waited before they came may get what came later.
                    oldest_of = _came_after(oldest_of, oldest, came)
                elif place and Exclusion.NO_SKILL in {why for _, why in place.excluded}:
                    in_vain.add(f"{source.id}:{oldest.needs}")  # who lacks a skill may get what requires less
                else:
                    still.discard(source.id)
                if place and Exclusion.UNREACHABLE in {why for _, why in place.excluded}:
                    not_in_telegram.add(source.id)
                continue
            offer = offers.make(
                hours=place.hours,
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

    def _hold_back(self, contact: Row[Any], choice: Choice) -> datetime | None:
        """Records what a ramp holds back. Returns when the first came of those whom it excludes; None for nobody."""
        paced = {one for one, why in choice.excluded if why is Exclusion.RAMP}
        if not paced:
            return None
        came = ramps.first_to_come(self.s, source_id=contact.source_id, operator_ids=paced)
        if came is not None:
            self.held_back.record(self.s, contact=contact, choice=choice, came=came, now=self.now)
        return came


def _came_after(oldest_of: Select[Any], contact: Row[Any], came: datetime) -> Select[Any]:
    """The same without what has waited like this contact for all who came at that moment or later."""
    alike = (
        _contact.c.source_id == contact.source_id,
        _contact.c.needs.is_not_distinct_from(contact.needs),
        _contact.c.first_source_id.is_(None),  # those that were moved here are each looked at
    )
    return oldest_of.where(not_(and_(*alike, came > WAITS_SINCE)))


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


def assign_more(s: Session, *, source_ids: Iterable[int], now: datetime, rng: Rng) -> Assigned:
    """The next slice of a long queue, after `MoreToAssign`.

    After the last one, admins are notified of what still waits, as they were not while it was given out.
    """
    wanted = sorted(source_ids)
    lock_team(s, wanted)
    done = assign_waiting(s, source_ids=wanted, actor=SYSTEM, now=now, rng=rng)
    if not done.goes_on:
        wait_alerts.notify_if_some_wait(s, source_ids=wanted, now=now)
    return done


def sweep(s: Session, *, now: datetime, rng: Rng) -> int:
    """Assigns what waits at any source, a slice at a time. Returns how many contacts were assigned.

    A safety net: other actions should leave nothing for it, except after a change that did not go through these
    functions, such as an UPDATE by hand, and where a process ended between two slices.
    """
    source_ids = s.execute(select(_contact.c.source_id).where(*WAITS).distinct()).scalars().all()
    lock_team(s, source_ids)
    return assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng).count

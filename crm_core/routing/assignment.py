"""Giving a contact to an operator: reserve a place, store it on the contact, announce it.

Every way to an operator goes through two functions here. `reserve_operator` (or `reserve_by_hand`) takes one of the
operator's places, and `announce_assignment` records the event and queues the card with all that was said. Between them
the caller stores the operator on the contact: in a new row, or with `ASSIGNED_VALUES` in one that waited or that
somebody else held. All of it is one transaction, so these happen together or not at all.

Locks. A place is taken by one conditional UPDATE (`_CLAIM`): two transactions that chose the same operator for their
last place cannot both have it, and the second one chooses again. It also chooses again if the operator was removed,
replaced by another account or lost a chat meanwhile (`operators.reach_version`): whoever does that changes the
operator's row first and then returns what they hold, so that either they see the contact or we see the change. A limit
at one source is counted again once the place is taken (`_claim`): the operator's row is locked then, and whoever gives
them another contact waits for it. So choosing needs no lock, and a new contact takes none if somebody is free. If
nobody is, its transaction locks the source (`crm_core.storage.locks`) and chooses once more before it queues the
contact; whatever frees a place locks the sources of that operator before it looks for waiting contacts
(`crm_core.routing.queue`). So one of the two sees the other: nobody waits while somebody eligible is free.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from functools import partial
from typing import Any

from sqlalchemy import Text, and_, bindparam, case, cast, func, or_, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.events import NewEvent
from crm_core.messaging import forum_rows, messages, outbox
from crm_core.routing import given, ledger
from crm_core.routing.candidates import MOST_HELD_BY_DEFAULT, candidates, held_here
from crm_core.routing.choose import Candidate, Choice, Exclusion, choose, eligible, on_leave
from crm_core.routing.credits import may_pay, missed
from crm_core.routing.decisions import record
from crm_core.routing.offers import Offer
from crm_core.routing.source_facts import SourceFacts
from crm_core.storage.execute import execute, expect
from crm_core.storage.locks import unlock_unless_found
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Operator

Rng = Callable[[], float]
"""Where rolls come from: a number in [0, 1) at each call."""

_contact = Contact.__table__
_operator = Operator.__table__


# --- reserving a place -----------------------------------------------------------------------------------------------


# Repeats of the rules what a concurrent transaction may change, so that nobody is given a contact after they lost the
# right to it, or beyond their limit.
_STILL_CHOSEN = (
    _operator.c.is_active,
    _operator.c.is_online,
    _operator.c.on_shift,
    _operator.c.reach_version == bindparam("seen_reach"),
)
_ONE_MORE = _operator.c.current_leads + 1
_MOST_HELD = func.coalesce(_operator.c.max_held, MOST_HELD_BY_DEFAULT)
_BELOW_CEILING = _operator.c.current_leads + _operator.c.snoozed < _MOST_HELD
# Who has no rate is given contacts that nobody counts.
_ONE_MORE_GIVEN = _operator.c.given_lately + case((_operator.c.rate.is_not(None), 1), else_=0)
_WITHIN_LIMIT = (
    update(_operator)
    .where(
        _operator.c.id == bindparam("operator_id"),
        (_operator.c.current_leads - _operator.c.max_leads) * 100 < _operator.c.relief,
        _BELOW_CEILING,
        *_STILL_CHOSEN,
    )
    .values(current_leads=_ONE_MORE, given_lately=_ONE_MORE_GIVEN)
    .returning(_operator.c.current_leads, _operator.c.max_leads)
)
_CLAIM = Prepared(
    _WITHIN_LIMIT.where(or_(_operator.c.rate.is_(None), _operator.c.given_lately < _operator.c.rate)).returning(
        cast(_operator.c.hours, Text)
    )
)
# The same for a place that is not the last one; it fails where it finds something else: see `_expect_place`.
_CLAIM_EXPECTED = Prepared(
    update(_operator)
    .where(_operator.c.id == bindparam("operator_id"))
    .values(current_leads=case((and_(_operator.c.max_leads > _ONE_MORE, _BELOW_CEILING, *_STILL_CHOSEN), _ONE_MORE)))
)
_BEYOND_LIMIT = (
    update(_operator)
    .where(
        _operator.c.id == bindparam("operator_id"),
        _operator.c.removed_at.is_(None),
        _operator.c.reach_version == bindparam("seen_reach"),
        _BELOW_CEILING,
    )
    .returning(_operator.c.current_leads, _operator.c.max_leads)
)
_CLAIM_BY_HAND = _BEYOND_LIMIT.values(current_leads=_ONE_MORE, given_lately=_ONE_MORE_GIVEN)
_CLAIM_AGAIN = _BEYOND_LIMIT.values(current_leads=_ONE_MORE)
_FREE = Prepared(
    update(_operator)
    .where(_operator.c.id == bindparam("operator_id"))
    .values(current_leads=_operator.c.current_leads - 1, relief=_operator.c.relief - bindparam("less"))
)
_SLEEPING = update(_operator).where(_operator.c.id == bindparam("operator_id"))
_FREE_SLEEPING = _SLEEPING.values(snoozed=_operator.c.snoozed - 1)
_FALL_ASLEEP = _SLEEPING.values(
    snoozed=_operator.c.snoozed + 1,
    current_leads=_operator.c.current_leads - 1,
    relief=_operator.c.relief - bindparam("less"),
)
_WAKE = _SLEEPING.values(snoozed=_operator.c.snoozed - 1, current_leads=_ONE_MORE)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place of an operator that was taken for a contact.

    Attributes:
        chat_id: the operator's private chat, None where they work through the API alone.
        load, limit: of the operator, this contact counted.
        reason: `random`, `exact`, `sticky` where the client had them before, `by_hand`, or `duty` for what nobody else
            has taken.
        excluded: who could not have got the contact instead, and why.
        decision: what the choice was made from (`crm_core.routing.decisions`).
        has_rate: whether it counts for an hour in what the operator is given (`crm_core.routing.given`).
        had_waited: whether it counts for a minute, since it had waited before they came (`crm_core.routing.ramps`).
        hours: of the operator, as they are stored, where the contact may be offered (`crm_core.routing.offers`).
    """

    operator_id: int
    chat_id: int | None
    load: int
    limit: int
    reason: str
    excluded: tuple[tuple[int, Exclusion], ...] = ()
    decision: str | None = None
    has_rate: bool = False
    had_waited: bool = False
    hours: str | None = None

    def on_duty(self) -> "Reservation":
        """The same for a contact that nobody else has taken."""
        return replace(self, reason="duty")


def _reservation(chosen: Candidate, claimed: Any, choice: Choice, decision: str) -> Reservation:
    load, limit, *hours = claimed
    return Reservation(
        chosen.operator_id,
        chosen.chat_id,
        load,
        limit,
        choice.reason,
        choice.excluded,
        decision,
        chosen.rate is not None,
        chosen.had_waited,
        *hours,
    )


def _expect_place(s: Session, source: SourceFacts, chosen: Candidate) -> bool:
    """Takes a place of an operator who will have another one left, if that may be done without looking at the result.

    On PostgreSQL the UPDATE then goes to the server together with the new contact and COMMIT: a round trip less, and
    the operator's row is locked only while the server commits. Where a concurrent transaction has taken the places or
    changed the operator, the count becomes NULL, which the column forbids; nothing is stored or stays locked, and the
    action is run again. Whoever takes the last place records it (`limit_reached`), and therefore looks; so does
    whoever takes one of an operator with further limits, or in whose working hours an offer ends.
    """
    if chosen.load + 1 >= chosen.limit or chosen.limit_here is not None or chosen.rate is not None:
        return False
    if chosen.ceiling is not None or source.offer_seconds:
        return False
    return expect(s, _CLAIM_EXPECTED, _seen(chosen))


def _seen(chosen: Candidate) -> dict[str, int]:
    return {"operator_id": chosen.operator_id, "seen_reach": chosen.reach_version}


def _claim(s: Session, source: SourceFacts, chosen: Candidate) -> Any:
    """The operator's load and limit with one place more, and their hours; None if they have no such place any more.

    On PostgreSQL, what they hold from the source is counted again now that their row is locked.
    """
    claimed = execute(s, _CLAIM, _seen(chosen)).one_or_none()
    if claimed is None or chosen.limit_here is None or s.get_bind().dialect.name != "postgresql":
        return claimed
    return claimed if held_here(s, source, operator_id=chosen.operator_id) < chosen.limit_here * 100 else None


LOST_AT_MOST = 3
"""How often a place of the same operator is tried for, where others keep being faster, before they count as full."""


def reserve_operator(s: Session, source: SourceFacts, *, rng: Rng) -> Reservation | Choice:
    """Chooses an operator and takes one of their places; if another transaction was first, chooses anew.

    Where shares are exact, the caller has locked the source, and the contact is entered in its ledger.

    Returns the place, or the choice that found nobody.
    """
    lost: Counter[int] = Counter()
    credits = ledger.of_source(s, source.id) if source.is_exact else None
    while True:
        pool = candidates(s, source)  # after a lost place, as whoever was faster has left them
        if lost:
            pool = [replace(one, load=one.limit) if lost[one.operator_id] >= LOST_AT_MOST else one for one in pool]
        roll = rng()
        choice = choose(pool, roll, strategy=source.strategy, credits=credits)
        chosen = choice.operator
        if chosen is None:
            return replace(choice, decision=record(pool, strategy=source.strategy, credits=credits))
        decision = record(pool, strategy=source.strategy, roll=roll, credits=credits)
        if not lost and _expect_place(s, source, chosen):
            _enter(s, source, choice, credits, pool)
            return _reservation(chosen, (chosen.load + 1, chosen.limit), choice, decision)
        claimed = unlock_unless_found(s, partial(_claim, s, source, chosen))
        if claimed is not None:
            _enter(s, source, choice, credits, pool)
            return _reservation(chosen, claimed, choice, decision)
        lost[chosen.operator_id] += 1


def reserve_preferred(
    s: Session, source: SourceFacts, *, operator_id: int, is_charged: bool = True
) -> Reservation | None:
    """A place of one operator, as if the choice had fallen on them. None if they are not eligible, or full by now.

    Args:
        is_charged: whether they pay for it where shares are exact, unless they are too far ahead
            (`crm_core.routing.credits.FLOOR`).
    """
    pool = candidates(s, source)
    preferred = next((one for one in eligible(pool)[0] if one.operator_id == operator_id), None)
    if preferred is None:
        return None
    claimed = unlock_unless_found(s, partial(_claim, s, source, preferred))
    if claimed is None:
        return None
    credits = ledger.of_source(s, source.id) if source.is_exact and is_charged else None
    decision = record(pool, strategy=source.strategy, credits=credits, preferred=operator_id)
    choice = replace(choose(pool, 0.0), operator=preferred, reason="sticky")
    if credits is not None and may_pay(credits, choice.weights, operator_id):
        _enter(s, source, choice, credits, pool)
    return _reservation(preferred, claimed, choice, decision)


def _enter(
    s: Session, source: SourceFacts, choice: Choice, credits: Mapping[int, int] | None, pool: Sequence[Candidate]
) -> None:
    """Enters a contact in the ledger of a source with exact shares; the operator of the choice pays for it.

    Args:
        pool: everybody who was looked at: whoever is on leave misses their part.
    """
    if credits is not None and choice.operator is not None:
        payer, weights = choice.operator.operator_id, choice.weights
        ledger.pay(s, source_id=source.id, credits=credits, weights=weights, payer=payer)
        if source.credits_leave:
            ledger.miss(s, source_id=source.id, missed=missed(weights, on_leave(pool, weights)))


def reserve_by_hand(
    s: Session,
    source: SourceFacts,
    *,
    chosen: Candidate,
    beyond_limit: bool,
    is_charged: bool = False,
    former: int | None = None,
    relief: int = 0,
) -> Reservation | None:
    """A place of one operator whom an admin has chosen. None if they are full, or are not who was chosen any more.

    It counts in what they are given in an hour, though their rate does not stop it; in no minute.

    Args:
        source: of the contact.
        beyond_limit: whether the admin has confirmed that the operator may be full or switched off.
        is_charged: whether they pay for it where shares are exact; the caller has then locked the source.
        former: the operator whom the contact leaves, whose row says so already; None if it sleeps, and so is not
            counted among what they hold at the source.
        relief: what the contact took off the load of its former operator.
    """
    claimed = execute(s, _CLAIM_BY_HAND if beyond_limit else _WITHIN_LIMIT, _seen(chosen)).one_or_none()
    if claimed is None:
        return None
    pool = [_without_one_here(one, relief) if one.operator_id == former else one for one in candidates(s, source)]
    # As before this contact, but with what came of it before as that counts beside the others (`candidates`).
    everybody = [replace(chosen, asked=one.asked) if one.operator_id == chosen.operator_id else one for one in pool]
    if all(one.operator_id != chosen.operator_id for one in pool):
        # Who has no weight there can be chosen by hand alone, and misses nothing by leave.
        everybody.append(replace(chosen, weight=0, on_leave=False))
    credits = ledger.of_source(s, source.id) if source.is_exact and is_charged else None
    decision = record(
        everybody, strategy=source.strategy, credits=credits, preferred=chosen.operator_id, is_by_hand=True
    )
    choice = Choice(chosen, "by_hand", (), tuple(eligible(everybody)[0]))
    if credits is not None and may_pay(credits, choice.weights, chosen.operator_id):
        _enter(s, source, choice, credits, everybody)
    return replace(_reservation(chosen, claimed, choice, decision), had_waited=False)


def _without_one_here(one: Candidate, relief: int) -> Candidate:
    if one.limit_here is None:
        return one
    return replace(one, load_here=one.load_here - 1, relief_here=max(0, one.relief_here - relief))


def reserve_again(s: Session, *, chosen: Candidate) -> Reservation | None:
    """A place of the operator who opens a contact of theirs again, over their limits too: nothing is given to them.

    None if they are not who was chosen any more.
    """
    claimed = execute(s, _CLAIM_AGAIN, _seen(chosen)).one_or_none()
    if claimed is None:
        return None
    load, limit = claimed
    return Reservation(chosen.operator_id, chosen.chat_id, load, limit, "by_hand")


def release(s: Session, operator_id: int, *, is_sleeping: bool = False, relief: int = 0) -> None:
    """Gives back the place of a contact that left its operator.

    Args:
        is_sleeping: whether it slept: then it had no place, and counts for the ceiling alone.
        relief: what it took off their load; the caller empties it in its row.
    """
    if is_sleeping:
        execute(s, _FREE_SLEEPING, {"operator_id": operator_id})
    else:
        execute(s, _FREE, {"operator_id": operator_id, "less": relief})


def fall_asleep(s: Session, operator_id: int, *, relief: int) -> None:
    """Gives back the place of a contact that sleeps from now on, and stays its operator's; as in `release`."""
    execute(s, _FALL_ASLEEP, {"operator_id": operator_id, "less": relief})


def wake_up(s: Session, operator_id: int) -> None:
    """Takes a place for a contact that wakes with its operator, over their limit too: it was theirs all the time."""
    execute(s, _WAKE, {"operator_id": operator_id})


# --- storing it ------------------------------------------------------------------------------------------------------


_AT = bindparam("at", type_=_contact.c.assigned_at.type)
_OFFERED, _OFFER_ENDS = _contact.c.offered_at.type, _contact.c.offer_ends_at.type
ASSIGNED_VALUES = {
    "operator_id": bindparam("to_operator"),
    "offered_at": bindparam("offered", type_=_OFFERED),
    "offer_ends_at": bindparam("offer_ends", type_=_OFFER_ENDS),
    "version": _contact.c.version + 1,
    "queued_at": None,
    "order_at": None,
    "assigned_at": func.coalesce(_contact.c.assigned_at, _AT),
    "current_assigned_at": _AT,
    "needs": None,
    "drops_at": None,
    "wakes_at": None,
    "relief": 0,
}
"""What an UPDATE of a contact sets when it gets an operator: parameters `to_operator`, and `at`, the moment.

`offered` and `offer_ends` are NULL unless it is only offered (`crm_core.routing.offers`).
"""


# --- announcing it ---------------------------------------------------------------------------------------------------


def announce_assignment(
    s: Session,
    *,
    contact_id: int,
    source: SourceFacts,
    place: Reservation,
    actor: str,
    now: datetime,
    said: Sequence[messages.Original],
    offer: Offer | None = None,
    also: Sequence[outbox.OutboxEntry] = (),
    happened: Sequence[NewEvent] = (),
) -> None:
    """Records an assignment and queues the card with everything said so far, in order.

    Args:
        said: the client's messages; the first is on the card if it fits there.
        offer: where it is only offered.
        also, happened: rows and events of the same action, written in the same statements.
    """
    if place.has_rate or place.had_waited:
        given.count(s, contact_id=contact_id, operator_id=place.operator_id, now=now, had_waited=place.had_waited)
    is_full = place.load >= place.limit
    reached = [NewEvent(events.LIMIT_REACHED, now, events.SYSTEM, operator_id=place.operator_id)] if is_full else []
    offered = [] if offer is None else [offer.event(contact_id, source.id, place.operator_id)]
    events.record(s, [*happened, assigned(contact_id, source, place, actor=actor, now=now), *offered, *reached])
    forum = forum_rows.entry(contact_id, bot_id=source.forum_bot_id, chat_id=source.forum_chat_id)
    outbox.add(s, [*_to_operator(contact_id, source, place, said), *also, *forum], now=now)


def assigned(contact_id: int, source: SourceFacts, place: Reservation, *, actor: str, now: datetime) -> NewEvent:
    """The event that a contact has an operator."""
    return NewEvent(
        events.CONTACT_ASSIGNED,
        now,
        actor,
        contact_id=contact_id,
        source_id=source.id,
        operator_id=place.operator_id,
        reason=place.reason,
        data=_by_reason(place.excluded),
        decision=place.decision,
    )


def _by_reason(excluded: Sequence[tuple[int, Exclusion]]) -> dict[str, list[int]] | None:
    """Operators by what excluded them: statistics explain with it why shares are not as planned."""
    if not excluded:
        return None
    found: dict[str, list[int]] = {}
    for operator_id, why in excluded:
        found.setdefault(why.value, []).append(operator_id)
    return found


def _to_operator(
    contact_id: int, source: SourceFacts, place: Reservation, said: Sequence[messages.Original]
) -> list[outbox.OutboxEntry]:
    """The card and what does not fit on it; nothing for an operator who works through the API alone."""
    if place.chat_id is None or source.card_bot_id is None:
        return []
    card = outbox.OutboxEntry(outbox.CARD, source.card_bot_id, place.chat_id, contact_id)
    return [card, *messages.copies(said, contact_id=contact_id, bot_id=source.card_bot_id, chat_id=place.chat_id)]

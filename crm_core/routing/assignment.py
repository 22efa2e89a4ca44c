"""Giving a contact to an operator: choose, claim his place, announce. Every path that assigns goes through here."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

from sqlalchemy import and_, bindparam, func, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.errors import OperatorNotFound, SourceNotFound
from crm_core.events import NewEvent
from crm_core.messaging import alerts, messages, outbox
from crm_core.routing import choose
from crm_core.routing.choose import Candidate, Choice
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Bot, Operator, Source, Staff, StaffChat, Weight

Rng = Callable[[], float]
"""Where rolls come from: a number in [0, 1) at each call."""

_operator = Operator.__table__
_weight = Weight.__table__

_SEEN = (
    _operator.c.id,
    _weight.c.weight,
    _operator.c.current_leads,
    _operator.c.max_leads,
    _operator.c.is_active,
    _operator.c.is_online,
    StaffChat.is_reachable,
    _weight.c.dealt,
    Staff.telegram_id,
)
_CANDIDATES = Prepared(
    select(*_SEEN)
    .select_from(_weight)
    .join(_operator, _operator.c.id == _weight.c.operator_id)
    .outerjoin(Staff, Staff.operator_id == _operator.c.id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == bindparam("bot_id")))
    .where(_weight.c.source_id == bindparam("source_id"), _operator.c.removed_at.is_(None))
    .order_by(_weight.c.operator_id)  # as they come by the key of weights, so that nothing is sorted
)

_CLAIM = Prepared(
    update(_operator)
    .where(
        _operator.c.id == bindparam("operator_id"),
        _operator.c.is_active,
        _operator.c.current_leads < _operator.c.max_leads,
    )
    .values(current_leads=_operator.c.current_leads + 1)
    .returning(_operator.c.current_leads, _operator.c.max_leads, _operator.c.name)
)
_CLAIM_BY_HAND = (
    update(_operator)
    .where(_operator.c.id == bindparam("operator_id"), _operator.c.removed_at.is_(None))
    .values(current_leads=_operator.c.current_leads + 1)
    .returning(_operator.c.current_leads, _operator.c.max_leads, _operator.c.name)
)
_FREE = Prepared(
    update(_operator)
    .where(_operator.c.id == bindparam("operator_id"))
    .values(current_leads=_operator.c.current_leads - 1)
)
_DEALT = Prepared(
    update(_weight)
    .where(_weight.c.source_id == bindparam("at_source"), _weight.c.operator_id == bindparam("to_operator"))
    .values(dealt=_weight.c.dealt + 1)
)


@dataclass(frozen=True, slots=True)
class SourceFacts:
    """What deciding needs of a source.

    Attributes:
        bot_id: the source's own bot, None for another system.
        speaker_id: the bot that talks to operators about its contacts: the source's own, else the first.
    """

    id: int
    name: str
    strategy: str
    bot_id: int | None
    speaker_id: int | None
    is_active: bool = True


_FIRST_BOT = select(Bot.id).order_by(Bot.position).limit(1).scalar_subquery()
_SOURCE = Prepared(
    select(
        Source.id,
        Source.name,
        Source.strategy,
        Source.bot_id,
        func.coalesce(Source.bot_id, _FIRST_BOT),
        Source.is_active,
    ).where(Source.id == bindparam("source_id"))
)


def source_facts(s: Session, source_id: int) -> SourceFacts:
    """A source as deciding sees it. Raises SourceNotFound."""
    row = execute(s, _SOURCE, {"source_id": source_id}).one_or_none()
    if row is None:
        raise SourceNotFound(name=str(source_id), close=[])
    return SourceFacts(*row)


def candidates(s: Session, source: SourceFacts) -> list[Candidate]:
    """Everybody with a weight at a source, as he stands now."""
    rows = execute(s, _CANDIDATES, {"source_id": source.id, "bot_id": source.speaker_id or 0})
    return [_candidate(row, source) for row in rows]


def _candidate(row: Sequence[Any], source: SourceFacts) -> Candidate:
    operator_id, weight, load, limit, is_active, is_online, is_reachable, dealt, telegram_id = row
    # Who has no Telegram account works through the API, and can do so for sources that are no bot.
    reachable = bool(is_reachable) or (telegram_id is None and source.bot_id is None)
    return Candidate(
        operator_id, weight, load, limit, is_active, is_online, reachable, dealt, telegram_id if is_reachable else None
    )


@dataclass(frozen=True, slots=True)
class Eligibility:
    """An operator with a weight at a source.

    Attributes:
        why_not: what keeps him from getting its next contact; None if nothing does.
    """

    source_id: int
    operator_id: int
    why_not: str | None


_SPEAKER = func.coalesce(Source.bot_id, _FIRST_BOT)
_EVERYWHERE = (
    select(*_SEEN, Source.id, Source.name, Source.strategy, Source.bot_id, _SPEAKER, Source.is_active)
    .select_from(_weight)
    .join(_operator, _operator.c.id == _weight.c.operator_id)
    .join(Source, Source.id == _weight.c.source_id)
    .outerjoin(Staff, Staff.operator_id == _operator.c.id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == _SPEAKER))
    .where(_operator.c.removed_at.is_(None))
    .order_by(Source.id, _operator.c.id)
)


def eligibilities(s: Session) -> list[Eligibility]:
    """Who could get a contact of which source now, and why the others could not (`source_off`: nobody can there)."""
    found = []
    for row in execute(s, _EVERYWHERE):
        source = SourceFacts(*row[len(_SEEN) :])
        candidate = _candidate(row[: len(_SEEN)], source)
        why_not = choose.exclusion(candidate) if source.is_active else "source_off"
        found.append(Eligibility(source.id, candidate.operator_id, why_not))
    return found


@dataclass(frozen=True, slots=True)
class NamedCandidate:
    """One operator as a source sees him, with his name."""

    candidate: Candidate
    name: str


_ONE = (
    select(
        _operator.c.id,
        func.coalesce(_weight.c.weight, 1),
        _operator.c.current_leads,
        _operator.c.max_leads,
        _operator.c.is_active,
        _operator.c.is_online,
        StaffChat.is_reachable,
        func.coalesce(_weight.c.dealt, 0),
        Staff.telegram_id,
        _operator.c.name,
    )
    .select_from(_operator)
    .outerjoin(_weight, and_(_weight.c.operator_id == _operator.c.id, _weight.c.source_id == bindparam("source_id")))
    .outerjoin(Staff, Staff.operator_id == _operator.c.id)
    .outerjoin(StaffChat, and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == bindparam("bot_id")))
    .where(_operator.c.id == bindparam("operator_id"), _operator.c.removed_at.is_(None))
)


def one_candidate(s: Session, source: SourceFacts, *, operator_id: int) -> NamedCandidate:
    """An operator whom an admin has chosen; by hand, no weight is needed. Raises OperatorNotFound."""
    values = {"source_id": source.id, "bot_id": source.speaker_id or 0, "operator_id": operator_id}
    row = execute(s, _ONE, values).one_or_none()
    if row is None:
        raise OperatorNotFound(name=str(operator_id), close=[])
    return NamedCandidate(_candidate(row[:-1], source), row.name)


@dataclass(frozen=True, slots=True)
class Reservation:
    """A place that was claimed for a contact. `excluded` is who could not have got it instead, and why."""

    operator_id: int
    chat_id: int | None
    load: int
    limit: int
    name: str
    reason: str
    excluded: tuple[tuple[int, choose.Exclusion], ...] = ()


def _reservation(operator_id: int, chat_id: int | None, claimed: Sequence[Any], choice: Choice | None) -> Reservation:
    load, limit, name = claimed
    if choice is None:
        return Reservation(operator_id, chat_id, load, limit, name, "by_hand")
    return Reservation(operator_id, chat_id, load, limit, name, choice.reason, choice.excluded)


def reserve_operator(s: Session, source: SourceFacts, *, rng: Rng) -> Reservation | Choice:
    """Chooses an operator and claims his place; where another transaction took it first, chooses again without him.

    Returns the place, or the choice that found nobody.
    """
    pool = candidates(s, source)
    while True:
        choice = choose.choose(pool, rng(), strategy=source.strategy)
        if choice.operator is None:
            return choice
        chosen = choice.operator
        claimed = execute(s, _CLAIM, {"operator_id": chosen.operator_id}).one_or_none()
        if claimed is not None:
            if source.strategy == "exact":
                execute(s, _DEALT, {"at_source": source.id, "to_operator": chosen.operator_id})
            return _reservation(chosen.operator_id, chosen.chat_id, claimed, choice)
        pool = [replace(one, load=one.limit) if one.operator_id == chosen.operator_id else one for one in pool]


def reserve_by_hand(s: Session, *, operator_id: int, chat_id: int | None, beyond_limit: bool) -> Reservation | None:
    """A place of one operator whom an admin has chosen. None if he is gone, or has none free.

    Args:
        beyond_limit: whether the admin has confirmed that he may be full or switched off.
    """
    claimed = execute(s, _CLAIM_BY_HAND if beyond_limit else _CLAIM, {"operator_id": operator_id}).one_or_none()
    return None if claimed is None else _reservation(operator_id, chat_id, claimed, None)


def release(s: Session, operator_id: int) -> None:
    """Gives back the place of a contact that left its operator."""
    execute(s, _FREE, {"operator_id": operator_id})


def _kept_out(excluded: Sequence[tuple[int, choose.Exclusion]]) -> dict[str, list[int]] | None:
    """Operators by what kept them out: statistics tell from it why shares are not as planned."""
    if not excluded:
        return None
    found: dict[str, list[int]] = {}
    for operator_id, why in excluded:
        found.setdefault(why.value, []).append(operator_id)
    return found


def announce_assignment(
    s: Session,
    *,
    contact_id: int,
    source: SourceFacts,
    place: Reservation,
    actor: str,
    now: datetime,
    said: Sequence[messages.Original],
    also: Sequence[outbox.OutboxEntry] = (),
    happened: Sequence[NewEvent] = (),
) -> None:
    """Records an assignment and queues the card with everything said so far, in order.

    Args:
        said: the client's messages; the first is on the card if it fits there.
        also, happened: rows and events of the same action, written in the same statements.
    """
    assigned = NewEvent(
        events.CONTACT_ASSIGNED,
        now,
        actor,
        contact_id=contact_id,
        source_id=source.id,
        operator_id=place.operator_id,
        reason=place.reason,
        data=_kept_out(place.excluded),
    )
    record = [*happened, assigned]
    if place.load >= place.limit:
        record.append(NewEvent(events.LIMIT_REACHED, now, events.SYSTEM, operator_id=place.operator_id))
    events.record(s, record)
    sends: list[outbox.OutboxEntry] = []
    if place.chat_id is not None and source.speaker_id is not None:
        sends.append(outbox.OutboxEntry(outbox.CARD, source.speaker_id, place.chat_id, contact_id))
        sends += messages.copies(said, contact_id=contact_id, bot_id=source.speaker_id, chat_id=place.chat_id)
    outbox.add(s, [*sends, *also], now=now)
    if place.load >= place.limit:
        alerts.notify_admins(
            s,
            cause=f"limit:{place.operator_id}",
            code="limit_reached",
            now=now,
            bot_id=source.speaker_id,
            operator=place.name,
            load=place.load,
            limit=place.limit,
        )

"""Reading candidates: operators as a source sees them, for a choice, for an assignment by hand and for the metrics.

What a candidate is read from is defined once, by name (`_columns`), and three queries share it. Rows are read by these
names too, so that a new column has no place to be aligned with.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, reduce
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Integer,
    Select,
    Text,
    and_,
    bindparam,
    case,
    cast,
    func,
    or_,
    select,
    text,
    type_coerce,
)
from sqlalchemy.orm import Session

from crm_core.access.serving import SPEAKER
from crm_core.errors import OperatorNotFound
from crm_core.routing import ramps
from crm_core.routing.choose import (
    NOTHING,
    TIMES_LIMIT,
    Asked,
    Candidate,
    Exclusion,
    SourceExclusion,
    exclusion,
)
from crm_core.routing.skills import tags
from crm_core.routing.source_facts import SOURCE_COLUMNS, SourceFacts, facts_from
from crm_core.storage.execute import execute, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Contact, Operator, Source, Staff, StaffChat, Weight

_operator = Operator.__table__
_weight = Weight.__table__


def _flag(column: Any, name: str) -> ColumnElement[Any]:
    """A boolean column as SQLite has it, 0 or 1: three conversions in each row take longer than all the rules."""
    return type_coerce(column, Integer).label(name)


# Counted only for whoever has a limit at the source: the others cost nothing.
def _here(counted: Any, condition: Any) -> ColumnElement[Any]:
    there = (
        Contact.operator_id == _operator.c.id,
        Contact.source_id == _weight.c.source_id,
        text("contacts.status <> 'closed'"),
        Contact.wakes_at.is_(None),
    )
    return case((condition, select(counted).where(*there).correlate(_operator, _weight).scalar_subquery()), else_=0)


MOST_HELD_BY_DEFAULT = TIMES_LIMIT * case((_operator.c.max_leads > 0, _operator.c.max_leads), else_=1)
"""The ceiling of an operator for whom none is set, in SQL (`crm_core.routing.choose.ceiling_of`)."""

_HELD_HERE = _here(func.count(), _weight.c.limit.is_not(None))
_RELIEF_HERE = _here(
    func.coalesce(func.sum(Contact.relief), 0), and_(_weight.c.limit.is_not(None), _operator.c.relief > 0)
)


def _joined(*numbers: Any) -> ColumnElement[Any]:
    """Whole numbers in one text: a column more of each row costs more than the rules of most."""
    first, *others = (cast(number, Text) for number in numbers)
    return reduce(lambda text, number: text + " " + number, others, first)


# Of whoever has a ceiling that can matter, or contacts that count less; NULL for most.
_FURTHER = case(
    (
        or_(
            _operator.c.snoozed > 0,
            _operator.c.relief > 0,
            _operator.c.max_held.is_not(None),
            _operator.c.current_leads >= MOST_HELD_BY_DEFAULT,
        ),
        _joined(
            _operator.c.current_leads + _operator.c.snoozed,
            func.coalesce(_operator.c.max_held, MOST_HELD_BY_DEFAULT),
            _operator.c.relief,
            _RELIEF_HERE,
        ),
    )
)


def _columns(*, weight: Any = _weight.c.weight) -> list[ColumnElement[Any]]:
    """What `_candidate` reads, by name.

    Args:
        weight: where an operator may have none at the source, what counts instead.
    """
    return [
        _operator.c.id.label("operator_id"),
        weight.label("weight"),
        _operator.c.current_leads.label("load"),
        _operator.c.max_leads.label("limit"),
        _flag(_operator.c.is_active, "is_active"),
        _flag(_operator.c.is_online, "is_online"),
        _flag(_operator.c.on_shift, "is_on_shift"),
        _flag(_operator.c.on_leave, "is_on_leave"),
        _flag(StaffChat.is_reachable, "has_chat"),
        Staff.telegram_id,
        _operator.c.reach_version,
        _HELD_HERE.label("load_here"),
        _weight.c.limit.label("limit_here"),
        _operator.c.given_lately.label("last_hour"),
        _operator.c.rate,
        _operator.c.skills,
        _FURTHER.label("further"),
    ]


def _candidate(row: Any, source: SourceFacts) -> Candidate:
    # Who has no Telegram account works through the API, and can do so for sources that are no bot.
    is_reachable = bool(row.has_chat) or (row.telegram_id is None and source.bot_id is None)
    # Not by keywords, which take twice as long; a test compares each field with what was stored.
    found = Candidate(
        row.operator_id,
        row.weight,
        row.load,
        row.limit,
        row.is_active,
        row.is_online,
        is_reachable,
        row.telegram_id if row.has_chat else None,
        row.reach_version,
        source.client_chat is not None and row.telegram_id == source.client_chat,
        row.is_on_shift,
        row.load_here,
        row.limit_here,
        row.last_hour,
        row.rate,
        source.needs - tags(row.skills) if source.needs else NOTHING,
        source.asked.get(row.operator_id) if source.asked else None,
    )
    if row.is_on_leave and source.credits_leave:
        found.on_leave = True
    if row.further is not None:
        found.held, found.ceiling, found.relief, found.relief_here = _numbers(row.further)
    return found


@lru_cache(maxsize=10_000)
def _numbers(joined: str) -> tuple[int, ...]:
    """What `_joined` has made one text of; kept, since of ten operators nine are as they were at the choice before."""
    return tuple(map(int, joined.split()))


def _with_chats(operators: Any, speaker: ColumnElement[Any]) -> Any:
    """Operators joined with their account, and with their chat with the bot that would send them the contact."""
    chat = and_(StaffChat.telegram_id == Staff.telegram_id, StaffChat.bot_id == speaker)
    return operators.outerjoin(Staff, Staff.operator_id == _operator.c.id).outerjoin(StaffChat, chat)


_WEIGHTED = _weight.join(_operator, _operator.c.id == _weight.c.operator_id).join(
    Source, Source.id == _weight.c.source_id
)
_AT_SOURCE = bindparam("source_id", type_=_weight.c.source_id.type)


def _at(source_id: ColumnElement[int], speaker: ColumnElement[Any] = SPEAKER) -> Select[*tuple[Any, ...]]:
    return (
        select(*_columns())
        .select_from(_with_chats(_WEIGHTED, speaker))
        .where(_weight.c.source_id == source_id, _operator.c.removed_at.is_(None))
        .order_by(_weight.c.operator_id)  # in the order of the key of weights, so that nothing is sorted
    )


# PostgreSQL would compare the parameter with its statistics of weights, and often plan this query anew at every
# execution, which takes longer than all other statements of a registration. Behind a SELECT it does not look at it.
_CANDIDATES = Prepared(_at(_AT_SOURCE), on_postgresql=_at(select(_AT_SOURCE).scalar_subquery()))
_CANDIDATES_OF_OTHER_BOT = _at(_AT_SOURCE, bindparam("bot_id", type_=Source.bot_id.type))


def prefetch_candidates(s: Session, source_id: int) -> None:
    """Announces `candidates`, so that its query needs no round trip of its own."""
    prefetch(s, _CANDIDATES, {"source_id": source_id})


def candidates(s: Session, source: SourceFacts) -> list[Candidate]:
    """Every operator with a weight at a source, as they stand now."""
    at = {"source_id": source.id}
    if source.has_other_bot:
        rows: Iterable[Any] = execute(s, _CANDIDATES_OF_OTHER_BOT, {**at, "bot_id": source.card_bot_id})
    else:
        rows = execute(s, _CANDIDATES, at)
    found = _paced(s, source, [_candidate(row, source) for row in rows])
    return found if not source.asked else [with_others(one, found) for one in found]


def _paced(s: Session, source: SourceFacts, found: list[Candidate]) -> list[Candidate]:
    """The same with what a ramp asks of them, where the contact has waited and ramps are counted."""
    if source.since is None:
        return found
    return ramps.paced(s, found, source_id=source.id, since=source.since, ramp=source.ramp)


def with_others(candidate: Candidate, everybody: Sequence[Candidate]) -> Candidate:
    """Who gave a contact back gets it again where nobody else is there for it, now or as soon as they have room."""
    if candidate.asked is not Asked.RETURNED:
        return candidate
    gone = (Asked.REFUSED, Asked.RETURNED)  # who will not get it either
    others = (one for one in everybody if one.operator_id != candidate.operator_id and one.asked not in gone)
    unbounded: dict[str, Any] = {"limit_here": None, "rate": None, "ramp": None, "ceiling": None, "asked": None}
    with_room = (replace(one, load=0, limit=1, **unbounded) for one in others)
    is_somebody_there = any(exclusion(one) is None for one in with_room)
    return candidate if is_somebody_there else replace(candidate, asked=None)


_HELD_HERE_BY_ONE = Prepared(
    select(func.count() * 100 - func.coalesce(func.sum(Contact.relief), 0)).where(
        Contact.operator_id == bindparam("operator_id"),
        Contact.source_id == bindparam("source_id"),
        text("contacts.status <> 'closed'"),
        Contact.wakes_at.is_(None),
    )
)


def held_here(s: Session, source: SourceFacts, *, operator_id: int) -> int:
    """What the open contacts of a source count in an operator's load, in hundredths."""
    found: int = execute(s, _HELD_HERE_BY_ONE, {"source_id": source.id, "operator_id": operator_id}).scalar_one()
    return found


@dataclass(frozen=True, slots=True)
class NamedCandidate:
    """One operator as a source sees them, with their name."""

    candidate: Candidate
    name: str


_EVERYBODY = (
    select(*_columns(weight=func.coalesce(_weight.c.weight, 1)))
    .add_columns(_operator.c.name)
    .select_from(
        _with_chats(
            _operator.outerjoin(
                _weight, and_(_weight.c.operator_id == _operator.c.id, _weight.c.source_id == bindparam("source_id"))
            ),
            bindparam("bot_id"),
        )
    )
    .where(_operator.c.removed_at.is_(None))
    .order_by(_operator.c.name, _operator.c.id)
)
_ONE = Prepared(_EVERYBODY.where(_operator.c.id == bindparam("operator_id")))


_NAMES = select(Operator.id, Operator.name).where(Operator.id.in_(bindparam("ids", expanding=True)))


def operator_names(s: Session, ids: Iterable[int]) -> dict[int, str]:
    """The names of these operators by id, removed ones included."""
    return {row.id: row.name for row in execute(s, _NAMES, {"ids": sorted(set(ids))})}


def one_candidate(s: Session, source: SourceFacts, *, operator_id: int) -> NamedCandidate:
    """An operator whom an admin has chosen; by hand, no weight is needed. Raises OperatorNotFound."""
    values = {"source_id": source.id, "bot_id": source.card_bot_id or 0, "operator_id": operator_id}
    row = execute(s, _ONE, values).one_or_none()
    if row is None:
        raise OperatorNotFound(name=str(operator_id), close=[])
    (candidate,) = _paced(s, source, [_candidate(row, source)])
    return NamedCandidate(candidate, row.name)


def everybody(s: Session, source: SourceFacts) -> list[NamedCandidate]:
    """All operators, by name, each as `one_candidate` has them."""
    rows = execute(s, _EVERYBODY, {"source_id": source.id, "bot_id": source.card_bot_id or 0})
    return [NamedCandidate(_candidate(row, source), row.name) for row in rows]


@dataclass(frozen=True, slots=True)
class Eligibility:
    """An operator with a weight at a source.

    Attributes:
        why_not: what excludes them from its next contact; None if nothing does.
    """

    source_id: int
    operator_id: int
    why_not: Exclusion | SourceExclusion | None


_EVERYWHERE = Prepared(
    select(*_columns(), *SOURCE_COLUMNS)
    .select_from(_with_chats(_WEIGHTED, SPEAKER))
    .where(_operator.c.removed_at.is_(None))
    .order_by(Source.id, _operator.c.id)
)


def eligibilities(s: Session) -> list[Eligibility]:
    """Who could get a contact of which source now, and why the others could not (a `SourceExclusion`: nobody can)."""
    found = []
    for row in execute(s, _EVERYWHERE):
        source = facts_from(row, bot_id=row.bot_id, card_bot_id=row.card_bot_id)
        candidate = _candidate(row, source)
        why_not = source.why_nobody or exclusion(candidate)
        found.append(Eligibility(source.id, candidate.operator_id, why_not))
    return found

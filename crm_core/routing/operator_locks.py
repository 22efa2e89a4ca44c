"""Locks of operators, for every action that changes who an operator is or frees and fills places of several operators.

Their order, and the order of all other locks, is in `crm_core.storage.locks`. On SQLite there is nothing to lock.
"""

from collections.abc import Collection, Iterable

from sqlalchemy import BindParameter, bindparam, exists, or_, select, text, update
from sqlalchemy.orm import Session

from crm_core.routing.source_facts import WAITS
from crm_core.storage.execute import Savepoint, execute
from crm_core.storage.locks import lock_sources
from crm_core.storage.prepared import Prepared, PreparedForIds
from crm_core.storage.tables import Contact, Operator, Weight

_operator, _weight, _contact = Operator.__table__, Weight.__table__, Contact.__table__

_SOURCES_WORKED_AT = PreparedForIds(lambda ids: select(_weight.c.source_id).where(_weight.c.operator_id.in_(ids)))
_SOURCES_HELD = PreparedForIds(
    lambda ids: select(_contact.c.source_id).where(_contact.c.operator_id.in_(ids), text("contacts.status <> 'closed'"))
)
_WORKED_AT_BY_ONE = Prepared(select(_weight.c.source_id).where(_weight.c.operator_id == bindparam("operator_id")))

_at_sources: BindParameter[list[int]] = bindparam("source_ids", expanding=True)
_SOMETHING_WAITS = exists().where(*WAITS, _contact.c.source_id.in_(_at_sources))
_TEAM = select(_weight.c.operator_id).where(_weight.c.source_id.in_(_at_sources))
# Sorted, so that rows are locked in rising order; FOR NO KEY UPDATE, which foreign keys do not wait for.
_LOCKED = select(_operator.c.id).order_by(_operator.c.id).with_for_update(key_share=True)
_LOCK_TEAM = _LOCKED.where(
    or_(_operator.c.id.in_(bindparam("ids", expanding=True)), _operator.c.id.in_(_TEAM)),
)
_LOCK_TEAM_IF_NEEDED = _LOCKED.where(
    or_(_operator.c.id.in_(bindparam("ids", expanding=True)), _operator.c.id.in_(_TEAM) & _SOMETHING_WAITS),
)
_CHANGE_REACH = Prepared(
    update(_operator)
    .where(_operator.c.id == bindparam("operator_id"))
    .values(reach_version=_operator.c.reach_version + 1)
)


def hold_operators(
    s: Session, operator_ids: Collection[int], *, gives_back: bool = False, also: Iterable[int] = ()
) -> set[int]:
    """Keeps operators, their places and their sources as they are until this transaction ends.

    Locks every source where one of them works, then their rows. Nobody else can then give them a contact, take a place
    of theirs, let another account take them over, or give them a weight at another source. If contacts may be assigned
    afterwards, to whoever works at these sources, their rows are locked, too.

    Args:
        gives_back: whether their contacts may go back to the queue: the sources of these are locked and returned, too.
        also: ids of further sources to lock.

    Returns the ids of all these sources. What the caller read before is to be read again.
    """
    wanted = {*also, *_sources_of(s, operator_ids, gives_back=gives_back)}
    if s.get_bind().dialect.name != "postgresql":
        return wanted
    while True:
        # Sources that were added while we waited must be locked before any row, in their order: with a savepoint, all
        # locks are given back and taken anew.
        attempt = Savepoint(s)
        lock_sources(s, wanted)
        _lock_rows(s, wanted, operator_ids, always=gives_back)
        now_wanted = wanted | set(_sources_of(s, operator_ids, gives_back=gives_back))
        if now_wanted == wanted:
            attempt.commit()
            return wanted
        attempt.rollback()
        wanted = now_wanted


def lock_team(s: Session, source_ids: Collection[int], *, operator_ids: Collection[int] = ()) -> None:
    """Locks these sources, and everybody who works there if a contact waits at one of them.

    Whoever assigns several waiting contacts takes places of several operators; in no fixed order, two such transactions
    could wait for each other.

    Args:
        operator_ids: who else is locked, in any case.
    """
    if s.get_bind().dialect.name == "postgresql" and source_ids:
        lock_sources(s, source_ids)
        _lock_rows(s, source_ids, operator_ids)


def change_reach(s: Session, operator_id: int) -> None:
    """Notes that an operator was removed, replaced or lost a chat.

    Whoever chose them for a contact before does not get the place (see `assignment.reserve_operator`).
    """
    execute(s, _CHANGE_REACH, {"operator_id": operator_id})


def _sources_of(s: Session, operator_ids: Collection[int], *, gives_back: bool) -> Iterable[int]:
    if not gives_back and len(operator_ids) == 1:
        (operator_id,) = operator_ids
        return execute(s, _WORKED_AT_BY_ONE, {"operator_id": operator_id}).scalars().all()
    if not operator_ids:
        return ()
    worked_at = execute(s, _SOURCES_WORKED_AT, {"ids": sorted(operator_ids)}).scalars().all()
    held = execute(s, _SOURCES_HELD, {"ids": sorted(operator_ids)}).scalars().all() if gives_back else ()
    return {*worked_at, *held}


def _lock_rows(s: Session, source_ids: Collection[int], operator_ids: Collection[int], *, always: bool = False) -> None:
    values = {"ids": sorted(operator_ids), "source_ids": sorted(source_ids)}
    execute(s, _LOCK_TEAM if always else _LOCK_TEAM_IF_NEEDED, values).all()

"""The credits of operators at sources with exact shares, as they are stored: one row for each operator and source.

Whoever changes a ledger holds the lock of its source (`crm_core.storage.locks.lock_sources`), so that no two draws are
made from the same credits. Changes take effect with the contact that caused them, or not at all. Sources that choose at
random leave their ledger as it is.
"""

from collections.abc import Mapping

from sqlalchemy import bindparam, case, delete, select, update
from sqlalchemy.orm import Session

from crm_core.routing import credits as arithmetic
from crm_core.routing.decisions import Decision
from crm_core.storage.execute import execute
from crm_core.storage.prepared import Prepared, prepared_upsert
from crm_core.storage.tables import Credit, Source

_credit = Credit.__table__

_OF_SOURCE = Prepared(
    select(_credit.c.operator_id, _credit.c.credit).where(_credit.c.source_id == bindparam("source_id"))
)
_STORE = prepared_upsert(
    _credit,
    lambda row: row.on_conflict_do_update(
        index_elements=["source_id", "operator_id"], set_={"credit": row.excluded.credit}
    ),
)


def of_source(s: Session, source_id: int) -> dict[int, int]:
    """The credits at a source by operator, of everybody who ever had a weight there and was not removed."""
    return dict(execute(s, _OF_SOURCE, {"source_id": source_id}).all())


_EVERYWHERE = select(_credit.c.source_id, _credit.c.operator_id, _credit.c.credit)


def everywhere(s: Session) -> dict[tuple[int, int], int]:
    """All credits, by source and operator."""
    return {(row.source_id, row.operator_id): row.credit for row in execute(s, _EVERYWHERE)}


_JOIN = prepared_upsert(_credit, lambda newcomer: newcomer.on_conflict_do_nothing())


def join(s: Session, *, source_id: int, operator_id: int) -> None:
    """A newcomer starts at 0; who was at the source before goes on where they were."""
    execute(s, _JOIN, _row(source_id, operator_id, 0))


def pay(s: Session, *, source_id: int, credits: Mapping[int, int], weights: Mapping[int, int], payer: int) -> None:
    """Enters a drawn contact: the eligible operators earn by weight, and its operator pays for it.

    Args:
        credits: of the source, read under its lock.
        weights: of the eligible operators, the payer among them.
    """
    _store(s, source_id, arithmetic.paid(credits, weights, payer))


def miss(s: Session, *, source_id: int, missed: Mapping[int, int], sign: int = 1) -> None:
    """Notes what operators on leave have missed by a contact, or takes it back (`sign` -1).

    What was settled since, as somebody is back, stays settled. The caller holds the lock of the source.
    """
    if missed:
        values = [{"source": source_id, "operator": one, "more": sign * part} for one, part in sorted(missed.items())]
        execute(s, _MISS, values)


def grant(s: Session, *, operator_id: int) -> None:
    """An operator is back from leave: what they missed is credited at each source, up to what that allows.

    The others pay it in equal parts, so that the sum of the source stays 0. The caller holds the locks of `sources_of`
    this operator.
    """
    for row in execute(s, _MISSED, {"operator_id": operator_id}).all():
        credits = of_source(s, row.source_id)
        due = min(row.missed, row.catch_up * arithmetic.UNIT)
        others = sorted(credits.keys() - {operator_id})
        if due and others:
            paid = arithmetic.spread(-due, others)
            after = {one: credits[one] + part for one, part in paid.items()}
            _store(s, row.source_id, {**after, operator_id: credits[operator_id] + due})
        execute(s, _SETTLE, {"operator": operator_id, "source": row.source_id})


_MISS = (
    update(_credit)
    .where(_credit.c.source_id == bindparam("source"), _credit.c.operator_id == bindparam("operator"))
    .values(missed=case((_credit.c.missed + bindparam("more") > 0, _credit.c.missed + bindparam("more")), else_=0))
)
_MISSED = (
    select(_credit.c.source_id, _credit.c.missed, Source.catch_up)
    .join(Source, Source.id == _credit.c.source_id)
    .where(_credit.c.operator_id == bindparam("operator_id"), _credit.c.missed > 0)
    .order_by(_credit.c.source_id)
)
_SETTLE = (
    update(_credit)
    .where(_credit.c.source_id == bindparam("source"), _credit.c.operator_id == bindparam("operator"))
    .values(missed=0)
)


def undo(s: Session, *, source_id: int, decision: Decision) -> None:
    """Takes back what a decision changed, whose offer came to nothing: it costs nobody and earns nobody anything.

    What it had changed for operators who were removed since is spread like the rest of their credits was.

    Args:
        decision: from the text of its event; the caller holds the lock of the source.
    """
    before, after = decision.credits or {}, decision.credits_after or {}
    changes = {one: credit - before.get(one, 0) for one, credit in after.items() if credit != before.get(one, 0)}
    credits = of_source(s, source_id)
    for one in changes.keys() & credits.keys():
        credits[one] -= changes[one]
    gone = changes.keys() - credits.keys()
    miss(s, source_id=source_id, missed=decision.missed, sign=-1)
    if credits:
        for one, part in arithmetic.spread(-sum(changes[each] for each in gone), list(credits)).items():
            credits[one] += part
        _store(s, source_id, credits)


def remove(s: Session, *, operator_id: int) -> None:
    """Spreads the credits of an operator who leaves for good equally over the others of each source.

    What is the same for all changes no choice between them. The caller holds the locks of `sources_of` this operator.
    """
    for source_id in sources_of(s, operator_id):
        credits = of_source(s, source_id)
        left = credits.pop(operator_id)
        gone = delete(_credit).where(_credit.c.source_id == source_id, _credit.c.operator_id == operator_id)
        execute(s, gone)
        if credits and left:
            shared = arithmetic.spread(left, list(credits))
            _store(s, source_id, {one: credits[one] + part for one, part in shared.items()})


def sources_of(s: Session, operator_id: int) -> list[int]:
    """Where an operator has credits, in order: everywhere they ever had a weight."""
    found = select(_credit.c.source_id).where(_credit.c.operator_id == operator_id).order_by(_credit.c.source_id)
    return list(execute(s, found).scalars())


def _store(s: Session, source_id: int, credits: Mapping[int, int]) -> None:
    execute(s, _STORE, [_row(source_id, operator, credit) for operator, credit in sorted(credits.items())])


def _row(source_id: int, operator_id: int, credit: int) -> dict[str, int]:
    return {"source_id": source_id, "operator_id": operator_id, "credit": credit}

"""How a source offers its contacts: for how long, how often, and what follows when nobody takes one."""

import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, access_admin
from crm_core.errors import BadValue, OperatorNotFound
from crm_core.names import check_number, means_off, read_number
from crm_core.routing import sources
from crm_core.storage.locks import lock_sources
from crm_core.storage.tables import Operator, Source

LONGEST = 24 * 3600
"""Seconds of working time for which a contact may be offered."""

SHORTEST = 5
MOST_ROUNDS, MOST_MISSES = 20, 20
NAMES = ("offer_seconds", "offer_rounds", "miss_limit", "duty_operator_id")


def set_offers(s: Session, *, source_id: int, values: Mapping[str, int | None], actor: Actor, now: datetime) -> None:
    """Changes what is given of a source's offers; what is offered already ends as it was begun.

    Args:
        values: `offer_seconds` of working time (0: contacts are not offered), `offer_rounds` (offers in vain before
            others are told), `miss_limit` (missed in a row before an operator is set offline; 0: never),
            `duty_operator_id` (who gets what was offered in vain; None: admins are told).

    Raises NotAllowed, SourceNotFound, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    checked = {name: _checked(s, name, value) for name, value in values.items()}
    stands = sources.one(s, source_id=source_id)
    before = {name: getattr(stands, name) for name in checked}
    sources.change_row(s, source_id, **checked)
    sources.record(s, source_id, "offers", actor, now, data={**checked, "before": before})


def end_duty(s: Session, *, operator_id: int, now: datetime) -> None:
    """Nobody is on duty any more where this operator was, who leaves for good."""
    of_operator = select(Source.id).where(Source.duty_operator_id == operator_id).order_by(Source.id)
    for source_id in s.execute(of_operator).scalars().all():
        sources.change_row(s, source_id, duty_operator_id=None)
        data = {"duty_operator_id": None, "before": {"duty_operator_id": operator_id}}
        sources.record(s, source_id, "offers", SYSTEM, now, data=data)


def _checked(s: Session, name: str, value: Any) -> int | None:
    if name == "duty_operator_id":
        return None if value is None else _there(s, value)
    if name == "offer_seconds":
        return check_number(value, field=name, minimum=SHORTEST if value else 0, maximum=LONGEST)
    minimum, maximum = (1, MOST_ROUNDS) if name == "offer_rounds" else (0, MOST_MISSES)
    return check_number(value, field=name, minimum=minimum, maximum=maximum)


_SPAN = re.compile(r"(\d{1,6})\s*(s|sec|с|сек|m|min|м|мин|h|ч)?\.?")
_FACTORS = {"m": 60, "min": 60, "м": 60, "мин": 60, "h": 3600, "ч": 3600}


def read_seconds(text: str) -> int:
    """How long an offer lasts, from `120`, `2 min` or `off` as somebody typed it. Raises BadValue."""
    typed = " ".join(text.casefold().split())
    if means_off(typed):
        return 0
    found = _SPAN.fullmatch(typed)
    if found is None:
        raise BadValue(field="offer_seconds", minimum=0, maximum=LONGEST)
    number = read_number(found[1], field="offer_seconds", minimum=0, maximum=LONGEST) * _FACTORS.get(found[2] or "", 1)
    return check_number(number, field="offer_seconds", minimum=SHORTEST if number else 0, maximum=LONGEST)


def _there(s: Session, operator_id: int) -> int:
    there = select(Operator.id).where(Operator.id == operator_id, Operator.removed_at.is_(None))
    if s.execute(there).first() is None:
        raise OperatorNotFound(name=str(operator_id), close=[])
    return operator_id

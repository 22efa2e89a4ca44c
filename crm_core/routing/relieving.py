"""Giving out what there is room for once a contact counts less in its operator's load (`crm_core.routing.relief`)."""

from datetime import datetime

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor
from crm_core.routing import giving_out
from crm_core.routing.assignment import Rng
from crm_core.routing.giving_out import MoreToAssign
from crm_core.routing.operator_locks import hold_operators
from crm_core.routing.relief import counts_less, settle
from crm_core.storage.database import on_commit


def hold(s: Session, contact_id: int, *, operator_id: int) -> set[int] | None:
    """Locks what a change may give out, before the contact is locked. None where nothing depends on it."""
    return hold_operators(s, [operator_id]) if counts_less(s, contact_id) else None


def settle_and_give_out(
    s: Session, contact_id: int, *, source_ids: set[int] | None, actor: Actor, now: datetime, rng: Rng | None
) -> None:
    """Brings the relief of a contact up to date, and gives out what it makes room for.

    Args:
        source_ids: as `hold` returned them.
        rng: None where a caller has none: then it is given out right after the commit.
    """
    if source_ids is None or not settle(s, contact_id):
        return
    if rng is None:
        on_commit(s, MoreToAssign(frozenset(source_ids)))
    else:
        giving_out.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)

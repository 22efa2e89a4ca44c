"""What a source does with contacts whose client waits for an answer while their operator is away."""

from collections.abc import Mapping
from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, access_admin
from crm_core.names import check_number
from crm_core.routing import sources
from crm_core.storage.locks import lock_sources


class Handover(StrEnum):
    """What becomes of such a contact. The database keeps these values."""

    KEEP = "keep"
    """It stays with its operator."""
    HAND_OVER = "hand_over"
    """It goes back to the queue, and to somebody else by the same rule."""
    HOLD = "hold"
    """It stays, and the client is told."""


NAMES = ("handover", "away_minutes")
DEFAULT_MINUTES = 30
LONGEST = 7 * 24 * 60
"""Minutes of absence after which it is done, at most."""


def set_handover(s: Session, *, source_id: int, values: Mapping[str, Any], actor: Actor, now: datetime) -> None:
    """Changes what is given of `handover` (a `Handover`) and `away_minutes` (how long an operator must be away).

    What is due by then is done within a second (`crm_core.conversation.handover`).

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked: dict[str, Any] = {}
    if "handover" in values:
        checked["handover"] = Handover(values["handover"]).value
    if "away_minutes" in values:
        minutes = values["away_minutes"]
        checked["away_minutes"] = check_number(minutes, field="away_minutes", minimum=0, maximum=LONGEST)
    lock_sources(s, [source_id])
    sources.change_row(s, source_id, **checked)
    sources.record(s, source_id, "handover", actor, now, data=checked)

"""What happened in a period, as a replay needs it: plain values, in milliseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_core import events
from crm_core.routing.decisions import Decision


@dataclass(slots=True)
class Step:
    """Something that happened: an event, in the order in which they were stored.

    Attributes:
        at: never before the step before it: a clock that was set back stands still here.
        decision: what an operator was chosen from; None where nothing was chosen, or that was not kept.
    """

    at: int
    kind: str
    contact_id: int | None = None
    source_id: int | None = None
    operator_id: int | None = None
    reason: str | None = None
    data: Mapping[str, Any] | None = None
    decision: Decision | None = None

    @property
    def is_fixed(self) -> bool:
        """Whether an assignment stands whatever the settings are: made by hand, or by an older version."""
        return self.decision is None or self.decision.is_by_hand

    @property
    def is_return(self) -> bool:
        """Whether a contact went back from its operator to the queue."""
        return self.kind == events.CONTACT_QUEUED and self.operator_id is not None


@dataclass(slots=True)
class ContactFacts:
    """A contact, whatever becomes of it.

    Attributes:
        source_id: where it is when the period begins, or comes in.
        in_telegram: whether its client is in Telegram; what came through the API can be worked on there.
        closed_later: when it was closed, if after the period.
        assigned_last: when its last operator got it; in the period or after it.
        order_at: what the queue is given out by, with the head starts of today.
    """

    id: int
    source_id: int
    lead_id: int
    in_telegram: bool
    closed_later: int | None = None
    assigned_last: int | None = None
    order_at: int = 0


@dataclass(slots=True)
class OperatorState:
    """What of an operator decides whether contacts come to them."""

    limit: int
    is_active: bool = True
    is_online: bool = True
    is_on_shift: bool = True


@dataclass(slots=True)
class SourceState:
    """How a source chooses.

    Attributes:
        bot_id: the bot that talks to operators about its contacts.
    """

    strategy: str
    is_active: bool = True
    sticky_days: int = 0
    sticky_mode: str = "charged"
    bot_id: int | None = None


Line = tuple[int, bool]
"""A source, and whether the client is in Telegram: others can reach the operators."""


@dataclass(slots=True)
class History:
    """A period: everything as it was when it began, and what happened then.

    Attributes:
        open: who held each contact that was open when the period began; None where it waited.
        asleep: of these, the ones that slept with their operator.
        weights: by source, then by operator; without those of 0.
        reach: by line, whether a card can reach an operator.
        credits: by source, then by operator.
    """

    since: int
    until: int
    steps: list[Step]
    contacts: dict[int, ContactFacts]
    open: dict[int, int | None] = field(default_factory=dict)
    asleep: set[int] = field(default_factory=set)
    operators: dict[int, OperatorState] = field(default_factory=dict)
    sources: dict[int, SourceState] = field(default_factory=dict)
    weights: dict[int, dict[int, int]] = field(default_factory=dict)
    reach: dict[Line, dict[int, bool]] = field(default_factory=dict)
    credits: dict[int, dict[int, int]] = field(default_factory=dict)

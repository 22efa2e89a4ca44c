"""What happened in a period, as a replay needs it: plain values, in milliseconds since 1970."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_core import events
from crm_core.hours.calendar import Calendar
from crm_core.replay.settings import Key
from crm_core.routing.choose import ceiling_of
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
        order_at: what the queue is given out by, with the head starts of today, but without that of its source.
        skills: what it requires beside what its source does, as they are stored.
        waits_since: of one that came before the period: since when its present wait counts.
        goes_first: whether it stood before all that do not when the period began.
        taken_later: when it was taken first, if after the period.
        held_last: who has it now, or had it when it was closed.
    """

    id: int
    source_id: int
    lead_id: int
    in_telegram: bool
    closed_later: int | None = None
    assigned_last: int | None = None
    order_at: int = 0
    skills: str | None = None
    waits_since: int = 0
    goes_first: bool = False
    taken_later: int | None = None
    held_last: int | None = None


@dataclass(slots=True)
class OperatorState:
    """What of an operator decides whether contacts come to them.

    Attributes:
        ceiling: the one that is set; None for three times the limit.
        rate: contacts that they are given in an hour at most; None for any number.
        skills: as they are stored.
        came: since when they are online and on shift; None: always.
    """

    limit: int
    is_active: bool = True
    is_online: bool = True
    is_on_shift: bool = True
    ceiling: int | None = None
    rate: int | None = None
    skills: str | None = None
    hours: Calendar | None = None
    came: int | None = None

    @property
    def is_there(self) -> bool:
        """Whether they are online and on shift."""
        return self.is_online and self.is_on_shift

    @property
    def most_held(self) -> int:
        """The most contacts that may be theirs, sleeping ones included."""
        return ceiling_of(self.limit, self.ceiling)


@dataclass(slots=True)
class SourceState:
    """How a source chooses.

    Attributes:
        bot_id: the bot that talks to operators about its contacts.
        skills: required of operators, as they are stored.
        opened: since when it gives out contacts; None: always.
        offer_seconds, offer_rounds, miss_limit, duty_operator_id: as in `crm_core.routing.offer_settings`.
    """

    strategy: str
    is_active: bool = True
    sticky_days: int = 0
    sticky_mode: str = "charged"
    bot_id: int | None = None
    is_open: bool = True
    skills: str | None = None
    priority_minutes: int = 0
    ramp: int | None = None
    catch_up: int = 0
    hours: Calendar | None = None
    opened: int | None = None
    offer_seconds: int = 0
    offer_rounds: int = 3
    miss_limit: int = 3
    duty_operator_id: int | None = None

    @property
    def gives_out(self) -> bool:
        """Whether it gives out contacts."""
        return self.is_active and self.is_open


Line = tuple[int, bool]
"""A source, and whether the client is in Telegram: others can reach the operators."""


@dataclass(slots=True)
class Given:
    """A contact that an operator was given in the hour before the period.

    Attributes:
        had_waited: whether it had waited before they came, or their source opened.
    """

    at: int
    operator_id: int
    had_waited: bool = False


@dataclass(slots=True)
class History:
    """A period: everything as it was when it began, and what happened then.

    Attributes:
        open: who held each contact that was open when the period began; None where it waited.
        asleep: of these, the ones that slept, with their operator or without one.
        given: in the hour before it, in order.
        former: by source and client, then by contact: when those that were closed before it were closed, and by whom.
        weights: by source, then by operator; without those of 0.
        limits: of these, the limits there, where there are any.
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
    given: list[Given] = field(default_factory=list)
    former: dict[tuple[int, int], dict[int, tuple[int, int | None]]] = field(default_factory=dict)
    weights: dict[int, dict[int, int]] = field(default_factory=dict)
    limits: dict[int, dict[int, int]] = field(default_factory=dict)
    reach: dict[Line, dict[int, bool]] = field(default_factory=dict)
    credits: dict[int, dict[int, int]] = field(default_factory=dict)

    def value(self, key: Key) -> Any:
        """What a setting was when it began."""
        name, source_id, operator_id = key
        if source_id and operator_id:
            at_sources, otherwise = (self.weights, 0) if name == "weight" else (self.limits, None)
            return at_sources.get(source_id, {}).get(operator_id, otherwise)
        return getattr(self.operators[operator_id] if operator_id else self.sources[source_id], name)

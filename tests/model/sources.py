"""Sources: their settings, and who works there. The defaults are those of an upgrade: every new rule is off."""

from dataclasses import dataclass, field

from tests.model.clocks import Targets
from tests.model.credits import Ledger
from tests.model.hours import Shifts


@dataclass
class Member:
    """An operator at a source: their weight, and the most active contacts from there (None: only their own limit)."""

    weight: int
    limit: int | None = None


@dataclass
class Source:
    """A channel of contacts.

    Attributes:
        strategy: `random` or `exact`.
        offer_seconds: how long a contact is offered, in the operator's working time; 0: it is assigned at once.
        offer_rounds: after so many offers in vain a contact goes to `duty`, an operator, or else admins are told.
        miss_limit: after so many misses in a row an operator is set offline; 0: never.
        sticky_days: for how long a client goes to the operator they had; 0: never.
        charged: whether contacts that were not drawn (sticky, by hand) are entered in the ledger.
        handover: what becomes of unanswered contacts whose operator is away for `away_minutes`: `keep`, `hand_over`
            to the queue, or `hold`: they stay, and the client is told.
        waiting_load: what a contact that waits for its client counts, in hundredths of one.
        ramp: of what had been waiting, contacts per minute for whoever comes; None: all at once.
        skills: required of operators, each with the minutes of waiting after which it is dropped, or None.
        priority_minutes: head start of every contact in the queue; it decides only between sources.
        catch_up: contacts that are credited for a planned absence at most.
        opens: since when the source gives out contacts.
    """

    id: int
    strategy: str = "random"
    is_active: bool = True
    shifts: Shifts = field(default_factory=Shifts)
    offer_seconds: int = 0
    offer_rounds: int = 3
    miss_limit: int = 3
    duty: int | None = None
    sticky_days: int = 0
    charged: bool = True
    handover: str = "keep"
    away_minutes: int = 30
    waiting_load: int = 100
    ramp: int | None = None
    skills: dict[str, int | None] = field(default_factory=dict)
    priority_minutes: int = 0
    catch_up: int = 0
    targets: Targets = field(default_factory=Targets)
    members: dict[int, Member] = field(default_factory=dict)
    ledger: Ledger = field(default_factory=Ledger)
    is_open: bool = True
    opens: int = 0

    def look(self, now: int) -> None:
        """Notes whether contacts are given out, and since when."""
        is_open = self.is_active and self.shifts.takes(now)
        if is_open and not self.is_open:
            self.opens = now
        self.is_open = is_open

"""How much of everything a soak has."""

from dataclasses import dataclass
from typing import Any

from crm_core.conversation.late_messages import DECIDED_WITHIN

# Prime distances, so that the kinds take turns: together they hit every fiftieth call, two in a hundred. An `error`
# is one of the server's own (5xx): what Telegram refuses for good is given up, rightly, and proves nothing here.
# Few requests send an album, so what befalls these alone comes more often.
FAULTS: tuple[dict[str, Any], ...] = (
    {"kind": "silent", "every": 541},
    {"kind": "cut", "every": 547},
    {"kind": "http_500", "every": 557, "applied": True},
    {"kind": "http_500", "every": 563},
    {"kind": "html_502", "every": 569, "applied": True},
    {"kind": "html_502", "every": 571},
    {"kind": "garbage", "every": 577},
    {"kind": "slow", "every": 467, "delay": 0.5},
    {"kind": "slow", "every": 587, "delay": 0.5, "applied": False},
    {"kind": "flood", "every": 593, "retry_after": 3},
    {"kind": "flood", "every": 1201, "retry_after": None},
    {"kind": "id_zero", "every": 1009},
    {"kind": "error", "every": 601, "code": 503, "text": "Service Unavailable"},
    {"kind": "partial", "every": 19, "method": "copyMessages"},
    {"kind": "skip", "every": 13, "method": "copyMessages"},
)


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to happen.

    Attributes:
        minutes: how long clients write.
        turns: how often a client begins to write, per second and over all of them; each sends one to three messages.
        places: the most open contacts that an operator has at first.
        kill_every: seconds that a process has.
        hurry: how many times faster than usual operators work.
        fault_factor: the distances of the faults are multiplied by it.
        is_hurried: whether repeats come sooner than in production (`tests.processes.restarts.HURRIED`).
        settle_within: seconds for everything to settle in the end; what nobody decides the product decides, and then
            that is to be worked on, too.
    """

    minutes: float = 10.0
    seed: int = 1
    bots: int = 3
    operators: int = 30
    clients: int = 500
    turns: float = 4.0
    places: int = 5
    kill_every: float = 20.0
    hurry: float = 1.0
    fault_factor: float = 1.0
    is_hurried: bool = False
    settle_within: float = DECIDED_WITHIN.total_seconds() + 180

    def faults(self) -> list[dict[str, Any]]:
        """The orders for the sandbox."""
        return [{**fault, "every": max(2, round(fault["every"] * self.fault_factor))} for fault in FAULTS]


def share_of_failing(plan: Plan) -> float:
    """Which part of all calls fails, roughly: orders for one method do not count."""
    return sum(1 / int(fault["every"]) for fault in plan.faults() if "method" not in fault)

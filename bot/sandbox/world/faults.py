"""Fault injection: what goes wrong between a bot and Telegram, call by call."""

import itertools
from collections import Counter
from dataclasses import dataclass, field
from random import Random
from typing import Any

KINDS = {
    "silent": "applied, then the connection is cut without an answer",
    "cut": "not applied, the connection is cut",
    "slow": "answered after `delay` seconds; applied before the delay, or after it with applied=False",
    "http_500": "a JSON 500, applied or not",
    "html_502": "a proxy's HTML page with status 502, applied or not",
    "redirect": "a 307 to the address `text`, not applied",
    "flood": "429 with `retry_after`: whole, fractional, or None to leave it out",
    "error": "refused with `code` and `text`",
    "garbage": "applied, answered 200 with a body that cannot be decoded",
    "reply": "answered with status `code` and body `text`, whatever they mean; applied or not",
    "id_zero": "applied, but the message comes back with id 0, as a scheduled one does",
    "partial": "an album or copyMessages: all but the last delivered, then refused",
    "skip": "copyMessages: the last left out without a word, as one that cannot be copied",
}


@dataclass
class Fault:
    """One injected fault. It fires for calls that match, until it is used up or removed.

    Attributes:
        hits: how often it fired
        seen: how many calls matched, fired or not
    """

    kind: str
    method: str | None = None
    bot_id: int | None = None
    chat_id: int | None = None
    times: int | None = None
    every: int | None = None
    probability: float | None = None
    applied: bool | None = None
    delay: float = 1.0
    code: int = 400
    text: str = "Bad Request: something is wrong"
    retry_after: float | None = 1
    parameters: dict[str, Any] = field(default_factory=dict)
    id: int = 0
    hits: int = 0
    seen: int = 0


class Faults:
    """The active faults; the first one that fires wins."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._ids = itertools.count(1)
        self.active: list[Fault] = []
        self.fired: Counter[str] = Counter()

    def add(self, fault: Fault) -> Fault:
        """Activate a fault.

        Raises ValueError for an unknown kind, or several of times, every and probability.
        """
        if fault.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {fault.kind!r}; there are {', '.join(KINDS)}")
        if fault.every is not None and fault.probability is not None:
            raise ValueError("a fault fires on every n-th call or by probability, not both")
        if fault.every is None and fault.probability is None and fault.times is None:
            fault.times = 1
        fault.id = next(self._ids)
        self.active.append(fault)
        return fault

    def remove(self, fault_id: int | None = None) -> None:
        """Remove one fault, or all of them."""
        self.active = [fault for fault in self.active if fault_id is not None and fault.id != fault_id]

    def pick(self, bot_id: int, method: str, chat_id: int | None) -> Fault | None:
        """The fault that fires for this call, if any."""
        for fault in self.active:
            if fault.method is not None and fault.method.lower() != method.lower():
                continue
            if fault.bot_id not in (None, bot_id) or fault.chat_id not in (None, chat_id):
                continue
            fault.seen += 1
            if fault.every is not None and fault.seen % fault.every != 0:
                continue
            if fault.probability is not None and self._random.random() >= fault.probability:
                continue
            fault.hits += 1
            self.fired[fault.kind] += 1
            if fault.times is not None and fault.hits >= fault.times:
                self.active.remove(fault)
            return fault
        return None

"""Which settings are to be other than they were, for the whole of a period."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from crm_core.replay.history import History
from crm_core.replay.settings import FOLLOWS, Key, set_by


@dataclass(frozen=True, slots=True)
class Changes:
    """Settings that hold from the first moment of the period to the last, whatever they were.

    Attributes:
        values: by their keys: a weight of 0 for none; hours as a calendar, None for always; skills as they are stored.
    """

    values: Mapping[Key, Any] = field(default_factory=dict)

    def cover(self, key: Key) -> bool:
        """Whether something is as is wished, and not as events have it."""
        if key in self.values:
            return True
        follows = FOLLOWS.get(key.name)
        return follows is not None and key._replace(name=follows) in self.values

    def differ_from(self, history: History) -> bool:
        """Whether any of them was otherwise at any moment of the period."""
        if any(history.value(key) != value for key, value in self.values.items()):
            return True
        return any(key in self.values for step in history.steps for key, _ in set_by(step))

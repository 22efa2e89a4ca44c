"""A small cache of what was used last."""

from collections import OrderedDict
from typing import Generic, TypeVar

K = TypeVar("K")
V = TypeVar("V")


class LruCache(Generic[K, V]):
    """At most so many values; the one that was not used for longest is dropped first."""

    def __init__(self, capacity: int) -> None:
        self._capacity, self._values = capacity, OrderedDict[K, V]()

    def get(self, key: K) -> V | None:
        """A value, which counts as used now; None if it is not kept."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keeps a value; drops the one that was not used for longest if there are too many."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._capacity:
            self._values.popitem(last=False)

    def drop(self, key: K) -> None:
        """Drops a value, if it is kept."""
        self._values.pop(key, None)

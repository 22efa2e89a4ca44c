"""How long things take: histograms that are fine enough for percentiles and can be added to each other.

Up to a quarter of a second each millisecond has a bucket; above, each power of two has 128, so a bucket is at most
1/128 (0.8 %) wide. All numbers are integers, so the sum of parts equals the whole exactly.
"""

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import accumulate, chain

_EXACT = 256  # milliseconds
_PER_OCTAVE = 128


def bucket(length: int) -> int:
    """The number of the bucket of a length in milliseconds. Buckets are numbered in ascending order."""
    if length < _EXACT:
        return max(0, length)
    shift = length.bit_length() - _EXACT.bit_length() + 1
    return _PER_OCTAVE * shift + (length >> shift)


def upper(number: int) -> int:
    """The longest length, in milliseconds, that a bucket holds."""
    if number < _EXACT:
        return number
    shift = number // _PER_OCTAVE - 1
    return ((number - _PER_OCTAVE * shift + 1) << shift) - 1


@dataclass(slots=True)
class Histogram:
    """Lengths, counted. `total` and `longest` in milliseconds are exact."""

    counts: dict[int, int] = field(default_factory=dict)
    total: int = 0
    longest: int = 0

    def add(self, length: int, times: int = 1) -> None:
        """Counts a length in milliseconds; a negative one (two machines' clocks differ) counts as 0."""
        length = max(0, length)
        number = bucket(length)
        self.counts[number] = self.counts.get(number, 0) + times
        self.total += length * times
        self.longest = max(self.longest, length)

    def merge(self, pairs: Iterable[int], total: int, longest: int) -> None:
        """Adds another histogram, given as `pairs` returns it."""
        counts, one = self.counts, iter(pairs)
        if not counts:
            counts.update(zip(one, one, strict=True))  # the same result, faster
        for number, count in zip(one, one, strict=True):
            counts[number] = counts.get(number, 0) + count
        self.total += total
        self.longest = max(self.longest, longest)

    def pairs(self) -> Iterator[int]:
        """Bucket, count, bucket, count, …"""
        return chain.from_iterable(self.counts.items())

    def lengths(self) -> "Durations":
        """The number, mean and 95th percentile of the lengths."""
        count = sum(self.counts.values())
        if not count:
            return Durations(0, None, None)
        rank = (95 * count + 99) // 100  # the smallest whole number that is at least 0.95 * count
        return Durations(count, self.total / count / 1000, self._at(rank) / 1000, self)

    def _at(self, rank: int) -> int:
        """An upper bound of the length at a rank, from 1."""
        for number, here in sorted(self.counts.items()):
            rank -= here
            if rank <= 0:
                return min(upper(number), self.longest)
        return self.longest


@dataclass(frozen=True, slots=True)
class Durations:
    """How long something took, in seconds, over `count` contacts. None where there are none.

    Attributes:
        mean: the arithmetic mean, exact.
        p95: the 95th percentile by nearest rank: 95 % were no longer. Never too short, at most 0.8 % too long.
        histogram: what both were computed from.
    """

    count: int
    mean: float | None
    p95: float | None
    histogram: Histogram = field(default_factory=Histogram, compare=False, repr=False)

    def within(self, seconds: float) -> int:
        """How many surely took no longer than this: a bucket counts if it ends within it."""
        most = round(seconds * 1000)
        return sum(count for number, count in self.histogram.counts.items() if upper(number) <= most)

    def cumulated(self, seconds: Sequence[float]) -> list[int]:
        """The same as `within` for several lengths, in ascending order."""
        most = [round(one * 1000) for one in seconds]
        found = [0] * (len(most) + 1)
        for number, count in self.histogram.counts.items():
            found[bisect_left(most, upper(number))] += count
        return list(accumulate(found[:-1]))

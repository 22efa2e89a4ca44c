"""The credit ledger of a source: what the draws so far owe to each operator, in whole numbers.

One contact is worth `UNIT` credits. At a draw, `UNIT` credits are split among the eligible operators by weight, and the
operator who gets the contact (`turn`) pays `UNIT`.

**Whole numbers.** The split rounds the running total of the weights, not each part: part i is `UNIT * C_i // W` minus
`UNIT * C_(i-1) // W`, where C_i is the sum of the first i weights and W that of all. The parts are whole, none is
negative, and they add up to `UNIT` by cancelling. So each draw adds `UNIT` and takes `UNIT`, and **the sum of a
ledger is 0 at all times**, whoever is eligible and however the weights change. The other changes (`undo`, `remove`,
`grant`) add and take equal amounts by the same split.

`UNIT` is the smallest number that 1 to 30 divide. If W divides it (up to 30, 40, 50, 60, 100, 200, 300, ...) every
part is exact; otherwise it is less than one credit off, so that after n draws credits are within n / `UNIT` contacts
of the exact fractions: 0.0000005 after a million draws. `UNIT` times the largest weight, 1,000, and the credits of
500 operators fit into 64 bits.

**Whose turn.** To give each contact to the largest credit is not enough: with the weights 60, 60, 21, 1, 1, 1
somebody falls 1.17 contacts behind, with thirty operators 1.45, since two large weights and a small one can come due
together. So the turn is whose credit is the first to leave the bound if they are passed over (Tijdeman's rule, Discrete
Mathematics 32, 1980), among those who can pay and stay within it; of several, who has the largest credit. The largest
credit alone decides where nobody can pay, as may happen when those who are there change, and where Tijdeman's choice
would leave the second bound.

**Bounds**, in contacts, for draws alone (what `charge` enters was not chosen by credit):

* Fixed set of k operators and weights, from credits of 0: within 1 - 1 / (2k - 2), below one contact at every prefix.
  It is Tijdeman's theorem, for the rates part / `UNIT`, which are those of every draw of such a set, so the bound is
  exact.
* Any sets and weights, among k operators: within (k - 1) / 2. More generally, the sum over any m of them is at least
  -f(m), where f(m) = m (k - m) / 2. Tijdeman's choice is only taken where that stays true; where the largest credit
  is chosen, it stays true by induction. Take a set S of m operators, with the sum s after the draw. If the winner b
  is not in S, s did not fall. If nobody eligible is outside S, s did not change. Else let q be outside, and c be what
  b had before paying, so that each of the q has at most c. S with these q has the sum of before: s + q c >= -f(m +
  q). S without b did not fall: s - (c - 1) >= -f(m - 1). So (1 + q) s >= -(f(m + q) + q f(m - 1) + q), which is at
  least -(1 + q) f(m), since f is a parabola. The upper bound is the lower one of the complement, as all sum to 0.
  Neither weights nor rounding occur in the proof.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import accumulate
from math import lcm

UNIT = lcm(*range(1, 31))  # 2,329,089,562,800
"""Credits that one contact is worth."""

FLOOR = -3 * UNIT
"""Nobody pays below it for contacts that were not drawn, so that a beloved operator still gets new clients."""


def split(amount: int, weights: Mapping[int, int]) -> dict[int, int]:
    """Splits an amount of credits by weight into whole parts, which add up to it. The order is that of the ids."""
    total, before, parts = sum(weights.values()), 0, {}
    for operator, weight in sorted(weights.items()):
        parts[operator] = amount * (before + weight) // total - amount * before // total
        before += weight
    return parts


def turn(credits: Mapping[int, int], weights: Mapping[int, int]) -> list[int]:
    """Whose turn the next contact is: one of the eligible operators, or several who are equal.

    Args:
        credits: of everybody at the source, eligible or not.
        weights: of those who are eligible.
    """
    parts = split(UNIT, weights)
    after = {one: credits[one] + part for one, part in parts.items()}
    most = max(after.values())
    largest = [one for one in after if after[one] == most]
    if len(parts) == 1:
        return largest
    share = 2 * len(parts) - 2  # the bound is 1 - 1 / share: who has 1 / share or more can pay and stay within it
    can_pay = [one for one in after if share * after[one] >= UNIT]
    if not can_pay:
        return largest
    order = {one: (_skips(after[one], parts[one], share), -after[one]) for one in can_pay}
    first = min(order.values())
    due = [one for one in order if order[one] == first]
    is_kept = after[due[0]] == most or all(is_balanced({**credits, **after, one: after[one] - UNIT}) for one in due)
    return due if is_kept else largest


def _skips(credit: int, part: int, share: int) -> int:
    """At how many draws, this one included, somebody can be passed over and stay within the bound."""
    return max(0, ((share - 1) * UNIT - share * credit) // (share * part) + 1)


def is_balanced(credits: Mapping[int, int]) -> bool:
    """Whether any m of the k operators have credits of -m (k - m) / 2 contacts or more."""
    k, sums = len(credits), accumulate(sorted(credits.values()))
    return all(2 * sum_ >= -m * (k - m) * UNIT for m, sum_ in enumerate(sums, start=1))


@dataclass(frozen=True)
class Entry:
    """What a draw changed, so that it can be undone: credits, and what those on leave missed."""

    changes: Mapping[int, int]
    missed: Mapping[int, int]


@dataclass
class Ledger:
    """The credits of one source.

    Attributes:
        credits: by operator; everybody who works at the source, with weight 0 too.
        missed: what the draws during a planned absence would have added, until the operator is back.
    """

    credits: dict[int, int] = field(default_factory=dict)
    missed: dict[int, int] = field(default_factory=dict)

    def join(self, operator: int) -> None:
        """A newcomer starts at 0; who was here before goes on where they were."""
        self.credits.setdefault(operator, 0)

    def draw(self, weights: Mapping[int, int], *, payer: int, on_leave: Mapping[int, int]) -> Entry:
        """Enters a contact: the eligible earn by weight, the payer pays for it.

        Args:
            weights: of the eligible operators, at least one.
            payer: who gets the contact; the winner of a draw is eligible, who was chosen by hand may not be.
            on_leave: weights of those on leave, each of whom misses what they would have earned beside the eligible.
        """
        changes = split(UNIT, weights)
        changes[payer] = changes.get(payer, 0) - UNIT
        total = sum(weights.values())
        entry = Entry(changes, {one: UNIT * weight // (total + weight) for one, weight in on_leave.items()})
        self._apply(entry, sign=1)
        return entry

    def charge(self, weights: Mapping[int, int], *, payer: int, on_leave: Mapping[int, int]) -> Entry | None:
        """Enters a contact that was not drawn. None, and nothing changes, if the payer would fall below the floor,
        does not work here, or nobody is eligible to earn: then the contact stands apart."""
        if not weights or payer not in self.credits:
            return None
        if self.credits[payer] + split(UNIT, weights).get(payer, 0) - UNIT < FLOOR:
            return None
        return self.draw(weights, payer=payer, on_leave=on_leave)

    def undo(self, entry: Entry) -> None:
        """Takes a draw back whose offer came to nothing: it costs nobody and earns nobody anything."""
        self._apply(entry, sign=-1)

    def remove(self, operators: Iterable[int]) -> None:
        """Spreads the credits of those who are gone for good equally over the rest.

        What is the same for all changes no choice between them, so this forgets nothing that counts.
        """
        for operator in operators:
            left = self.credits.pop(operator, 0)
            self.missed.pop(operator, None)
            if self.credits:
                self._add(split(left, dict.fromkeys(self.credits, 1)))

    def grant(self, operator: int, *, most: int) -> None:
        """Credits what a planned absence has missed, at most `most`; the others pay it in equal parts."""
        due = min(self.missed.pop(operator, 0), most)
        others = dict.fromkeys((one for one in self.credits if one != operator), 1)
        if due and others:
            self._add(split(-due, others))
            self.credits[operator] += due

    def _apply(self, entry: Entry, *, sign: int) -> None:
        gone = entry.changes.keys() - self.credits.keys()  # between a draw and its undoing they were removed
        self.credits.update(dict.fromkeys(gone, 0))
        self._add({one: sign * change for one, change in entry.changes.items()})
        self.remove(sorted(gone))
        for one, missed in entry.missed.items():
            if sign > 0 or one in self.missed:  # once they are back, it was settled
                self.missed[one] = max(0, self.missed.get(one, 0) + sign * missed)

    def _add(self, changes: Mapping[int, int]) -> None:
        for operator, change in changes.items():
            self.credits[operator] += change

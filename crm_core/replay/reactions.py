"""How soon operators answer what they are given, in their working time: as they did, else as they usually do."""

from bisect import bisect_right
from dataclasses import replace

from crm_core.replay.answers import Answer, Answers, Both, Reaction
from crm_core.replay.chance import named_chance
from crm_core.replay.history import History

AT_ONCE = Reaction(Answer.TAKEN, 0)


class Reactions:
    """The reactions of a period."""

    def __init__(self, history: History) -> None:
        read = Answers(history)
        self._known = read.known
        usual = [(operator_id, one) for (_, operator_id), theirs in read.known.items() for one in theirs]
        self._own: dict[int, list[Reaction]] = {}
        for operator_id, one in usual:
            if one is not None and one.answer in (Answer.TAKEN, Answer.NONE):
                self._own.setdefault(operator_id, []).append(replace(one, began=None))
        for theirs in self._own.values():
            theirs.sort(key=_worked)
        self._team = sorted((one for theirs in self._own.values() for one in theirs), key=_length)

    def of(self, both: Both, time: int) -> Reaction:
        """How soon an operator answers a contact that they are given for so many times, the first one being 0."""
        theirs = self._known.get(both, ())
        known = theirs[time] if time < len(theirs) else None
        if known is not None:
            return known
        contact_id, operator_id = both
        own = self._own.get(operator_id)
        if own is not None:
            return own[int(named_chance(contact_id, operator_id, time) * len(own))]
        return self._team[(len(self._team) - 1) // 2] if self._team else AT_ONCE

    def within(self, both: Both, reaction: Reaction, time: float) -> int | None:
        """After how much working time a contact is answered, in milliseconds; None if it never is.

        Args:
            time: for so long it may be, in milliseconds. What was not answered in a shorter time is answered as soon as
                what its operator has taken after a longer one.
        """
        contact_id, operator_id = both
        own = self._own.get(operator_id, self._team)
        while reaction.answer is Answer.NONE:
            longer = own[bisect_right(own, reaction.worked, key=_worked) :] if reaction.worked < time else ()
            if not longer:
                return None
            reaction = longer[int(named_chance(contact_id, operator_id, reaction.worked) * len(longer))]
        return reaction.worked


def _worked(one: Reaction) -> int:
    return one.worked


def _length(one: Reaction) -> tuple[bool, int]:
    return one.answer is Answer.NONE, one.worked

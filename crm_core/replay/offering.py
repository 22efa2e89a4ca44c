"""What becomes of offers in a replay: they are taken, declined, missed or withdrawn, as `tests/model` has it."""

from collections import Counter
from collections.abc import Collection

from crm_core.replay.answering import Answering, Unanswered
from crm_core.replay.answers import Answer
from crm_core.replay.changes import Changes
from crm_core.replay.courses import Course, Place
from crm_core.replay.history import History, SourceState
from crm_core.replay.timed import Timer
from crm_core.routing.choose import Asked, Candidate, could_get_it, exclusion

_OUTCOMES = {Answer.DECLINED: Asked.DECLINED, Answer.REFUSED: Asked.REFUSED}


class Offering(Answering):
    """A replay in which offers end.

    Attributes:
        in_vain: offers of each contact of which nothing came in its present wait.
        relieved: contacts for which the load of somebody was less than they held.
    """

    def __init__(self, history: History, changes: Changes) -> None:
        self.in_vain = Counter[int]()
        super().__init__(history, changes)
        self.relieved = frozenset(
            one
            for one, course in self.courses.items()
            if any(each.relief > 0 for decision in course.known for each in decision.values())
        )
        self.pool.asked = self.asked
        for course in self.courses.values():
            if course.place is Place.WAITS and course.known:
                before = {one: each.asked for one, each in course.known[0].items() if each.asked is not None}
                self.asked.update({course.facts.id: before} if before else {})

    def happen(self, at: int, timer: Timer, course: Course) -> None:
        found = self.unanswered.get(course.facts.id)
        if timer is Timer.CLOSE:
            super().happen(at, timer, course)
        elif found is not None and timer is Timer.ANSWER and found.answered == at:
            self.answer(course, found, at)
        elif found is not None and timer is Timer.MISS and found.ends == at:
            self.end_offer(course, found, at)

    def answer(self, course: Course, found: Unanswered, at: int) -> None:
        """An operator takes a contact, or declines its offer."""
        outcome = _OUTCOMES.get(found.reaction.answer)
        if not found.offered or outcome is None:
            self.take(course, at)
            return
        self.misses.pop(found.operator_id, None)
        self.pass_on(course, at, outcome)
        self.freed = at

    # --- offers in vain

    def end_offer(self, course: Course, found: Unanswered, at: int) -> None:
        """The time of an offer is over."""
        self.freed = at
        source = self.world.sources[course.source_id]
        if not source.gives_out:
            self.take_back(course, at)  # nobody can get it now, and nobody is to blame
            return
        could_others = self.could_others(course, at)
        self.missed += 1
        self.just_missed[course.facts.id] = at, found
        self.pass_on(course, at, Asked.MISSED)
        if could_others:
            self.miss(found.operator_id, source.miss_limit, at)

    def miss(self, operator_id: int, limit: int, at: int) -> None:
        """An operator misses what others could have had; after too many in a row they are set offline."""
        self.misses[operator_id] += 1
        if limit and self.misses[operator_id] >= limit and self.world.operators[operator_id].is_online:
            self.misses.pop(operator_id)
            self.loads.settle(operator_id, at)
            self.world.go_offline(operator_id, at)
            self.withdraw(operator_id, at)

    def pass_on(self, course: Course, at: int, outcome: Asked) -> None:
        """An offer came to nothing: it waits for the next one, after enough rounds for who is on duty."""
        one, operator_id = course.facts.id, course.operator_id or 0
        self.take_back(course, at, of_offer=True)
        self.asked.setdefault(one, {})[operator_id] = outcome
        self.in_vain[one] += 1
        source = self.world.sources[course.source_id]
        if one not in self.escalated and self.in_vain[one] >= source.offer_rounds:
            self.escalate(course, source, at)

    def escalate(self, course: Course, source: SourceState, at: int) -> None:
        """Whoever is on duty gets a contact, over their limit too; else whoever declined it is not asked again."""
        one, duty = course.facts.id, source.duty_operator_id
        if duty is not None and self.can_be_on_duty(course, duty):
            self.lines.remove(one)
            course.place = Place.ARRIVES
            self.charge(course, duty, at)
            self.give(course, duty, at)
            self.count(duty, at)
            return
        self.escalated.add(one)
        theirs = self.asked[one]
        self.asked[one] = {each: Asked.REFUSED if why is Asked.DECLINED else why for each, why in theirs.items()}

    def can_be_on_duty(self, course: Course, operator_id: int) -> bool:
        """Whether somebody can get what nobody has taken. Neither limits nor skills count."""
        state = self.world.operators.get(operator_id)
        if state is None:
            return False
        reach = self.world.reach.get((course.source_id, course.facts.in_telegram), {})
        before = course.before(operator_id)
        there = Candidate(
            operator_id,
            weight=1,
            load=0,
            limit=1,
            is_active=state.is_active,
            is_online=state.is_online,
            is_reachable=reach.get(operator_id, False),
            is_own=before is not None and before.is_own,
            is_on_shift=state.is_on_shift,
            asked=self.asked.get(course.facts.id, {}).get(operator_id),
            held=self.loads.held[operator_id],
            ceiling=state.most_held,
        )
        return exclusion(there) is None

    def could_others(self, course: Course, at: int) -> bool:
        """Whether anybody else could get an offered contact now: mostly the first who is looked at."""
        holder = course.operator_id
        pool = self.pool.each(course, at, self.on_leave)
        if any(one.operator_id != holder and could_get_it(one) for one in pool):
            return True
        return Asked.RETURNED in self.pool.asked_of(course).values() and bool(self.others(course, at))

    def others(self, course: Course, at: int) -> list[Candidate]:
        """Who else could get an offered contact now, those who were asked before included."""
        pool = self.pool.of(course, at, self.on_leave)
        return [one for one in pool if one.operator_id != course.operator_id and could_get_it(one)]

    def withdraw(self, operator_id: int, at: int) -> None:
        """What is offered to somebody who cannot take it any more waits for others."""
        for one in sorted(self.unanswered):
            if self.unanswered[one].operator_id == operator_id and self.unanswered[one].offered:
                self.take_back(self.courses[one], at)

    def give_out(self, at: int) -> None:
        super().give_out(at)
        passed_on: set[int] = set()  # each once: whoever never works again may be chosen anew
        while (course := self.held_up(at, passed_on)) is not None:
            passed_on.add(course.facts.id)
            self.take_back(course, at)
            super().give_out(at)

    def held_up(self, at: int, passed_on: Collection[int]) -> Course | None:
        """What an offer without an end, or to somebody off shift, keeps from who was not asked yet."""
        lasting = [
            (found.ends or 0, one)
            for one, found in self.unanswered.items()
            if found.offered
            and (found.ends is None or not self.world.operators[found.operator_id].is_on_shift)
            and one not in passed_on
        ]
        sources = {self.courses[one].source_id for _, one in lasting}
        with_room = {source_id: self.with_room(source_id) for source_id in sources}
        for _, one in sorted(lasting):
            course = self.courses[one]
            if not self.somebody_is_free(course, with_room[course.source_id]):
                continue
            on_shift = self.world.operators[self.unanswered[one].operator_id].is_on_shift
            able = [each.operator_id for each in self.others(course, at) if each.asked is None]
            asked = self.asked.get(one, {})
            if self.world.sources[course.source_id].gives_out and any(not on_shift or who not in asked for who in able):
                return course
        return None

    def somebody_is_free(self, course: Course, with_room: Collection[int]) -> bool:
        """Whether it is worth while to look at everybody: mostly nobody else has room for more.

        Args:
            with_room: who at its source has room for any request.
        """
        holder = course.operator_id
        if any(one != holder for one in with_room):
            return True
        if course.facts.id not in self.relieved:
            return False
        weights, before = self.world.weights.get(course.source_id, {}), course.all_before()
        return any(one != holder and one in weights and self.has_room(one, each.relief) for one, each in before.items())

    def with_room(self, source_id: int) -> list[int]:
        """Who at a source has room for any request."""
        return [one for one in self.world.weights.get(source_id, {}) if self.has_room(one)]

    def has_room(self, operator_id: int, relief: int = 0) -> bool:
        """Whether somebody who is there has room for another contact.

        Args:
            relief: as in `Candidate`.
        """
        state = self.world.operators[operator_id]
        return state.is_there and (self.loads.loads[operator_id] - state.limit) * 100 < relief

    def take_back(self, course: Course, at: int, *, of_offer: bool = False) -> None:
        found = self.unanswered.get(course.facts.id)
        if found is not None and found.offered:
            course.goes_first, of_offer = found.goes_first, True
        elif not of_offer:
            self.forget_offers(course)
        super().take_back(course, at, of_offer=of_offer)

    def forget_offers(self, course: Course) -> None:
        """A new wait begins."""
        self.in_vain.pop(course.facts.id, None)
        self.escalated.discard(course.facts.id)

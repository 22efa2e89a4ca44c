"""What happens by itself: after each move, and at each moment at which something is due.

In this order, at one moment:

1. who is there, and which source gives out contacts; who is back from leave is credited what they missed
2. requirements of skills that waited too long are dropped
3. the queue is given out, first in line first; then offers without an end, to somebody who was not asked yet
4. offers whose time is over are missed
5. sleepers wake
6. unanswered contacts of operators who are away too long are handed over
7. the queue is given out once more
8. people are reminded of clocks that are late
"""

from collections.abc import Callable, Iterator

from tests.model import clocks
from tests.model.assigning import others, pass_on, place, queue
from tests.model.clocks import MINUTE, REMINDERS, Clock
from tests.model.contacts import Contact, State
from tests.model.credits import UNIT
from tests.model.operators import HOUR, Operator
from tests.model.world import World


def settle(world: World) -> None:
    """Does everything that is due now, so that nobody waits for somebody who is free."""
    for step in ORDER:
        step(world)


def _look(world: World) -> None:
    for source in world.sources.values():
        source.look(world.now)
    for operator in world.operators.values():
        operator.look(world.now)
        on_leave = operator.shifts.on_leave(world.now)
        if operator.was_on_leave and not on_leave:
            for source in world.sources.values():
                if operator.id in source.members:
                    source.ledger.grant(operator.id, most=source.catch_up * UNIT)
        operator.was_on_leave = on_leave


# --- offers ----------------------------------------------------------------------------------------------------------


def offer_ends(world: World, contact: Contact) -> int | None:
    """The moment at which an offer is missed: only working time of its operator counts."""
    if contact.offer is None or contact.offer.seconds is None or contact.operator is None:
        return None
    return world.operators[contact.operator].shifts.after(contact.offer.since, contact.offer.seconds)


def _miss(world: World) -> None:
    for contact in world.in_state(State.OFFERED):
        ends = offer_ends(world, contact)
        if contact.state != State.OFFERED or ends is None or ends > world.now:
            continue
        if not world.sources[contact.source].is_open:
            queue(world, contact, why="closed")  # nobody can get it now, and nobody is to blame
            _give_out(world)
            continue
        operator = world.operators[contact.operator or 0]
        limit = world.sources[contact.source].miss_limit
        counts = bool(others(world, contact))
        operator.misses += counts
        pass_on(world, contact, why="missed")
        if counts and limit and operator.misses >= limit:
            world.tell("missed_too_often", operator=operator.id)
            go_offline(world, operator)
        _give_out(world)  # before the next one is missed, for which fewer may be free then


def is_held_up(world: World, contact: Contact) -> bool:
    """Whether an offer without an end, or to somebody off shift, keeps a contact from who was not asked yet.

    Who gave it back, and may get it again, gets it from somebody off shift alone.
    """
    if contact.offer is None or not world.sources[contact.source].is_open:
        return False
    on_shift = world.operators[contact.operator or 0].shifts.takes(world.now)
    if contact.offer.seconds is not None and on_shift:
        return False
    able = [one.operator for one in others(world, contact) if one.asked is None]
    return any(not on_shift or one not in contact.asked for one in able)


def go_offline(world: World, operator: Operator) -> None:
    """Sets an operator offline; what is offered to them goes to others, and is not missed."""
    operator.is_online, operator.misses = False, 0
    operator.look(world.now)
    withdraw_offers(world, operator, why="offline")


def withdraw_offers(world: World, operator: Operator, *, why: str) -> None:
    """What is offered to somebody who cannot take it any more waits for others."""
    for contact in world.theirs(operator.id):
        if contact.state == State.OFFERED:
            queue(world, contact, why=why)


# --- sleep, and absence ----------------------------------------------------------------------------------------------


def _wake(world: World) -> None:
    for contact in world.in_state(State.SNOOZED):
        if contact.wakes is not None and contact.wakes <= world.now:
            wake(world, contact)


def wake(world: World, contact: Contact) -> None:
    """A snoozed contact is active again: with its operator if they are there and below the ceiling, else by rule."""
    contact.happened(world.now, "woke")
    contact.wakes = None
    operator = world.operators.get(contact.operator or 0)
    if operator is not None and len(world.theirs(operator.id)) > operator.ceiling:
        contact.woke = True
        queue(world, contact, why="ceiling")
    elif operator is None or not (operator.is_present and operator.is_reachable):
        queue(world, contact, why="away")
    else:
        contact.state, contact.since = State.HELD, world.now
        world.tell("woke", contact)


def handed_over_at(world: World, contact: Contact) -> int | None:
    """When an unanswered contact leaves an operator who is away; None while that does not come."""
    operator = world.operators[contact.operator or 0]
    if contact.unanswered is None or operator.is_present:
        return None
    return max(operator.away_since, contact.since) + world.sources[contact.source].away_minutes * MINUTE


def _hand_over(world: World) -> None:
    for contact in world.in_state(State.HELD, State.OFFERED):
        due, mode = handed_over_at(world, contact), world.sources[contact.source].handover
        if due is None or due > world.now or mode == "keep":
            continue
        if not contact.is_told:
            contact.is_told = True
            world.tell("client_told", contact, why=mode)
        if mode == "hand_over":
            queue(world, contact, why="away")


# --- the queue -------------------------------------------------------------------------------------------------------


def drops(world: World, contact: Contact) -> dict[str, int]:
    """When each requirement of a waiting contact is dropped, in working time of its source."""
    shifts = world.sources[contact.source].shifts
    after = {
        skill: shifts.after(contact.queued, minutes * MINUTE)
        for skill, minutes in sorted(world.required(contact).items())
        if minutes is not None
    }
    return {skill: moment for skill, moment in after.items() if moment is not None}


def _drop_skills(world: World) -> None:
    for contact in world.in_state(State.QUEUED, State.OFFERED):
        for skill, moment in drops(world, contact).items():
            if moment <= world.now:
                contact.dropped.add(skill)
                world.tell("skill_dropped", contact, why=skill)


def _give_out(world: World) -> None:
    for contact in world.queue():
        place(world, contact)
    for contact in world.in_line(State.OFFERED):
        if is_held_up(world, contact):
            queue(world, contact, why="others")
            return _give_out(world)  # who had it may be free for somebody else now
    return None


# --- service level ---------------------------------------------------------------------------------------------------


def _remind(world: World) -> None:
    for contact in world.contacts.values():
        for clock, percent, left in late(world, contact):
            if left <= 0:
                contact.reminded.add((clock.name, clock.since, percent))
                world.tell(f"{clock.name}_{percent}", contact)


def late(world: World, contact: Contact) -> Iterator[tuple[Clock, int, int]]:
    """Each reminder of a clock that is still to come, with the seconds that are left on it."""
    source = world.sources[contact.source]
    if source.targets == clocks.Targets() or contact.state == State.CLOSED:
        return
    for clock in clocks.read(contact.history, source.shifts, world.now):
        target = source.targets.of(clock.name)
        for percent in REMINDERS if target is not None and clock.runs else ():
            if (clock.name, clock.since, percent) not in contact.reminded:
                yield clock, percent, clocks.threshold(target or 0, percent) - clock.seconds


ORDER: tuple[Callable[[World], None], ...] = (
    _look,
    _drop_skills,
    _give_out,
    _miss,
    _wake,
    _hand_over,
    _give_out,
    _remind,
)


# --- what comes next -------------------------------------------------------------------------------------------------


def next_moment(world: World, last: int) -> int | None:
    """The first moment after now, at most `last`, at which something may be due."""
    return min((one for one in _moments(world, last) if one is not None and world.now < one <= last), default=None)


def _moments(world: World, last: int) -> Iterator[int | None]:
    for source in world.sources.values():
        yield source.shifts.next_change(world.now, last)
    for operator in world.operators.values():
        yield operator.shifts.next_change(world.now, last)
        for given in operator.given:
            yield given.moment + HOUR
            yield given.moment + MINUTE
    for contact in world.contacts.values():
        yield from _moments_of(world, contact)


def _moments_of(world: World, contact: Contact) -> Iterator[int | None]:
    yield contact.wakes
    yield offer_ends(world, contact)
    if contact.state in (State.HELD, State.OFFERED):
        yield handed_over_at(world, contact)
    if contact.state in (State.QUEUED, State.OFFERED):
        yield from drops(world, contact).values()
    shifts = world.sources[contact.source].shifts
    for _, _, left in late(world, contact):
        yield shifts.after(world.now, left)

"""The distributor: one move after another, each answered with what it did."""

from collections.abc import Callable, Mapping
from typing import Any

from tests.model.assigning import give, hold, pass_on, queue, withdraw
from tests.model.contacts import Contact, State
from tests.model.moves import (
    Close,
    Configure,
    ContactMove,
    Decline,
    Employ,
    Event,
    Give,
    Move,
    Open,
    Remove,
    Reopen,
    Reply,
    Return,
    Set,
    Snooze,
    Step,
    Take,
    Wait,
    Write,
)
from tests.model.operators import Operator
from tests.model.rules import exclusion_by_hand
from tests.model.settling import go_offline, next_moment, settle, wake, withdraw_offers
from tests.model.sources import Member, Source
from tests.model.world import World


class Rejected(Exception):
    """A move that is not possible now; its argument is a code. Nothing has changed."""


class Distributor:
    """The reference of the whole distributor.

    Attributes:
        world: its state, to be read; it changes by `step` alone.
    """

    def __init__(self, rolls: Callable[[], float], *, now: int = 0) -> None:
        self.world = World(rolls, now)

    def hire(self, **values: Any) -> int:
        """A new operator, by fields of `Operator`. Returns their id."""
        new = Operator(len(self.world.operators) + 1, **values)
        self.world.operators[new.id] = new
        return new.id

    def connect(self, **values: Any) -> int:
        """A new source, by fields of `Source`. Returns its id."""
        new = Source(len(self.world.sources) + 1, **values)
        self.world.sources[new.id] = new
        return new.id

    def step(self, move: Step) -> list[Event]:
        """Does a move and all that follows from it now. One that is not possible answers `rejected` and a code."""
        self.world.events = []
        try:
            self._do(move)
        except Rejected as rejected:
            return [Event("rejected", why=str(rejected))]
        settle(self.world)
        return self.world.events

    def _do(self, move: Step) -> None:
        match move:
            case Wait():
                self._wait(move.seconds)
            case Open():
                self._open(move)
            case Set():
                self._set(self.world.operators[move.operator], move.values)
            case Configure():
                self._configure(self.world.sources[move.source], move.values)
            case Employ():
                self._employ(move)
            case Remove():
                self._remove(self.world.operators[move.operator])
            case _:
                self._do_with(self.world.contacts[move.contact], move)

    def _do_with(self, contact: Contact, move: ContactMove) -> None:
        is_closed = contact.state == State.CLOSED
        if is_closed is not isinstance(move, Reopen):
            raise Rejected("closed" if is_closed else "open")
        match move:
            case Write():
                self._write(contact)
            case Take():
                self._take(contact)
            case Decline():
                self._check(contact, State.OFFERED)
                self.world.operators[contact.operator or 0].misses = 0
                pass_on(self.world, contact, why="declined" if move.may_ask_again else "refused")
            case Reply():
                self._reply(contact)
            case Snooze():
                self._snooze(contact, move.until)
            case Return():
                self._return(contact)
            case Close():
                self._close(contact)
            case Reopen():
                self._reopen(contact)
            case Give():
                self._give(contact, self.world.operators[move.operator], is_confirmed=move.is_confirmed)
            case Move():
                self._move(contact, move.source)

    @staticmethod
    def _check(contact: Contact, *states: State) -> None:
        if contact.state not in states:
            raise Rejected(f"is_{contact.state}")

    def _wait(self, seconds: int) -> None:
        last = self.world.now + seconds
        while (moment := next_moment(self.world, last)) is not None:
            self.world.now = moment
            settle(self.world)
        self.world.now = last

    # --- contacts ----------------------------------------------------------------------------------------------------

    def _open(self, move: Open) -> None:
        world, now = self.world, self.world.now
        if not world.sources[move.source].is_active:
            raise Rejected("source_off")
        new = Contact(
            len(world.contacts) + 1,
            move.source,
            move.lead,
            opened=now,
            queued=now,
            skills=dict(move.skills),
            head_start=move.head_start,
            unanswered=now,
        )
        new.happened(now, "opened")
        world.contacts[new.id] = new
        world.tell("opened", new)

    def _write(self, contact: Contact) -> None:
        if contact.unanswered is None:
            contact.unanswered = self.world.now
        contact.happened(self.world.now, "wrote")
        if contact.state == State.SNOOZED:
            wake(self.world, contact)

    def _take(self, contact: Contact) -> None:
        self._check(contact, State.OFFERED)
        operator = self.world.operators[contact.operator or 0]
        operator.misses = 0
        hold(self.world, contact, operator)
        self.world.tell("taken", contact)

    def _reply(self, contact: Contact) -> None:
        self._check(contact, State.OFFERED, State.HELD, State.SNOOZED)
        if contact.state == State.OFFERED:
            self._take(contact)
        contact.unanswered, contact.is_told = None, False
        contact.happened(self.world.now, "replied")

    def _snooze(self, contact: Contact, until: int) -> None:
        self._check(contact, State.HELD)
        if until <= self.world.now:
            raise Rejected("past")
        contact.state, contact.wakes = State.SNOOZED, until
        contact.happened(self.world.now, "snoozed")
        self.world.tell("snoozed", contact)

    def _return(self, contact: Contact) -> None:
        self._check(contact, State.HELD)
        contact.asked[contact.operator or 0] = "returned"
        queue(self.world, contact, why="returned")

    def _close(self, contact: Contact) -> None:
        if contact.state == State.OFFERED:  # who closes what is offered to them has dealt with it
            self.world.operators[contact.operator or 0].misses = 0
        contact.offer = None
        contact.state, contact.closed = State.CLOSED, self.world.now
        contact.wakes, contact.unanswered, contact.woke, contact.why = None, None, False, None
        contact.happened(self.world.now, "closed")
        self.world.tell("closed", contact)

    def _reopen(self, contact: Contact) -> None:
        operator = self.world.operators.get(contact.operator or 0)
        if operator is None or operator.is_removed:
            raise Rejected("gone")
        candidate = self.world.candidate(contact, operator, unknown_weight=1)
        if (why := exclusion_by_hand(candidate, is_confirmed=True)) is not None:
            raise Rejected(why)
        contact.closed, contact.opened = None, self.world.now
        hold(self.world, contact, operator)
        contact.happened(self.world.now, "reopened")
        self.world.tell("reopened", contact)

    def _give(self, contact: Contact, operator: Operator, *, is_confirmed: bool) -> None:
        if operator.is_removed:
            raise Rejected("removed")
        if contact.operator == operator.id:
            raise Rejected("theirs")
        candidate = self.world.candidate(contact, operator, unknown_weight=1)
        if (why := exclusion_by_hand(candidate, is_confirmed=is_confirmed)) is not None:
            raise Rejected(why)
        give(self.world, contact, operator, rule="by_hand")

    def _move(self, contact: Contact, source: int) -> None:
        if contact.source == source:
            raise Rejected("there")
        if contact.state == State.SNOOZED:
            contact.happened(self.world.now, "woke")
        if contact.state == State.OFFERED:
            withdraw(self.world, contact)
        queue(self.world, contact, why="moved")
        contact.source, contact.asked, contact.why = source, {}, None

    # --- operators and sources ---------------------------------------------------------------------------------------

    def _set(self, operator: Operator, values: Mapping[str, Any]) -> None:
        if operator.is_removed:
            raise Rejected("removed")
        for name, value in values.items():
            if name == "hours":
                operator.shifts.change(self.world.now, value)
            else:
                setattr(operator, name, value)
        if values.get("is_online"):
            operator.misses = 0
        if values.get("is_online") is False:
            go_offline(self.world, operator)
        if values.get("is_active") is False:
            withdraw_offers(self.world, operator, why="inactive")
        if values.get("is_reachable") is False:
            self._take_away(operator, why="unreachable")

    def _take_away(self, operator: Operator, *, why: str) -> None:
        for contact in self.world.theirs(operator.id):
            if contact.state != State.SNOOZED:  # it sleeps on, and wakes by the rule
                queue(self.world, contact, why=why)

    def _configure(self, source: Source, values: Mapping[str, Any]) -> None:
        for name, value in values.items():
            if name == "hours":
                source.shifts.change(self.world.now, value)
            else:
                setattr(source, name, value)

    def _employ(self, move: Employ) -> None:
        if self.world.operators[move.operator].is_removed:
            raise Rejected("removed")
        source = self.world.sources[move.source]
        source.members[move.operator] = Member(move.weight, move.limit)
        source.ledger.join(move.operator)

    def _remove(self, operator: Operator) -> None:
        if operator.is_removed:
            raise Rejected("removed")
        operator.is_removed = True
        operator.look(self.world.now)
        self._take_away(operator, why="removed")
        for contact in self.world.theirs(operator.id):
            contact.operator, contact.dropped = None, set()  # it sleeps on, and wakes to a new wait
        for source in self.world.sources.values():
            source.members.pop(operator.id, None)
            source.ledger.remove([operator.id])

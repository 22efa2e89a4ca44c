"""What must be true after every step, of the model and of the product alike.

`View` is what both can show; two views that are equal mean that both agree. `check_view` needs nothing else.
`check_world` looks further, at what only the model can be asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from tests.model.choosing import again, eligible
from tests.model.clocks import MINUTE
from tests.model.contacts import Contact, State
from tests.model.settling import is_held_up, offer_ends
from tests.model.world import THEIRS, World


@dataclass(frozen=True)
class Seen:
    """A contact as everybody sees it; `counts`: hundredths of a contact in its operator's load."""

    state: State
    source: int
    operator: int | None
    counts: int


@dataclass(frozen=True)
class View:
    """The distributor as everybody sees it.

    Attributes:
        loads: hundredths of contacts, as shown, by operator.
        held: contacts that are theirs, as shown; `ceilings`: the most.
        credits: by source and operator.
    """

    contacts: Mapping[int, Seen]
    loads: Mapping[int, int]
    held: Mapping[int, int]
    ceilings: Mapping[int, int]
    credits: Mapping[int, Mapping[int, int]]


def view(world: World) -> View:
    """What the model shows."""
    waiting = {one.id: one.waiting_load for one in world.sources.values()}
    return View(
        contacts={
            one.id: Seen(one.state, one.source, one.operator, one.load(waiting[one.source]))
            for one in world.contacts.values()
        },
        loads={one: world.load(one) for one in world.operators},
        held={one: len(world.theirs(one)) for one in world.operators},
        ceilings={one.id: one.ceiling for one in world.operators.values()},
        credits={one.id: dict(one.ledger.credits) for one in world.sources.values()},
    )


def check_view(now: View, before: View | None = None) -> None:
    """Loads are counts of rows, credits of a source sum to 0, and nobody came to hold more than their ceiling.

    Args:
        before: the view before the step; None for the first one.
    """
    for operator, load in now.loads.items():
        theirs = [one for one in now.contacts.values() if one.operator == operator and one.state in THEIRS]
        assert load == sum(one.counts for one in theirs), f"load of operator {operator}"
        assert now.held[operator] == len(theirs), f"held by operator {operator}"
        is_more = before is not None and now.held[operator] > before.held.get(operator, 0)
        assert not is_more or now.held[operator] <= now.ceilings[operator], f"operator {operator} above the ceiling"
    for source, credits in now.credits.items():
        assert sum(credits.values()) == 0, f"credits of source {source}"


def check_world(world: World, *, decided: int = 0) -> None:
    """Each contact is in one place, nobody waits for somebody who is free, nothing due is left, decisions repeat.

    Args:
        decided: how many decisions were checked before.
    """
    for contact in world.contacts.values():
        _check_place(contact)
        _check_due(world, contact)
        if contact.state == State.QUEUED and world.sources[contact.source].is_open:
            assert not eligible(world.candidates(contact))[0], f"contact {contact.id} waits while somebody is free"
    for decision in world.decisions[decided:]:
        assert again(decision) == decision.operator, f"decision about contact {decision.contact}"


def _check_place(contact: Contact) -> None:
    """The fields of a contact are those of its state, and of no other."""
    is_theirs = contact.operator is not None and contact.closed is None
    expected = {
        State.QUEUED: contact.operator is None and contact.closed is None,
        State.OFFERED: is_theirs,
        State.HELD: is_theirs,
        State.SNOOZED: contact.closed is None,
        State.CLOSED: contact.closed is not None,
    }
    assert expected[contact.state], f"contact {contact.id} is not {contact.state}"
    assert (contact.offer is not None) == (contact.state == State.OFFERED), f"offer of contact {contact.id}"
    assert (contact.wakes is not None) == (contact.state == State.SNOOZED), f"sleep of contact {contact.id}"


def _check_due(world: World, contact: Contact) -> None:
    """No offer outlasts its time, nobody oversleeps, and nobody holds what they are not there for."""
    ends = offer_ends(world, contact)
    assert ends is None or ends > world.now, f"offer of contact {contact.id} is over"
    assert not is_held_up(world, contact), f"contact {contact.id} stays with somebody while others are free"
    assert contact.wakes is None or contact.wakes > world.now, f"contact {contact.id} oversleeps"
    source, operator = world.sources[contact.source], world.operators.get(contact.operator or 0)
    if contact.state not in (State.OFFERED, State.HELD) or operator is None:
        return
    is_gone = operator.is_removed or not operator.is_reachable
    assert not is_gone, f"contact {contact.id} is with somebody who is gone"
    if source.handover == "hand_over" and contact.unanswered is not None and not operator.is_present:
        away = world.now - max(operator.away_since, contact.since)
        assert away < source.away_minutes * MINUTE, f"contact {contact.id} stays with somebody away"

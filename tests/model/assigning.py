"""How a contact comes to an operator and leaves them again. Every way goes through these functions."""

from dataclasses import replace

from tests.model.choosing import Decision, choose, eligible
from tests.model.contacts import Contact, Offer, State
from tests.model.credits import Entry
from tests.model.operators import Given, Operator
from tests.model.rules import Candidate, exclusion_by_hand
from tests.model.sources import Source
from tests.model.world import World


def place(world: World, contact: Contact) -> None:
    """Gives a waiting contact to an operator, if anybody is eligible, and records the decision."""
    source = world.sources[contact.source]
    if not source.is_open:
        why = "source_closed" if source.is_active else "source_off"
        return _leave_waiting(world, Decision(contact.id, world.now, why, None))
    candidates = world.candidates(contact)
    decision = Decision(
        contact.id,
        world.now,
        rule="",
        operator=None,
        strategy=source.strategy,
        roll=world.rolls() if eligible(candidates)[0] else 0.0,
        last=world.last_operator(contact),
        candidates=candidates,
        credits=dict(source.ledger.credits),
    )
    choice = choose(
        candidates, strategy=source.strategy, roll=decision.roll, credits=decision.credits, last=decision.last
    )
    decision = replace(decision, rule=choice.rule, operator=choice.operator, excluded=choice.excluded)
    if choice.operator is None:
        return _leave_waiting(world, decision)
    entry = _enter(source, decision, choice.weights)
    world.decisions.append(replace(decision, credits_after=dict(source.ledger.credits)))
    operator = world.operators[choice.operator]
    operator.given.append(Given(world.now, contact.id, world.had_waited(contact, operator)))
    if source.offer_seconds:
        is_again = contact.is_escalated and operator.id in contact.asked
        seconds = None if is_again else source.offer_seconds
        _offer(world, contact, operator, Offer(world.now, seconds, entry))
    else:
        hold(world, contact, operator)
        world.tell("assigned", contact, why=choice.rule)
    return None


def _leave_waiting(world: World, decision: Decision) -> None:
    """Records that nobody could have a contact, where the reason is another one than before."""
    contact, credits = world.contacts[decision.contact], decision.credits
    if contact.why != decision.rule:
        contact.why = decision.rule
        world.decisions.append(replace(decision, credits_after=credits))
        world.tell("waits", contact, why=decision.rule)


def _enter(source: Source, decision: Decision, weights: dict[int, int]) -> Entry | None:
    """Enters a contact in the ledger of an exact source. None where it stands apart."""
    if source.strategy != "exact" or decision.operator is None:
        return None
    on_leave = {
        one.operator: one.weight
        for one in decision.candidates
        if one.on_leave and one.weight and one.is_active and one.is_reachable and one.operator not in weights
    }
    if decision.rule == "exact":
        return source.ledger.draw(weights, payer=decision.operator, on_leave=on_leave)
    return source.ledger.charge(weights, payer=decision.operator, on_leave=on_leave) if source.charged else None


def _offer(world: World, contact: Contact, operator: Operator, offer: Offer) -> None:
    contact.state, contact.operator, contact.since, contact.offer = State.OFFERED, operator.id, world.now, offer
    contact.why = None
    is_again = contact.asked.get(operator.id) == "missed"  # nobody else can: it stays theirs
    world.tell("reminded" if is_again else "offered", contact)


def hold(world: World, contact: Contact, operator: Operator) -> None:
    """Makes a contact an operator's, who answers for it from now on."""
    contact.state, contact.operator, contact.since, contact.offer = State.HELD, operator.id, world.now, None
    contact.woke, contact.why, contact.wakes = False, None, None


def give(world: World, contact: Contact, operator: Operator, *, rule: str) -> None:
    """Gives a contact to an operator whom a person has chosen, or who is on duty; it is not offered."""
    if contact.state == State.OFFERED:
        withdraw(world, contact)
    if contact.state == State.SNOOZED:
        contact.happened(world.now, "woke")
    contact.state, contact.operator = State.QUEUED, None  # it leaves whom it is with, before anything is counted
    source, candidates = world.sources[contact.source], world.candidates(contact)
    decision = Decision(
        contact.id,
        world.now,
        rule=rule,
        operator=operator.id,
        strategy=source.strategy,
        last=operator.id,
        candidates=candidates,
        credits=dict(source.ledger.credits),
    )
    pool, excluded = eligible(candidates)
    _enter(source, decision, {one.operator: one.weight for one in pool})
    after = dict(source.ledger.credits)
    world.decisions.append(replace(decision, excluded=excluded, credits_after=after))
    operator.given.append(Given(world.now, contact.id, had_waited=False))
    hold(world, contact, operator)
    world.tell("assigned", contact, why=rule)


def withdraw(world: World, contact: Contact) -> None:
    """Ends an offer of which nothing comes: its place is free, its draw costs and earns nobody anything."""
    if contact.offer is not None and contact.operator is not None:
        if contact.offer.entry is not None:
            world.sources[contact.source].ledger.undo(contact.offer.entry)
        world.operators[contact.operator].take_back(contact.id)
    contact.offer, contact.operator, contact.state = None, None, State.QUEUED


def queue(world: World, contact: Contact, *, why: str) -> None:
    """Puts a contact into the queue, with its age. From an operator who had taken it, a new wait begins."""
    operator = contact.operator
    if contact.state == State.OFFERED:
        withdraw(world, contact)
    else:
        contact.queued, contact.offers, contact.is_escalated, contact.dropped = world.now, 0, False, set()
        contact.state, contact.operator, contact.wakes = State.QUEUED, None, None
    world.tell("queued", contact, operator=operator, why=why)


def pass_on(world: World, contact: Contact, *, why: str) -> None:
    """An offer came to nothing: the next one gets it; after enough rounds, who is on duty; then admins are told."""
    operator, source = world.operators[contact.operator or 0], world.sources[contact.source]
    withdraw(world, contact)
    contact.asked[operator.id] = why
    contact.offers += 1
    world.tell(why, contact, operator=operator.id)
    if contact.offers >= source.offer_rounds and not contact.is_escalated:
        _escalate(world, contact, source)


def _escalate(world: World, contact: Contact, source: Source) -> None:
    duty = world.operators.get(source.duty or 0)
    if duty is not None and exclusion_on_duty(world, contact, duty) is None:
        return give(world, contact, duty, rule="duty")
    contact.is_escalated = True
    contact.asked = {one: "refused" if why == "declined" else why for one, why in contact.asked.items()}
    return world.tell("escalated", contact)


def exclusion_on_duty(world: World, contact: Contact, duty: Operator) -> str | None:
    """Why whoever is on duty cannot get a contact. Their limit does not count: they are there for this.

    Whoever was asked already has said no, or nothing.
    """
    if (asked := contact.asked.get(duty.id)) is not None:
        return asked
    without_limit = replace(world.candidate(contact, duty, unknown_weight=1), load=0, limit=1, limit_here=None)
    return exclusion_by_hand(without_limit, is_confirmed=False)


def others(world: World, contact: Contact) -> tuple[Candidate, ...]:
    """Who else could get an offered contact now; those who were asked before only where nobody else can."""
    return eligible([one for one in world.candidates(contact) if one.operator != contact.operator])[0]

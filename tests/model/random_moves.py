"""Random shops and random moves, for Hypothesis and for the simulator: the same generator drives model and product."""

from datetime import date
from random import Random

from tests.model.clocks import Targets
from tests.model.contacts import State
from tests.model.distributor import Distributor
from tests.model.hours import FREE, Day, Hours
from tests.model.moves import (
    Close,
    Configure,
    Decline,
    Employ,
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
from tests.model.world import World

START = 1_774_720_800  # 2026-03-28 18:00 UTC, the evening before clocks change in Europe
SKILLS = ("en", "vip")
LEADS = ("ivan", "olga", "pavel", "anna herself")
OFFICE = Day(((540, 1_080),), ((780, 840),))
CALENDARS = (
    None,
    Hours("Europe/Berlin", (OFFICE,) * 7, start_before=10, stop_before=20),
    Hours("Europe/London", (Day(((1_320, 1_800),)),) * 7, leave=((date(2026, 3, 29), date(2026, 3, 29)),)),
    Hours("America/New_York", (OFFICE,) * 5 + (FREE,) * 2, exceptions=((date(2026, 3, 28), OFFICE),)),
)
"""Few, since a day of each is worked out minute by minute."""


def random_shop(rng: Random) -> Distributor:
    """Some operators and sources, with rules switched on at random."""
    shop = Distributor(rng.random, now=START)
    for lead in (None, "anna herself", None, None)[: rng.choice([1, 2, 3, 4, 4])]:
        operator = shop.hire(limit=rng.randint(1, 4), max_held=rng.choice([None, 5]), lead=lead)
        shop.step(Set(operator, _operator_values(rng)))
    for _ in range(rng.randint(1, 2)):
        source = shop.connect(strategy=rng.choice(["exact", "random"]))
        shop.step(Configure(source, _source_values(rng)))
        for operator in shop.world.operators:
            shop.step(Employ(source, operator, weight=rng.choice([1, 2, 7]), limit=rng.choice([None, 2])))
    return shop


def _operator_values(rng: Random) -> dict[str, object]:
    values = {
        "rate": rng.choice([None, None, 2]),
        "skills": frozenset(skill for skill in SKILLS if rng.random() < 0.7),
        "hours": rng.choice([None, *CALENDARS]),
        "max_held": rng.choice([None, 4, 8]),
        "limit": rng.choice([0, 2, 3, 5]),
    }
    return dict(rng.sample(sorted(values.items(), key=lambda item: item[0]), rng.randint(0, 3)))


def _source_values(rng: Random) -> dict[str, object]:
    values = {
        "strategy": rng.choice(["exact", "random"]),
        "offer_seconds": rng.choice([0, 40, 1_200]),
        "offer_rounds": rng.randint(1, 3),
        "miss_limit": rng.randint(0, 2),
        "duty": rng.choice([None, 1]),
        "sticky_days": rng.choice([0, 7]),
        "charged": rng.random() < 0.5,
        "handover": rng.choice(["keep", "hand_over", "hold"]),
        "away_minutes": rng.choice([0, 5, 30]),
        "waiting_load": rng.choice([0, 50, 100]),
        "ramp": rng.choice([None, 1, 3]),
        "skills": {rng.choice(SKILLS): rng.choice([None, 5])},
        "priority_minutes": rng.choice([0, 30]),
        "catch_up": rng.randint(0, 2),
        "targets": Targets(rng.choice([None, 3]), rng.choice([None, 3]), rng.choice([None, 60])),
        "hours": rng.choice([None, *CALENDARS]),
        "is_active": rng.random() < 0.95,
    }
    return dict(rng.sample(sorted(values.items(), key=lambda item: item[0]), rng.randint(1, 8)))


def client_move(world: World, rng: Random) -> Step:
    """A client opens a contact, or writes to one."""
    if world.contacts and rng.random() < 0.4:
        return Write(rng.choice(list(world.contacts)))
    skills = {rng.choice(SKILLS): rng.choice([None, 5])} if rng.random() < 0.2 else {}
    head_start = rng.choice([0, 0, 0, 60])
    return Open(rng.choice(list(world.sources)), rng.choice(LEADS), skills=skills, head_start=head_start)


def contact_move(world: World, rng: Random) -> Step:
    """Somebody does something with a contact, mostly what its state allows."""
    if not world.contacts:
        return client_move(world, rng)
    is_open = rng.random() < 0.9
    pool = [one for one in world.contacts.values() if (one.state != State.CLOSED) is is_open]
    contact = rng.choice(pool or list(world.contacts.values()))
    one, operator, source = contact.id, rng.choice(list(world.operators)), rng.choice(list(world.sources))
    by_state: dict[State, tuple[Step, ...]] = {
        State.OFFERED: (Take(one), Take(one), Decline(one, may_ask_again=rng.random() < 0.7), Reply(one)),
        State.HELD: (Reply(one), Reply(one), Close(one), Snooze(one, world.now + rng.randint(1, 20_000)), Return(one)),
        State.CLOSED: (Reopen(one),),
    }
    always: tuple[Step, ...] = (
        Give(one, operator, is_confirmed=rng.random() < 0.5),
        Move(one, source),
        Close(one),
        Take(one),
    )
    return rng.choice(by_state[contact.state] if contact.state in by_state and rng.random() < 0.8 else always)


def staff_move(world: World, rng: Random) -> Step:
    """An operator comes or goes, or an admin changes something about them."""
    operator = rng.choice(list(world.operators))
    flag = rng.choice(["is_online", "is_online", "is_online", "is_reachable", "is_active"])
    moves: tuple[Step, ...] = (
        Set(operator, {flag: rng.random() < 0.7}),
        Set(operator, {"is_online": True, "is_active": True, "is_reachable": True}),
        Set(operator, _operator_values(rng)),
        Employ(
            rng.choice(list(world.sources)), operator, weight=rng.choice([0, 1, 2, 7, 9]), limit=rng.choice([None, 1])
        ),
        Remove(operator) if rng.random() < 0.1 else Set(operator, {"is_online": False}),
    )
    return rng.choice(moves)


def setting_move(world: World, rng: Random) -> Step:
    """An admin changes a source."""
    return Configure(rng.choice(list(world.sources)), _source_values(rng))


def waiting_move(rng: Random) -> Step:
    """Time passes: seconds, minutes, or a night."""
    return Wait(
        rng.choice([rng.randint(1, 60), rng.randint(1, 600), rng.randint(60, 3_600), rng.randint(3_600, 15 * 3_600)])
    )


def random_move(world: World, rng: Random) -> Step:
    """Any of them, about as often as in a busy shop."""
    kind = rng.random()
    if kind < 0.35:
        return client_move(world, rng)
    if kind < 0.65:
        return contact_move(world, rng)
    if kind < 0.8:
        return waiting_move(rng)
    return staff_move(world, rng) if kind < 0.95 else setting_move(world, rng)

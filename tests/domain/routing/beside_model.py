"""The product beside the reference model of the distributor: after every move of a history both show the same."""

from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from sqlalchemy import and_, insert, select, update
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, telegram
from crm_core.contacts import giving_back, handing_on, lifecycle, moving, offering, snoozing, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages, handover, sending_to_client
from crm_core.errors import ContactClosed, CrmError
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import read_hours
from crm_core.messaging.answers import UNANSWERED
from crm_core.messaging.messages import MessageContent
from crm_core.routing import (
    absence,
    given,
    keyword_settings,
    new_sources,
    opening_hours,
    requirements,
    sleep,
    source_changes,
    source_settings,
    waiting_list,
    weight_settings,
)
from crm_core.routing.keywords import read_rule
from crm_core.statistics.recount import differences
from crm_core.storage.database import Database
from crm_core.storage.execute import execute, prefetch
from crm_core.storage.prepared import Prepared
from crm_core.storage.tables import Chat, Contact, Credit, Operator
from crm_core.team import ceilings, departure, missed_offers, operators, rates, shifts
from tests.domain.arranging import BOT, NOW, Office, open_office
from tests.domain.invariants import check_distribution, prefetch_distribution
from tests.model.conservation import check_world
from tests.model.contacts import State
from tests.model.distributor import Distributor
from tests.model.hours import Hours
from tests.model.moves import (
    Close,
    Configure,
    Decline,
    Employ,
    Event,
    Give,
    Move,
    Open,
    Remove,
    Reply,
    Return,
    Set,
    Snooze,
    Step,
    Take,
    Wait,
    Write,
)
from tests.model.settling import next_moment, settle
from tests.model.world import World
from tests.support.random_hours import as_model

SKILLS = ("german", "vip")
HEAD_STARTS = (0, 0, 1, 3)  # minutes
RULES = [read_rule(rule) for rule in ("german: german", "german5: german 5", "vip: vip", "vip5*: vip 5")]
RULES += [read_rule(f"ahead{minutes}: +{minutes}") for minutes in (1, 3)]
LEADS = ("ivan", "kira", "pavel", "nina", "oleg")
START = int(NOW.timestamp()) + 1
"""All waits and offers last an even number of seconds, so that nothing else is due at the moment of a change of hours.

Of operators these lie at whole hours and their quarters, of sources between them.
"""
OF_OPERATORS = (
    "daily 0-24 leave 5 jan - 5 jan",
    "daily 1-24 first request 50 min before the start, leave 5 jan - 6 jan",
    "daily 0-12:15, 12:30-13, 14-24",
    "daily 12:30-20 last request 10 min before the end",
    "daily 22-12:45",
)
OF_SOURCES = ("daily 0-12:05, 12:20-12:50, 13:10-23:50", "daily 12:10-23:40", "daily 21:20-12:25")


def _calendars(texts: tuple[str, ...]) -> dict[Hours | None, Calendar | None]:
    """Calendars of the product, by those of the model that say the same."""
    read = [read_hours(one, zone="UTC", today=NOW.date()) for one in texts]
    return {None: None, **{as_model(one): one for one in read}}


CALENDARS, OPENING = _calendars(OF_OPERATORS), _calendars(OF_SOURCES)


@dataclass
class Pair:
    """A model, and the office that does the same.

    Attributes:
        roll: what chance says in this move, to both.
    """

    office: Office
    shop: Distributor
    source_ids: tuple[int, int]
    roll: float = 0.0
    contacts: dict[int, int] = field(default_factory=dict)

    @property
    def now(self) -> datetime:
        return datetime.fromtimestamp(self.shop.world.now, UTC)

    @property
    def who(self) -> dict[str, Any]:
        """Arguments of nearly all actions."""
        return {"actor": SYSTEM, "now": self.now, "rng": lambda: self.roll}


def open_pair(s: Session, rng: Random) -> Pair:
    """Two to four operators at two sources, as the model and as the product have them."""
    weights = [rng.choice([1, 2, 7]) for _ in range(rng.randint(2, 4))]
    office = open_office(s, weights=weights, limit=3)
    other = new_sources.add(s, name="Site", description=None, actor=SYSTEM, now=NOW)
    pair = Pair(office, Distributor(lambda: pair.roll, now=START), (office.source_id, other))
    there = [pair.shop.connect(strategy="random") for _ in pair.source_ids]
    for source, source_id in zip(there, pair.source_ids, strict=True):
        ramp = rng.choice([None, None, 1, 2])
        pair.shop.step(Configure(source, {"ramp": ramp}))
        source_settings.set_ramp(s, source_id=source_id, ramp=ramp, **pair.who)
        # The product counts what is missed by leave only where that may be credited.
        catch_up = rng.choice([0, 1, 2])
        pair.shop.step(Configure(source, {"catch_up": catch_up}))
        source_settings.set_catch_up(s, source_id=source_id, catch_up=catch_up, actor=SYSTEM, now=NOW)
        # Not changed later: of a contact that somebody holds, the product does not keep what was dropped of it before.
        needed = {rng.choice(SKILLS): rng.choice([None, 5])} if rng.random() < 0.3 else {}
        pair.shop.step(Configure(source, {"skills": needed}))
        source_settings.set_skills(s, source_id=source_id, required=needed, **pair.who)
        absence.set_handover(s, source_id=source_id, values={"handover": "keep"}, actor=SYSTEM, now=NOW)
        keyword_settings.set_rules(s, source_id=source_id, rules=RULES, actor=SYSTEM, now=NOW)
    for weight, operator_id in zip(weights, office.operator_ids, strict=True):
        tags = frozenset(tag for tag in SKILLS if rng.random() < 0.7)
        rate = rng.choice([None, None, 3])
        operator = pair.shop.hire(limit=3, rate=rate, skills=tags)
        rates.set_rate(s, operator_id=operator_id, rate=rate, **pair.who)
        operators.set_skills(s, operator_id=operator_id, tags=sorted(tags), **pair.who)
        for source, source_id in zip(there, pair.source_ids, strict=True):
            limit_here = rng.choice([None, None, 2])
            pair.shop.step(Employ(source, operator, weight=weight, limit=limit_here))
            here: dict[str, Any] = {"source_id": source_id, "operator_id": operator_id}
            weight_settings.set_weight(s, **here, weight=weight, limit=limit_here, **pair.who)
    return pair


def random_step(world: World, rng: Random) -> Step:
    """Something that happens in a shop that offers its contacts."""
    opened = [one.id for one in world.contacts.values() if one.state != State.CLOSED]
    operator = rng.choice(list(world.operators))
    kind = rng.random()
    if kind < 0.3 or not opened:
        needed = {rng.choice(SKILLS): rng.choice([None, 5])} if rng.random() < 0.2 else {}
        source, lead = rng.choice((1, 1, 2)), rng.choice(LEADS)
        theirs = [one for one in opened if (world.contacts[one].source, world.contacts[one].lead) == (source, lead)]
        if theirs:  # a client in Telegram has one open contact at a source
            return Write(theirs[0])
        return Open(source, lead, skills=needed, head_start=rng.choice(HEAD_STARTS))
    if kind < 0.65:
        one = rng.choice(opened)
        is_offered = world.contacts[one].state == State.OFFERED
        if is_offered and rng.random() < 0.7:
            return Take(one) if rng.random() < 0.5 else Decline(one, may_ask_again=rng.random() < 0.6)
        give = Give(one, operator, is_confirmed=True)
        if world.contacts[one].state == State.SNOOZED and rng.random() < 0.5:
            return Write(one)
        until = world.now + rng.choice([7, 37, 111, 333, 1_911])
        to = rng.choice((1, 2))
        there = {world.contacts[other].lead for other in opened if other != one and world.contacts[other].source == to}
        move = give if world.contacts[one].lead in there else Move(one, to)
        mine = (
            Close(one),
            Take(one),
            give,
            move,
            Snooze(one, until),
            Snooze(one, until),
            Return(one),
            Reply(one),
            Reply(one),
        )
        return rng.choice(mine if world.contacts[one].operator is not None else (give, move))
    if kind < 0.8:
        return Wait(rng.choice([2, 10, 38, 40, 42, 200, 200, 1_700, 42_000]))
    if kind < 0.83:
        hours = rng.choice((None, rng.choice(list(CALENDARS))))
        return Set(operator, {"hours": hours})
    if kind < 0.86:
        opening = rng.choice((None, rng.choice(list(OPENING))))
        change: dict[str, Any] = rng.choice(({"hours": opening}, {"is_active": rng.random() < 0.7}))
        return Configure(rng.choice((1, 2)), change)
    if kind < 0.9:
        values = rng.choice(
            (
                {"is_online": rng.random() < 0.6},
                {"is_active": True},
                {"limit": rng.randint(0, 5)},
                {"max_held": rng.choice([None, 2, 4])},
            )
        )
        return Set(operator, {**values})
    if kind < 0.93:
        limit_here = rng.choice([None, 1, 3])
        return Employ(rng.choice((1, 2)), operator, weight=rng.choice([0, 1, 2, 7]), limit=limit_here)
    if kind < 0.94 and len(world.operators) > 2:
        return Remove(operator)
    settings: dict[str, Any] = {
        "strategy": rng.choice(["exact", "exact", "random"]),
        "offer_seconds": rng.choice([0, 40, 40]),
        "offer_rounds": rng.randint(1, 3),
        "miss_limit": rng.randint(0, 2),
        "duty": None if world.operators[operator].is_removed else rng.choice([None, operator]),
        "sticky_days": rng.choice([0, 7]),
        "charged": rng.random() < 0.5,
        "waiting_load": rng.choice([100, 100, 50, 30, 0]),
    }
    settings["priority_minutes"] = rng.choice(HEAD_STARTS)
    settings["handover"] = rng.choice(["keep", "hand_over", "hand_over", "hold"])
    settings["away_minutes"] = rng.choice([1, 2, 4])  # with 0, the job is a transaction of its own in that moment
    return Configure(rng.choice((1, 1, 2)), settings)


def play(s: Session, pair: Pair, move: Step) -> None:
    """Does the same as the model; what it rejects, the product refuses."""
    who = pair.who
    world = pair.shop.world
    match move:
        case Open():
            lead = LeadFacts(external_id=move.lead)
            at = {"source_id": pair.source_ids[move.source - 1], "now": pair.now, "rng": who["rng"]}
            if len(pair.contacts) % 2:  # the same by words of the first message
                made = lifecycle.register(s, lead=lead, content=said(move), **at)
            else:
                skills = dict(move.skills)
                hello = MessageContent("text", text="Hello")
                more: dict[str, Any] = {"content": hello, "head_start": move.head_start}
                made = lifecycle.register(s, lead=lead, required=skills, **more, **at)
            bring_to_telegram(s, made.id, lead_id=made.lead_id, lead=move.lead)
            pair.contacts[max(world.contacts)] = made.id
        case Take() | Decline() | Close() | Snooze() | Return() | Reply():
            act(s, pair, move, who)
        case Write():
            write(s, pair.contacts[move.contact], world.contacts[move.contact].lead, who)
        case Give():
            operator_id = pair.office.operator_ids[move.operator - 1]
            contact_id = pair.contacts[move.contact]
            # Whoever has it hands it on themselves.
            actor = who["actor"] = holder(s, pair, contact_id)
            give = transfer.assign_by_hand if actor is SYSTEM else handing_on.to_operator
            give(s, contact_id=contact_id, operator_id=operator_id, confirmed=True, **who)
        case Move():
            contact_id = pair.contacts[move.contact]
            who["actor"] = holder(s, pair, contact_id)
            moving.to_source(s, contact_id=contact_id, source_id=pair.source_ids[move.source - 1], **who)
        case Set():
            change(s, pair, pair.office.operator_ids[move.operator - 1], dict(move.values), who)
        case Employ():
            operator_id = pair.office.operator_ids[move.operator - 1]
            there: dict[str, Any] = {"source_id": pair.source_ids[move.source - 1], "operator_id": operator_id}
            weight_settings.set_weight(s, **there, weight=move.weight, limit=move.limit, **who)
        case Remove():
            departure.remove(s, operator_id=pair.office.operator_ids[move.operator - 1], **who)
        case Configure():
            configure(s, pair, pair.source_ids[move.source - 1], dict(move.values), who)
        case _:
            raise AssertionError(move)


def said(move: Open) -> MessageContent:
    """A first message whose words require what a contact does, and give it its head start."""
    words = [f"{tag.upper()}{after or ''}" for tag, after in move.skills.items()]
    return MessageContent("text", text=", ".join([*words, f"Ahead{move.head_start}!"]))


def holder(s: Session, pair: Pair, contact_id: int) -> Actor:
    """Whoever has a contact for good; the system, which may do what admins may, for one that nobody has."""
    row = s.execute(select(Contact.operator_id, Contact.offered_at).where(Contact.id == contact_id)).one()
    is_theirs = row.operator_id is not None and row.offered_at is None
    return telegram(pair.office.account(row.operator_id)) if is_theirs else SYSTEM


def bring_to_telegram(s: Session, contact_id: int, *, lead_id: int, lead: str) -> None:
    """Gives a contact the chat of its client, where both sides are heard."""
    chat_id = chat_of(lead)
    if s.execute(select(Chat.chat_id).where(Chat.chat_id == chat_id)).first() is None:
        s.execute(insert(Chat).values(bot_id=BOT, chat_id=chat_id, lead_id=lead_id))
    s.execute(update(Contact).where(Contact.id == contact_id).values(bot_id=BOT, chat_id=chat_id))


def chat_of(lead: str) -> int:
    return 50_000 + LEADS.index(lead)


def write(s: Session, contact_id: int, lead: str, who: dict[str, Any]) -> None:
    """A client writes to an open contact."""
    contact = s.execute(select(Contact.source_id, Contact.status).where(Contact.id == contact_id)).one()
    chat_id = chat_of(lead)
    if contact.status == "closed":
        raise ContactClosed(contact=contact_id)
    s.execute(update(Chat).where(Chat.chat_id == chat_id).values(source_id=contact.source_id))
    person = LeadFacts(external_id=lead)
    words = MessageContent("text", text="And?", bot_id=BOT, chat_id=chat_id)
    said = client_messages.receive(
        s, bot_id=BOT, chat_id=chat_id, person=person, content=words, now=who["now"], rng=who["rng"]
    )
    assert said.contact_id == contact_id


def act(s: Session, pair: Pair, move: Take | Decline | Close | Snooze | Return | Reply, who: dict[str, Any]) -> None:
    """What the operator of a contact does with it."""
    contact_id = pair.contacts[move.contact]
    holder = s.execute(select(Contact.operator_id).where(Contact.id == contact_id)).scalar_one()
    who = {**who, "actor": telegram(pair.office.account(holder or 0))}
    match move:
        case Take():
            lifecycle.take(s, contact_id=contact_id, version=None, **who)
        case Decline():
            reason = "busy" if move.may_ask_again else "not_mine"
            offering.decline(s, contact_id=contact_id, version=None, reason=reason, **who)
        case Close():
            lifecycle.close(s, contact_id=contact_id, version=None, **who)
        case Snooze():
            until = datetime.fromtimestamp(move.until, UTC)
            snoozing.snooze(s, contact_id=contact_id, version=None, until=until, **who)
        case Reply():
            words = MessageContent("text", text="Yes", bot_id=BOT, chat_id=who["actor"].telegram_id)
            sending_to_client.send_to_client(s, contact_id=contact_id, content=words, **who)
        case Return():
            giving_back.give_back(s, contact_id=contact_id, version=None, note=None, **who)


def change(s: Session, pair: Pair, operator_id: int, values: dict[str, Any], who: dict[str, Any]) -> None:
    """An operator comes or goes, or an admin changes something about them."""
    if "is_online" in values:
        actor = telegram(pair.office.account(operator_id))
        operators.set_online(s, is_online=values["is_online"], **{**who, "actor": actor})
    if "is_active" in values:
        operators.set_active(s, operator_id=operator_id, is_active=values["is_active"], **who)
    if "hours" in values:
        shifts.set_hours(s, operator_id=operator_id, hours=CALENDARS[values["hours"]], **who)
    if "limit" in values:
        operators.set_limit(s, operator_id=operator_id, max_leads=values["limit"], **who)
    if "max_held" in values:
        ceilings.set_ceiling(s, operator_id=operator_id, max_held=values["max_held"], **who)


def configure(s: Session, pair: Pair, source_id: int, values: dict[str, Any], who: dict[str, Any]) -> None:
    """An admin changes a source."""
    if "hours" in values:
        opening_hours.set_hours(s, source_id=source_id, hours=OPENING[values["hours"]], **who)
        return
    if "is_active" in values:
        source_settings.set_active(s, source_id=source_id, is_active=values["is_active"], **who)
        return
    duty = values.pop("duty")
    charged = values.pop("charged")
    values["duty_operator_id"] = None if duty is None else pair.office.operator_ids[duty - 1]
    values["sticky_mode"] = "charged" if charged else "apart"
    source_changes.change(s, source_id=source_id, values=values, **who)


def pass_time(s: Session, pair: Pair) -> None:
    """Does what is due at this moment, as the job of every second does, in the order of the model."""
    while found := missed_offers.due(s, now=pair.now):
        missed_offers.end(s, contact_id=found[0], now=pair.now, rng=lambda: pair.roll)
    if asleep := sleep.due(s, now=pair.now):
        snoozing.wake_due(s, contact_ids=asleep, now=pair.now, rng=lambda: pair.roll)


def turn(s: Session, pair: Pair) -> None:
    """Hours begin and end, what was given an hour ago counts no more, what has waited long enough requires less."""
    found, opening = shifts.due(s, now=pair.now), opening_hours.due(s, now=pair.now)
    if found or opening:
        shifts.turn(s, operator_ids=found, source_ids=opening, now=pair.now, rng=lambda: pair.roll)
    if late := given.due(s, now=pair.now):
        rates.turn(s, operator_ids=late, now=pair.now, rng=lambda: pair.roll)
    if dropped := requirements.due(s, now=pair.now):
        ids, at = zip(*dropped, strict=True)
        requirements.drop(s, contact_ids=ids, source_ids=at, now=pair.now, rng=lambda: pair.roll)


def hand_over(s: Session, pair: Pair) -> None:
    """What absent operators hold goes to others, or its clients are told."""
    if found := handover.due(s, now=pair.now):
        handover.look(s, found=found, now=pair.now, rng=lambda: pair.roll)
        assert handover.due(s, now=pair.now) == []


def do_jobs(s: Session, pair: Pair) -> None:
    """All that is due at this moment; what is handed over may be offered to somebody, and due at once."""
    turn(s, pair)
    pass_time(s, pair)
    hand_over(s, pair)
    pass_time(s, pair)


def of_model(pair: Pair) -> dict[str, Any]:
    """What the model shows."""
    world = pair.shop.world
    return {
        "contacts": {one.id: (str(one.state), one.operator) for one in world.contacts.values()},
        "loads": {one: world.load(one) for one in world.operators},
        "online": {one.id: one.is_online for one in world.operators.values() if not one.is_removed},
        "away": {
            one.id: None if one.is_present else one.away_since for one in world.operators.values() if not one.is_removed
        },
        "told": [one.id for one in world.contacts.values() if one.state != State.CLOSED and one.is_told],
        "credits": [
            {one: credit for one, credit in source.ledger.credits.items() if credit}
            for source in world.sources.values()
        ],
        "queue": [one.id for one in world.queue()],
    }


_contact, _operator, _credit = Contact.__table__, Operator.__table__, Credit.__table__
_CONTACTS = Prepared(
    select(
        *(_contact.c[name] for name in ("id", "status", "operator_id", "offered_at", "wakes_at")),
        and_(_contact.c.status != "closed", _contact.c.told_away_for == UNANSWERED).label("is_told"),
    ).order_by(_contact.c.id)
)
_STAFF = Prepared(
    select(
        *(_operator.c[name] for name in ("id", "current_leads", "relief", "is_online", "removed_at", "away_since"))
    ).order_by(_operator.c.id)
)
_CREDITS = Prepared(select(_credit.c.source_id, _credit.c.operator_id, _credit.c.credit).where(_credit.c.credit != 0))


def of_product(s: Session, pair: Pair) -> dict[str, Any]:
    """What the product shows, with the numbers of the model."""
    numbers = {operator_id: at for at, operator_id in enumerate(pair.office.operator_ids, start=1)}
    by_id = {contact_id: number for number, contact_id in pair.contacts.items()}
    contacts, staff, entered = (execute(s, one).all() for one in (_CONTACTS, _STAFF, _CREDITS))
    credits: dict[int, dict[int, int]] = {source_id: {} for source_id in pair.source_ids}
    for row in entered:
        credits[row.source_id][numbers[row.operator_id]] = row.credit
    return {
        "contacts": {by_id[row.id]: (_state(row), numbers.get(row.operator_id)) for row in contacts},
        "loads": {numbers[row.id]: row.current_leads * 100 - row.relief for row in staff},
        "online": {numbers[row.id]: row.is_online for row in staff if row.removed_at is None},
        "away": {
            numbers[row.id]: None if row.away_since is None else int(row.away_since.timestamp())
            for row in staff
            if row.removed_at is None
        },
        "told": [by_id[row.id] for row in contacts if row.is_told],
        "credits": list(credits.values()),
        "queue": [by_id[one.id] for one in waiting_list.waiting(s, limit=1_000)],
    }


def _state(row: Any) -> str:
    if row.status == "closed":
        return "closed"
    if row.wakes_at is not None:
        return "snoozed"
    if row.operator_id is None:
        return "queued"
    return "held" if row.offered_at is None else "offered"


def is_rejected(events: list[Event]) -> bool:
    return any(one.kind == "rejected" for one in events)


def look(s: Session, pair: Pair) -> Any:
    """What the product shows, once what must always be true of it was checked."""
    prefetch_distribution(s)
    for one in (_CONTACTS, _STAFF, _CREDITS):
        prefetch(s, one, {})
    check_distribution(s)
    return of_product(s, pair)


async def compare(db: Database, seed: int, *, moves: int) -> Pair:
    """One history, compared after every move. Nothing cuts the power, so nothing waits for the disk.

    Returns what it ends with.
    """
    rng = Random(seed)
    pair = await db.write_unflushed(open_pair, rng)
    for _ in range(moves):
        pair.roll = rng.random()
        move = random_step(pair.shop.world, rng)
        if isinstance(move, Wait):
            shown = await db.write_unflushed(wait, pair, move.seconds)
        else:
            await both(db, pair, move)
            shown = await db.write_unflushed(what_follows, pair)
        assert shown == of_model(pair), f"seed {seed}, after {move}"
        check_world(pair.shop.world)
    assert await db.write_unflushed(differences) == [], f"seed {seed}: sums"
    return pair


async def both(db: Database, pair: Pair, move: Step) -> None:
    """A move that both make, or that both refuse."""
    rejected = is_rejected(pair.shop.step(move))
    refused = None
    try:
        await db.write_unflushed(play, pair, move)
    except CrmError as error:
        refused = error
    # The product knows contacts that are an operator's, and that they have not taken yet; to the model all are taken.
    assert rejected is (refused is not None) or isinstance(move, Take), (
        move,
        rejected,
        refused,
        refused and refused.fields,
    )


def what_follows(s: Session, pair: Pair) -> Any:
    """What the jobs of every second do at this moment, and what the product shows then."""
    do_jobs(s, pair)
    return look(s, pair)


def wait(s: Session, pair: Pair, seconds: int) -> Any:
    """Time passes for both, from one moment at which something is due to the next; returns what the product shows."""
    world, last = pair.shop.world, pair.shop.world.now + seconds
    while (moment := next_moment(world, last)) is not None:
        world.now = moment
        settle(world)
        do_jobs(s, pair)
    world.now = last
    return look(s, pair)

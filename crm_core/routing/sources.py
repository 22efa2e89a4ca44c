"""Sources: channels that contacts come from, and how each distributes its contacts."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Row, exists, func, insert, or_, select, update
from sqlalchemy.orm import Session

from crm_core import events
from crm_core.access.actors import Actor, access_admin
from crm_core.errors import NoWeight, OperatorNotFound, SlugTaken, SourceInUse, SourceNotFound
from crm_core.messaging import alerts
from crm_core.names import Lookup, check_description, check_free_name, check_number, check_slug, normalise
from crm_core.routing import (
    absence,
    coverage,
    duty,
    keyword_settings,
    keywords,
    offer_settings,
    priority,
    queue,
    ramps,
    reach,
    relief,
    requirements,
    skills,
)
from crm_core.routing import weights as weights_module
from crm_core.routing.assignment import Rng
from crm_core.routing.candidates import one_candidate, source_facts
from crm_core.routing.coverage import Uncovered
from crm_core.routing.operator_locks import change_reach, hold_operators, lock_team
from crm_core.routing.queue import Assigned
from crm_core.routing.skills import Required
from crm_core.routing.weights import KEPT, Kept
from crm_core.storage.execute import change_one
from crm_core.storage.locks import lock_sources
from crm_core.storage.paging import Page
from crm_core.storage.tables import ApiKey, Bot, Chat, Contact, Operator, Source, Weight

WEIGHT_LARGEST = 1_000
LIMIT_LARGEST = 1_000

_source, _weight = Source.__table__, Weight.__table__


@dataclass(frozen=True, slots=True)
class SourceListed:
    """A source as lists and screens show it. `bot` is the username of its bot, None for another system."""

    id: int
    name: str
    description: str | None
    slug: str | None
    is_active: bool
    strategy: str
    bot: str | None
    late_hours: int = 24
    sticky_days: int = 0
    sticky_mode: str = "charged"
    offer_seconds: int = 0
    offer_rounds: int = 3
    miss_limit: int = 3
    duty_operator_id: int | None = None
    hours: dict[str, Any] | None = None
    is_open: bool = True
    sla: dict[str, Any] | None = None
    skills: str | None = None
    priority_minutes: int = 0
    keywords: str | None = None
    ramp: int | None = None
    waiting_load: int = 100
    catch_up: int = 0
    handover: str = "keep"
    away_minutes: int = 30
    protect_content: bool = False


def page(s: Session, *, skip: int, limit: int) -> Page:
    """A page of all sources, also inactive ones, oldest first: (id, name, description)."""
    columns = (_source.c.id, _source.c.name, _source.c.description)
    rows = s.execute(select(*columns).order_by(_source.c.id).offset(skip).limit(limit)).all()
    return Page(rows, s.execute(select(func.count()).select_from(_source)).scalar_one())


def listing(s: Session) -> list[SourceListed]:
    """Every source, in order of creation."""
    rows = s.execute(
        select(
            _source.c.id,
            _source.c.name,
            _source.c.description,
            _source.c.slug,
            _source.c.is_active,
            _source.c.strategy,
            Bot.username,
            _source.c.late_hours,
            _source.c.sticky_days,
            _source.c.sticky_mode,
            *(_source.c[name] for name in offer_settings.NAMES),
            _source.c.hours,
            _source.c.is_open,
            _source.c.sla,
            _source.c.skills,
            _source.c.priority_minutes,
            _source.c.keywords,
            _source.c.ramp,
            _source.c.waiting_load,
            _source.c.catch_up,
            _source.c.handover,
            _source.c.away_minutes,
            _source.c.protect_content,
        )
        .outerjoin(Bot, Bot.id == _source.c.bot_id)
        .order_by(_source.c.id)
    )
    return [SourceListed(*row) for row in rows]


_lookup: Lookup[SourceListed] = Lookup(SourceNotFound, also=lambda one, text: normalise(text) == one.slug)
pick, missed = _lookup.pick, _lookup.missed


def one(s: Session, *, source_id: int) -> SourceListed:
    """One source. Raises SourceNotFound."""
    return _lookup.one(listing(s), source_id)


def find(s: Session, *, name: str) -> SourceListed:
    """The source of a name, link word or number, as an admin types it. Raises SourceNotFound with close names."""
    return _lookup.find(listing(s), name)


def add_link(s: Session, *, bot_id: int, slug: str, name: str, actor: Actor, now: datetime) -> int:
    """A source of its own under a bot, reached by the link `?start=src_<slug>`, with the bot's weights. Returns its id.

    Raises NotAllowed, BadSlug, BadName, SlugTaken, NameTaken.
    """
    access_admin(s, actor)
    checked = check_slug(slug)
    if s.execute(select(_source.c.id).where(_source.c.slug == checked)).first():
        raise SlugTaken(slug=checked)
    free = check_free_name(name, _names(s))
    main_id = s.execute(select(_source.c.id).where(_source.c.bot_id == bot_id, _source.c.slug.is_(None))).scalar_one()
    lock_team(s, [main_id], operator_ids=list(weights_module.of_source(s, main_id)))
    source_id = _insert(s, name=free, slug=checked, bot_id=bot_id, actor=actor, now=now)
    weights_module.inherit(s, source_id=main_id, heir_id=source_id, actor=actor, now=now)
    return source_id


def add(s: Session, *, name: str, description: str | None, actor: Actor, now: datetime) -> int:
    """A source without a bot: another system that brings contacts through the API. Returns its id.

    Raises NotAllowed, BadName, BadValue, NameTaken.
    """
    access_admin(s, actor)
    described = check_description(description or "")
    source_id = _insert(s, name=check_free_name(name, _names(s)), slug=None, bot_id=None, actor=actor, now=now)
    if described is not None:
        _change(s, source_id, description=described)
    return source_id


def remove(s: Session, *, source_id: int, actor: Actor, now: datetime) -> None:
    """Removes a source that no contact has come from, with its weights.

    Raises NotAllowed, SourceNotFound, and SourceInUse if it is a bot's own, has contacts, or is used by a form's key.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    # A contact that is being created at it waits for this row, and then finds that the source is gone.
    s.execute(select(_source.c.id).where(_source.c.id == source_id).with_for_update())
    source = one(s, source_id=source_id)
    is_main = source.bot is not None and source.slug is None
    if is_main or _is_in_use(s, source_id):
        raise SourceInUse(source=source.name)
    s.execute(_weight.delete().where(_weight.c.source_id == source_id))
    s.execute(update(Chat).where(Chat.source_id == source_id).values(source_id=None))
    s.execute(_source.delete().where(_source.c.id == source_id))
    _record(s, source_id, "removed", actor, now)


def _is_in_use(s: Session, source_id: int) -> bool:
    has_contacts = exists().where(Contact.source_id == source_id)
    had_contacts = exists().where(Contact.first_source_id == source_id)
    has_form = exists().where(ApiKey.source_id == source_id)
    return bool(s.execute(select(or_(has_contacts, had_contacts, has_form))).scalar_one())


def ensure_main(s: Session, *, bot_id: int, username: str, actor: Actor, now: datetime) -> int:
    """The bot's own source, created at its first start and named after its @username. Returns its id."""
    found = s.execute(
        select(_source.c.id).where(_source.c.bot_id == bot_id, _source.c.slug.is_(None))
    ).scalar_one_or_none()
    if found is not None:
        return int(found)
    is_taken = normalise(username) in map(normalise, _names(s))
    name = f"{username} {bot_id}" if is_taken else username
    return _insert(s, name=name, slug=None, bot_id=bot_id, actor=actor, now=now)


def _insert(s: Session, *, name: str, slug: str | None, bot_id: int | None, actor: Actor, now: datetime) -> int:
    values = {"name": name, "slug": slug, "bot_id": bot_id, "is_active": True, "strategy": "random", "created_at": now}
    values["ramp"] = ramps.USUAL
    away = {"handover": absence.Handover.HAND_OVER.value, "away_minutes": absence.DEFAULT_MINUTES}
    source_id: int = s.execute(insert(_source).returning(_source.c.id), {**values, **away}).scalar_one()
    _record(s, source_id, "added", actor, now, data=away)
    return source_id


def _names(s: Session, *, besides: int = 0) -> Sequence[str]:
    return s.execute(select(_source.c.name).where(_source.c.id != besides)).scalars().all()


def rename(s: Session, *, source_id: int, name: str, actor: Actor, now: datetime) -> str:
    """Renames a source. Returns the name as stored. Raises NotAllowed, SourceNotFound, BadName, NameTaken."""
    access_admin(s, actor)
    checked = check_free_name(name, _names(s, besides=source_id))
    _change(s, source_id, name=checked)
    _record(s, source_id, "renamed", actor, now)
    return checked


def describe(s: Session, *, source_id: int, description: str, actor: Actor, now: datetime) -> str | None:
    """Sets what a source is, in a line for staff. Raises NotAllowed, SourceNotFound, BadValue."""
    access_admin(s, actor)
    checked = check_description(description)
    _change(s, source_id, description=checked)
    _record(s, source_id, "described", actor, now)
    return checked


def change(
    s: Session, *, source_id: int, actor: Actor, now: datetime, rng: Rng, values: dict[str, Any]
) -> "SourceDetails":
    """Changes what is given, all or nothing. Returns the source after the change.

    Args:
        values: any of `name`, `description`, `is_active`, `strategy`, `late_hours`, `sticky_days`, `sticky_mode`,
            `skills`, `priority_minutes`, `keywords`, `ramp`, `catch_up`, `waiting_load` (hundredths),
            `protect_content`, and of those of `offer_settings.set_offers` and `absence.set_handover`.

    Raises NotAllowed, SourceNotFound, OperatorNotFound, BadName, BadValue, BadKeywords, NameTaken.
    """
    access_admin(s, actor)
    if "waiting_load" in values:
        hold_holders(s, source_id)
    lock_sources(s, [source_id])
    before = one(s, source_id=source_id)
    who: dict[str, Any] = {"source_id": source_id, "actor": actor, "now": now}
    if values.get("name", before.name) != before.name:
        rename(s, name=values["name"], **who)
    if values.get("description", before.description) != before.description:
        describe(s, description=values["description"] or "", **who)
    if values.get("strategy", before.strategy) != before.strategy:
        set_strategy(s, strategy=values["strategy"], **who)
    if values.get("late_hours", before.late_hours) != before.late_hours:
        set_late_hours(s, late_hours=values["late_hours"], **who)
    sticky = {name: values[name] for name in ("sticky_days", "sticky_mode") if name in values}
    if any(value != getattr(before, name) for name, value in sticky.items()):
        set_sticky(s, **who, **sticky)
    offers = {name: values[name] for name in offer_settings.NAMES if name in values}
    if any(value != getattr(before, name) for name, value in offers.items()):
        offer_settings.set_offers(s, values=offers, **who)
    handover = {name: values[name] for name in absence.NAMES if name in values}
    if any(value != getattr(before, name) for name, value in handover.items()):
        absence.set_handover(s, values=handover, **who)
    if "skills" in values and skills.write(skills.check(values["skills"])) != before.skills:
        set_skills(s, required=values["skills"], rng=rng, **who)
    if values.get("priority_minutes", before.priority_minutes) != before.priority_minutes:
        set_priority(s, minutes=values["priority_minutes"], rng=rng, **who)
    if values.get("waiting_load", before.waiting_load) != before.waiting_load:
        set_waiting_load(s, waiting_load=values["waiting_load"], rng=rng, **who)
    if "keywords" in values and keywords.write(rules := keywords.check_all(values["keywords"])) != before.keywords:
        keyword_settings.set_rules(s, rules=rules, **who)
    if values.get("ramp", before.ramp) != before.ramp:
        set_ramp(s, ramp=values["ramp"], rng=rng, **who)
    if values.get("catch_up", before.catch_up) != before.catch_up:
        set_catch_up(s, catch_up=values["catch_up"], **who)
    if values.get("protect_content", before.protect_content) != before.protect_content:
        set_protection(s, protect_content=values["protect_content"], **who)
    if values.get("is_active", before.is_active) != before.is_active:
        set_active(s, is_active=values["is_active"], rng=rng, **who)
    return details(s, source_id=source_id)


def set_active(s: Session, *, source_id: int, is_active: bool, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Switches a source on or off: whether it takes new contacts and assigns waiting ones. Open ones are not affected.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_team(s, [source_id])
    before = one(s, source_id=source_id)
    opens = is_active and before.is_open and not before.is_active
    _change(s, source_id, is_active=is_active, **({"opened_at": now} if opens else {}))
    _record(s, source_id, "switched_on" if is_active else "switched_off", actor, now)
    return queue.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_strategy(s: Session, *, source_id: int, strategy: str, actor: Actor, now: datetime) -> None:
    """Sets how a source chooses: `random`, by weighted chance, or `exact`, balancing shares contact by contact.

    Credits stay as they are: a source that was exact before goes on where it was.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_team(s, [source_id])
    _change(s, source_id, strategy=strategy)
    _record(s, source_id, f"strategy_{strategy}", actor, now)


LATE_LONGEST = 24 * 31  # hours


def set_late_hours(s: Session, *, source_id: int, late_hours: int, actor: Actor, now: datetime) -> None:
    """Sets for how many hours after closing a client's message joins the closed contact; 0: every one opens a new one.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(late_hours, field="late_hours", minimum=0, maximum=LATE_LONGEST)
    lock_sources(s, [source_id])
    before = one(s, source_id=source_id).late_hours
    _change(s, source_id, late_hours=checked)
    data = {"late_hours": checked, "before": {"late_hours": before}}
    _record(s, source_id, "late_hours", actor, now, data=data)


STICKY_LONGEST = 3_650  # days
StickyMode = Literal["charged", "apart"]


def set_sticky(
    s: Session,
    *,
    source_id: int,
    actor: Actor,
    now: datetime,
    sticky_days: int | None = None,
    sticky_mode: StickyMode | None = None,
) -> None:
    """Sets for how many days after closing a client's next contact goes to the operator they had, if they can get it.

    Args:
        sticky_days: 0 for never; None leaves it as it is, as for the other.
        sticky_mode: whether that operator pays for it where shares are exact: `charged`, or `apart`.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    values: dict[str, Any] = {}
    if sticky_days is not None:
        values["sticky_days"] = check_number(sticky_days, field="sticky_days", minimum=0, maximum=STICKY_LONGEST)
    if sticky_mode is not None:
        values["sticky_mode"] = sticky_mode
    _change(s, source_id, **values)
    _record(s, source_id, "sticky", actor, now, data=values)


def set_skills(s: Session, *, source_id: int, required: Required, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets what the contacts of a source require of operators, those that wait included.

    Args:
        required: tags, each with the minutes of waiting after which it is dropped, or None; empty: nothing.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadSkills.
    """
    access_admin(s, actor)
    stored = skills.write(skills.check(required))
    lock_team(s, [source_id])
    before = one(s, source_id=source_id).skills
    with duty.watching(s, now=now):
        _change(s, source_id, skills=stored)
    requirements.source_changed(s, source_id=source_id, before=before, after=stored)
    _record(s, source_id, "skills", actor, now, data={"skills": dict(skills.read(stored))})
    return queue.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_waiting_load(
    s: Session, *, source_id: int, waiting_load: int, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets what a contact counts in its operator's load while it waits for its client, those that do included.

    Args:
        waiting_load: hundredths; 100: like any other.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(waiting_load, field="waiting_load", minimum=0, maximum=relief.WHOLE)
    source_ids = hold_holders(s, source_id)
    _change(s, source_id, waiting_load=checked)
    relief.source_changed(s, source_id)
    _record(s, source_id, "waiting_load", actor, now, data={"waiting_load": checked})
    return queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def hold_holders(s: Session, source_id: int) -> set[int]:
    """Locks who holds contacts of a source, and where they work."""
    return hold_operators(s, relief.holders(s, source_id), also=[source_id])


def set_priority(s: Session, *, source_id: int, minutes: int, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets the head start of a source's contacts in the queue, those that wait included; it counts between sources.

    Args:
        minutes: 0 for none.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = priority.check_minutes(minutes)
    lock_team(s, [source_id])
    _change(s, source_id, priority_minutes=checked)
    priority.source_changed(s, source_id)
    _record(s, source_id, "priority", actor, now, data={"priority_minutes": checked})
    return queue.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_ramp(s: Session, *, source_id: int, ramp: int | None, actor: Actor, now: datetime, rng: Rng) -> Assigned:
    """Sets how much of what had waited before they come an operator gets in a minute (`crm_core.routing.ramps`).

    What was given in the last minute counts only if some source had a ramp then.

    Args:
        ramp: contacts, at least 1; None for all at once.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = None if ramp is None else check_number(ramp, field="ramp", minimum=1, maximum=ramps.LARGEST)
    lock_team(s, [source_id])
    before = one(s, source_id=source_id).ramp
    _change(s, source_id, ramp=checked)
    _record(s, source_id, "ramp", actor, now, data={"ramp": checked, "before": {"ramp": before}})
    return queue.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


CATCH_UP_LARGEST = 1_000


def set_catch_up(s: Session, *, source_id: int, catch_up: int, actor: Actor, now: datetime) -> None:
    """Sets how much of a planned absence is credited to an operator who is back, where shares are exact.

    What is missed while it is 0 is not counted.

    Args:
        catch_up: contacts at most; 0: none.

    Raises NotAllowed, SourceNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(catch_up, field="catch_up", minimum=0, maximum=CATCH_UP_LARGEST)
    lock_sources(s, [source_id])
    _change(s, source_id, catch_up=checked)
    _record(s, source_id, "catch_up", actor, now, data={"catch_up": checked})


def set_protection(s: Session, *, source_id: int, protect_content: bool, actor: Actor, now: datetime) -> None:
    """Sets whether what the clients of a source send can't be forwarded or saved at operators.

    It holds for what is shown from now on: Telegram changes no message that is there.

    Raises NotAllowed, SourceNotFound.
    """
    access_admin(s, actor)
    lock_sources(s, [source_id])
    before = one(s, source_id=source_id).protect_content
    _change(s, source_id, protect_content=protect_content)
    data = {"protect_content": protect_content, "before": {"protect_content": before}}
    _record(s, source_id, "protect_content", actor, now, data=data)


def set_weight(
    s: Session,
    *,
    source_id: int,
    operator_id: int,
    weight: int,
    actor: Actor,
    now: datetime,
    rng: Rng,
    limit: int | Kept | None = KEPT,
) -> Assigned:
    """Sets how much of a source an operator should get, 0 for nothing, and assigns waiting contacts.

    Args:
        limit: the most open contacts from there that they hold, at least 1; None for no limit but their own.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound, BadValue.
    """
    access_admin(s, actor)
    checked = check_number(weight, field="weight", minimum=0, maximum=WEIGHT_LARGEST)
    most = limit if limit is None or limit is KEPT else _check_limit(limit)
    one(s, source_id=source_id)
    lock_team(s, [source_id], operator_ids=[operator_id])
    check_there(s, operator_id)
    with duty.watching(s, now=now):
        _change_weight(s, source_id, operator_id, checked, actor=actor, now=now, limit=most)
    if most is not KEPT:
        change_reach(s, operator_id)  # whoever chose them by what they had before chooses again
    reach.reach_known_chats(s, operator_id=operator_id, now=now)
    return queue.assign_waiting(s, source_ids=[source_id], actor=actor, now=now, rng=rng)


def set_limit(
    s: Session, *, source_id: int, operator_id: int, limit: int | None, actor: Actor, now: datetime, rng: Rng
) -> Assigned:
    """Sets how many open contacts from a source an operator holds at most; what they hold stays with them.

    Args:
        limit: at least 1; None for no limit but their own.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound, BadValue,
    and NoWeight where they get nothing from there.
    """
    access_admin(s, actor)
    source = one(s, source_id=source_id)
    lock_team(s, [source_id], operator_ids=[operator_id])
    check_there(s, operator_id)
    weight = weights_module.of_source(s, source_id).get(operator_id)
    if weight is None:
        name = s.execute(select(Operator.name).where(Operator.id == operator_id)).scalar_one()
        raise NoWeight(operator=name, source=source.name)
    return set_weight(
        s, source_id=source_id, operator_id=operator_id, weight=weight, limit=limit, actor=actor, now=now, rng=rng
    )


def _check_limit(limit: int) -> int:
    return check_number(limit, field="limit_here", minimum=1, maximum=LIMIT_LARGEST)


def give_usual_weights(
    s: Session, *, operator_id: int, actor: Actor, now: datetime, rng: Rng, source_id: int | None = None
) -> Assigned:
    """Gives an operator a source, or all, with the weight that the others have there on average; known weights stay.

    Returns what was assigned of the waiting contacts. Raises NotAllowed, SourceNotFound, OperatorNotFound.
    """
    access_admin(s, actor)
    source_ids = sorted(known.id for known in listing(s)) if source_id is None else [one(s, source_id=source_id).id]
    lock_team(s, source_ids, operator_ids=[operator_id])
    check_there(s, operator_id)
    for each in source_ids:
        if operator_id not in weights_module.of_source(s, each):
            _change_weight(s, each, operator_id, weights_module.usual(s, each), actor=actor, now=now)
    reach.reach_known_chats(s, operator_id=operator_id, now=now)
    return queue.assign_waiting(s, source_ids=source_ids, actor=actor, now=now, rng=rng)


def check_there(s: Session, operator_id: int) -> None:
    """Raises OperatorNotFound unless there is such an operator."""
    if s.execute(select(Operator.id).where(Operator.id == operator_id, Operator.removed_at.is_(None))).first() is None:
        raise OperatorNotFound(name=str(operator_id), close=[])


def _change_weight(
    s: Session,
    source_id: int,
    operator_id: int,
    weight: int,
    *,
    actor: Actor,
    now: datetime,
    limit: int | Kept | None = KEPT,
) -> None:
    """Stores a weight; the operator is told of their first one at a source, and of losing it."""
    had = weights_module.store(
        s, source_id=source_id, operator_id=operator_id, weight=weight, limit=limit, actor=actor, now=now
    )
    if had is not bool(weight):
        _notify_assigned(s, source_id, operator_id, is_assigned=not had, now=now)


def _notify_assigned(s: Session, source_id: int, operator_id: int, *, is_assigned: bool, now: datetime) -> None:
    """Tells an operator that the contacts of a source come to them from now on, or no longer."""
    source = one(s, source_id=source_id)
    facts = source_facts(s, source_id)
    is_reached = one_candidate(s, facts, operator_id=operator_id).candidate.is_reachable
    alerts.notify_operator(
        s,
        operator_id,
        code="source_given" if is_assigned else "source_taken",
        now=now,
        bot_id=facts.card_bot_id,
        source=source.name,
        start=None if is_reached or not is_assigned else source.bot,
    )


def weights(s: Session, *, source_id: int) -> list[Row[Any]]:
    """Who works at a source: (operator_id, name, weight), the largest weight first."""
    return list(
        s.execute(
            select(_weight.c.operator_id, Operator.name, _weight.c.weight)
            .join(Operator, Operator.id == _weight.c.operator_id)
            .where(_weight.c.source_id == source_id)
            .order_by(_weight.c.weight.desc(), Operator.name)
        )
    )


@dataclass(frozen=True, slots=True)
class Share:
    """What an operator should get of a source: their weight, and `part`, that weight / the sum of all there.

    Attributes:
        limit: the most open contacts from there that they hold; None for no limit but their own.
    """

    source_id: int
    source: str
    operator_id: int
    operator: str
    weight: int
    part: float
    limit: int | None = None


def shares(s: Session) -> list[Share]:
    """Every weight with its planned share: weight / sum of the source's weights, whoever is absent.

    By source, in order of creation, the largest share first.
    """
    rows = s.execute(
        select(
            _weight.c.source_id,
            _source.c.name.label("source"),
            _weight.c.operator_id,
            Operator.name.label("operator"),
            _weight.c.weight,
            _weight.c.limit,
        )
        .join(Operator, Operator.id == _weight.c.operator_id)
        .join(_source, _source.c.id == _weight.c.source_id)
        .where(Operator.removed_at.is_(None))
        .order_by(_weight.c.source_id, _weight.c.weight.desc(), Operator.name_folded)
    ).all()
    sums: Counter[int] = Counter()
    for row in rows:
        sums[row.source_id] += row.weight
    return [
        Share(
            row.source_id,
            row.source,
            row.operator_id,
            row.operator,
            row.weight,
            row.weight / sums[row.source_id],
            row.limit,
        )
        for row in rows
    ]


@dataclass(frozen=True, slots=True)
class SourceDetails:
    """A source with who works there and how many contacts wait.

    Attributes:
        uncovered: when nobody works there though it is open; None if somebody always does, or nobody has looked.
    """

    source: SourceListed
    shares: tuple[Share, ...]
    waiting: int
    uncovered: Uncovered | None = None


def details(s: Session, *, source_id: int, now: datetime | None = None) -> SourceDetails:
    """Everything that a source's screen shows. Raises SourceNotFound.

    Args:
        now: to look for hours of the next days that nobody covers.
    """
    source = one(s, source_id=source_id)
    mine = tuple(share for share in shares(s) if share.source_id == source_id)
    gaps = coverage.gaps(s, now=now, source_id=source_id) if now is not None else []
    return SourceDetails(source, mine, queue.length(s, source_id=source_id), gaps[0] if gaps else None)


def overview(s: Session, *, now: datetime | None = None) -> list[SourceDetails]:
    """Every source with who works there and how many contacts wait, in order of creation; `now` as for `details`."""
    gaps = {one.source_id: one for one in coverage.gaps(s, now=now)} if now is not None else {}
    by_source: dict[int, list[Share]] = {}
    for share in shares(s):
        by_source.setdefault(share.source_id, []).append(share)
    waiting = queue.lengths(s)
    return [
        SourceDetails(known, tuple(by_source.get(known.id, ())), waiting.get(known.id, 0), gaps.get(known.id))
        for known in listing(s)
    ]


def new_link(s: Session, *, bot_id: int, slug: str, name: str, actor: Actor, now: datetime) -> SourceDetails:
    """The same as `add_link`, returning what the new source's screen shows."""
    return details(s, source_id=add_link(s, bot_id=bot_id, slug=slug, name=name, actor=actor, now=now))


def _change(s: Session, source_id: int, **values: Any) -> None:
    changed = update(_source).where(_source.c.id == source_id).values(values)
    change_one(s, changed, otherwise=_lookup.unknown(source_id))


def _record(
    s: Session, source_id: int, reason: str, actor: Actor, now: datetime, *, data: dict[str, Any] | None = None
) -> None:
    events.record_one(
        s, events.SOURCE_CHANGED, actor=actor.label, now=now, source_id=source_id, reason=reason, data=data
    )

"""A random period of an installation, made by the product's own actions: contacts, people who come and go, settings."""

import random
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import LOCAL_API, SYSTEM
from crm_core.contacts import lifecycle, offering, reopening, snoozing, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages
from crm_core.errors import CrmError
from crm_core.hours.reading import read_hours
from crm_core.routing import giving_out, new_sources, opening_hours, sleep, source_settings, weight_settings
from crm_core.routing.operator_locks import hold_operators
from crm_core.storage.database import Database
from crm_core.storage.tables import Contact
from crm_core.team import ceilings, departure, operators, shifts
from tests.domain.arranging import BOT, NOW, Office, open_office, saying


@dataclass
class Period:
    """An installation whose clock goes on with every action, a few seconds to some minutes.

    Attributes:
        has_sleep: whether contacts are snoozed, and wake.
        dice: what happens, and how contacts are drawn.
        rolls: of draws alone, so that other settings leave the rest as it is.
    """

    db: Database
    seed: int
    has_sleep: bool = False
    now: datetime = NOW
    office: Office = field(init=False)
    api_source: int = field(init=False)

    def __post_init__(self) -> None:
        self.dice = random.Random(self.seed)
        self.rolls = random.Random(-self.seed - 1)

    async def open(self, *, has_ramp: bool = False) -> None:
        """A bot's source and another system's, four operators who work at both, and one who has no account.

        Args:
            has_ramp: whether whoever comes is given little by little what had waited, as at new sources. A replay that
                carries the team along does so at the very minute; here minutes pass between two actions.
        """
        self.office = await self.db.write(open_office, weights=[50, 30, 20], limit=3)
        self.api_source = await self.db.write(new_sources.add, name="site", description=None, actor=SYSTEM, now=NOW)
        apart = await self.db.write(operators.add, name="Apart", max_leads=2, actor=SYSTEM, now=NOW)
        self.office.operator_ids.append(apart)
        for source_id in (self.office.source_id, self.api_source):
            if not has_ramp:
                await self.do(source_settings.set_ramp, source_id=source_id, ramp=None, actor=SYSTEM)
            for operator_id in self.office.operator_ids:
                await self.weigh(source_id, operator_id, self.dice.randint(1, 60))

    async def weigh(self, source_id: int, operator_id: int, weight: int) -> None:
        """A weight is set."""
        await self.do(
            weight_settings.set_weight, source_id=source_id, operator_id=operator_id, weight=weight, actor=SYSTEM
        )

    async def do(self, action: Callable[..., Any], **inputs: Any) -> Any:
        """One action, a moment later. A refusal changes nothing."""
        self.now += timedelta(milliseconds=self.dice.randint(1, 600_000))
        wanted = action.__code__.co_varnames[: action.__code__.co_argcount + action.__code__.co_kwonlyargcount]
        if "now" in wanted:
            inputs["now"] = self.now
        if "rng" in wanted:
            inputs["rng"] = self.rolls.random
        try:
            return await self.db.write(action, **inputs)
        except CrmError:
            return None

    async def go_on(self, steps: int) -> None:
        """So many random actions."""
        for _ in range(steps):
            await self.step()

    async def step(self) -> None:
        """One random action."""
        dice = self.dice
        if self.has_sleep and dice.random() < 0.08:
            await self.snooze()
        somebody = dice.choice(self.office.operator_ids)
        source_id = dice.choice((self.office.source_id, self.api_source))
        chance = dice.random()
        if chance < 0.45:
            await self.arrive(source_id)
        elif chance < 0.67:
            await self.close()
        elif chance < 0.70:
            await self.set_further(somebody, source_id)
        elif chance < 0.76:
            await self.do(switch_presence, operator_id=somebody, is_online=dice.random() < 0.6)
        elif chance < 0.80:
            await self.do(operators.set_limit, operator_id=somebody, max_leads=dice.randint(0, 5), actor=SYSTEM)
        elif chance < 0.84:
            await self.weigh(source_id, somebody, dice.choice((0, 1, 10, 40)))
        elif chance < 0.87:
            await self.do(
                source_settings.set_strategy,
                source_id=source_id,
                strategy=dice.choice(("exact", "random")),
                actor=SYSTEM,
            )
        elif chance < 0.89:
            await self.do(
                source_settings.set_sticky, source_id=source_id, sticky_days=dice.choice((0, 30)), actor=SYSTEM
            )
        elif chance < 0.91:
            await self.do(source_settings.set_active, source_id=source_id, is_active=dice.random() < 0.7, actor=SYSTEM)
        elif chance < 0.94:
            await self.by_hand(somebody)
        elif chance < 0.97:
            await self.reopen()
        elif chance < 0.98:
            await self.do(departure.mark_unreachable, telegram_id=self.office.account(somebody), bot_id=BOT)
        elif chance < 0.99 and len(self.office.operator_ids) > 2:
            await self.do(departure.remove, operator_id=somebody, actor=SYSTEM)
            self.office.operator_ids.remove(somebody)
        else:
            hours = read_hours(dice.choice(("daily 8-16", "daily 0-12", "mon-fri 10-19")), zone="UTC", today=NOW.date())
            await self.do(shifts.set_hours, operator_id=somebody, hours=hours, actor=SYSTEM)
        await self.turn()

    async def set_further(self, operator_id: int, source_id: int) -> None:
        """One of the further settings is changed."""
        dice = self.dice
        who, where = {"operator_id": operator_id}, {"source_id": source_id}
        tags = dice.choice(((), ("german",), ("german", "vip")))
        opening = read_hours(dice.choice(("daily 8-18", "daily 0-24")), zone="UTC", today=NOW.date())
        further: list[tuple[Callable[..., Any], dict[str, Any]]] = [
            (ceilings.set_ceiling, {**who, "max_held": dice.choice((None, 1, 3))}),
            (operators.set_skills, {**who, "tags": tags}),
            (weight_settings.set_limit, {**who, **where, "limit": dice.choice((None, 1, 2))}),
            (source_settings.set_skills, {**where, "required": dict.fromkeys(tags[:1])}),
            (source_settings.set_priority, {**where, "minutes": dice.choice((0, 30))}),
            (opening_hours.set_hours, {**where, "hours": dice.choice((None, opening))}),
        ]
        action, inputs = dice.choice(further)
        await self.do(action, actor=SYSTEM, **inputs)

    async def turn(self) -> None:
        """Contacts, shifts and sources that are due wake or turn, as the periodic jobs do it."""
        due = await self.db.read(sleep.due, now=self.now)
        if due:
            await self.do(snoozing.wake_due, contact_ids=due)
        due = await self.db.read(shifts.due, now=self.now)
        opening = await self.db.read(opening_hours.due, now=self.now)
        if due or opening:
            await self.do(shifts.turn, operator_ids=due, source_ids=opening)

    async def arrive(self, source_id: int) -> None:
        """A client writes to the bot, or another system registers a request."""
        client = self.dice.randint(1, 40)
        if source_id == self.office.source_id:
            said = saying(client, self.dice.randint(1, 10**9))
            del said["now"], said["rng"]
            await self.do(client_messages.receive, **said)
        else:
            await self.do(lifecycle.register, source_id=source_id, lead=LeadFacts(email=f"c{client}@example.com"))

    async def close(self) -> None:
        """Somebody closes a contact of theirs."""
        one = await self.some(Contact.status != "closed", Contact.operator_id.is_not(None))
        if one is not None:
            await self.do(close_for, contact_id=one.id)

    async def snooze(self) -> None:
        """An operator puts a contact of theirs to sleep, for a quarter of an hour to five."""
        one = await self.some(Contact.status != "closed", Contact.operator_id.is_not(None), Contact.wakes_at.is_(None))
        if one is not None:
            until = self.now + timedelta(minutes=self.dice.randint(15, 300))
            await self.do(snoozing.snooze, contact_id=one.id, version=None, until=until, actor=LOCAL_API)

    async def by_hand(self, operator_id: int) -> None:
        """An admin gives a contact to somebody."""
        one = await self.some(Contact.status != "closed")
        if one is not None:
            await self.do(
                transfer.assign_by_hand, contact_id=one.id, operator_id=operator_id, actor=SYSTEM, confirmed=True
            )

    async def reopen(self) -> None:
        """Somebody opens a contact of theirs again."""
        one = await self.some(Contact.status == "closed", Contact.operator_id.is_not(None))
        if one is not None:
            await self.do(reopening.reopen, contact_id=one.id, version=None, actor=LOCAL_API)

    async def some(self, *conditions: Any) -> Any:
        """A contact of these, at random."""
        found = await self.db.read(
            lambda s: s.execute(select(Contact.id, Contact.operator_id).where(*conditions).order_by(Contact.id)).all()
        )
        return self.dice.choice(found) if found else None


def switch_presence(s: Session, *, operator_id: int, is_online: bool, now: datetime, rng: Any) -> None:
    """An operator goes or comes, whether they have an account or not."""
    source_ids = hold_operators(s, [operator_id], gives_back=not is_online)
    operators.set_presence(s, operator_id, now=now, is_online=is_online, missed_offers=0)
    operators.record_change(s, operator_id, "online" if is_online else "offline", SYSTEM, now)
    if not is_online:
        offering.withdraw(s, operator_id=operator_id, actor=SYSTEM, now=now)
    giving_out.assign_waiting(s, source_ids=source_ids, actor=SYSTEM, now=now, rng=rng)


def close_for(s: Session, *, contact_id: int, now: datetime, rng: Any) -> None:
    """Closes a contact for its operator."""
    lifecycle.close(s, contact_id=contact_id, version=None, actor=LOCAL_API, now=now, rng=rng)

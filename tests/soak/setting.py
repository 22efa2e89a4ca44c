"""Where a soak takes place: a local Telegram with its limits on, an empty installation, and its people."""

import random
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random

from bot.sandbox import BotHandle, Person, RemoteSandbox
from crm_core.access.actors import SYSTEM
from crm_core.delivery import bots
from crm_core.routing import sources, weight_settings
from crm_core.storage.database import Database
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from crm_core.team import accounts, invitations, operators
from tests.soak.plan import Plan


@dataclass(frozen=True, slots=True)
class Setting:
    """Everybody and everything.

    Attributes:
        database: to be read from only; the installation is the one that writes.
        staff: the operators by their number in the database.
    """

    plan: Plan
    sandbox: RemoteSandbox
    database_url: str
    database: Database
    bots: list[BotHandle]
    admin: Person
    staff: dict[int, Person]
    clients: list[Person] = field(default_factory=list)

    def rng(self, *whose: object) -> Random:
        """A source of chance for one purpose, the same in every run of a seed."""
        return Random(f"{self.plan.seed} {whose}")

    @property
    def tokens(self) -> str:
        """As `BOT_TOKENS` wants them."""
        return ",".join(bot.token for bot in self.bots)


async def settle_in(plan: Plan, sandbox: RemoteSandbox, database_url: str) -> Setting:
    """Makes the database ready, with operators of various weights at every bot; they have yet to press Start there."""
    migrate(database_url)
    handles = [
        sandbox.add_bot(f"{810_001 + number}:" + "soaking" * 5, f"soak{number + 1}_bot") for number in range(plan.bots)
    ]
    admin = sandbox.person("Olga", language_code="en")
    rng = Random(f"{plan.seed} weights")
    db, now = open_database(database_url), datetime.now(UTC)
    for position, bot in enumerate(handles):
        await db.write(bots.start, bot_id=bot.id, username=bot.username, name=bot.name, position=position, now=now)
    source_ids = [one.id for one in await db.read(sources.listing)]
    people: dict[int, Person] = {}
    for number in range(1, plan.operators + 1):
        name = f"Operator{number}"
        person = sandbox.person(name, language_code=("en", "ru")[number % 2])
        operator_id = await db.write(operators.add, name=name, max_leads=plan.places, actor=SYSTEM, now=now)
        await db.write(invitations.invite, code=name, role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
        account = accounts.Account(person.id, name, None, person.user["language_code"])
        await db.write(invitations.join, code=name, account=account, bot_id=handles[0].id, now=now, rng=random.random)
        for source_id in source_ids:
            await db.write(
                weight_settings.set_weight,
                source_id=source_id,
                operator_id=operator_id,
                weight=rng.randint(1, 10),
                actor=SYSTEM,
                now=now,
                rng=random.random,
            )
        people[operator_id] = person
    await db.close()
    clients = [
        sandbox.person(f"Client{number}", "Number", language_code=("en", "ru")[number % 2])
        for number in range(plan.clients)
    ]
    return Setting(plan, sandbox, database_url, open_database(database_url), handles, admin, people, clients)

"""What stories need to be so, arranged directly; and what stands in the database, looked up afresh."""

import random
from typing import Any

from sqlalchemy import select, text
from sqlalchemy.orm import Session

from bot.sandbox import Person, SeenMessage
from crm_core.access.actors import SYSTEM
from crm_core.contacts import transfer
from crm_core.routing import new_sources, source_details, source_settings, sources, weight_settings
from crm_core.storage.tables import Staff
from crm_core.team import departure
from tests.support.people import RunningApp
from tests.support.waiting import until_committed

UNKNOWN_PRESS = "Sorry, this button no longer works."  # what a client is told whose press nothing handles


async def operator_id(crm: RunningApp, person: Person) -> int:
    """The operator that somebody is."""
    query = select(Staff.operator_id).where(Staff.telegram_id == person.id)
    found = await crm.db.read(lambda s: s.execute(query).scalar_one())
    assert found is not None
    return int(found)


async def link(crm: RunningApp, slug: str, name: str, *people: Person, weight: int = 1) -> int:
    """A source link into the first bot, where these operators work. Returns the source's id."""
    source_id = await crm.db.write(
        new_sources.add_link, bot_id=crm.shop.id, slug=slug, name=name, actor=SYSTEM, now=crm.clock()
    )
    wanted = {await operator_id(crm, person): weight for person in people}
    inherited = {row.operator_id: 0 for row in await crm.db.read(source_details.weights, source_id=source_id)}
    for number, its_weight in (inherited | wanted).items():
        await crm.db.write(
            weight_settings.set_weight,
            source_id=source_id,
            operator_id=number,
            weight=its_weight,
            actor=SYSTEM,
            now=crm.clock(),
            rng=random.random,
        )
    return source_id


async def switch(crm: RunningApp, source_id: int, *, is_active: bool) -> None:
    """Switches a source on or off."""
    await crm.db.write(
        source_settings.set_active,
        source_id=source_id,
        is_active=is_active,
        actor=SYSTEM,
        now=crm.clock(),
        rng=random.random,
    )


async def remove(crm: RunningApp, person: Person) -> None:
    """Takes an operator out."""
    number = await operator_id(crm, person)
    await crm.db.write(departure.remove, operator_id=number, actor=SYSTEM, now=crm.clock(), rng=random.random)


async def give(crm: RunningApp, contact_id: int, person: Person) -> None:
    """Gives a contact to an operator by hand."""
    await crm.db.write(
        transfer.assign_by_hand,
        contact_id=contact_id,
        operator_id=await operator_id(crm, person),
        actor=SYSTEM,
        now=crm.clock(),
        rng=random.random,
        confirmed=True,
    )


async def ask(crm: RunningApp, client: Person, operator: Person, words: str = "My question") -> SeenMessage:
    """A client's request comes to an operator. Returns the card."""
    await client.says(words, to=crm.shop)
    card = await operator.sees(words, bot=crm.shop)
    await crm.settled()
    return card


async def one_taken(crm: RunningApp, words: str = "My question") -> tuple[Person, Person, SeenMessage]:
    """An operator, Anna, works for a client, Ivan (#1), who waits for an answer; and the card."""
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, words)
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")
    await crm.settled()
    return anna, ivan, card


async def asks(crm: RunningApp, name: str, operator: Person) -> Person:
    """A new client, whose request has come to an operator: `Ivan asks`."""
    client = crm.client(name)
    await ask(crm, client, operator, f"{name} asks")
    return client


async def shut_chat(crm: RunningApp, operator: Person, client: Person, *said: str, seconds: int) -> None:
    """From what a client says now, everything for an operator waits until the clock is moved on by so many seconds."""
    crm.sandbox.fail(kind="flood", retry_after=seconds, method="copyMessage", chat=operator)
    for words in said:
        await client.says(words, to=crm.shop)
    await until(crm, "SELECT count(*) FROM gates", 1)


async def every_message_opens(crm: RunningApp) -> None:
    """At every source, what a client writes after closing opens a new request."""
    for source in await crm.db.read(sources.listing):
        await crm.db.write(
            source_settings.set_late_hours, source_id=source.id, late_hours=0, actor=SYSTEM, now=crm.clock()
        )


async def closes(person: Person, card: SeenMessage) -> None:
    """Somebody takes a request and closes it at once; what the card says by then does not matter."""
    await person.presses(card, "Take", stale=True)
    await person.presses(card, "Close", stale=True)


async def value(crm: RunningApp, query: str) -> Any:
    """The single value that an SQL query finds."""

    def ask(s: Session) -> Any:
        return s.execute(text(query)).scalar_one()

    return await crm.db.read(ask)


async def count(crm: RunningApp, table: str, where: str = "1 = 1") -> int:
    """How many rows of a table are so."""
    return int(await value(crm, f"SELECT count(*) FROM {table} WHERE {where}"))  # noqa: S608 - our own words


def told(person: Person, words: str) -> int:
    """How many messages of ours in the chat of last time contain these words."""
    return sum(words in seen.text for seen in person.chat() if seen.sender != person.id)


def now(person: Person, message: SeenMessage) -> SeenMessage:
    """A message as it stands now."""
    return next(seen for seen in person.chat() if seen.id == message.id)


async def until(crm: RunningApp, query: str, wanted: Any) -> None:
    """Waits until an SQL query finds a value."""

    async def is_found() -> bool:
        return bool(await value(crm, query) == wanted)

    await until_committed(crm.db, is_found)

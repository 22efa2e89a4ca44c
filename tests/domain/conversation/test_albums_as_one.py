"""The parts of an album that come together are one change: what decides about them is asked once, in any number."""

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session

from crm_core.access.actors import telegram
from crm_core.contacts import lifecycle
from crm_core.conversation import client_messages
from crm_core.conversation.client_messages import ReceivedMessage
from crm_core.messaging import inbox
from crm_core.messaging.inbox import AlreadyFinished, AlreadyStored, UnstoredUpdate, Update
from crm_core.messaging.messages import MessageContent
from crm_core.storage.database import Database
from crm_core.storage.tables import InboxRow, Message, OutboxRow
from tests.domain.arranging import BOT, NOW, open_office, saying
from tests.domain.invariants import check_all
from tests.support.statements import counted

IVAN = 1


def album(first: int, count: int, **about: Any) -> list[MessageContent]:
    """Photos of a client, as they are received."""
    photo = MessageContent("photo", bot_id=BOT, chat_id=IVAN, album=f"album {first}", ends_album=True, **about)
    return [replace(photo, message_id=number) for number in range(first, first + count)]


def receive(s: Session, said: Sequence[MessageContent]) -> ReceivedMessage:
    """A client sends an album."""
    return client_messages.receive(s, **{**saying(IVAN), "content": said[0]}, further=said[1:])


def told(s: Session) -> list[tuple[int, int | None, int]]:
    """What was stored and copied, in order: the contact, Telegram's number of what is replied to, and the number."""
    messages = Message.__table__
    answered = messages.alias()
    rows = s.execute(
        select(messages.c.contact_id, answered.c.message_id, messages.c.message_id)
        .join(OutboxRow, OutboxRow.message_ref == messages.c.id)
        .outerjoin(answered, answered.c.id == messages.c.reply_to)
        .order_by(OutboxRow.id)
    )
    return [tuple(row) for row in rows]


async def test_album_joins_the_open_contact_in_its_order(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=9)
    opened = await db.write(client_messages.receive, **saying(IVAN))
    joined = await db.write(receive, album(2, 10))
    assert (joined.contact_id, joined.is_new) == (opened.contact_id, False)
    assert await db.read(told) == [(opened.contact_id, None, number) for number in range(2, 12)]
    await db.read(check_all)


async def test_album_opens_one_contact(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=9)
    opened = await db.write(receive, album(1, 4))
    assert opened.is_new
    assert await db.read(told) == [(opened.contact_id, None, number) for number in range(1, 5)]


async def test_album_joins_the_closed_contact_of_who_is_there(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=9)
    opened = await db.write(client_messages.receive, **saying(IVAN))
    about: dict[str, Any] = {"contact_id": opened.contact_id, "version": 1, "now": NOW, "rng": lambda: 0.0}
    await db.write(lifecycle.close, **about, actor=telegram(office.account(office.operator_ids[0])))
    late = await db.write(receive, album(2, 3))
    assert late.contact_id == opened.contact_id
    assert await db.read(told) == [(opened.contact_id, None, number) for number in range(2, 5)]
    await db.read(check_all)


async def test_each_part_replies_to_what_it_was_written_to(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=9)
    opened = await db.write(client_messages.receive, **saying(IVAN))
    said = album(5, 4)
    said[:2] = [replace(one, reply_to=1) for one in said[:2]]
    await db.write(receive, said)
    expected = [(opened.contact_id, answered, 5 + place) for place, answered in enumerate((1, 1, None, None))]
    assert await db.read(told) == expected


async def test_number_of_parts_changes_no_number_of_queries(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=9)
    await db.write(client_messages.receive, **saying(IVAN))
    asked = []
    for first, count in ((2, 2), (10, 2), (20, 10)):
        with counted() as found:
            await db.write(receive, album(first, count))
        asked.append([one for one in found if one.startswith("SELECT")])
    assert len(asked[1]) == len(asked[2])


@pytest.mark.parametrize("place", [0, 1])
async def test_album_of_which_a_part_is_done_already_is_not_finished(db: Database, place: int) -> None:
    await db.write(open_office, weights=[1], limit=9)
    updates = [Update(number, "7:1", {"update_id": number}) for number in (1, 2)]
    stored = await db.write(inbox.store, bot_id=BOT, updates=updates, now=NOW)
    await db.write(inbox.finish, stored[place], now=NOW)
    with pytest.raises(AlreadyFinished):
        await db.write(inbox.finish, *stored, now=NOW)
    done = select(InboxRow.id).where(InboxRow.state == "done")
    assert await db.read(lambda s: s.execute(done).scalars().all()) == [stored[place].id]


@pytest.mark.parametrize("known", [3, 4])
async def test_album_with_a_part_stored_already_is_not_stored_with_its_effect(db: Database, known: int) -> None:
    await db.write(open_office, weights=[1], limit=9)
    parts = [UnstoredUpdate(BOT, number, "7:1", {"update_id": number}) for number in (3, 4)]
    await db.write(inbox.store, bot_id=BOT, updates=[Update(known, "7:1", {"update_id": known})], now=NOW)
    with pytest.raises(AlreadyStored):
        await db.write(inbox.finish, *parts, now=NOW)
    assert await db.read(lambda s: s.execute(select(InboxRow.update_id, InboxRow.state)).all()) == [(known, "new")]
    rest = [part for part in parts if part.update_id != known]
    await db.write(inbox.finish, *rest, now=NOW)

"""Concurrent actions on both databases: limits hold, no contact is opened twice, none waits while a place is free."""

import asyncio
import contextlib
import random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.conversation import client_messages, sending_to_client
from crm_core.errors import CardOutdated, ContactAlreadyTheirs, ContactClosed, ContactNotFound, CrmError
from crm_core.messaging.messages import MessageContent
from crm_core.routing import giving_out
from crm_core.storage.database import Database
from crm_core.team import operators
from tests.domain.arranging import BOT, NOW, open_office, saying
from tests.domain.invariants import check_all, check_nobody_waits_in_vain


async def rows(db: Database, query: str) -> list[Any]:
    """What a query finds, in a session of its own."""
    return await db.read(lambda s: [tuple(row) for row in s.execute(text(query))])


@pytest.mark.fault("F56")
async def test_concurrent_clients_fill_all_limits_and_leave_the_queue_in_order(db: Database) -> None:
    await db.write(open_office, weights=[1] * 10, limit=5)
    heard = await asyncio.gather(*(db.write(client_messages.receive, **saying(client)) for client in range(1, 65)))
    assert len({one.contact_id for one in heard}) == 64
    assert all(one.is_new for one in heard)
    assert await rows(db, "SELECT current_leads FROM operators") == [(5,)] * 10
    waiting = [row[0] for row in await rows(db, "SELECT id FROM contacts WHERE operator_id IS NULL ORDER BY id")]
    assert len(waiting) == 14
    await db.read(check_all)

    # Freed places go to waiting contacts, the oldest first.
    office = await rows(db, "SELECT id, operator_id FROM contacts WHERE operator_id IS NOT NULL ORDER BY id")
    for contact_id, operator_id in office[:3]:
        await close(db, contact_id, operator_id)
    still = [row[0] for row in await rows(db, "SELECT id FROM contacts WHERE operator_id IS NULL ORDER BY id")]
    assert still == waiting[3:]


async def test_concurrent_messages_of_new_client_open_one_contact_of_one_lead(db: Database) -> None:
    await db.write(open_office, weights=[1] * 10, limit=5)
    heard = await asyncio.gather(*(db.write(client_messages.receive, **saying(501, number)) for number in range(1, 65)))
    assert len({(one.contact_id, one.lead_id) for one in heard}) == 1
    assert sum(one.is_new for one in heard) == 1
    assert await rows(db, "SELECT count(*) FROM leads") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM contacts") == [(1,)]
    assert await rows(db, "SELECT count(*) FROM messages") == [(64,)]
    assert await rows(db, "SELECT sum(current_leads) FROM operators") == [(1,)]
    # The card shows the first message; each other one is queued for the operator once, and the client is greeted once.
    assert await rows(
        db, "SELECT kind, count(*) FROM outbox WHERE kind NOT IN ('menu', 'staff_notice') GROUP BY kind ORDER BY kind"
    ) == [
        ("card", 1),
        ("client_notice", 1),
        ("to_operator", 63),
    ]
    await db.read(check_all)


@pytest.mark.fault("F57")
async def test_concurrent_closes_and_new_clients_leave_no_capacity_unused(db: Database) -> None:
    office = await db.write(open_office, weights=[3, 1, 6], limit=4)
    await asyncio.gather(*(db.write(client_messages.receive, **saying(client)) for client in range(1, 13)))
    for round_of in range(3):
        held = await rows(db, "SELECT id, operator_id FROM contacts WHERE operator_id IS NOT NULL AND status = 'new'")
        newcomers = range(100 * (round_of + 1), 100 * (round_of + 1) + 16)
        work: list[Any] = [close(db, contact_id, operator_id) for contact_id, operator_id in held]
        work += [db.write(client_messages.receive, **saying(client)) for client in newcomers]
        random.Random(round_of).shuffle(work)
        await asyncio.gather(*work)
        await db.read(check_all)
    assert len(office.operator_ids) == 3


@pytest.mark.fault("F51")
async def test_concurrent_closes_of_one_contact_take_effect_once(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=2)
    await db.write(client_messages.receive, **saying(1))
    actor = telegram(office.account(office.operator_ids[0]))
    work = [
        db.write(lifecycle.close, contact_id=1, version=1, actor=actor, now=NOW, rng=random.random) for _ in range(20)
    ]
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    refused = [one for one in outcomes if isinstance(one, BaseException)]
    assert [getattr(one, "code", one) for one in refused] == ["contact_closed"] * 19
    assert await rows(db, "SELECT current_leads FROM operators") == [(0,)]
    assert await rows(db, "SELECT count(*) FROM events WHERE kind = 'contact_closed'") == [(1,)]


async def test_concurrent_messages_and_transfers_lose_no_message(db: Database) -> None:
    """A client writes while their contact is transferred back and forth: each message reaches its present operator."""
    office = await db.write(open_office, weights=[1, 1], limit=50)
    first, second = office.operator_ids
    heard = await db.write(client_messages.receive, **saying(1))
    work: list[Any] = [db.write(client_messages.receive, **saying(1, number)) for number in range(2, 42)]
    work += [give(db, heard.contact_id, first if number % 2 else second) for number in range(20)]
    random.Random(5).shuffle(work)
    await asyncio.gather(*work)
    await db.read(check_all)
    assert await rows(db, "SELECT count(*) FROM messages") == [(41,)]


@pytest.mark.fault("F55")
async def test_operator_messages_are_accepted_only_while_holding_the_contact(db: Database) -> None:
    office = await db.write(open_office, weights=[1, 1], limit=50)
    first, second = office.operator_ids
    heard = await db.write(client_messages.receive, **saying(1))
    await give(db, heard.contact_id, first)
    work: list[Any] = [answer(db, office.account(first), heard.contact_id, number) for number in range(100, 120)]
    work.append(give(db, heard.contact_id, second))
    random.Random(3).shuffle(work)
    outcomes = await asyncio.gather(*work, return_exceptions=True)
    codes = {getattr(one, "code", str(one)) for one in outcomes if isinstance(one, BaseException)}
    assert codes <= {"contact_held"}
    said = (await rows(db, "SELECT count(*) FROM messages WHERE author = 'operator'"))[0][0]
    assert said == sum(not isinstance(one, BaseException) for one in outcomes) - 1
    await db.read(check_all)


@pytest.mark.fault("F58")
async def test_concurrent_actions_keep_loads_and_queue_consistent(db: Database) -> None:
    """Four operators and eight clients act at random at the same time; then the invariants are checked."""
    office = await db.write(open_office, weights=[3, 1, 6, 2], limit=2)
    rng = random.Random(11)
    for _ in range(4):
        work: list[Any] = []
        for number in range(24):
            operator_id = rng.choice(office.operator_ids)
            client = rng.randint(1, 8)
            match rng.randrange(8):
                case 0 | 1 | 2:
                    work.append(db.write(client_messages.receive, **saying(client, rng.randrange(10**9))))
                case 3 | 4:
                    work.append(close(db, rng.randint(1, 20), operator_id))
                case 5:
                    work.append(give(db, rng.randint(1, 20), operator_id))
                case 6:
                    work.append(limit(db, operator_id, rng.randint(0, 3)))
                case _:
                    work.append(online(db, office.account(operator_id), is_online=number % 2 == 0))
        outcomes = await asyncio.gather(*work, return_exceptions=True)
        strange = [one for one in outcomes if isinstance(one, BaseException) and not isinstance(one, CrmError)]
        assert strange == []
        await db.read(check_all)


async def test_sweep_assigns_waiting_contacts_after_unannounced_limit_change(db: Database) -> None:
    await db.write(open_office, weights=[1], limit=0)
    await asyncio.gather(*(db.write(client_messages.receive, **saying(client)) for client in range(1, 6)))

    def behind_the_back(s: Session) -> None:
        s.execute(text("UPDATE operators SET max_leads = 3"))

    await db.write(behind_the_back)
    assert await db.write(giving_out.sweep, now=NOW, rng=random.random) == 3
    await db.read(check_nobody_waits_in_vain)
    assert await rows(db, "SELECT id FROM contacts WHERE operator_id IS NOT NULL ORDER BY id") == [(1,), (2,), (3,)]


async def close(db: Database, contact_id: int, operator_id: int) -> None:
    actor = telegram(10_000 + operator_id)
    await db.write(lifecycle.close, contact_id=contact_id, version=None, actor=actor, now=NOW, rng=random.random)


async def give(db: Database, contact_id: int, operator_id: int) -> None:
    with contextlib.suppress(ContactAlreadyTheirs, ContactNotFound, ContactClosed, CardOutdated):
        await db.write(
            transfer.assign_by_hand,
            contact_id=contact_id,
            operator_id=operator_id,
            actor=SYSTEM,
            now=NOW,
            rng=random.random,
            confirmed=True,
        )


async def answer(db: Database, account: int, contact_id: int, number: int) -> None:
    words = MessageContent("text", text="an answer", bot_id=BOT, chat_id=account, message_id=number)
    await db.write(
        sending_to_client.send_to_client, contact_id=contact_id, content=words, actor=telegram(account), now=NOW
    )


async def limit(db: Database, operator_id: int, max_leads: int) -> None:
    await db.write(
        operators.set_limit, operator_id=operator_id, max_leads=max_leads, actor=SYSTEM, now=NOW, rng=random.random
    )


async def online(db: Database, account: int, *, is_online: bool) -> None:
    await db.write(operators.set_online, is_online=is_online, actor=telegram(account), now=NOW, rng=random.random)

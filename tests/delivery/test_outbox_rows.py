"""Rows of the outbox: claimed by the newest session only, keys that are freed, sessions that end in the middle."""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import select
from sqlalchemy.orm import Session
from sqlalchemy.util import await_only

from crm_core.delivery import bots, claims, outcomes
from crm_core.messaging import giving_up, outbox, outbox_attempts
from crm_core.messaging.outbox import OutboxEntry, PendingRow
from crm_core.messaging.outbox_attempts import Claimed, Settled
from crm_core.storage.database import Database, pending_on_commit
from crm_core.storage.execute import send_waiting
from crm_core.storage.tables import OutboxRow
from tests.support.waiting import has_lock_waiter, until_polled

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOT, CHAT = 700001, 5


@pytest.fixture
async def fencing_token(db: Database) -> int:
    return await begin(db)


async def begin(db: Database) -> int:
    return await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)


async def put(db: Database, kind: str = outbox.TO_OPERATOR, dedup_key: str | None = None) -> int:
    await db.write(outbox.add, [OutboxEntry(kind, BOT, CHAT, dedup_key=dedup_key)], now=NOW)
    return (await db.read(outbox.waiting, bot_id=BOT))[-1].id


async def rows(db: Database) -> list[tuple[int, str, str | None]]:
    query = select(OutboxRow.id, OutboxRow.state, OutboxRow.outcome).order_by(OutboxRow.id)
    return await db.read(lambda s: [(row.id, row.state, row.outcome) for row in s.execute(query)])


async def claim(db: Database, fencing_token: int, *ids: int) -> list[int]:
    return await db.write(lambda s: [row.id for row in outbox_attempts.claim(s, ids=ids, fencing_token=fencing_token)])


async def settle(db: Database, fencing_token: int, settled: Settled) -> set[int]:
    return await db.write(outbox_attempts.settle, settled=[settled], fencing_token=fencing_token, now=NOW)


async def test_retried_row_coexists_with_a_newer_row_of_the_same_key(db: Database, fencing_token: int) -> None:
    first = await put(db, outbox.CARD_EDIT, dedup_key="card:1")
    assert await claim(db, fencing_token, first) == [first]
    second = await put(db, outbox.CARD_EDIT, dedup_key="card:1")
    assert second != first  # the first is being sent with what was true then
    assert await put(db, outbox.CARD_EDIT, dedup_key="card:1") == second
    await settle(db, fencing_token, Settled(first, "pending", "flood_wait"))
    assert [state for _, state, _ in await rows(db)] == ["pending", "pending"]


@pytest.mark.fault("F71")
async def test_superseded_session_can_neither_claim_nor_settle_rows(db: Database, fencing_token: int) -> None:
    mine, left = await put(db), await put(db)
    await claim(db, fencing_token, left)
    newer = await begin(db)
    assert await claim(db, fencing_token, mine) == []
    assert await db.write(outcomes.recover, bot_id=BOT, fencing_token=newer, now=NOW) == 1
    assert await settle(db, fencing_token, Settled(left, "dead", "blocked")) == set()
    assert await rows(db) == [(mine, "pending", None), (left, "pending", "process_ended")]
    assert await claim(db, newer, mine, left) == [mine, left]
    assert await settle(db, newer, Settled(left, "sent", "ok")) == {left}


@pytest.mark.fault("F262")
async def test_claimed_rows_come_in_the_order_in_which_they_are_to_go(db: Database, fencing_token: int) -> None:
    rows_put = [await put(db) for _ in range(4)]
    assert await claim(db, fencing_token, *reversed(rows_put)) == rows_put[::-1]


async def test_claim_with_lost_answer_can_be_repeated_by_the_same_session(db: Database, fencing_token: int) -> None:
    row = await put(db)
    assert await claim(db, fencing_token, row) == [row]
    assert await claim(db, fencing_token, row) == [row]
    assert await db.write(outcomes.recover, bot_id=BOT, fencing_token=fencing_token, now=NOW) == 0


# --- changes of one message ------------------------------------------------------------------------------------------


async def change(db: Database, kind: str, chat_id: int, message_id: int) -> int:
    await db.write(outbox.add, [OutboxEntry(kind, BOT, chat_id, payload={"message_id": message_id})], now=NOW)
    return (await db.read(outbox.waiting, bot_id=BOT))[-1].id


async def is_followed(db: Database, fencing_token: int, row: int) -> bool:
    (claimed,) = await db.write(claims.claim, ids=[row], fencing_token=fencing_token)
    return claimed.is_followed


@pytest.mark.fault("F271")
@pytest.mark.parametrize("kind", [outbox.NOTICE_EDIT, outbox.SCREEN, outbox.PIN, outbox.REACTION])
async def test_change_tried_again_knows_of_a_newer_one_of_the_same_message(
    db: Database, fencing_token: int, kind: str
) -> None:
    first = await change(db, kind, CHAT, 3)
    assert not await is_followed(db, fencing_token, first)
    for chat_id, message_id, other in ((CHAT, 4, kind), (CHAT + 1, 3, kind), (CHAT, 3, outbox.DELETE)):
        await settle(db, fencing_token, Settled(first, "pending", "flood_wait"))
        await change(db, other, chat_id, message_id)
        assert not await is_followed(db, fencing_token, first)
    await settle(db, fencing_token, Settled(first, "pending", "flood_wait"))
    newer = await change(db, kind, CHAT, 3)
    assert not await is_followed(db, fencing_token, newer)
    assert await is_followed(db, fencing_token, first)
    await settle(db, fencing_token, Settled(newer, "sent", "ok"))
    await settle(db, fencing_token, Settled(first, "pending", "flood_wait"))
    assert await is_followed(db, fencing_token, first)


@pytest.mark.fault("F271")
async def test_change_left_by_a_killed_process_knows_of_a_newer_one(db: Database, fencing_token: int) -> None:
    first = await change(db, outbox.REACTION, CHAT, 3)
    await claim(db, fencing_token, first)
    await change(db, outbox.REACTION, CHAT, 3)
    newer = await begin(db)
    await db.write(outcomes.recover, bot_id=BOT, fencing_token=newer, now=NOW)
    assert await is_followed(db, newer, first)


# --- claimed in the transaction that adds them -----------------------------------------------------------------------


def adding(
    fencing_token: int, *chats: int, dedup_key: str | None = None, meanwhile: Callable[[Session], object] | None = None
) -> Callable[[Session], list[Claimed]]:
    """Adds a row for each chat and claims all of them; `meanwhile` comes between the two."""

    def body(s: Session) -> list[Claimed]:
        payload = {"words": ["a", None], "count": 2}
        entries = [OutboxEntry(outbox.ANSWER, BOT, one, payload=payload, dedup_key=dedup_key) for one in chats]
        outbox.add(s, entries, now=NOW)
        added = [one for one in pending_on_commit(s) if isinstance(one, PendingRow)]
        if meanwhile is not None:
            meanwhile(s)
        return outbox_attempts.claim_added(s, rows=added, fencing_token=fencing_token)

    return body


async def stored(db: Database) -> list[Claimed]:
    columns = [getattr(OutboxRow, name) for name in Claimed._fields]
    query = select(*columns).where(OutboxRow.state == "sending").order_by(OutboxRow.id)
    return await db.read(lambda s: [Claimed(*row) for row in s.execute(query)])


async def test_row_claimed_as_it_is_added_is_known_as_it_is_stored(db: Database, fencing_token: int) -> None:
    claimed = await db.write(adding(fencing_token, 5, 6))
    assert [row.chat_id for row in claimed] == [5, 6]
    assert claimed == await stored(db)


async def test_superseded_session_claims_nothing_that_it_adds(db: Database, fencing_token: int) -> None:
    await begin(db)
    assert await db.write(adding(fencing_token, 5, 6)) == []
    assert [state for _, state, _ in await rows(db)] == ["pending", "pending"]


async def test_row_given_up_in_the_transaction_that_added_it_is_not_claimed(db: Database, fencing_token: int) -> None:
    def give_up(s: Session) -> None:
        giving_up.drop_waiting(s, bot_id=BOT, chat_id=5, outcome="blocked", now=NOW)

    claimed = await db.write(adding(fencing_token, 5, 6, meanwhile=give_up))
    assert [row.chat_id for row in claimed] == [6]
    assert claimed == await stored(db)


async def test_row_whose_key_was_taken_is_claimed_with_what_is_stored(db: Database, fencing_token: int) -> None:
    row = await put(db, outbox.CARD_EDIT, dedup_key="card:1")
    claimed = await db.write(adding(fencing_token, CHAT, dedup_key="card:1"))
    assert [(one.id, one.kind, one.payload) for one in claimed] == [(row, outbox.CARD_EDIT, {})]


# --- sessions that ended ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "state"),
    [
        (outbox.CARD, "pending"),
        (outbox.TO_OPERATOR, "pending"),
        (outbox.TO_CLIENT, "pending"),
        (outbox.CARD_EDIT, "pending"),
        (outbox.CLIENT_NOTICE, "uncertain"),
    ],
)
async def test_recovery_of_rows_left_in_sending_depends_on_their_kind(
    db: Database, fencing_token: int, kind: str, state: str
) -> None:
    row = await put(db, kind)
    await claim(db, fencing_token, row)
    await db.write(outcomes.recover, bot_id=BOT, fencing_token=await begin(db), now=NOW, pause=timedelta(seconds=2))
    assert await rows(db) == [(row, state, "process_ended")]
    due = [one.not_before for one in await db.read(outbox.waiting, bot_id=BOT)]
    assert due == ([NOW + timedelta(seconds=2)] if state == "pending" else [])


@pytest.mark.fault("F264")
async def test_process_after_the_next_one_counts_an_interrupted_attempt_too(db: Database, fencing_token: int) -> None:
    async def counted() -> int:
        return len(await db.read(outbox.sent_since, bot_id=BOT, since=NOW - timedelta(minutes=1), now=NOW))

    album = [await put(db) for _ in range(4)]
    await claim(db, fencing_token, *album)
    by_the_next = await counted()
    assert by_the_next == 4 + outbox.unrecorded(CHAT)
    await db.write(outcomes.recover, bot_id=BOT, fencing_token=await begin(db), now=NOW)
    assert await counted() == by_the_next


async def test_message_is_never_given_up_for_outages_and_ended_processes(db: Database, fencing_token: int) -> None:
    row = await put(db)
    for _ in range(20):
        await claim(db, fencing_token, row)
        await settle(db, fencing_token, Settled(row, "pending", "no_answer", ambiguous=True))
        await claim(db, fencing_token, row)
        fencing_token = await begin(db)
        await db.write(outcomes.recover, bot_id=BOT, fencing_token=fencing_token, now=NOW)
    assert await rows(db) == [(row, "pending", "process_ended")]


async def test_claim_waits_for_a_concurrent_change_that_reuses_its_row(db: Database, fencing_token: int) -> None:
    """PostgreSQL: a claim of the waiting row waits for the change that relied on it, so it is rendered after it."""
    if db.url.get_backend_name() == "sqlite":
        assert await put(db, outbox.CARD_EDIT, dedup_key="card:1") == await put(
            db, outbox.CARD_EDIT, dedup_key="card:1"
        )
        return
    first = await put(db, outbox.CARD_EDIT, dedup_key="card:1")
    relied, may_end = asyncio.Event(), asyncio.Event()
    loop = asyncio.get_running_loop()

    def change(s: Session) -> None:
        outbox.add(s, [OutboxEntry(outbox.CARD_EDIT, BOT, CHAT, dedup_key="card:1")], now=NOW)
        send_waiting(s)
        loop.call_soon(relied.set)
        await_only(may_end.wait())

    changing = asyncio.create_task(db.write(change))
    await relied.wait()
    claiming = asyncio.create_task(claim(db, fencing_token, first))
    await _waits_for_a_lock(db)
    assert not claiming.done()
    may_end.set()
    await changing
    assert await claiming == [first]


async def _waits_for_a_lock(db: Database) -> None:
    await until_polled(lambda: has_lock_waiter(db))

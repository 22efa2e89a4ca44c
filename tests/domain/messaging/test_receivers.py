"""Outbox rows for a receiver other than Telegram, a made-up pigeon post: stored, claimed, settled like the others."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import insert, select
from sqlalchemy.exc import IntegrityError

from crm_core.backups import after_restore
from crm_core.delivery import bots
from crm_core.messaging import giving_up, outbox, outbox_attempts, receivers
from crm_core.messaging.outbox import OutboxEntry, PendingRow
from crm_core.messaging.outbox_attempts import Settled
from crm_core.messaging.receivers import PendingForReceiver, ReceiverEntry
from crm_core.monitoring import integrity, liveness
from crm_core.storage.database import Database
from crm_core.storage.probe import probe
from crm_core.storage.tables import OutboxRow

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
BOT, CHAT = 700001, 5
PIGEONS, LOFT = "pigeons", 7


@pytest.fixture(autouse=True)
async def _bot(db: Database) -> None:
    await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)


async def start(db: Database) -> int:
    return await db.write(receivers.start, receiver=PIGEONS)


async def put(db: Database, key: str | None = None, endpoint_id: int = LOFT) -> None:
    entry = ReceiverEntry(PIGEONS, endpoint_id, "contact_closed", 3, {"contact": 3}, dedup_key=key)
    await db.write(receivers.add, [entry], now=NOW)


async def waiting(db: Database) -> list[int]:
    return [row.id for row in await db.read(receivers.waiting, receiver=PIGEONS)]


async def claim(db: Database, token: int, *ids: int) -> list[Any]:
    return await db.write(lambda s: [tuple(row) for row in receivers.claim(s, ids=ids, fencing_token=token)])


async def settle(db: Database, token: int, *settled: Settled) -> set[int]:
    return await db.write(outbox_attempts.settle, settled=settled, fencing_token=token, now=NOW)


async def test_row_is_announced_claimed_and_settled(db: Database) -> None:
    announced: list[Any] = []
    db.listeners.append(announced.extend)
    token = await start(db)
    await put(db)
    await put(db)
    first, second = await waiting(db)
    assert announced == [PendingForReceiver(row, PIGEONS, LOFT, "contact_closed") for row in (first, second)]
    assert await claim(db, token, first) == [(first, "contact_closed", LOFT, 3, {"contact": 3}, 1, 0)]
    assert [row.id for row in await db.read(receivers.claimed, receiver=PIGEONS, fencing_token=token)] == [first]
    assert await waiting(db) == [second]
    assert await settle(db, token, Settled(first, "sent", "ok")) == {first}
    assert await db.read(receivers.claimed, receiver=PIGEONS, fencing_token=token) == []


async def test_refused_row_waits_until_its_moment_and_is_claimed_again(db: Database) -> None:
    token = await start(db)
    await put(db)
    [row] = await waiting(db)
    await claim(db, token, row)
    later = NOW + timedelta(minutes=1)
    await settle(db, token, Settled(row, "pending", "http_503", not_before=later))
    [again] = await db.read(receivers.waiting, receiver=PIGEONS)
    assert again.not_before == later
    assert [attempts for *_, attempts, _ in await claim(db, token, row)] == [2]


async def test_telegram_sender_never_sees_rows_of_another_receiver(db: Database) -> None:
    announced: list[Any] = []
    db.listeners.append(announced.extend)
    await put(db)
    [row] = await waiting(db)
    assert [one for one in announced if isinstance(one, PendingRow)] == []
    assert await db.read(outbox.waiting, bot_id=BOT) == []
    token = await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)
    assert await db.write(outbox_attempts.claim, ids=[row], fencing_token=token) == []
    assert await db.write(outbox_attempts.orphans, bot_id=BOT, fencing_token=10_000) == []
    [load] = await db.read(bots.workloads)
    assert load.unsent == 0


async def test_sender_of_another_receiver_never_sees_telegram_rows(db: Database) -> None:
    token = await start(db)
    await db.write(outbox.add, [OutboxEntry(outbox.TO_CLIENT, BOT, CHAT)], now=NOW)
    [row] = await db.read(outbox.waiting, bot_id=BOT)
    assert await waiting(db) == []
    assert await claim(db, token, row.id) == []
    assert await db.read(receivers.waiting, receiver=receivers.TELEGRAM) == []


async def test_receivers_do_not_see_rows_of_each_other(db: Database) -> None:
    await start(db)
    owls = await db.write(receivers.start, receiver="owls")
    assert owls == 1
    await put(db)
    assert await db.read(receivers.waiting, receiver="owls") == []
    await db.write(receivers.start, receiver="owls")
    [row] = await waiting(db)
    assert await claim(db, 2, row) == []  # a token of the owls' second session


async def test_superseded_session_can_neither_claim_nor_settle_rows(db: Database) -> None:
    older = await start(db)
    await put(db)
    await put(db)
    mine, left = await waiting(db)
    await claim(db, older, left)
    newer = await start(db)
    assert newer == older + 1
    assert await claim(db, older, mine) == []
    assert [row.id for row in await db.write(receivers.orphans, receiver=PIGEONS, fencing_token=newer)] == [left]
    assert await db.write(receivers.orphans, receiver=PIGEONS, fencing_token=older) == []
    await db.write(outbox_attempts.adopt, row_id=left, fencing_token=newer)
    assert await settle(db, older, Settled(left, "sent", "ok")) == set()
    assert await settle(db, newer, Settled(left, "uncertain", "process_ended", ambiguous=True)) == {left}
    assert [row for row, *_ in await claim(db, newer, mine)] == [mine]


async def test_claim_with_lost_answer_can_be_repeated_by_the_same_session(db: Database) -> None:
    token = await start(db)
    await put(db)
    [row] = await waiting(db)
    assert await claim(db, token, row)
    assert await claim(db, token, row)


async def test_pending_row_with_the_same_key_is_not_added_twice(db: Database) -> None:
    token = await start(db)
    await put(db, key="contact:3")
    await put(db, key="contact:3")
    await put(db, key="contact:3", endpoint_id=LOFT + 1)
    first, other = await waiting(db)
    await claim(db, token, first)
    await put(db, key="contact:3")
    assert (await waiting(db))[0] == other
    assert len(await waiting(db)) == 2


async def test_key_of_another_receiver_does_not_block_a_telegram_row(db: Database) -> None:
    await put(db, key="card:1")
    await db.write(outbox.add, [OutboxEntry(outbox.CARD_EDIT, BOT, CHAT, dedup_key="card:1")], now=NOW)
    assert len(await db.read(outbox.waiting, bot_id=BOT)) == 1
    assert len(await waiting(db)) == 1


TELEGRAM_ROW = {"bot_id": BOT, "chat_id": CHAT}
PIGEON_ROW = {"receiver": PIGEONS, "endpoint_id": LOFT}


@pytest.mark.parametrize(
    "where",
    [
        {},
        {"bot_id": BOT},
        {"chat_id": CHAT},
        {**TELEGRAM_ROW, "endpoint_id": LOFT},
        {"receiver": PIGEONS},
        {**PIGEON_ROW, "bot_id": BOT},
        {**PIGEON_ROW, "chat_id": 0},
        {**TELEGRAM_ROW, "receiver": PIGEONS},
        {"receiver": "telegram", "endpoint_id": LOFT},
    ],
)
async def test_row_with_half_an_address_or_two_is_refused(db: Database, where: dict[str, Any]) -> None:
    values = {"kind": "x", "payload": {}, "state": "pending", "attempts": 0, "ambiguous": 0, "created_at": NOW}
    with pytest.raises(IntegrityError):
        await db.write(lambda s: s.execute(insert(OutboxRow.__table__), {**values, **where}))


async def test_row_without_a_receiver_is_for_telegram(db: Database) -> None:
    await db.write(outbox.add, [OutboxEntry(outbox.ANSWER, BOT, CHAT)], now=NOW)
    query = select(OutboxRow.receiver, OutboxRow.endpoint_id)
    assert await db.read(lambda s: s.execute(query).all()) == [("telegram", None)]


async def test_telegram_has_no_session_of_its_own_among_receivers(db: Database) -> None:
    with pytest.raises(ValueError, match="belong to its bots"):
        await db.write(receivers.start, receiver=receivers.TELEGRAM)


async def test_delivery_elsewhere_does_not_hide_that_telegram_stands_still(db: Database) -> None:
    token = await start(db)
    await db.write(outbox.add, [OutboxEntry(outbox.TO_CLIENT, BOT, CHAT)], now=NOW)
    await put(db)
    later = NOW + timedelta(hours=1)
    await claim(db, token, *await waiting(db))
    sent = [
        Settled(row.id, "sent", "ok") for row in await db.read(receivers.claimed, receiver=PIGEONS, fencing_token=token)
    ]
    await db.write(outbox_attempts.settle, settled=sent, fencing_token=token, now=later)
    url = db.url.render_as_string(hide_password=False)
    with probe(url) as ask:
        assert liveness.look(ask, now=later, bot_ids=[BOT]).sending_stalled == 3600


async def test_stuck_row_of_another_receiver_is_no_stall_of_telegram(db: Database) -> None:
    await put(db)
    with probe(db.url.render_as_string(hide_password=False)) as ask:
        assert liveness.look(ask, now=NOW + timedelta(hours=1), bot_ids=[BOT]).oldest_unsent == 0


async def test_doctor_counts_dead_rows_of_every_receiver(db: Database) -> None:
    token = await start(db)
    await put(db)
    [row] = await waiting(db)
    await claim(db, token, row)
    await settle(db, token, Settled(row, "dead", "gone"))
    assert (await db.read(integrity.examine, now=NOW)).dead_deliveries == 1


async def test_settled_rows_of_every_receiver_are_purged(db: Database) -> None:
    token = await start(db)
    await put(db)
    [row] = await waiting(db)
    await claim(db, token, row)
    await settle(db, token, Settled(row, "sent", "ok"))
    assert await db.write(outbox.purge, now=NOW + timedelta(days=8)) == 1


@pytest.mark.parametrize("kind", [outbox.CARD, outbox.TO_OPERATOR, outbox.TO_CLIENT, outbox.ANSWER])
async def test_kind_that_telegram_has_too_means_nothing_for_other_receivers(db: Database, kind: str) -> None:
    await start(db)
    await db.write(receivers.add, [ReceiverEntry(PIGEONS, LOFT, kind, 3, {})], now=NOW)
    await db.write(giving_up.drop_contact, contact_id=3, outcome="reassigned", now=NOW)
    assert len(await waiting(db)) == 1
    found = await db.write(after_restore.reconcile, taken_at=NOW, now=NOW, zone="UTC", actor="system")
    assert len(await waiting(db)) == 1
    assert (found.again, found.doubtful) == (0, 0)


async def test_keys_of_any_length_are_told_apart(db: Database) -> None:
    await start(db)
    for key in ("k" * 64, "k" * 64, "k" * 65):
        await put(db, key=key)
    assert len(await waiting(db)) == 2


async def test_restore_resends_rows_and_fences_off_earlier_sessions(db: Database) -> None:
    token = await start(db)
    await put(db)
    await put(db)
    [first, second] = await waiting(db)
    await claim(db, token, first)
    await db.write(after_restore.reconcile, taken_at=NOW, now=NOW, zone="UTC", actor="system")
    assert await waiting(db) == [first, second]
    assert await claim(db, token, first) == []
    assert await claim(db, await start(db), first) == [(first, "contact_closed", LOFT, 3, {"contact": 3}, 2, 1)]

"""What can go at once is claimed in the transaction that makes it: what if that is not committed, or nobody hears?"""

import asyncio
from collections.abc import Callable
from datetime import UTC, datetime

import pytest
from sqlalchemy.orm import Session

from bot.delivery.rate_limit import RateLimiter
from bot.delivery.sender import Sender
from crm_core.delivery.claims import ClaimedRow
from crm_core.messaging import outbox
from crm_core.messaging.outbox import OutboxEntry, PendingRow
from crm_core.storage.database import Database, pending_on_commit
from tests.delivery.test_order import BOT, NOW, Pen, put, sender


class Boom(Exception):
    """The transaction fails after the claim."""


def saying(
    one: Sender, *texts: str, chats: range, claims: list[ClaimedRow], fails: bool = False
) -> Callable[[Session], None]:
    def body(s: Session) -> None:
        outbox.add(
            s,
            [OutboxEntry(outbox.ANSWER, BOT, chat, payload={"text": text}) for chat in chats for text in texts],
            now=NOW,
        )
        claims.extend(one.claim_within(s, [row for row in pending_on_commit(s) if isinstance(row, PendingRow)]))
        if fails:
            raise Boom

    return body


async def test_first_row_of_each_free_chat_is_claimed_and_the_rest_follows(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    db.listeners.append(lambda told: one.add([row for row in told if isinstance(row, PendingRow)]))
    running = asyncio.create_task(one.run())
    await one.look_again()
    claims: list[ClaimedRow] = []
    await db.write(saying(one, "1", "2", chats=range(5, 7), claims=claims))
    assert [(job.chat_id, job.payload["text"]) for job in claims] == [(5, "1"), (6, "1")]
    one.send_promised(claims)
    await one.idle.wait()
    one.stop()
    await running
    assert pen.said == ["1", "1", "2", "2"]


async def test_rolled_back_claim_leaves_no_trace(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    running = asyncio.create_task(one.run())
    await one.look_again()
    claims: list[ClaimedRow] = []
    with pytest.raises(Boom):
        await db.write(saying(one, "never", chats=range(5, 6), claims=claims, fails=True))
    one.unclaim(claims)
    assert one.idle.is_set()
    await put(db, "after all")  # on SQLite it gets the very id that was rolled back
    one.add(await db.read(outbox.waiting, bot_id=BOT))
    await one.idle.wait()
    one.stop()
    await running
    assert pen.said == ["after all"]


async def test_committed_claim_with_lost_confirmation_is_found_and_sent(db: Database) -> None:
    """The connection was lost in the moment of the commit: it stands, though whoever made it was told otherwise."""
    pen = Pen()
    one = await sender(db, pen)
    running = asyncio.create_task(one.run())
    await one.look_again()
    claims: list[ClaimedRow] = []
    await db.write(saying(one, "found", chats=range(5, 6), claims=claims))
    one.unclaim(claims)
    one._looks = 0  # the next look is a full one
    await one.look_again()
    await one.idle.wait()
    one.stop()
    await running
    assert pen.said == ["found"]


async def test_stop_waits_for_claimed_rows_to_be_sent(db: Database) -> None:
    pen = Pen()
    one = await sender(db, pen)
    running = asyncio.create_task(one.run())
    await one.look_again()
    claims: list[ClaimedRow] = []
    await db.write(saying(one, "promised", chats=range(5, 6), claims=claims))
    one.stop()
    done, _ = await asyncio.wait({running}, timeout=0.05)
    assert not done
    one.send_promised(claims)
    await running
    assert pen.said == ["promised"]
    assert await db.write(outbox.orphans, bot_id=BOT, fencing_token=1_000) == []


async def test_claims_stop_at_the_room_left_by_the_rate_limit(db: Database) -> None:
    one = await sender(db, Pen())
    clock = lambda: datetime.now(UTC)  # noqa: E731
    one.pace = one._lanes.pace = RateLimiter(clock)  # with Telegram's limits
    await one.look_again()
    claims: list[ClaimedRow] = []
    for first in range(10, 50, 10):
        await db.write(saying(one, "crowd", chats=range(first, first + 10), claims=claims))
    assert len(claims) == one.pace.room()

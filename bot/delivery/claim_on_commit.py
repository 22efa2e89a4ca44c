"""Claim outbox rows in the very transaction that creates them, and send them as soon as it is committed.

A row is claimed (its state committed as `sending`) before its request is made, so that a crash leaves a trace of every
attempt. Claiming in a transaction of its own costs a commit between a client's message and the operator's card. Here
the claim is part of the transaction that creates the row, which saves one commit of three (docs/performance.md, "Two
commits of three"). Everything else (a chat that is busy, a rate limit, a retry) is claimed by `Sender.run` later.

Inside the transaction, after the action has added its rows (`_claim`):

1. If this is a second run of the body (PostgreSQL repeats a transaction that met a conflict), undo the first run's
   claims as in step 6.
2. `pending_on_commit` has the rows that the transaction has created so far; `Senders` finds the sender of each.
3. `ChatQueues.reserve` chooses those that may be sent at once: nothing else waits in their chats, and the rate limit
   has room. It changes memory only, and keeps these chats from being picked meanwhile. Chats for which an earlier
   action in the same commit has rows are left out: no queue knows these rows yet, and they go first.
4. `claims.claim_added` marks them as `sending` and reads what their messages need: committed, or rolled back, with
   the rows.

On commit (`_send`):

5. The listener of `Senders` announces all rows; those reserved are known and left alone. The claimed ones are booked
   with the rate limiter and requested from Telegram, and their reservations end. Whoever has written goes on when the
   first request is on its way: nobody waits for what else they do.

On rollback, or if the connection was lost before the commit was confirmed (`_undo`):

6. The reserved rows leave the chat queues, and their chats are free again. In the database there is nothing to undo. If
   the commit did happen after all, the sender's next full look finds the rows as claimed but unsent, and sends them.

A sender that stops waits until no row is reserved (`ChatQueues.none_reserved`): what is committed as `sending` must be
sent, or the next session would take it for an ambiguous attempt.
"""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

from sqlalchemy.orm import Session

from bot.delivery.sender import Sender
from bot.delivery.senders import Senders
from crm_core.delivery import claims
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging.outbox import PendingRow
from crm_core.storage.database import Database, earlier_in_commit, pending_on_commit

T = TypeVar("T")

_TURNS = 2
"""Turns of the loop after which a request is on its way: its task makes it in the first, aiohttp's writes it in the
second."""


@dataclass(frozen=True, slots=True)
class Claim:
    """Rows that one sender sends as soon as the transaction that creates them is committed."""

    sender: Sender
    rows: Sequence[ClaimedRow]


async def write_and_send(db: Database, senders: Senders, body: Callable[[Session], T]) -> T:
    """Runs a transaction, and sends at once what it adds to the outbox, as far as that may be sent now.

    Args:
        body: see `Database.write_unflushed`; it may be run more than once.

    Returns what the body returned. Raises what the body or the commit raised, after the claims were undone.
    """
    made: list[Claim] = []

    def body_and_claims(s: Session) -> T:
        _undo(made)
        result = body(s)
        _claim(s, senders, made)
        return result

    try:
        result = await db.write_unflushed(body_and_claims)
    except BaseException:
        _undo(made)
        raise
    _send(made)
    for _ in range(_TURNS if made else 0):
        await asyncio.sleep(0)
    return result


def _claim(s: Session, senders: Senders, made: list[Claim]) -> None:
    for sender, rows in senders.rows_of_each(pending_on_commit(s)):
        claimed = _claim_for(sender, rows, s)
        if claimed:
            made.append(Claim(sender, claimed))


def _claim_for(sender: Sender, rows: Sequence[PendingRow], s: Session) -> list[ClaimedRow]:
    if not sender.may_claim_early:
        return []
    free = [row for row in rows if sender.queues.is_free(row.chat_id)]
    if not free:  # as in a backlog, in which what follows would look at all of a shared commit for each of its actions
        return []
    taken = {one.chat_id for one in earlier_in_commit(s) if isinstance(one, PendingRow) and one.bot_id == sender.bot.id}
    reserved = sender.queues.reserve([row for row in free if row.chat_id not in taken])
    if not reserved:
        return []
    try:
        claimed = claims.claim_added(s, rows=reserved, fencing_token=sender.fencing_token)
    except BaseException:
        sender.drop(reserved)
        raise
    ids = {row.id for row in claimed}
    sender.drop([row for row in reserved if row.id not in ids])
    return claimed


def _send(made: list[Claim]) -> None:
    for claim in made:
        claim.sender.send(claim.rows)
        claim.sender.queues.confirm(claim.rows)


def _undo(made: list[Claim]) -> None:
    for claim in made:
        claim.sender.drop(claim.rows)
    made.clear()

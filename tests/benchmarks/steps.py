"""Processor time of each step that a message passes through, the least of several rounds.

Processor time and not the clock's, so that other work on the machine disturbs it little. The steps run in a tight loop,
so the figures are lower bounds: with one message at a time the processor's caches are cold, and every step takes twice
as long.
"""

import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from aiogram import Bot
from aiogram.types import Message
from sqlalchemy.orm import Session

from bot.delivery.rendering import render
from bot.handling.incoming import content_of, person_of
from bot.receiving.updates import to_update
from bot.telegram.methods import SendText
from bot.telegram.session import Telegram
from bot.texts import translator
from crm_core.conversation import client_messages
from crm_core.delivery import bots, claims
from crm_core.delivery import outcomes as deliveries
from crm_core.delivery.attempt_outcome import Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import inbox
from crm_core.messaging.inbox import UnstoredUpdate
from crm_core.messaging.outbox import PendingRow
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database, pending_on_commit
from crm_core.storage.opening import open_database
from tests.benchmarks.bot_programs import BOT_ID, TOKEN, running_sandbox
from tests.benchmarks.part import Context, Rows
from tests.benchmarks.sizes import Sizes
from tests.benchmarks.table import Row

CLIENT = {"id": 77, "is_bot": False, "first_name": "Client 77", "language_code": "en"}
RESPONSE = '{"ok":true,"result":{"message_id":7,"date":1763700000,"chat":{"id":7,"type":"private"},"text":"words"}}'

Step = Callable[[], Awaitable[object]]


async def measure(context: Context) -> Rows:
    """Measures each step: reading, database writes, rendering, and the HTTP request."""
    template = await context.databases.with_operators()
    async with running_sandbox() as sandbox:
        handle = sandbox.add_bot(TOKEN, "bench_bot")
        await sandbox.person("Operator 1", id=template.accounts[0], language_code="en").starts(handle)
        bot = Bot(TOKEN, session=Telegram(url=sandbox.url))
        db = open_database(f"sqlite:///{template.copy_into(context.folder)}")
        try:
            for what, step in (await _steps(db, bot, operator=template.accounts[0])).items():
                yield Row(what, f"{await _microseconds(step, context.sizes):,.0f} µs")
        finally:
            await db.close()
            await bot.session.close()


async def _steps(db: Database, bot: Bot, *, operator: int) -> dict[str, Step]:
    """The steps in the order in which they have to be measured: outcomes are recorded of what was claimed before.

    Args:
        operator: Telegram id.
    """
    now = datetime.now(UTC)
    fencing_token = await db.write(bots.start, bot_id=BOT_ID, username="bench_bot", name="Bench", position=0, now=now)
    writes = MessageWrites(db, bot, fencing_token, now)
    await writes.receive(is_new=True)
    card = next(job for job in writes.claimed[-1] if job.kind == "card")
    await writes.record_outcomes()
    raw, _ = raw_update(1, 77)["message"], translator("en")
    method = render(card, _=_, now=now)
    plain = SendText(chat_id=operator, text="words")
    session = bot.session
    assert isinstance(session, Telegram)
    return {
        "reading a message from its update": _as_step(lambda: Message.model_validate(raw)),
        "writing a new client's message": lambda: writes.receive(is_new=True),
        "writing the outcomes of its card and notice": writes.record_outcomes,
        "writing a further message": lambda: writes.receive(is_new=False),
        "writing the outcome of its copy": writes.record_outcomes,
        "rendering a card": _as_step(lambda: render(card, _=_, now=now)),
        "the body of its request": _as_step(lambda: session.build_form_data(bot, method)),
        "reading a response": _as_step(lambda: session.check_response(bot, method, 200, RESPONSE)),
        "a request, from its body to its response": lambda: bot(plain, request_timeout=30),
    }


def raw_update(number: int, client: int) -> dict[str, Any]:
    """An update as Telegram sends it for a message.

    Args:
        number: id of both the update and the message.
        client: Telegram id.
    """
    person = {**CLIENT, "id": client, "first_name": f"Client {client}"}
    message = {
        "message_id": number,
        "date": 1_763_700_000,
        "chat": {"id": client, "type": "private", **person},
        "from": person,
        "text": f"message {number} of {client}",
    }
    return {"update_id": number, "message": message}


@dataclass
class MessageWrites:
    """What messages write to the database, each in a transaction of its own.

    Attributes:
        number: of the last message.
        newest: Telegram id of the newest client.
        claimed: the requests of each message whose outcomes are not recorded yet.
    """

    db: Database
    bot: Bot
    fencing_token: int
    now: datetime
    number: int = 0
    newest: int = 100_000
    claimed: list[list[ClaimedRow]] = field(default_factory=list)

    async def receive(self, *, is_new: bool) -> None:
        """Stores and handles a client's message, and claims the requests that it leads to.

        Args:
            is_new: whether it is a new client's; otherwise those who have written before take turns.
        """
        self.number += 1
        self.newest += is_new
        client = self.newest if is_new else 100_001 + self.number % (self.newest - 100_000)
        raw = raw_update(self.number, client)
        message = Message.model_validate(raw["message"], context={"bot": self.bot})
        assert message.from_user is not None
        row = UnstoredUpdate(BOT_ID, self.number, to_update(BOT_ID, raw).conversation, raw)
        person, words = person_of(message.from_user), content_of(message, bot_id=BOT_ID, raw=raw["message"])

        def body(s: Session) -> list[ClaimedRow]:
            inbox.finish(s, row, now=self.now)
            client_messages.receive(
                s, bot_id=BOT_ID, chat_id=client, person=person, content=words, now=self.now, rng=random.random
            )
            rows = [one for one in pending_on_commit(s) if isinstance(one, PendingRow)]
            return claims.claim_added(s, rows=rows, fencing_token=self.fencing_token)

        self.claimed.append(await self.db.write_unflushed(body))

    async def record_outcomes(self) -> None:
        """Records that the requests of a message were answered."""
        jobs = self.claimed.pop()
        outcomes = [Outcome(job, Settled(job.id, "sent", "ok", result_id=10**6 + job.id)) for job in jobs]
        await self.db.write_unflushed(
            deliveries.record,
            bot_id=BOT_ID,
            fencing_token=self.fencing_token,
            outcomes=outcomes,
            gates=[],
            now=self.now,
            rng=random.random,
        )


async def _microseconds(step: Step, sizes: Sizes) -> float:
    """Processor time of one step."""
    taken = []
    for _ in range(sizes.step_rounds):
        begun = time.process_time()
        for _ in range(sizes.step_repeats):
            await step()
        taken.append((time.process_time() - begun) / sizes.step_repeats * 1e6)
    return min(taken)


def _as_step(function: Callable[[], object]) -> Step:
    async def step() -> object:
        return function()

    return step

"""`python -m tests.benchmarks.steps`: processor time of each step on the way of a message, the least of several rounds.

Processor time and not the clock's, so that it can be measured beside other work; in a tight loop, so that it tells what
a step costs at least: with one message at a time the processor's caches are cold, and everything takes twice that.
"""

import random
import tempfile
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from aiogram import Bot
from aiogram.types import Message
from sqlalchemy.orm import Session

from bot.commands.run import run_loop
from bot.delivery.rendering import render
from bot.handling.incoming import content_of, person_of
from bot.receiving.updates import to_update
from bot.sandbox import RemoteSandbox
from bot.telegram.methods import SendText
from bot.telegram.session import Telegram
from bot.texts import translator
from crm_core.conversation import client_messages
from crm_core.delivery import bots, claims
from crm_core.delivery import outcomes as deliveries
from crm_core.delivery.claims import ClaimedRow
from crm_core.delivery.outcomes import Outcome
from crm_core.messaging import inbox
from crm_core.messaging.inbox import UnstoredUpdate
from crm_core.messaging.outbox import PendingRow, Settled
from crm_core.storage.database import Database, open_database, pending_on_commit
from tests.benchmarks.prepared import prepare

ROUNDS, EACH = 8, 200
TOKEN = "800001:" + "bench" * 7
BOT_ID = 800001
CLIENT = {"id": 77, "is_bot": False, "first_name": "Client 77", "language_code": "en"}


def raw_update(number: int, client: int) -> dict[str, Any]:
    """What Telegram hands over for a message."""
    person = {**CLIENT, "id": client, "first_name": f"Client {client}"}
    message = {
        "message_id": number, "date": 1_763_700_000, "chat": {"id": client, "type": "private", **person},
        "from": person, "text": f"message {number} of {client}",
    }  # fmt: skip
    return {"update_id": number, "message": message}


@dataclass
class Effects:
    """What messages do to the database, each in a transaction of its own."""

    db: Database
    bot: Bot
    fencing_token: int
    now: datetime
    number: int = 0
    newest: int = 100_000
    jobs: list[list[ClaimedRow]] = field(default_factory=list)

    async def say(self, *, is_new: bool) -> None:
        """A client's message: stored, worked on, and what it announces claimed. Those who are known take turns."""
        self.number += 1
        self.newest += is_new
        client = self.newest if is_new else 100_001 + self.number % (self.newest - 100_000)
        raw = raw_update(self.number, client)
        message = Message.model_validate(raw["message"], context={"bot": self.bot})
        assert message.from_user is not None
        row = UnstoredUpdate(BOT_ID, self.number, to_update(BOT_ID, raw).conversation, raw)
        person, words = person_of(message.from_user), content_of(message, bot_id=BOT_ID)

        def body(s: Session) -> list[ClaimedRow]:
            inbox.finish(s, row, now=self.now)
            client_messages.receive(
                s, bot_id=BOT_ID, chat_id=client, person=person, content=words, now=self.now, rng=random.random
            )
            ids = [one.id for one in pending_on_commit(s) if isinstance(one, PendingRow)]
            return claims.claim(s, ids=ids, fencing_token=self.fencing_token)

        self.jobs.append(await self.db.write_unflushed(body))

    async def settle(self) -> None:
        """What came of the requests that a message was worth."""
        outcomes = [Outcome(job, Settled(job.id, "sent", "ok", result_id=10**6 + job.id)) for job in self.jobs.pop()]
        await self.db.write_unflushed(
            deliveries.record,
            bot_id=BOT_ID,
            fencing_token=self.fencing_token,
            outcomes=outcomes,
            gates=[],
            now=self.now,
            rng=random.random,
        )


async def microseconds(step: Callable[[], Awaitable[object]]) -> float:
    """Processor time of one step."""
    taken = []
    for _ in range(ROUNDS):
        begun = time.process_time()
        for _ in range(EACH):
            await step()
        taken.append((time.process_time() - begun) / EACH * 1e6)
    return min(taken)


def awaited(step: Callable[[], object]) -> Callable[[], Awaitable[object]]:
    """A plain function as a step."""

    async def run() -> object:
        return step()

    return run


async def main() -> None:
    """Measures and prints."""
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "steps.db"
        _, operator_ids = await prepare(path, operator_count=10)
        sandbox = await RemoteSandbox.launch("--lenient")
        async with sandbox:
            handle = sandbox.add_bot(TOKEN, "bench_bot")
            await sandbox.person("Operator 1", id=operator_ids[0], language_code="en").starts(handle)
            bot = Bot(TOKEN, session=Telegram(url=sandbox.url))
            db = open_database(f"sqlite:///{path}")
            try:
                for what, taken in await _measure(db, bot, operator_ids[0]):
                    print(f"{taken:6.0f} µs  {what}")
            finally:
                await db.close()
                await bot.session.close()


async def _measure(db: Database, bot: Bot, operator: int) -> list[tuple[str, float]]:
    now = datetime.now(UTC)
    fencing_token = await db.write(bots.start, bot_id=BOT_ID, username="bench_bot", name="Bench", position=0, now=now)
    effects = Effects(db, bot, fencing_token, now)
    await effects.say(is_new=True)
    card = next(job for job in effects.jobs[-1] if job.kind == "card")
    await effects.settle()
    raw, _ = raw_update(1, 77)["message"], translator("en")
    method = render(card, _=_, now=now)
    plain = SendText(chat_id=operator, text="words")
    session = bot.session
    assert isinstance(session, Telegram)
    answer = '{"ok":true,"result":{"message_id":7,"date":1763700000,"chat":{"id":7,"type":"private"},"text":"words"}}'
    return [
        ("a message read from its update", await microseconds(awaited(lambda: Message.model_validate(raw)))),
        ("the effect of a new client's message", await microseconds(lambda: effects.say(is_new=True))),
        ("the outcomes of its card and its notice", await microseconds(effects.settle)),
        ("the effect of further words", await microseconds(lambda: effects.say(is_new=False))),
        ("the outcome of their copy", await microseconds(effects.settle)),
        ("a card's words", await microseconds(awaited(lambda: render(card, _=_, now=now)))),
        ("its request's body", await microseconds(awaited(lambda: session.build_form_data(bot, method)))),
        ("an answer read", await microseconds(awaited(lambda: session.check_response(bot, method, 200, answer)))),
        ("a request from its body to its answer", await microseconds(lambda: bot(plain, request_timeout=30))),
    ]


if __name__ == "__main__":
    run_loop(main())

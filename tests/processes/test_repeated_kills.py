"""The promise, against real processes: what clients write reaches its operators, in order, however often we die."""

import asyncio
import random
import re
import time
from collections import defaultdict
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from bot.sandbox import Person, Sandbox
from bot.sandbox.world.transcript import Entry
from crm_core.storage.opening import open_database
from tests.processes.installation import Eyes, Installation, words_of
from tests.receiving.test_malformed_updates import POISON
from tests.support.people import TOKEN, RunningApp

CLIENTS, EACH, KILLS = 25, 11, 20
WORDS = re.compile(r"word (\d+) of (\d+)")

# Prime distances, so that the kinds take turns: together they hit every eighth call.
FAULTS: list[dict[str, Any]] = [
    {"kind": "silent", "every": 41},
    {"kind": "cut", "every": 43},
    {"kind": "http_500", "every": 47, "applied": True},
    {"kind": "http_500", "every": 53},
    {"kind": "html_502", "every": 59, "applied": True},
    {"kind": "html_502", "every": 61},
    {"kind": "garbage", "every": 67},
    {"kind": "slow", "every": 37, "delay": 0.3},
    {"kind": "flood", "every": 97, "times": 4, "retry_after": 1},
]


async def _prepare(sandbox: Sandbox, database_url: str, *, operators: int) -> list[Person]:
    """A crm with its operators, left again: what follows is done by processes of their own."""
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        return [await crm.operator(f"Operator {number}", limit=CLIENTS) for number in range(operators)]


def _key(entry: Entry) -> tuple[int, int] | None:
    """Which client's which word an operator sees: in a card, or as a copy."""
    found = WORDS.search(words_of(entry))
    return (int(found[2]), int(found[1])) if found else None


@pytest.mark.fault("F9", "F14", "F29")
@pytest.mark.timeout(300)
async def test_kills_and_telegram_faults_lose_and_reorder_no_message(sandbox: Sandbox, database_url: str) -> None:
    rolls = random.Random(7)
    people = await _prepare(sandbox, database_url, operators=5)
    bot = sandbox.bots()[0]
    clients = [sandbox.person(f"Client {number}", language_code="en") for number in range(CLIENTS)]
    eyes = Eyes(sandbox, [person.id for person in people])
    arrived = {(client.id, number) for client in clients for number in range(EACH)}
    turns = [client for client in clients for _ in range(EACH)]
    rolls.shuffle(turns)
    said: dict[int, int] = defaultdict(int)
    for fault in FAULTS:
        sandbox.fail(**fault)

    async def speak(number: int) -> None:
        for _ in range(number):
            client = turns.pop()
            await client.says(f"word {said[client.id]} of {client.id}", to=bot)
            said[client.id] += 1

    async with Installation(token=TOKEN, database_url=database_url, telegram_api_url=sandbox.url) as installation:
        for number in range(KILLS):
            await installation.start()
            speaking = asyncio.create_task(speak(min(len(turns), rolls.randrange(2, 22))))
            await eyes.more(rolls.randrange(1, 9))
            await installation.kill()
            await speaking
            if number % 6 == 0:  # at the beginning, amid the rest and near its end
                sandbox.inject_raw(bot, POISON)
        await speak(len(turns))
        await installation.start()
        await eyes.until(lambda: arrived <= {_key(entry) for entry in eyes.seen}, within=120)
        began = time.monotonic()
        assert await installation.stop() == 0
        assert time.monotonic() - began < 10

    _in_order(eyes.seen)
    await _doubles_only_after_doubt(sandbox, database_url, eyes.seen)


def _in_order(seen: list[Entry]) -> None:
    first: dict[int, list[int]] = defaultdict(list)
    for entry in seen:
        key = _key(entry)
        if key is not None and key[1] not in first[key[0]]:
            first[key[0]].append(key[1])
    assert len(first) == CLIENTS
    for numbers in first.values():
        assert numbers == sorted(numbers)


async def _doubles_only_after_doubt(sandbox: Sandbox, database_url: str, seen: list[Entry]) -> None:
    """No message stands before its operator more often than once, and once more for each answer that nobody heard."""
    query = """
        SELECT outbox.chat_id, messages.text, outbox.ambiguous FROM outbox
        JOIN messages ON messages.id = outbox.message_ref OR (outbox.kind = 'card' AND messages.id = (
            SELECT min(first.id) FROM messages first WHERE first.contact_id = outbox.contact_id))
        WHERE outbox.kind IN ('card', 'to_operator')"""

    def ask(s: Session) -> list[Any]:
        return list(s.execute(text(query)))

    def unfinished(s: Session) -> int:
        return int(s.execute(text("SELECT count(*) FROM inbox WHERE state = 'new'")).scalar_one())

    def buried(s: Session) -> int:
        return int(s.execute(text("SELECT count(*) FROM inbox WHERE state = 'dead'")).scalar_one())

    def numbers(s: Session) -> list[int]:
        return list(s.execute(text("SELECT update_id FROM inbox")).scalars())

    db = open_database(database_url)
    allowed: dict[tuple[int, int], int] = defaultdict(int)
    for _, words, ambiguous in await db.read(ask):
        found = WORDS.search(words)
        assert found is not None
        allowed[int(found[2]), int(found[1])] += 1 + ambiguous
    assert await db.read(unfinished) == 0
    assert await db.read(buried) == 4
    # Nothing was confirmed that is not stored, and nothing is stored twice.
    stored = await db.read(numbers)
    assert len(stored) == len(set(stored))
    assert set(sandbox.confirmed_ids(sandbox.bots()[0])) <= set(stored)
    await db.close()
    copies: dict[tuple[int, int], int] = defaultdict(int)
    for entry in seen:
        key = _key(entry)
        if key is not None:
            copies[key] += 1
    assert len(copies) == CLIENTS * EACH
    assert {key: number for key, number in copies.items() if number > allowed[key]} == {}

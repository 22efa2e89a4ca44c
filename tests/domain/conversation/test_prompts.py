"""Questions that wait for an answer: who may be asked, whose message answers, what ends them."""

import asyncio
import random
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, Actor, api, telegram
from crm_core.conversation import prompts
from crm_core.conversation.prompts import OpenPrompt, Role
from crm_core.errors import NotAllowed, PromptEnded
from crm_core.storage.database import Database
from crm_core.team import accounts, departure
from tests.domain.arranging import BOT, NOW, Office, hire, open_office, say

OLGA, IVAN = 1, 2


def arrange(s: Session) -> Office:
    """Olga is an admin, Ivan a client, and there is one operator."""
    office = open_office(s, weights=[1], limit=10)
    accounts.ensure_admins(s, telegram_ids=[OLGA], now=NOW)
    say(s, IVAN)
    return office


def ask(s: Session, /, who: Actor, role: Role, **changed: Any) -> None:
    chat_id = who.telegram_id or 0
    given = {"chat_id": chat_id, "question": "colour", "data": {"id": 5}, "now": NOW, **changed}
    prompts.ask(s, bot_id=BOT, role=role, actor=who, **given)


def waiting(s: Session, who: int, *, chat: int | None = None, after: timedelta = timedelta()) -> OpenPrompt | None:
    return prompts.waiting(s, bot_id=BOT, chat_id=chat or who, actor=telegram(who), now=NOW + after)


def person_of(office: Office, role: Role) -> int:
    return {Role.ADMIN: OLGA, Role.OPERATOR: office.account(office.operator_ids[0]), Role.CLIENT: IVAN}[role]


@pytest.mark.parametrize("role", list(Role))
async def test_each_role_can_be_asked_and_answers_within_15_minutes(db: Database, role: Role) -> None:
    office = await db.write(arrange)
    who = person_of(office, role)
    await db.write(ask, telegram(who), role)
    assert await db.read(waiting, who) == OpenPrompt("colour", {"id": 5}, role, NOW)
    assert await db.read(waiting, who, after=timedelta(minutes=14, seconds=59)) is not None
    assert await db.read(waiting, who, after=timedelta(minutes=15)) is None


@pytest.mark.parametrize("role", list(Role))
async def test_only_people_with_the_role_can_be_asked(db: Database, role: Role) -> None:
    office = await db.write(arrange)
    people = {person_of(office, other) for other in Role if other is not role}
    for who in [*map(telegram, people), telegram(404), SYSTEM, api(1)]:
        with pytest.raises(NotAllowed):
            await db.write(ask, who, role)
    assert await db.read(prompts.chats) == set()


async def test_message_of_somebody_else_is_no_answer(db: Database) -> None:
    office = await db.write(arrange)
    boris = office.account(await db.write(hire, office, "Boris", weight=1, limit=10))
    anna = person_of(office, Role.OPERATOR)
    group = 77
    await db.write(ask, telegram(anna), Role.OPERATOR, chat_id=group)
    assert await db.read(waiting, boris, chat=group) is None
    assert await db.read(waiting, anna) is None, "another chat"
    assert await db.read(waiting, anna, chat=group) is not None


async def test_prompt_ends_with_the_role(db: Database) -> None:
    office = await db.write(arrange)
    for role in Role:
        await db.write(ask, telegram(person_of(office, role)), role)
    anna = person_of(office, Role.OPERATOR)
    more: dict[str, Any] = {"actor": SYSTEM, "now": NOW}
    await db.write(departure.remove, operator_id=office.operator_ids[0], rng=random.random, **more)
    await db.write(lambda s: s.execute(text("UPDATE contacts SET status = 'closed'")))
    await db.write(accounts.ensure_admins, telegram_ids=[IVAN], now=NOW)  # a client who joins the staff
    await db.write(accounts.remove_admin, telegram_id=OLGA, **more)
    for who in (anna, IVAN, OLGA):
        assert await db.read(waiting, who) is None


async def test_concurrent_answers_end_a_prompt_once(db: Database) -> None:
    await db.write(arrange)
    await db.write(ask, telegram(IVAN), Role.CLIENT)
    prompt = await db.read(waiting, IVAN)
    assert prompt is not None
    ended = [db.write(prompts.end_answered, prompt=prompt, bot_id=BOT, chat_id=IVAN) for _ in range(3)]
    outcomes = await asyncio.gather(*ended, return_exceptions=True)
    assert sorted(type(one).__name__ for one in outcomes) == ["NoneType", "PromptEnded", "PromptEnded"]


async def test_answer_to_a_replaced_prompt_is_refused(db: Database) -> None:
    await db.write(arrange)
    await db.write(ask, telegram(IVAN), Role.CLIENT)
    first = await db.read(waiting, IVAN)
    assert first is not None
    await db.write(ask, telegram(IVAN), Role.CLIENT, question="size", now=NOW + timedelta(seconds=1))
    with pytest.raises(PromptEnded):
        await db.write(prompts.end_answered, prompt=first, bot_id=BOT, chat_id=IVAN)
    second = await db.read(waiting, IVAN)
    assert second is not None
    assert second.question == "size"
    await db.write(prompts.end, bot_id=BOT, chat_id=IVAN)
    assert await db.read(waiting, IVAN) is None

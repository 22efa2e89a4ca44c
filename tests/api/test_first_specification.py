"""The first founding document as it is written: its commands typed in, its three scenarios, by a started process."""

import json
import shlex
from collections.abc import AsyncIterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import httpx2
import pytest

from bot.sandbox import Sandbox
from tests.api.test_serve_and_api_key_commands import served
from tests.support.people import TOKEN

pytestmark = [pytest.mark.slow, pytest.mark.postgres_too]

SET_UP = r"""
# 1. Создать операторов
curl -X POST "http://localhost:8000/operators/" \
  -H "Content-Type: application/json" \
  -d '{"name": "Оператор 1", "max_leads": 10}'

curl -X POST "http://localhost:8000/operators/" \
  -H "Content-Type: application/json" \
  -d '{"name": "Оператор 2", "max_leads": 15}'

# 2. Создать источник
curl -X POST "http://localhost:8000/sources/" \
  -H "Content-Type: application/json" \
  -d '{"name": "Основной бот", "description": "Telegram"}'

# 3. Назначить операторов на источник
curl -X POST "http://localhost:8000/sources/1/assign_operator" \
  -H "Content-Type: application/json" \
  -d '{"operator_id": 1, "weight": 30}'

curl -X POST "http://localhost:8000/sources/1/assign_operator" \
  -H "Content-Type: application/json" \
  -d '{"operator_id": 2, "weight": 70}'
"""

ASSIGNED = {"message": "Operator assigned to source successfully"}


@dataclass
class Terminal:
    """Does what the document's commands say, against the process that was started."""

    caller: httpx2.AsyncClient

    async def types(self, commands: str) -> list[tuple[int, Any]]:
        """Runs lines of curl, and returns the status and body of each answer."""
        words = shlex.split(commands.replace("\\\n", " "), comments=True)
        return [await self._curl(command) for command in _each(words)]

    async def asks(self, request: str) -> Any:
        """Sends a request as the scenarios write it: a method with a path, and a body below. Returns the answer's."""
        head, _, body = request.strip().partition("\n")
        method, path = head.split()
        answer = await self.caller.request(method, path, json=json.loads(body) if body else None)
        assert answer.status_code in (200, 201), answer.text
        return answer.json()

    async def _curl(self, words: list[str]) -> tuple[int, Any]:
        address = next(word for word in words if word.startswith("http"))
        assert address.startswith("http://localhost:8000/")
        headers = dict(value.split(": ") for flag, value in pairwise(words) if flag == "-H")
        answer = await self.caller.request(
            words[words.index("-X") + 1],
            address.removeprefix("http://localhost:8000"),
            headers=headers,
            content=words[words.index("-d") + 1].encode(),
        )
        return answer.status_code, answer.json()


def _each(words: list[str]) -> list[list[str]]:
    """The words of each command."""
    begins = [index for index, word in enumerate(words) if word == "curl"]
    return [words[begin:end] for begin, end in zip(begins, [*begins[1:], len(words)], strict=True)]


@pytest.fixture(params=["serve", "run"])
async def terminal(
    request: pytest.FixtureRequest, sandbox: Sandbox, database_url: str, tmp_path: Path
) -> AsyncIterator[Terminal]:
    """A terminal beside a process of an empty installation: the API alone, or beside a bot."""
    settings = {"DATABASE_URL": database_url}
    if request.param == "run":
        sandbox.add_bot(TOKEN, "shop_bot")
        settings |= {"TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    async with served(request.param, folder=tmp_path, **settings) as (process, caller):
        if request.param == "run":
            await process.says("is running")  # from then on source 1 is the bot's own
        yield Terminal(caller)


@pytest.fixture
async def alone(database_url: str, tmp_path: Path) -> AsyncIterator[Terminal]:
    """A terminal beside the API alone."""
    async with served("serve", folder=tmp_path, DATABASE_URL=database_url) as (_, caller):
        yield Terminal(caller)


async def test_setup_commands_of_specification_succeed(terminal: Terminal) -> None:
    answers = await terminal.types(SET_UP)
    assert answers[:2] == [
        (201, {"id": 1, "name": "Оператор 1", "is_active": True, "max_leads": 10, "current_leads": 0}),
        (201, {"id": 2, "name": "Оператор 2", "is_active": True, "max_leads": 15, "current_leads": 0}),
    ]
    status, source = answers[2]
    assert (status, source["name"], source["description"]) == (201, "Основной бот", "Telegram")
    assert answers[3:] == [(200, ASSIGNED), (200, ASSIGNED)]


async def test_scenario_1_full_cycle_gives_expected_answers(terminal: Terminal) -> None:
    assert (await terminal.asks('POST /operators/\n{"name": "Анна", "max_leads": 5}'))["id"] == 1
    assert (await terminal.asks('POST /operators/\n{"name": "Борис", "max_leads": 8}'))["id"] == 2
    await terminal.asks('POST /sources/\n{"name": "WhatsApp Бот"}')  # beside a bot it is 2, and 1 is the bot itself
    assert await terminal.asks('POST /sources/1/assign_operator\n{"operator_id": 1, "weight": 40}') == ASSIGNED
    assert await terminal.asks('POST /sources/1/assign_operator\n{"operator_id": 2, "weight": 60}') == ASSIGNED

    first = await terminal.asks(
        """POST /leads/register_contact/
        {"email": "client1@test.com", "source_id": 1, "message": "Привет!", "full_name": "Клиент 1"}"""
    )
    second = await terminal.asks(
        """POST /leads/register_contact/
        {"email": "client1@test.com", "source_id": 1, "message": "Еще вопрос"}"""
    )
    third = await terminal.asks(
        """POST /leads/register_contact/
        {"email": "client2@test.com", "source_id": 1, "message": "Здравствуйте"}"""
    )
    contacts = [first, second, third]
    assert [one["lead_id"] for one in contacts] == [1, 1, 2]
    assert [one["status"] for one in contacts] == ["new"] * 3
    assert all(one["operator_id"] in (1, 2) for one in contacts)
    assert second["full_name"] == "Клиент 1"

    held = {number: [one["operator_id"] for one in contacts].count(number) for number in (1, 2)}
    assert await terminal.asks("GET /dashboard/operator_stats") == [
        {
            "operator_id": number,
            "operator_name": name,
            "is_active": True,
            "max_leads": limit,
            "current_leads": held[number],
            "available_capacity": limit - held[number],
            "total_contacts": held[number],
        }
        for number, name, limit in ((1, "Анна", 5), (2, "Борис", 8))
    ]
    source = (await terminal.asks("GET /dashboard/source_stats"))[0]
    assert (source["source_id"], source["total_contacts"]) == (1, 3)
    assert sorted(source["operators"], key=lambda one: int(one["operator_id"])) == [
        {"operator_id": 1, "operator_name": "Анна", "weight": 40, "contacts_assigned": held[1]},
        {"operator_id": 2, "operator_name": "Борис", "weight": 60, "contacts_assigned": held[2]},
    ]
    leads = await terminal.asks("GET /leads/")
    assert [(one["email"], one["contacts_count"]) for one in leads] == [
        ("client1@test.com", 2),
        ("client2@test.com", 1),
    ]
    theirs = await terminal.asks("GET /leads/1/contacts")
    assert [one["message"] for one in theirs] == ["Привет!", "Еще вопрос"]


async def test_scenario_2_overloaded_operator_gets_no_contact(alone: Terminal) -> None:
    await alone.asks('POST /operators/\n{"name": "Анна", "max_leads": 3}')
    await alone.asks('POST /operators/\n{"name": "Борис", "max_leads": 5}')
    await alone.asks('POST /sources/\n{"name": "Источник"}')
    for operator_id, held in ((1, 3), (2, 1)):  # as it stands at the beginning: Anna is full, Boris has one
        await alone.asks(f'POST /sources/1/assign_operator\n{{"operator_id": {operator_id}}}')
        for _ in range(held):
            await alone.asks('POST /leads/register_contact/\n{"email": "old@test.com", "source_id": 1}')
        await alone.asks(f'POST /sources/1/assign_operator\n{{"operator_id": {operator_id}, "weight": 0}}')
    await alone.asks('POST /sources/1/assign_operator\n{"operator_id": 1, "weight": 40}')
    await alone.asks('POST /sources/1/assign_operator\n{"operator_id": 2, "weight": 60}')
    made = await alone.asks('POST /leads/register_contact/\n{"email": "new@test.com", "source_id": 1}')
    assert made["operator_id"] == 2
    assert [one["current_leads"] for one in await alone.asks("GET /operators/")] == [3, 2]


@pytest.mark.parametrize("why", ["full", "inactive"])
async def test_scenario_3_contact_waits_when_nobody_is_available(alone: Terminal, why: str) -> None:
    await alone.asks('POST /operators/\n{"name": "Анна", "max_leads": 1}')
    await alone.asks('POST /operators/\n{"name": "Борис", "max_leads": 0}')
    await alone.asks('POST /sources/\n{"name": "Источник"}')
    for operator_id in (1, 2):
        await alone.asks(f'POST /sources/1/assign_operator\n{{"operator_id": {operator_id}}}')
    if why == "full":
        await alone.asks('POST /leads/register_contact/\n{"email": "old@test.com", "source_id": 1}')
    else:
        await alone.asks('PATCH /operators/1\n{"is_active": false}')
    made = await alone.asks('POST /leads/register_contact/\n{"email": "urgent@test.com", "source_id": 1}')
    number = made["id"]
    assert made.pop("created_at").endswith("Z")
    assert made == {
        "id": number,
        "lead_id": made["lead_id"],
        "source_id": 1,
        "operator_id": None,
        "message": None,
        "status": "new",
        "email": "urgent@test.com",
        "phone": None,
        "full_name": None,
    }

    # What the document's admin does then: look at what waits, give it by hand, or raise limits.
    (waiting,) = await alone.asks("GET /api/v1/contacts/?status=unassigned")
    assert waiting["id"] == number
    if why == "full":
        await alone.asks(f'POST /api/v1/contacts/{number}/assign\n{{"operator_id": 1, "force": true}}')
        given_to = 1
    else:
        await alone.asks('PATCH /operators/2\n{"max_leads": 1}')
        given_to = 2
    (contact,) = await alone.asks(f"GET /leads/{made['lead_id']}/contacts")
    assert contact["operator_id"] == given_to

"""Telegram does not work for a while: nothing is given up, and all of it goes on as soon as Telegram answers."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.commands import run
from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox
from tests.stories.arranging import count, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.waiting import until_polled

HASTY = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05, connect=0.05)
CLIENTS = 6

APPLIED: list[dict[str, Any]] = [{"kind": "silent"}, {"kind": "garbage"}, {"kind": "http_500", "applied": True}]
CONFLICT: dict[str, Any] = {
    "kind": "reply",
    "code": 409,
    "text": '{"ok":false,"error_code":409,"description":"Conflict: later"}',
}
REFUSED: list[dict[str, Any]] = [
    {"kind": "http_500"}, {"kind": "html_502"}, {"kind": "cut"}, {"kind": "redirect"}, CONFLICT
]  # fmt: skip
SENDING = ("sendMessage", "copyMessage", "editMessageText")


def name(fault: dict[str, Any]) -> str:
    return f"{fault['kind']}-{'applied' if fault in APPLIED else 'lost'}"


@pytest.fixture
async def hasty(sandbox: Sandbox, database_url: str, clock: MovableClock) -> AsyncIterator[RunningApp]:
    async with await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=HASTY) as crm:
        yield crm


def calls(sandbox: Sandbox, crm: RunningApp, method: str) -> int:
    counted: dict[str, int] = sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return counted.get(method, 0)


async def until_asked(sandbox: Sandbox, crm: RunningApp, times: int) -> None:
    """Waits until Telegram was asked so often whether it answers again."""
    before = calls(sandbox, crm, "getMe")

    async def is_asked() -> bool:
        return calls(sandbox, crm, "getMe") >= before + times

    await until_polled(is_asked)


def times(person: Person, crm: RunningApp, words: str) -> int:
    return sum(words in seen.text for seen in person.chat(crm.shop) if seen.sender != person.id)


async def talk(crm: RunningApp) -> tuple[Person, list[Person]]:
    """An operator and clients who have written, each with a request."""
    anna = await crm.operator("Anna", limit=CLIENTS)
    clients = [crm.client(f"Client {number}") for number in range(CLIENTS)]
    for client in clients:
        await client.says(f"{client.first_name} asks", to=crm.shop)
        await anna.sees(f"{client.first_name} asks", bot=crm.shop)
    await crm.settled()
    return anna, clients


async def write_in_vain(crm: RunningApp, anna: Person, clients: list[Person]) -> None:
    """Clients and the operator write while nothing can be sent: their words are taken in, and wait."""
    for client in clients:
        for number in range(3):
            await client.says(f"{client.first_name} word {number}", to=crm.shop)
    await anna.replies(await anna.sees("Client 1 asks", bot=crm.shop), "Anna answers 1")


async def sees_everything(crm: RunningApp, anna: Person, clients: list[Person]) -> None:
    """All that was written has arrived, in the order of each client."""
    await clients[1].sees("Anna answers 1")
    for client in clients:
        await anna.sees(f"{client.first_name} word 2", bot=crm.shop)
    await crm.settled()
    # A notice of our own that was under way is not sent again: it may have arrived.
    assert await count(crm, "outbox", "state IN ('dead', 'uncertain') AND kind <> 'client_notice'") == 0
    shown = [seen.text for seen in anna.chat(crm.shop) if seen.sender != anna.id]
    for client in clients:
        first = [shown.index(f"{client.first_name} word {number}") for number in range(3)]
        assert first == sorted(first)


@pytest.mark.fault("F113")
@pytest.mark.parametrize("fault", [*REFUSED, *APPLIED], ids=name)
async def test_total_outage_loses_nothing_and_doubles_only_what_was_under_way(
    hasty: RunningApp, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    anna, clients = await talk(hasty)
    # Receiving goes on, or nothing new would come in.
    outage = [sandbox.fail(**fault, method=method, probability=1.0) for method in (*SENDING, "getMe")]
    await write_in_vain(hasty, anna, clients)
    await until_asked(sandbox, hasty, 12)
    assert await count(hasty, "outbox", "failures > 0") == 0
    # A row may be tried again before the first question, by which the outage is known, is answered.
    under_way = await value(hasty, "SELECT coalesce(sum(ambiguous), 0) FROM outbox")
    for number in outage:
        sandbox.clear_fault(number)
    await sees_everything(hasty, anna, clients)
    words = [f"{client.first_name} word {number}" for client in clients for number in range(3)]
    doubled = sum(times(anna, hasty, word) - 1 for word in words) + times(clients[1], hasty, "Anna answers 1") - 1
    assert doubled <= (under_way if fault in APPLIED else 0)
    assert times(anna, hasty, "may have arrived twice") <= under_way


@pytest.mark.fault("F113")
@pytest.mark.parametrize("fault", [*REFUSED, *APPLIED], ids=name)
async def test_outage_of_sending_alone_gives_nothing_up(
    hasty: RunningApp, sandbox: Sandbox, fault: dict[str, Any]
) -> None:
    """Telegram answers every question, but takes no message, or does not say that it has."""
    anna, clients = await talk(hasty)
    outage = [sandbox.fail(**fault, method=method, probability=1.0) for method in SENDING]
    await write_in_vain(hasty, anna, clients)
    await until_asked(sandbox, hasty, 20)
    assert await count(hasty, "outbox", "failures > 0") == 0  # what all share is counted against none
    for number in outage:
        sandbox.clear_fault(number)
    await sees_everything(hasty, anna, clients)


@pytest.mark.fault("F276")
@pytest.mark.parametrize("code", [401, 404])
async def test_refusal_of_all_sending_with_a_valid_token_gives_nothing_up(
    hasty: RunningApp, sandbox: Sandbox, code: int
) -> None:
    anna, clients = await talk(hasty)
    outage = [sandbox.fail(kind="error", code=code, text="No", method=one, probability=1.0) for one in SENDING]
    await write_in_vain(hasty, anna, clients)

    async def is_tried_often() -> bool:
        return sum(calls(sandbox, hasty, method) for method in SENDING) >= before + 100

    before = sum(calls(sandbox, hasty, method) for method in SENDING)
    await until_polled(is_tried_often)
    assert await count(hasty, "outbox", "failures > 0") == 0
    for number in outage:
        sandbox.clear_fault(number)
    await sees_everything(hasty, anna, clients)


@pytest.mark.fault("F274")
async def test_odd_answer_to_the_row_on_trial_does_not_end_all_sending(hasty: RunningApp, sandbox: Sandbox) -> None:
    anna, clients = await talk(hasty)
    outage = [sandbox.fail(kind="http_500", method=method, probability=1.0) for method in SENDING]
    await write_in_vain(hasty, anna, clients)
    await until_asked(sandbox, hasty, 3)
    for number in outage:
        sandbox.clear_fault(number)
    for method in SENDING:
        sandbox.fail(**CONFLICT, method=method, times=1)
    await sees_everything(hasty, anna, clients)


@pytest.mark.fault("F276")
@pytest.mark.parametrize("text", ["Not Found: method not found", "Not Found"])
async def test_method_that_is_refused_alone_holds_up_nothing_else(
    hasty: RunningApp, sandbox: Sandbox, text: str
) -> None:
    anna, clients = await talk(hasty)
    sandbox.fail(kind="error", code=404, text=text, method="setMessageReaction", probability=1.0)
    for client in clients:
        card = await anna.sees(f"{client.first_name} asks", bot=hasty.shop)
        await anna.replies(card, f"Anna answers {client.first_name}")
        await client.reacts(await client.sees(f"Anna answers {client.first_name}"), "👍")
        await client.says(f"{client.first_name} again", to=hasty.shop)
        await anna.sees(f"{client.first_name} again", bot=hasty.shop)
    is_over = "kind = 'reaction' AND state IN ('sent', 'dead')"
    for number in range(100):  # whose fault a failure is shows while others are sent
        if await count(hasty, "outbox", is_over) == CLIENTS:
            break
        await clients[0].says(f"word {number}", to=hasty.shop)
        await anna.sees(f"word {number}", bot=hasty.shop)
    assert await count(hasty, "outbox", is_over) == CLIENTS
    await hasty.settled()
    assert await count(hasty, "outbox", "state <> 'sent' AND kind <> 'reaction'") == 0


@pytest.mark.fault("F113")
@pytest.mark.parametrize("fault", [*REFUSED, *APPLIED], ids=name)
async def test_hour_of_outage_with_a_restart_inside_gives_nothing_up(
    sandbox: Sandbox, database_url: str, clock: MovableClock, fault: dict[str, Any]
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=HASTY) as crm:
        anna, clients = await talk(crm)
        for method in (*SENDING, "getMe"):
            sandbox.fail(**fault, method=method, probability=1.0)
        await write_in_vain(crm, anna, clients)
        await until_asked(sandbox, crm, 6)
        clock.forward(minutes=30)
        await until_asked(sandbox, crm, 6)
    app = await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=HASTY, admin=False, outage=True)
    async with app as crm:
        await until_asked(sandbox, crm, 6)
        clock.forward(minutes=30)
        sandbox.clear_fault()
        await sees_everything(crm, anna, clients)


@pytest.mark.slow  # Telegram is asked again after seconds
@pytest.mark.fault("F114")
@pytest.mark.parametrize(
    "fault", [{"kind": "http_500"}, {"kind": "slow", "delay": 60}], ids=lambda one: str(one["kind"])
)
async def test_start_during_an_outage_works_as_soon_as_telegram_answers(
    sandbox: Sandbox,
    database_url: str,
    fault: dict[str, Any],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.setattr(run, "LOOK_AGAIN", 0.01)
    sandbox.fail(**fault, probability=1.0)
    async with await RunningApp.open(sandbox, database_url, admin=False, outage=True) as crm:  # with the usual pauses
        printing = asyncio.create_task(run._print_status(crm.app))
        await until_asked(sandbox, crm, 1)
        (session,) = crm.app.supervisor.sessions
        assert session.state == "away"
        sandbox.clear_fault()
        ivan = crm.client()
        await ivan.says("Hello", to=crm.shop)
        await ivan.sees("#1", bot=crm.shop, timeout=5)
        assert session.state == "running"
        await printing
    printed = capsys.readouterr().out
    assert printed.count("waits for Telegram") == 1
    assert printed.count("is running") == 1

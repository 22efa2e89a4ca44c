"""/why #15: how a request came to its operator."""

import re

from tests.stories.steering import types
from tests.support.people import RunningApp

MOMENT = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d ")


def lines(text: str) -> list[str]:
    """The lines of an explanation, without the moments."""
    return [MOMENT.sub("", line) for line in text.split("\n")]


async def test_operator_reads_why_a_request_is_theirs(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30, limit=5)
    await crm.operator("Boris", weight=10, limit=0)
    vera = await crm.operator("Vera", weight=10)
    await vera.says("/offline", to=crm.shop)
    await crm.settled()
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    screen = await types(crm, anna, "/why 1")
    assert lines(screen.text) == [
        "#1 Ivan",
        "→ Anna: at random, by weight",
        "Could get it: Anna 100%",
        "Could not: Boris (at the limit, 0 of 0), Vera (offline)",
    ]
    screen = await types(crm, vera, "/why #1")
    assert screen.text == "There is no request #1."
    screen = await types(crm, anna, "/why")
    assert screen.text == "Add the number of the request: /why #42."


async def test_admin_reads_of_queue_exact_turn_and_manual_assignment(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=30, limit=0)
    await crm.operator("Boris", weight=10, limit=0)
    await types(crm, crm.olga, "/sources exact shop_bot")
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/why #1")
    assert lines(screen.text) == [
        "#1 Ivan",
        "in the queue: at the limit",
        "Could not: Anna (at the limit, 0 of 0), Boris (at the limit, 0 of 0)",
    ]
    for name in ("Anna", "Boris"):
        await types(crm, crm.olga, f"/operators limit {name} 5")
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    await crm.client("Kira").says("A bell, please", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/why #2")
    assert lines(screen.text) == [
        "#2 Kira",
        "→ Anna: it was their turn, by exact shares",
        "Could get it: Anna 75%, Boris 25%",
        "Was owed before: Anna 0, Boris 0",
    ]
    await types(crm, crm.olga, "/assign #2 Boris")
    screen = await types(crm, crm.olga, "/why #2")
    assert lines(screen.text) == [
        "#2 Kira",
        "→ Anna: it was their turn, by exact shares",
        "→ Boris: assigned manually",
    ]

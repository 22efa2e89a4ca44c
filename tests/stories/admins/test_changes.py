"""Who set what of a source or an operator, and when: a button of their screens."""

import re

from tests.stories.steering import presses, types
from tests.support.people import RunningApp

MOMENT = re.compile(r"\d{4}-\d{2}-\d{2} \d{2}:\d{2}")


async def test_source_shows_who_changed_what_newest_first(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10)
    await types(crm, crm.olga, "/assign shop_bot Anna 40")
    await types(crm, crm.olga, "/sources ramp shop_bot 7")
    await types(crm, crm.olga, "/sources offer shop_bot 2 min")
    more = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "⚙️ More")
    screen = await presses(crm, crm.olga, more, "🕓 Changes")
    assert [MOMENT.sub("…", line) for line in screen.text.splitlines() if line] == [
        "🕓 shop_bot",
        "… · Olga",
        "      Offers at shop_bot: seconds 0 → seconds 120",
        "… · Olga",
        "      Gentle start at shop_bot, requests a minute: 3 → 7",
        "… · Olga",
        "      Weight of Anna at shop_bot: 10 → 40",
        "… · system",
        "      Weight of Anna at shop_bot: 0 → 10",
    ]
    assert (await presses(crm, crm.olga, screen, "◀️ shop_bot")).text.startswith("🤖 shop_bot")


async def test_operator_shows_who_changed_what(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/operators add Anna 10")
    await types(crm, crm.olga, "/operators skills Anna german")
    await types(crm, crm.olga, "/operators hours Anna mon-fri 9-18")
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "🕓 Changes")
    assert [line.strip() for line in screen.text.splitlines() if line.startswith("      ")] == [
        "Working hours of Anna: always, while online → Mon–Fri 9:00–18:00; Sat, Sun: days off; time zone UTC",
        "Skills of Anna: – → german",
    ]
    assert (await presses(crm, crm.olga, screen, "◀️ Anna")).text.startswith("👤 Anna")


async def test_source_that_nobody_changed_says_so(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources link vk VK ads")
    more = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources vk"), "⚙️ More")
    screen = await presses(crm, crm.olga, more, "🕓 Changes")
    assert screen.text.endswith("Nothing has been changed so far.")

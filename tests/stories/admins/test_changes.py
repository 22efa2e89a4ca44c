"""Who set what of a source or an operator, and when: a button of their screens."""

import re
from typing import Any

from crm_core import events
from crm_core.access import api_keys
from crm_core.access.actors import LOCAL_API, SYSTEM, Actor, api, telegram
from crm_core.routing import sources
from tests.stories.steering import invites, presses, types
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
        "… · Mini-CRM",
        "      Weight of Anna at shop_bot: 0 → 10",
    ]
    assert (await presses(crm, crm.olga, screen, "◀️ shop_bot")).text.startswith("🤖 shop_bot")


async def test_change_names_whoever_is_no_admin_in_the_language_of_the_screen(crm: RunningApp) -> None:
    source_id = next(one.id for one in await crm.db.read(sources.listing))
    key = await crm.db.write(
        api_keys.create, name="Site", scope="admin", key="mcrm_" + "k" * 43, actor=SYSTEM, now=crm.clock()
    )
    for days, actor in enumerate([SYSTEM, api(key.id), LOCAL_API, Actor("shell:root"), telegram(77)], 1):
        event: dict[str, Any] = {"source_id": source_id, "reason": "sticky", "data": {"sticky_days": days}}
        await crm.db.write(events.record_one, events.SOURCE_CHANGED, actor=actor.label, now=crm.clock(), **event)
    pyotr = crm.client("Pyotr", language="ru")
    await pyotr.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await crm.settled()
    for person, more, named in (
        (crm.olga, "⚙️ More", ["account 77, no longer an admin", "root, command line", "the API", "API key Site"]),
        (pyotr, "⚙️ Ещё", ["аккаунт 77, уже не админ", "root, командная строка", "API", "ключ API Site"]),
    ):
        screen = await presses(crm, person, await types(crm, person, "/sources shop_bot"), more)
        screen = await presses(crm, person, screen, next(one for one in screen.labels if one.startswith("🕓")))
        authors = [line.partition(" · ")[2] for line in screen.text.splitlines() if " · " in line]
        assert authors == [*named, "Mini-CRM"]


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

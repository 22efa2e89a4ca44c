"""/undo: an admin puts back their latest change of a setting."""

import random

import pytest
from sqlalchemy import JSON, text

from crm_core.access.actors import SYSTEM, telegram
from crm_core.routing import source_changes, sources
from crm_core.team import operators
from tests.stories.steering import invites, presses, types
from tests.support.people import RunningApp


@pytest.mark.fault("F246", "F251")
@pytest.mark.parametrize(
    ("command", "asked", "done", "shown", "kept"),
    [
        ("/assign shop_bot Anna 40", "Weight of Anna at shop_bot: 10 → 40", "Weight of Anna at shop_bot: 10.",
         "/sources shop_bot", "Anna: 10"),
        ("/operators limit Anna 7", "Limit of Anna: 10 → 7", "Limit of Anna: 10.", "/operators Anna", "of 10"),
        ("/sources exact shop_bot", "Shares at shop_bot: at random, by weight → exact",
         "Shares at shop_bot: at random, by weight.", "/sources shop_bot", "by chance"),
        ("/sources sticky shop_bot 14", "Days for who comes back at shop_bot: 0 → 14",
         "Days for who comes back at shop_bot: 0.", "/sources shop_bot", "shop_bot"),
        ("/sources offer shop_bot 120", "Offers at shop_bot: seconds 0 → seconds 120",
         "Offers at shop_bot: seconds 0.", "/sources shop_bot", "shop_bot"),
        ("/sources duty shop_bot = Anna", "Offers at shop_bot: on duty – → on duty Anna",
         "Offers at shop_bot: on duty –.", "/sources shop_bot", "shop_bot"),
        ("/sources skills shop_bot german 30", "Required skills at shop_bot: – → german (30 min)",
         "Required skills at shop_bot: –.", "/sources shop_bot", "shop_bot"),
        ("/sources priority shop_bot 30", "Head start of shop_bot, in minutes: 0 → 30",
         "Head start of shop_bot, in minutes: 0.", "/sources shop_bot", "shop_bot"),
        ("/sources ramp shop_bot 7", "Gentle start at shop_bot, requests a minute: 3 → 7",
         "Gentle start at shop_bot, requests a minute: 3.", "/sources shop_bot", "gets 3 a minute"),
        ("/sources ramp shop_bot off", "Gentle start at shop_bot, requests a minute: 3 → –",
         "Gentle start at shop_bot, requests a minute: 3.", "/sources shop_bot", "gets 3 a minute"),
        ("/sources catchup shop_bot 2", "Requests credited after leave at shop_bot: 0 → 2",
         "Requests credited after leave at shop_bot: 0.", "/sources shop_bot", "shop_bot"),
        ("/sources protect shop_bot", "Forwarding and saving at shop_bot: possible → not possible",
         "Forwarding and saving at shop_bot: possible.", "/sources shop_bot", "shop_bot"),
        ("/sources handover shop_bot hold", "Absence of operators at shop_bot: hand over → tell the client",
         "Absence of operators at shop_bot: hand over.", "/sources shop_bot", "somebody else"),
        ("/sources handover shop_bot hand over 45", "Absence of operators at shop_bot: 30 min → 45 min",
         "Absence of operators at shop_bot: 30 min.", "/sources shop_bot", "away for 30 min"),
        ("/sources handover shop_bot keep", "Absence of operators at shop_bot: hand over → keep",
         "Absence of operators at shop_bot: hand over.", "/sources shop_bot", "away for 30 min"),
        ("/sources off shop_bot", "New requests from shop_bot: on → off",
         "New requests from shop_bot: on.", "/sources shop_bot", "Switched on"),
        ("/operators off Anna", "New requests for Anna: on → off",
         "New requests for Anna: on.", "/operators Anna", "online"),
        ("/sources late shop_bot 4", "Hours after closing at shop_bot: 24 → 4",
         "Hours after closing at shop_bot: 24.", "/sources shop_bot", "up to 24 h"),
        ("/sources hours shop_bot mon-fri 9-18", "Opening hours of shop_bot: always → Mon–Fri 9:00–18:00",
         "Opening hours of shop_bot: always.", "/sources shop_bot", "shop_bot"),
        ("/sources sla shop_bot first 15", "Targets at shop_bot: – → first reply 15 min",
         "Targets at shop_bot: –.", "/sources shop_bot", "shop_bot"),
        ("/operators ceiling Anna 12", "Ceiling of Anna: – → 12",
         "Ceiling of Anna: –.", "/operators Anna", "Anna"),
        ("/operators rate Anna 6", "Requests per hour of Anna: – → 6",
         "Requests per hour of Anna: –.", "/operators Anna", "Anna"),
        ("/operators skills Anna german, vip", "Skills of Anna: – → german, vip",
         "Skills of Anna: –.", "/operators Anna", "Anna"),
        ("/operators hours Anna mon-fri 9-18", "Working hours of Anna: always, while online → Mon–Fri 9:00–18:00",
         "Working hours of Anna: always, while online.", "/operators Anna", "Anna"),
    ],
)  # fmt: skip
async def test_latest_change_is_put_back_after_a_question(
    crm: RunningApp, command: str, asked: str, done: str, shown: str, kept: str
) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    before = (await types(crm, crm.olga, shown)).text
    await types(crm, crm.olga, command)
    screen = await types(crm, crm.olga, "/undo")
    assert asked in screen.text
    assert screen.text.endswith("Undo it?")
    screen = await presses(crm, crm.olga, screen, "↩️ Undo")
    assert screen.text == f"Undone. {done} Another /undo brings the change back."
    assert (await types(crm, crm.olga, shown)).text == before


async def test_setting_that_somebody_changed_since_is_left_alone(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/operators limit Anna 7")
    screen = await types(crm, crm.olga, "/undo")
    assert screen.labels == ["↩️ Undo: back to 10"]
    peter = crm.sandbox.person("Peter", language_code="en")
    await peter.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await crm.settled()
    await types(crm, peter, "/operators limit Anna 8")
    press = await crm.olga.presses(screen, "↩️ Undo")
    assert "changed again since" in (await press.answer() or "")
    assert "changed again since" in (await types(crm, crm.olga, "/undo")).text
    assert "of 8" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_old_button_puts_nothing_back_after_another_change(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/operators limit Anna 7")
    screen = await types(crm, crm.olga, "/undo")
    await types(crm, crm.olga, "/assign shop_bot Anna 40")
    press = await crm.olga.presses(screen, "↩️ Undo")
    assert "changed again since" in (await press.answer() or "")
    assert "of 7" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_nothing_to_put_back_is_said(crm: RunningApp) -> None:
    said = "You have changed no setting that could be undone."
    assert (await types(crm, crm.olga, "/undo")).text == said


async def test_limit_at_a_source_is_put_back_with_its_weight(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/sources limit shop_bot Anna 3")
    screen = await types(crm, crm.olga, "/undo")
    assert "Weight of Anna at shop_bot: 10 → 10, at most 3" in screen.text
    await presses(crm, crm.olga, screen, "↩️ Undo")
    assert "at most" not in (await types(crm, crm.olga, "/operators Anna")).text


async def test_limit_at_a_source_comes_back_with_a_weight_that_was_taken(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/sources limit shop_bot Anna 3")
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    screen = await types(crm, crm.olga, "/undo")
    assert "Weight of Anna at shop_bot: 10, at most 3 → 0" in screen.text
    await presses(crm, crm.olga, screen, "↩️ Undo")
    assert "10 (100%), at most 3" in (await types(crm, crm.olga, "/operators Anna")).text


@pytest.mark.fault("F247")
@pytest.mark.parametrize(
    "again",
    ["/sources random shop_bot", "/sources unprotect shop_bot", "/sources handover shop_bot hand over 30",
     "/sources late shop_bot 24", "/sources ramp shop_bot 3", "/sources hours shop_bot always",
     "/operators limit Anna 10", "/operators hours Anna always", "/assign shop_bot Anna 10"],
)  # fmt: skip
async def test_setting_again_what_is_set_hides_no_earlier_change(crm: RunningApp, again: str) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/sources priority shop_bot 17")
    await types(crm, crm.olga, again)
    screen = await types(crm, crm.olga, "/undo")
    assert "Head start of shop_bot, in minutes: 0 → 17" in screen.text
    await presses(crm, crm.olga, screen, "↩️ Undo: back to 0")
    assert "Head start of shop_bot, in minutes: 17 → 0" in (await types(crm, crm.olga, "/undo")).text


@pytest.mark.fault("F247")
async def test_change_that_somebody_only_confirmed_can_be_undone(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await types(crm, crm.olga, "/operators limit Anna 7")
    peter = crm.sandbox.person("Peter", language_code="en")
    await peter.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await crm.settled()
    await types(crm, peter, "/operators limit Anna 7")
    assert "Limit of Anna: 10 → 7" in (await types(crm, crm.olga, "/undo")).text


@pytest.mark.postgres_too
@pytest.mark.fault("F247")
async def test_change_of_an_operator_who_was_removed_hides_no_earlier_one(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10, limit=10)
    await crm.operator("Boris", weight=10, limit=10)
    await types(crm, crm.olga, "/operators limit Boris 7")
    await types(crm, crm.olga, "/operators limit Anna 5")
    await types(crm, crm.olga, "/assign shop_bot Anna 3")
    asked = await types(crm, crm.olga, "/operators remove Anna")
    await presses(crm, crm.olga, asked, "🗑 Yes, remove")
    assert "Limit of Boris: 10 → 7" in (await types(crm, crm.olga, "/undo")).text


@pytest.mark.fault("F247")
async def test_change_of_a_source_that_was_removed_hides_no_earlier_one(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources priority shop_bot 17")
    await types(crm, crm.olga, "/sources link vk VK ads")
    await types(crm, crm.olga, "/sources priority vk 5")
    vk = next(one.id for one in await crm.db.read(sources.listing) if one.slug == "vk")
    await crm.db.write(sources.remove, source_id=vk, actor=SYSTEM, now=crm.clock())
    assert "Head start of shop_bot, in minutes: 0 → 17" in (await types(crm, crm.olga, "/undo")).text


@pytest.mark.fault("F247")
async def test_operator_on_duty_who_was_removed_is_not_put_back(crm: RunningApp) -> None:
    for name in ("Anna", "Boris"):
        await crm.operator(name, weight=10)
        await types(crm, crm.olga, f"/sources duty shop_bot = {name}")
    asked = await types(crm, crm.olga, "/operators remove Anna")
    await presses(crm, crm.olga, asked, "🗑 Yes, remove")
    screen = await types(crm, crm.olga, "/undo")
    press = await crm.olga.presses(screen, screen.labels[0])
    assert "changed again since" in (await press.answer() or "")


@pytest.mark.postgres_too
@pytest.mark.fault("F247")
async def test_removal_of_who_is_on_duty_is_a_change_of_the_source(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10)
    await types(crm, crm.olga, "/sources duty shop_bot = Anna")
    asked = await types(crm, crm.olga, "/operators remove Anna")
    await presses(crm, crm.olga, asked, "🗑 Yes, remove")
    last = "SELECT actor, data FROM events WHERE kind = 'source_changed' ORDER BY id DESC LIMIT 1"
    actor, data = await crm.db.read(lambda s: s.execute(text(last).columns(data=JSON)).one())
    assert (actor, data) == ("system", {"duty_operator_id": None, "before": {"duty_operator_id": 1}})
    assert "changed again since" in (await types(crm, crm.olga, "/undo")).text


@pytest.mark.fault("F251")
async def test_operator_who_is_switched_off_again_gives_back_what_is_offered(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=10)
    await types(crm, crm.olga, "/sources offer shop_bot 2 min")
    await types(crm, crm.olga, "/operators off Anna")
    await types(crm, crm.olga, "/operators on Anna")
    ivan = crm.client("Ivan")
    await ivan.starts(crm.shop)
    await ivan.says("Hello")
    await crm.settled()
    screen = await types(crm, crm.olga, "/undo")
    assert "New requests for Anna: off → on" in screen.text
    await presses(crm, crm.olga, screen, "↩️ Undo: back to off")
    assert "Waiting: 1" in (await types(crm, crm.olga, "/sources shop_bot")).text


@pytest.mark.fault("F251")
async def test_operator_who_was_added_switched_off_is_so_again(crm: RunningApp) -> None:
    now = crm.clock()
    await crm.db.write(operators.add, name="Anna", max_leads=5, is_active=False, actor=SYSTEM, now=now)
    await types(crm, crm.olga, "/operators on Anna")
    screen = await types(crm, crm.olga, "/undo")
    assert "New requests for Anna: off → on" in screen.text
    await presses(crm, crm.olga, screen, "↩️ Undo: back to off")
    assert "switched off" in (await types(crm, crm.olga, "/operators Anna")).text


@pytest.mark.fault("F246")
async def test_change_of_a_very_long_setting_is_shown_shortened_and_undone(crm: RunningApp) -> None:
    source_id = next(one.id for one in await crm.db.read(sources.listing))
    olga = telegram(crm.olga.id)
    for letter in "ab":
        words = [[f"{letter * 30}{rule:02}{word:02}" for word in range(20)] for rule in range(20)]
        rules = [{"words": each, "priority_minutes": 5} for each in words]
        await crm.db.write(
            source_changes.change,
            source_id=source_id, values={"keywords": rules}, actor=olga, now=crm.clock(), rng=random.random,
        )  # fmt: skip
    screen = await types(crm, crm.olga, "/undo")
    assert "Keyword rules at shop_bot: aaaaaa" in screen.text
    assert "… → bbbbbb" in screen.text
    screen = await presses(crm, crm.olga, screen, "↩️ Undo")
    assert screen.text.startswith("Undone. Keyword rules at shop_bot: aaaaaa")

"""Skills of operators, and what sources require of them: what admins see and set."""

import pytest

from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def turn(crm: RunningApp) -> None:
    """What happens each second."""
    await crm.app.schedule.run("drop_skills")
    await crm.settled()


@pytest.mark.parametrize("way", ["command", "button"])
async def test_requests_of_a_source_come_to_who_has_its_skill(crm: RunningApp, way: str) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris")
    if way == "command":
        await types(crm, crm.olga, "/sources skills shop_bot German")
        screen = await types(crm, crm.olga, "/operators skills Anna german, VIP")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "🎓 Skills")
        assert "Now: –" in screen.text
        await types(crm, crm.olga, "German")
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/operators Anna"), "🎓 Skills")
        screen = await types(crm, crm.olga, "german, VIP")
    assert screen.text.splitlines()[0].startswith("Anna's skills are set.")
    assert "Skills: german, vip" in screen.text
    assert "Required skills: german" in (await types(crm, crm.olga, "/sources shop_bot")).text
    for number in range(4):
        await crm.client(f"Client {number}").says(f"request {number}", to=crm.shop)
    await anna.sees("request 3", bot=crm.shop)
    assert not [seen for seen in boris.chat(crm.shop) if "request" in seen.text]
    assert "Boris (lacks a skill, german)" in (await types(crm, crm.olga, "/why 1")).text
    screen = await types(crm, crm.olga, "/sources skills shop_bot -")
    assert "Requests from shop_bot require no skills any more." in screen.text
    assert "Required skills" not in screen.text


@pytest.mark.fault("F187")
async def test_skill_that_nobody_has_is_dropped_after_its_minutes(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/sources skills shop_bot german 30, vip")
    assert "Requests from shop_bot now require: german (30 min), vip" in screen.text
    await types(crm, crm.olga, "/operators skills Anna vip")
    await crm.client("Ivan").says("Guten Tag", to=crm.shop)
    await crm.settled()
    assert "in the queue: lacks a skill" in (await types(crm, crm.olga, "/why 1")).text
    clock.forward(seconds=30 * 60 - 5)
    await turn(crm)
    assert not [seen for seen in anna.chat(crm.shop) if "Guten Tag" in seen.text]
    clock.forward(seconds=6)
    await turn(crm)
    await anna.sees("Guten Tag", bot=crm.shop)
    why = await types(crm, crm.olga, "/why 1")
    assert "no longer required after so long: german" in why.text
    assert "→ Anna: at random, by weight" in why.text


async def test_what_is_no_skill_is_refused_in_words(crm: RunningApp) -> None:
    await crm.operator("Anna")
    refused = await types(crm, crm.olga, "/operators skills Anna 30")
    assert refused.text == "“30” is no skill. Write words with commas between them, for example: german, vip"
    assert "Specify" in (await types(crm, crm.olga, "/operators skills")).text
    assert "Now: –" in (await types(crm, crm.olga, "/sources skills shop_bot")).text

"""Keyword rules: what requests require, and how far ahead they are, by the words of their first message."""

import pytest

from bot.sandbox import Person
from bot.sandbox.world import content as kinds
from tests.stories.arranging import closes
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

RULE = "refund*, money back, возврат: billing 30, +60"


def requests(who: Person, crm: RunningApp) -> list[str]:
    """The texts of the cards that an operator has."""
    return [seen.text for seen in who.chat(crm.shop) if "#" in seen.text]


@pytest.mark.fault("F203")
@pytest.mark.parametrize("way", ["command", "verb", "button"])
async def test_request_with_a_keyword_goes_to_who_has_its_skill(crm: RunningApp, way: str) -> None:
    anna, boris = await crm.operator("Anna", limit=4), await crm.operator("Boris")
    await types(crm, crm.olga, "/operators skills Anna billing")
    if way == "command":
        screen = await types(crm, crm.olga, f"/keywords add shop_bot {RULE}")
    elif way == "verb":
        screen = await types(crm, crm.olga, f"/sources keywords shop_bot {RULE}")
    else:
        screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "🔤 Keywords")
        assert "No rules yet." in screen.text
        screen = await types(crm, crm.olga, RULE)
    assert screen.text.splitlines()[0] == f"New requests are looked at by this rule: {RULE}"
    assert f"• {RULE}" in screen.text
    for number, said in enumerate(("Want a REFUNDED order", "my Money, back!", "Возврат", "ВОЗВРАТ!"), start=1):
        await crm.client(f"Client {number}").says(said, to=crm.shop)
        await anna.sees(said, bot=crm.shop)
    await crm.client("Client 5").says("prerefund возвратный", to=crm.shop)
    await boris.sees("prerefund", bot=crm.shop)
    assert "Boris (lacks a skill, billing)" in (await types(crm, crm.olga, "/why 1")).text
    assert f"  {RULE}" in (await types(crm, crm.olga, "/sources shop_bot")).text


async def test_caption_and_head_start_of_a_keyword_count(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    await types(crm, crm.olga, "/operators limit Anna 0")
    await types(crm, crm.olga, "/keywords shop_bot refund: +60")
    await types(crm, crm.olga, "/keywords shop_bot urgent: +90")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    await crm.client("Nina").sends(kinds.photo(caption="an URGENT refund"), to=crm.shop)
    await crm.settled()
    lines = (await types(crm, crm.olga, "/queue")).text.splitlines()
    assert [line.split(" · ")[0] for line in lines if "shop_bot" in line] == ["#2 Nina", "#1 Ivan"]
    assert any("+ 90 min" in line for line in lines)


async def test_rules_are_listed_replaced_and_removed_by_button(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/keywords all Refund: billing")
    await types(crm, crm.olga, "/keywords shop_bot Ёлка: vip")
    screen = await types(crm, crm.olga, "/keywords shop_bot refund: +5")
    assert [line for line in screen.text.splitlines() if line.startswith("•")] == ["• елка: vip", "• refund: +5"]
    listed = await types(crm, crm.olga, "/keywords")
    screen = await presses(crm, crm.olga, listed, "shop_bot · 2")
    screen = await presses(crm, crm.olga, screen, "🗑 елка: vip")
    assert screen.text.startswith("Saved.")
    assert [line for line in screen.text.splitlines() if line.startswith("•")] == ["• refund: +5"]
    screen = await presses(crm, crm.olga, screen, "🗑 refund: +5")
    assert "No rules yet." in screen.text
    assert "Keywords" in (await types(crm, crm.olga, "/sources shop_bot")).text.split("Not used: ")[1]


@pytest.mark.parametrize(
    ("typed", "answer"),
    [
        ("refund billing", "Put a colon between the words and what follows from them"),
        (": billing", "Put at least one word before the colon"),
        ("re*fund: billing", "“re*fund” is no word."),
        ("r*: billing", "“r*” is no word."),
        ("refund:", "Put a skill or a head start in minutes behind the colon"),
        ("refund: +10081", "+10081 is no head start."),
        ("refund: bil/ling", "“bil/ling” is no skill."),
        ("refund: a1, b1, c1, d1, e1, f1", "at most 5 skills"),
        (", ".join(f"w{number}" for number in range(21)) + ": vip", "at most 20 words"),
    ],
)
async def test_rule_that_is_none_is_refused_with_what_would_be_right(crm: RunningApp, typed: str, answer: str) -> None:
    assert answer in (await types(crm, crm.olga, f"/keywords shop_bot {typed}")).text
    assert "No rules yet." in (await types(crm, crm.olga, "/keywords shop_bot")).text


async def test_late_words_that_open_a_request_are_its_first_message(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/keywords shop_bot refund: billing")
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await closes(anna, await anna.sees("Hello", bot=crm.shop))
    await ivan.sees("is closed")
    await crm.settled()
    await ivan.says("And my refund?")
    await anna.sees("And my refund?")
    clock.forward(minutes=5, seconds=1)
    await crm.app.schedule.run("renew_late")
    await crm.settled()
    assert "in the queue: lacks a skill" in (await types(crm, crm.olga, "/why 2")).text


async def test_why_says_what_a_request_requires_and_where_that_comes_from(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await types(crm, crm.olga, "/sources skills shop_bot german 30")
    await types(crm, crm.olga, "/sources priority shop_bot 5")
    await types(crm, crm.olga, f"/keywords shop_bot {RULE}")
    await crm.client("Ivan").says("A refund, please", to=crm.shop)
    await crm.settled()
    await types(crm, crm.olga, "/vip #1")
    lines = (await types(crm, crm.olga, "/why 1")).text.splitlines()
    assert lines[-3:] == [
        "Requires: billing (30 min, keywords), german (30 min, its source)",
        "Ahead in the queue: 60 min (the client: /vip) + 5 min (its source) + 60 min (keywords)",
        f"By keywords: {RULE}",
    ]

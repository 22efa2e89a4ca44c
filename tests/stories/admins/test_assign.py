"""/assign: weights, and contacts given by hand; by buttons and typed."""

import pytest

from tests.stories.arranging import closes
from tests.stories.steering import presses, types
from tests.support.people import RunningApp


async def add(crm: RunningApp, *names: str) -> None:
    for name in names:
        await types(crm, crm.olga, f"/operators add {name} 5")


ACCEPTED = [
    ("/assign shop_bot Anna 30", "Anna's weight at shop_bot is now 30 (100% of its requests)."),
    ("/assign @Shop_Bot anna 30", "Anna's weight at shop_bot is now 30"),
    ("/assign 1 1 30", "Anna's weight at shop_bot is now 30"),
    ("/assign shop_bot Anna Maria 30", "Anna Maria's weight at shop_bot is now 30"),
    ('/assign shop_bot "Anna Maria" 30', "Anna Maria's weight at shop_bot is now 30"),
    ("/assign «shop_bot» 'Anna Maria' 30", "Anna Maria's weight at shop_bot is now 30"),
    ("/assign VK ads Anna Maria 7", "Anna Maria's weight at VK ads is now 7"),
    ("/assign vk O'Brien 7", "O'Brien's weight at VK ads is now 7"),
    ('/assign vk Boris "Razor" 7', 'Boris "Razor"\'s weight at VK ads is now 7'),
    ("/Assign shop_bot Anna 30", "Anna's weight at shop_bot is now 30"),
    ("/assign vk Agent 7", "Agent 7 · VK ads"),  # an operator's whole name, not a weight: it is asked for
    ("/assign vk Agent 7 10", "Agent 7's weight at VK ads is now 10"),
    ("/assign vk семен 7", "Семён's weight at VK ads is now 7"),
    ("/assign vk O’Brien 7", "O'Brien's weight at VK ads is now 7"),  # as phones write it
    ("/assign shop_bot Anna, 18%", "Anna's weight at shop_bot is now 18"),
    ("/assign shop_bot Anna 19 %", "Anna's weight at shop_bot is now 19"),
    ("/assign shop_bot Anna ٢٦", "Anna's weight at shop_bot is now 26"),
    ("/assign shop_bot №1 30", "Anna's weight at shop_bot is now 30"),
    ("/assign shop_bot Anna 0", "Anna no longer gets requests from shop_bot."),
]


@pytest.mark.further
@pytest.mark.fault("F133")
async def test_assign_accepts_names_with_spaces_quotes_and_numbers(crm: RunningApp) -> None:
    await add(crm, "Anna", "Anna Maria", "O'Brien", 'Boris "Razor"', '"Agent 7"', "Семён")
    await types(crm, crm.olga, "/sources link vk VK ads")
    for typed, said in ACCEPTED:
        assert said in (await types(crm, crm.olga, typed)).text


async def test_assign_shows_shares_and_zero_weight_removes_operator(crm: RunningApp) -> None:
    await add(crm, "Anna", "Boris", "Clara")
    for name, weight in (("Anna", 30), ("Boris", 10), ("Clara", 60)):
        screen = await types(crm, crm.olga, f"/assign shop_bot {name} {weight}")
    assert "  Clara: 60 (60%)\n  Anna: 30 (30%)\n  Boris: 10 (10%)" in screen.text
    screen = await types(crm, crm.olga, "/assign shop_bot Clara 0")
    assert "  Anna: 30 (75%)\n  Boris: 10 (25%)" in screen.text
    assert "Clara:" not in screen.text


REFUSED: list[tuple[str, str, list[str]]] = [
    (
        "/assign shop_bot Ana 30",
        "There is no operator “Ana”; /operators lists them. Did you mean “Anna”?",
        ["shop_bot · Anna · 30"],
    ),
    (
        "/assign shopbot Anna 30",
        "There is no source “shopbot”; /sources lists them. Did you mean “shop_bot”?",
        ["shop_bot · Anna · 30"],
    ),
    ("/assign nothing nobody 30", "There is no source “nothing”; /sources lists them.", []),
    ("/assign Anna", "There is no source “Anna”; /sources lists them.", []),
    (
        "/assign shop_bot Anna 1001",
        "The weight must be a whole number from 0 to 1000; 0 removes the operator from the source.",
        [],
    ),
    (
        "/assign shop_bot Anna -1",
        "The weight must be a whole number from 0 to 1000; 0 removes the operator from the source.",
        [],
    ),
    (
        "/assign shop_bot Anna 1.5",
        "The weight must be a whole number from 0 to 1000; 0 removes the operator from the source.",
        [],
    ),
    (
        "/assign shop_bot Anna half",
        "The weight must be a whole number from 0 to 1000; 0 removes the operator from the source.",
        [],
    ),
    ("/assign #1 Anna", "There is no request #1.", []),
    ("/assign #999999999 Anna", "There is no request #999999999.", []),
]


async def test_invalid_assign_is_refused_with_reason_and_suggestion(crm: RunningApp) -> None:
    await add(crm, "Anna", "Anna Maria")
    for typed, said, offered in REFUSED:
        answer = await types(crm, crm.olga, typed)
        assert answer.text.startswith(said)
        assert answer.labels == offered
    assert "Nobody is assigned here" in (await types(crm, crm.olga, "/sources shop_bot")).text


async def test_suggested_assignment_is_applied_by_its_button(crm: RunningApp) -> None:
    await add(crm, "Anna")
    answer = await types(crm, crm.olga, "/assign shop_bot Ana 30")
    screen = await presses(crm, crm.olga, answer, "shop_bot · Anna · 30")
    assert "Anna's weight at shop_bot is now 30" in screen.text


async def test_ambiguous_assign_asks_for_quotes(crm: RunningApp) -> None:
    await add(crm, "Maria", "Anna Maria")
    await types(crm, crm.olga, "/sources link a shop")
    await types(crm, crm.olga, "/sources link b shop Anna")
    answer = await types(crm, crm.olga, "/assign shop Anna Maria 30")
    assert "in more than one way; put the names in quotes" in answer.text
    done = await types(crm, crm.olga, '/assign "shop Anna" Maria 30')
    assert "Maria's weight at shop Anna is now 30" in done.text


async def test_weight_is_assigned_by_buttons_starting_from_the_source(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=30)
    await crm.operator("Boris", weight=10)
    screen = await types(crm, crm.olga, "/assign")
    screen = await presses(crm, crm.olga, screen, "shop_bot")
    assert screen.labels[:2] == ["🟢 Anna · 30", "🟢 Boris · 10"]
    screen = await presses(crm, crm.olga, screen, "Boris")
    assert "Now: 10 (25%)" in screen.text
    screen = await presses(crm, crm.olga, screen, "100")
    assert "Boris's weight at shop_bot is now 100 (77% of its requests)." in screen.text
    screen = await presses(crm, crm.olga, screen, "Anna")
    screen = await presses(crm, crm.olga, screen, "Another number")
    assert screen.text == "Send Anna's weight at shop_bot, from 0 to 1000."
    assert "Anna's weight at shop_bot is now 25" in (await types(crm, crm.olga, "25")).text


async def test_weight_is_assigned_from_the_operator_screen(crm: RunningApp) -> None:
    await add(crm, "Anna")
    await types(crm, crm.olga, "/sources link vk VK ads")
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, screen, "Weights")
    assert screen.labels == ["🤖 shop_bot · –", "🔗 VK ads · –", "◀️ Anna"]
    screen = await presses(crm, crm.olga, screen, "VK ads")
    screen = await presses(crm, crm.olga, screen, "50")
    assert "Anna's weight at VK ads is now 50" in screen.text


async def test_new_weight_assigns_waiting_contacts(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/assign shop_bot Anna 0")
    for name in ("Ivan", "Kira"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    assert anna.looks("#1") is None
    done = await types(crm, crm.olga, "/assign shop_bot Anna 5")
    assert "2 waiting requests have been assigned." in done.text
    await anna.sees("#1")
    await anna.sees("#2")


async def test_admin_transfers_a_contact_to_another_operator(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("#1")
    boris = await crm.operator("Boris")
    done = await types(crm, crm.olga, "/assign #1 Boris")
    assert done.text == "#1 is now with Boris."
    await boris.sees("Hello")
    await anna.presses(card, "Take", stale=True)
    await crm.settled()
    assert (await anna.sees("#1")).labels == []
    assert (await types(crm, crm.olga, "/assign #1 boris")).text == "#1 is already with Boris."


async def test_assigning_to_full_operator_needs_confirmation(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await crm.client(name).says(f"I am {name}", to=crm.shop)
        await crm.settled()
    question = await types(crm, crm.olga, "/assign #2 Anna")
    assert question.text == "Anna is not available for #2: at the limit. Assign anyway?"
    assert anna.looks("I am Kira") is None
    screen = await presses(crm, crm.olga, question, "Assign anyway")
    assert screen.text == "#2 is now with Anna."
    await anna.sees("I am Kira")
    assert "2 of 1, 0 free" in (await types(crm, crm.olga, "/operators Anna")).text


@pytest.mark.parametrize("absent", ["offline", "inactive"])
async def test_assigning_to_offline_or_inactive_operator_needs_confirmation(crm: RunningApp, absent: str) -> None:
    anna = await crm.operator("Anna")
    if absent == "offline":
        await anna.says("/offline")
        await crm.settled()
    else:
        await types(crm, crm.olga, "/operators off Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    question = await types(crm, crm.olga, "/assign #1 Anna")
    assert question.text.startswith("Anna is not available for #1: ")
    screen = await presses(crm, crm.olga, question, "No")
    assert "Who should get it?" in screen.text
    assert anna.looks("Hello") is None
    question = await types(crm, crm.olga, "/assign #1 Anna")
    await presses(crm, crm.olga, question, "Assign anyway")
    await anna.sees("Hello")


async def test_assigning_to_unreachable_operator_is_refused_outright(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await types(crm, crm.olga, "/operators off Anna")
    await anna.blocks(crm.shop)
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    answer = await types(crm, crm.olga, "/assign #1 Anna")
    assert answer.text == (
        "Anna has not pressed Start in this source's bot, or has blocked it, so cards can't reach them."
    )
    assert answer.labels == []


async def test_outdated_confirmation_of_an_assignment_does_nothing(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()
    question = await types(crm, crm.olga, "/assign #2 Anna")
    boris = await crm.operator("Boris")  # comes, and gets #2 at once
    await boris.sees("#2")
    press = await crm.olga.presses(question, "Assign anyway")
    assert await press.answer() == "#2 is with Boris."
    assert anna.looks("#2") is None


@pytest.mark.postgres_too
async def test_assigning_to_misspelled_operator_offers_operators(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await crm.operator("Boris", limit=3)
    await types(crm, crm.olga, "/operators off Boris")
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await crm.settled()
    screen = await types(crm, crm.olga, "/assign #1 Borys")
    assert "There is no operator “Borys”; /operators lists them. Did you mean “Boris”?" in screen.text
    assert "Do you have bicycles?" in screen.text
    assert "Anna has it now." in screen.text
    assert screen.labels == ["🟢 Anna 1/10", "⛔️ Boris 0/3", "◀️ Waiting requests"]


async def test_closed_contact_cannot_be_assigned(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await crm.operator("Boris", weight=1)
    await types(crm, crm.olga, "/operators off Boris")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await closes(anna, await anna.sees("#1"))
    await crm.settled()
    assert (await types(crm, crm.olga, "/assign #1 Boris")).text == "#1 is closed."
    assert "This request is closed." in (await types(crm, crm.olga, "/assign #1")).text

"""/assign: weights, and contacts given by hand; by buttons and typed."""

import pytest

from tests.stories.steering import presses, types
from tests.support.people import House


async def add(house: House, *names: str) -> None:
    for name in names:
        await types(house, house.olga, f"/operators add {name} 5")


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("/assign shop_bot Anna 30", "Anna has a weight of 30 at shop_bot now: 100 % of it."),
        ("/assign @Shop_Bot anna 30", "Anna has a weight of 30 at shop_bot now"),
        ("/assign 1 1 30", "Anna has a weight of 30 at shop_bot now"),
        ("/assign shop_bot Anna Maria 30", "Anna Maria has a weight of 30 at shop_bot now"),
        ('/assign shop_bot "Anna Maria" 30', "Anna Maria has a weight of 30 at shop_bot now"),
        ("/assign «shop_bot» 'Anna Maria' 30", "Anna Maria has a weight of 30 at shop_bot now"),
        ("/assign VK ads Anna Maria 7", "Anna Maria has a weight of 7 at VK ads now"),
        ("/assign vk O'Brien 7", "O'Brien has a weight of 7 at VK ads now"),
        ('/assign vk Boris "Razor" 7', 'Boris "Razor" has a weight of 7 at VK ads now'),
        ("/Assign shop_bot Anna 30", "Anna has a weight of 30 at shop_bot now"),
        ("/assign vk Agent 7", "Agent 7 · VK ads"),  # an operator's whole name, not a weight: he is asked for it
        ("/assign vk Agent 7 10", "Agent 7 has a weight of 10 at VK ads now"),
        ("/assign vk семен 7", "Семён has a weight of 7 at VK ads now"),
        ("/assign shop_bot Anna 0", "Anna gets nothing of shop_bot any more."),
    ],
)
async def test_assign_accepts_names_with_spaces_quotes_and_numbers(house: House, typed: str, said: str) -> None:
    await add(house, "Anna", "Anna Maria", "O'Brien", 'Boris "Razor"', '"Agent 7"', "Семён")
    await types(house, house.olga, "/sources link vk VK ads")
    assert said in (await types(house, house.olga, typed)).text


async def test_assign_shows_shares_and_zero_weight_removes_operator(house: House) -> None:
    await add(house, "Anna", "Boris", "Clara")
    for name, weight in (("Anna", 30), ("Boris", 10), ("Clara", 60)):
        screen = await types(house, house.olga, f"/assign shop_bot {name} {weight}")
    assert "  Clara: 60 (60 %)\n  Anna: 30 (30 %)\n  Boris: 10 (10 %)" in screen.text
    screen = await types(house, house.olga, "/assign shop_bot Clara 0")
    assert "  Anna: 30 (75 %)\n  Boris: 10 (25 %)" in screen.text
    assert "Clara:" not in screen.text


@pytest.mark.parametrize(
    ("typed", "said", "offered"),
    [
        ("/assign shop_bot Ana 30", "There is no operator «Ana»; /operators lists them. Did you mean «Anna»?",
         ["shop_bot · Anna · 30"]),
        ("/assign shopbot Anna 30", "There is no source «shopbot»; /sources lists them. Did you mean «shop_bot»?",
         ["shop_bot · Anna · 30"]),
        ("/assign nothing nobody 30", "There is no source «nothing»; /sources lists them.", []),
        ("/assign Anna", "There is no source «Anna»; /sources lists them.", []),
        ("/assign shop_bot Anna 1001", "A weight is a whole number from 0 to 1000; 0 takes the operator off.", []),
        ("/assign shop_bot Anna -1", "A weight is a whole number from 0 to 1000; 0 takes the operator off.", []),
        ("/assign shop_bot Anna 1.5", "A weight is a whole number from 0 to 1000; 0 takes the operator off.", []),
        ("/assign shop_bot Anna half", "A weight is a whole number from 0 to 1000; 0 takes the operator off.", []),
        ("/assign #1 Anna", "There is no contact #1. /queue and /my list those there are.", []),
        ("/assign #999999999 Anna", "There is no contact #999999999. /queue and /my list those there are.", []),
    ],
)  # fmt: skip
async def test_invalid_assign_is_refused_with_reason_and_suggestion(
    house: House, typed: str, said: str, offered: list[str]
) -> None:
    await add(house, "Anna", "Anna Maria")
    answer = await types(house, house.olga, typed)
    assert answer.text.startswith(said)
    assert answer.labels == offered
    assert "Nobody has a weight here" in (await types(house, house.olga, "/sources shop_bot")).text


async def test_suggested_assignment_is_applied_by_its_button(house: House) -> None:
    await add(house, "Anna")
    answer = await types(house, house.olga, "/assign shop_bot Ana 30")
    screen = await presses(house, house.olga, answer, "shop_bot · Anna · 30")
    assert "Anna has a weight of 30 at shop_bot now" in screen.text


async def test_ambiguous_assign_asks_for_quotes(house: House) -> None:
    await add(house, "Maria", "Anna Maria")
    await types(house, house.olga, "/sources link a shop")
    await types(house, house.olga, "/sources link b shop Anna")
    answer = await types(house, house.olga, "/assign shop Anna Maria 30")
    assert "in several ways; put the names in quotes" in answer.text
    done = await types(house, house.olga, '/assign "shop Anna" Maria 30')
    assert "Maria has a weight of 30 at shop Anna now" in done.text


async def test_weight_is_assigned_by_buttons_starting_from_the_source(house: House) -> None:
    await house.operator("Anna", weight=30)
    await house.operator("Boris", weight=10)
    screen = await types(house, house.olga, "/assign")
    screen = await presses(house, house.olga, screen, "shop_bot")
    assert screen.labels[:2] == ["🟢 Anna · 30", "🟢 Boris · 10"]
    screen = await presses(house, house.olga, screen, "Boris")
    assert "Now: 10 (25 %)" in screen.text
    screen = await presses(house, house.olga, screen, "100")
    assert "Boris has a weight of 100 at shop_bot now: 77 % of it." in screen.text
    screen = await presses(house, house.olga, screen, "Anna")
    screen = await presses(house, house.olga, screen, "Another number")
    assert screen.text == "Send the weight of Anna at shop_bot, from 0 to 1000."
    assert "Anna has a weight of 25" in (await types(house, house.olga, "25")).text


async def test_weight_is_assigned_from_the_operator_screen(house: House) -> None:
    await add(house, "Anna")
    await types(house, house.olga, "/sources link vk VK ads")
    screen = await types(house, house.olga, "/operators Anna")
    screen = await presses(house, house.olga, screen, "Weights")
    assert screen.labels == ["🤖 shop_bot · –", "🔗 VK ads · –", "◀️ Anna"]
    screen = await presses(house, house.olga, screen, "VK ads")
    screen = await presses(house, house.olga, screen, "50")
    assert "Anna has a weight of 50 at VK ads now" in screen.text


async def test_new_weight_assigns_waiting_contacts(house: House) -> None:
    anna = await house.operator("Anna")
    await types(house, house.olga, "/assign shop_bot Anna 0")
    for name in ("Ivan", "Kira"):
        await house.client(name).says("Hello", to=house.shop)
        await house.settled()
    assert anna.looks("#1") is None
    done = await types(house, house.olga, "/assign shop_bot Anna 5")
    assert "2 waiting contacts are assigned." in done.text
    await anna.sees("#1")
    await anna.sees("#2")


async def test_admin_transfers_a_contact_to_another_operator(house: House) -> None:
    anna = await house.operator("Anna")
    ivan = house.client("Ivan")
    await ivan.says("Hello", to=house.shop)
    card = await anna.sees("#1")
    boris = await house.operator("Boris")
    done = await types(house, house.olga, "/assign #1 Boris")
    assert done.text == "#1 is with Boris now."
    await boris.sees("Hello")
    await anna.presses(card, "Take", stale=True)
    await house.settled()
    assert (await anna.sees("#1")).labels == []
    assert (await types(house, house.olga, "/assign #1 boris")).text == "#1 is with Boris already."


async def test_assigning_to_full_operator_needs_confirmation(house: House) -> None:
    anna = await house.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await house.client(name).says(f"I am {name}", to=house.shop)
        await house.settled()
    question = await types(house, house.olga, "/assign #2 Anna")
    assert question.text == "Anna is not free for #2: at the limit. Give it all the same?"
    assert anna.looks("I am Kira") is None
    screen = await presses(house, house.olga, question, "Give it all the same")
    assert screen.text == "#2 is with Anna now."
    await anna.sees("I am Kira")
    assert "2 of 1, 0 free" in (await types(house, house.olga, "/operators Anna")).text


@pytest.mark.parametrize("absent", ["offline", "inactive"])
async def test_assigning_to_offline_or_inactive_operator_needs_confirmation(house: House, absent: str) -> None:
    anna = await house.operator("Anna")
    if absent == "offline":
        await anna.says("/offline")
        await house.settled()
    else:
        await types(house, house.olga, "/operators off Anna")
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    question = await types(house, house.olga, "/assign #1 Anna")
    assert question.text.startswith("Anna is not free for #1: ")
    screen = await presses(house, house.olga, question, "No")
    assert "Who should get it?" in screen.text
    assert anna.looks("Hello") is None
    question = await types(house, house.olga, "/assign #1 Anna")
    await presses(house, house.olga, question, "Give it all the same")
    await anna.sees("Hello")


async def test_assigning_to_unreachable_operator_is_refused_outright(house: House) -> None:
    anna = await house.operator("Anna")
    await types(house, house.olga, "/operators off Anna")
    await anna.blocks(house.shop)
    await house.client("Ivan").says("Hello", to=house.shop)
    await house.settled()
    answer = await types(house, house.olga, "/assign #1 Anna")
    assert answer.text == "Anna has not pressed Start in this source's bot, so no card can reach him."
    assert answer.labels == []


async def test_outdated_confirmation_of_an_assignment_does_nothing(house: House) -> None:
    anna = await house.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await house.client(name).says("Hello", to=house.shop)
        await house.settled()
    question = await types(house, house.olga, "/assign #2 Anna")
    boris = await house.operator("Boris")  # comes, and gets #2 at once
    await boris.sees("#2")
    press = await house.olga.presses(question, "Give it all the same")
    assert await press.answer() == "#2 is with Boris."
    assert anna.looks("#2") is None


async def test_assigning_to_misspelled_operator_offers_operators(house: House) -> None:
    await house.operator("Anna")
    await house.operator("Boris", limit=3)
    await types(house, house.olga, "/operators off Boris")
    await house.client("Ivan").says("Do you have bicycles?", to=house.shop)
    await house.settled()
    screen = await types(house, house.olga, "/assign #1 Borys")
    assert "There is no operator «Borys»; /operators lists them. Did you mean «Boris»?" in screen.text
    assert "Do you have bicycles?" in screen.text
    assert "Anna has it at present." in screen.text
    assert screen.labels == ["🟢 Anna 1/10", "⛔️ Boris 0/3", "◀️ Waiting contacts"]


async def test_closed_contact_cannot_be_assigned(house: House) -> None:
    anna = await house.operator("Anna")
    await house.operator("Boris", weight=1)
    await types(house, house.olga, "/operators off Boris")
    await house.client("Ivan").says("Hello", to=house.shop)
    await anna.presses(await anna.sees("#1"), "Close")
    await house.settled()
    assert (await types(house, house.olga, "/assign #1 Boris")).text == "#1 is closed."
    assert "It is closed." in (await types(house, house.olga, "/assign #1")).text

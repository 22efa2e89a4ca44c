"""Questions whose answer is typed: who is asked, what answers, what ends them, and what they outlive."""

from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content
from tests.stories.steering import presses, types
from tests.support.people import House, MovableClock


async def asked_for_a_limit(house: House) -> None:
    screen = await types(house, house.olga, "/operators Anna")
    screen = await presses(house, house.olga, screen, "Limit")
    await presses(house, house.olga, screen, "Another number")


async def limit(house: House) -> str:
    text = (await types(house, house.olga, "/operators Anna")).text
    return next(line for line in text.splitlines() if line.startswith("Open contacts"))


async def test_command_ends_a_prompt(house: House) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    await types(house, house.olga, "/stats")
    assert "this went to nobody" in (await types(house, house.olga, "7")).text
    assert "of 10" in await limit(house)


async def test_cancel_ends_a_prompt(house: House) -> None:
    await house.operator("Anna")
    screen = await types(house, house.olga, "/operators Anna")
    screen = await presses(house, house.olga, await presses(house, house.olga, screen, "Limit"), "Another number")
    screen = await presses(house, house.olga, screen, "Cancel")
    assert screen.text.startswith("👤 Anna")
    assert "this went to nobody" in (await types(house, house.olga, "7")).text


async def test_prompt_is_answered_only_once(house: House) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    assert "Anna may hold 7" in (await types(house, house.olga, "7")).text
    assert "this went to nobody" in (await types(house, house.olga, "8")).text


async def test_invalid_answer_keeps_the_prompt_open(house: House) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    for words in ("seven", "-1", "1001"):
        assert (await types(house, house.olga, words)).text == "A limit is a whole number from 0 to 1000."
    assert "Anna may hold 7" in (await types(house, house.olga, " 7 ")).text


async def test_prompt_expires_after_15_minutes(house: House, clock: MovableClock) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    clock.forward(minutes=15)
    assert "this went to nobody" in (await types(house, house.olga, "7")).text


async def test_photo_does_not_answer_a_prompt_and_keeps_it_open(house: House) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    await house.olga.sends(content.photo())
    await house.olga.sees("this went to nobody")
    assert "Anna may hold 7" in (await types(house, house.olga, "7")).text


async def test_removing_an_operator_by_button_ends_the_prompt(house: House) -> None:
    await house.operator("Anna")
    await asked_for_a_limit(house)
    number = 1
    await house.olga.presses_forged(house.shop, f"op_rm:{number}:1")
    await house.settled()
    assert "this went to nobody" in (await types(house, house.olga, "7")).text  # removing by button ended the question


async def test_prompt_survives_a_restart(sandbox: Sandbox, database_url: str) -> None:
    async with await House.open(sandbox, database_url) as house:
        await house.operator("Anna")
        await asked_for_a_limit(house)
        olga, settings = house.olga, house.settings
    again = House(sandbox, settings, MovableClock())
    again.bots, again.olga = sandbox.bots(), olga
    async with again:
        assert "Anna may hold 7" in (await types(again, olga, "7")).text


async def admin_who_is_an_operator(house: House) -> Person:
    code = (await types(house, house.olga, "/operators add Olga 10")).text.split("start=")[1].split()[0]
    await house.olga.starts(house.shop, code)
    await house.settled()
    await types(house, house.olga, "/assign shop_bot Olga 1")
    return house.olga


async def test_reply_to_a_card_goes_to_the_client_while_a_prompt_is_open(house: House) -> None:
    olga = await admin_who_is_an_operator(house)
    ivan = house.client("Ivan")
    await ivan.says("How much is it?", to=house.shop)
    card = await olga.sees("How much is it?")
    screen = await types(house, olga, "/operators Olga")
    screen = await presses(house, olga, await presses(house, olga, screen, "Limit"), "Another number")

    await olga.replies(card, "15")
    await ivan.sees("15")
    await olga.replies(screen, "7")  # a reply to the question answers it
    await olga.sees("Olga may hold 7")
    await olga.says("Sixteen, sorry")  # and further words go to the client, as always
    await ivan.sees("Sixteen, sorry")


async def test_admin_who_is_also_operator_has_help_and_commands_of_both_roles(house: House) -> None:
    olga = await admin_who_is_an_operator(house)
    for words in ("/help", "/start"):
        text = (await types(house, olga, words)).text
        assert "/operators: add them" in text
        assert "card" in text
    assert "no open contacts" in (await types(house, olga, "/my")).text
    assert "Statistics" in (await types(house, olga, "/stats")).text


async def test_plain_message_of_an_admin_is_refused_with_explanation(house: House) -> None:
    assert (await types(house, house.olga, "Hello?")).text == (
        "You are an admin, not an operator, so this went to nobody. /help says what you can do."
    )
    assert (await types(house, house.olga, "/statistics")).text == (
        "There is no such command. /help lists those there are."
    )
    assert "You are an admin here." in (await types(house, house.olga, "/start")).text

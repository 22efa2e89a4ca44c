"""/admins: who else may do all this."""

import re

from bot.sandbox import Person, SeenMessage
from tests.stories.steering import presses, types
from tests.support.people import House, MovableClock

LINK = re.compile(r"https://t\.me/shop_bot\?start=(admin_[\w-]+)")


def code_in(message: SeenMessage) -> str:
    found = LINK.search(message.text)
    assert found is not None
    return found[1]


async def second_admin(house: House, name: str = "Peter") -> Person:
    peter = house.sandbox.person(name, username=name.lower(), language_code="en")
    await peter.starts(house.shop, code_in(await types(house, house.olga, "/admins add")))
    await peter.sees("Welcome! You are an admin now.")
    await house.settled()
    return peter


async def test_admin_invitation_link_works_once(house: House) -> None:
    invitation = await types(house, house.olga, "/admins add")
    peter, charlie = house.client("Peter"), house.client("Charlie")
    await peter.starts(house.shop, code_in(invitation))
    await peter.sees("Welcome! You are an admin now.")
    await charlie.starts(house.shop, code_in(invitation))
    await charlie.sees("This invitation is not valid any more. Ask an admin for a new one.")
    assert (await types(house, peter, "/admins")).text == "🔑 Admins: 2\n• Olga\n• Peter (you)"


async def test_admin_is_invited_and_removed_by_buttons(house: House) -> None:
    screen = await types(house, house.olga, "/admins")
    assert screen.labels == ["➕ Invite an admin"]
    screen = await presses(house, house.olga, screen, "Invite an admin")
    peter = house.sandbox.person("Peter", username="peter", language_code="en")
    await peter.starts(house.shop, code_in(screen))
    await house.settled()
    screen = await types(house, house.olga, "/admins")
    assert screen.text == "🔑 Admins: 2\n• Olga (you)\n• Peter @peter"
    screen = await presses(house, house.olga, screen, "Remove Peter")
    assert screen.text == "Peter should be no admin any more?"
    assert "Admins: 2" in (await presses(house, house.olga, screen, "No, keep")).text
    screen = await presses(house, house.olga, screen, "Remove Peter")
    screen = await presses(house, house.olga, screen, "Yes, remove")
    assert screen.text == "Peter is no admin any more.\n\n🔑 Admins: 1\n• Olga (you)"


async def test_removed_admin_loses_access_and_becomes_a_client(house: House) -> None:
    peter = await second_admin(house)
    his_screen = await types(house, peter, "/operators")
    question = await types(house, house.olga, "/admins remove @peter")
    await presses(house, house.olga, question, "Yes, remove")
    await (await peter.presses(his_screen, "Add an operator")).answer()
    await types(house, peter, "/stats")
    await peter.sees("Your request is #1")  # he is a client now: what he says is words for an operator
    assert "Add an operator" in str((await peter.sees("Operators")).labels)


async def test_last_admin_cannot_be_removed(house: House) -> None:
    question = await types(house, house.olga, "/admins remove Olga")
    press = await house.olga.presses(question, "Yes, remove")
    assert await press.answer() == "This is the last admin; invite another first: /admins add."
    assert "Olga (you)" in (await types(house, house.olga, "/admins")).text


async def test_admin_may_remove_themselves(house: House) -> None:
    peter = await second_admin(house)
    screen = await presses(house, peter, await types(house, peter, "/admins remove Peter"), "Yes, remove")
    assert screen.text == "Peter is no admin any more."
    assert screen.labels == []


async def test_invalid_admins_commands_and_expired_invitation_are_refused(house: House, clock: MovableClock) -> None:
    await second_admin(house)
    answer = await types(house, house.olga, "/admins remove Petr")
    assert answer.text == "There is no admin «Petr»; /admins lists them. Did you mean «Peter»?"
    assert (await types(house, house.olga, "/admins remove")).text == "Write whom you mean: /admins remove Peter"
    assert (await types(house, house.olga, "/admins Peter")).text == "An admin is invited so: /admins add"
    late = code_in(await types(house, house.olga, "/admins add"))
    clock.forward(days=8)
    zoe = house.client("Zoe")
    await zoe.starts(house.shop, late)
    await zoe.sees("This invitation is not valid any more")

"""/admins: who else may do all this."""

import pytest

from bot.sandbox import Person
from tests.stories.steering import INVITES, invitation, invites, presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def second_admin(crm: RunningApp, name: str = "Peter") -> Person:
    peter = crm.sandbox.person(name, username=name.lower(), language_code="en")
    await peter.starts(crm.shop, await invites(crm, crm.olga, "/admins add"))
    await peter.sees("Welcome! You are now an admin.")
    await crm.settled()
    return peter


async def test_admin_invitation_link_works_once(crm: RunningApp) -> None:
    payload = await invites(crm, crm.olga, "/admins add")
    peter, charlie = crm.client("Peter"), crm.client("Charlie")
    await peter.starts(crm.shop, payload)
    await peter.sees("Welcome! You are now an admin.")
    await charlie.starts(crm.shop, payload)
    await charlie.sees("This invitation is no longer valid. Ask an admin for a new one.")
    assert (await types(crm, peter, "/admins")).text == "🔑 Admins: 2\n• Olga\n• Peter (you)"


async def test_admin_is_invited_and_removed_by_buttons(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/admins")
    assert screen.labels == ["➕ Invite an admin", "✉️ Open invitations"]
    screen = await presses(crm, crm.olga, screen, "Invite an admin")
    peter = crm.sandbox.person("Peter", username="peter", language_code="en")
    sent = INVITES.search(invitation(crm.olga).text)
    assert sent is not None
    await peter.starts(crm.shop, sent[1])
    await crm.settled()
    screen = await types(crm, crm.olga, "/admins")
    assert screen.text == "🔑 Admins: 2\n• Olga (you)\n• Peter @peter"
    screen = await presses(crm, crm.olga, screen, "Remove Peter")
    assert screen.text == "Remove Peter from the admins?"
    assert "Admins: 2" in (await presses(crm, crm.olga, screen, "No, keep")).text
    screen = await presses(crm, crm.olga, screen, "Remove Peter")
    screen = await presses(crm, crm.olga, screen, "Yes, remove")
    assert screen.text == "Peter is no longer an admin.\n\n🔑 Admins: 1\n• Olga (you)"


async def test_removed_admin_loses_access_and_becomes_a_client(crm: RunningApp) -> None:
    peter = await second_admin(crm)
    his_screen = await types(crm, peter, "/operators")
    question = await types(crm, crm.olga, "/admins remove @peter")
    await presses(crm, crm.olga, question, "Yes, remove")
    await (await peter.presses(his_screen, "Add an operator")).answer()
    await peter.sees("You are no longer an admin here.")
    await peter.says("/stats")
    await peter.sees("You are no longer on the team here, so this went to nobody.")
    await peter.starts(crm.shop)
    await peter.says("Hello?")
    await peter.sees("Your request is #1")  # a client now: what Peter says is for an operator
    assert "Add an operator" in str((await peter.sees("Operators")).labels)


async def test_last_admin_cannot_be_removed(crm: RunningApp) -> None:
    question = await types(crm, crm.olga, "/admins remove Olga")
    press = await crm.olga.presses(question, "Yes, remove")
    assert await press.answer() == "This is the only admin; invite another one first: /admins add."
    assert "Olga (you)" in (await types(crm, crm.olga, "/admins")).text


async def test_admin_may_remove_themselves(crm: RunningApp) -> None:
    peter = await second_admin(crm)
    screen = await presses(crm, peter, await types(crm, peter, "/admins remove Peter"), "Yes, remove")
    assert screen.text == "Peter is no longer an admin."
    assert screen.labels == []


async def test_invalid_admins_commands_and_expired_invitation_are_refused(crm: RunningApp, clock: MovableClock) -> None:
    await second_admin(crm)
    answer = await types(crm, crm.olga, "/admins remove Petr")
    assert answer.text == "There is no admin “Petr”; /admins lists them. Did you mean “Peter”?"
    assert (await types(crm, crm.olga, "/admins remove")).text == "Specify who you mean: /admins remove Peter"
    assert (await types(crm, crm.olga, "/admins Peter")).text == "To invite an admin: /admins add"
    late = await invites(crm, crm.olga, "/admins add")
    clock.forward(days=8)
    zoe = crm.client("Zoe")
    await zoe.starts(crm.shop, late)
    await zoe.sees("This invitation is no longer valid")


@pytest.mark.fault("F118")
async def test_any_admin_sees_open_invitations_and_withdraws_them(crm: RunningApp) -> None:
    peter = await second_admin(crm)
    code = await invites(crm, peter, "/admins add")
    await types(crm, crm.olga, "/operators add Anna")
    screen = await types(crm, crm.olga, "/admins invitations")
    assert screen.text == (
        "✉️ Open invitations: 2\n1. Anna · invited by Olga, just now\n2. a new admin · invited by Peter, just now"
    )
    screen = await presses(crm, crm.olga, screen, "Withdraw 2")
    assert screen.text.startswith("The invitation has been withdrawn.\n\n✉️ Open invitations: 1")
    charlie = crm.client("Charlie")
    await charlie.starts(crm.shop, code)
    await charlie.sees("This invitation is no longer valid. Ask an admin for a new one.")
    assert "Admins: 2" in (await presses(crm, crm.olga, screen, "Admins")).text


@pytest.mark.fault("F118")
async def test_used_invitation_is_not_listed_and_cannot_be_withdrawn(crm: RunningApp) -> None:
    code = await invites(crm, crm.olga, "/admins add")
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/admins"), "Open invitations")
    peter = crm.client("Peter")
    await peter.starts(crm.shop, code)
    await peter.sees("Welcome! You are now an admin.")
    screen = await presses(crm, crm.olga, screen, "Withdraw 1")
    assert screen.text == "This invitation is no longer open.\n\n✉️ Open invitations: 0"
    assert "Peter (you)" in (await types(crm, peter, "/admins")).text

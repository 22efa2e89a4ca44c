"""/operators: add, limit, switch, rename, remove, invite; by buttons and typed."""

import re

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from tests.stories.steering import presses, types
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

LINK = re.compile(r"https://t\.me/(\w+)\?start=(op_[\w-]+)")


async def joins(crm: RunningApp, person: Person, invitation: SeenMessage) -> None:
    later = (LINK.search(seen.text) for seen in crm.olga.chat() if seen.id >= invitation.id)
    found = next(filter(None, later))
    assert found[1] == "shop_bot"
    await person.starts(crm.shop, found[2])
    await crm.settled()


async def test_operator_added_by_command_joins_by_link_and_gets_contacts(crm: RunningApp) -> None:
    added = await types(crm, crm.olga, "/operators add Anna Maria 2")
    assert "Anna Maria has been added, with a limit of 2" in added.text
    assert "has not opened the invitation" in added.text
    assert "No weights yet" in added.text

    anna = crm.client("Anna")
    await joins(crm, anna, added)
    await anna.sees("Welcome, Anna Maria!")
    await types(crm, crm.olga, '/assign shop_bot "Anna Maria" 30')
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await anna.sees("#1")

    listed = await types(crm, crm.olga, "/operators")
    assert "🟢 Anna Maria: online; 1 of 2, 1 free" in listed.text


async def test_operator_is_added_by_buttons(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/operators")
    assert "No operators yet" in screen.text
    question = await presses(crm, crm.olga, screen, "Add an operator")
    assert "for example: Anna 10" in question.text
    assert question.labels == ["✖️ Cancel"]
    added = await types(crm, crm.olga, "Anna 3")
    assert "limit of 3" in added.text
    await joins(crm, crm.client("Anna"), added)

    screen = await presses(crm, crm.olga, added, "Operators")
    assert "🟢 Anna: online; 0 of 3, 3 free" in screen.text


async def test_added_operator_has_default_limit_and_quotes_keep_number_in_name(crm: RunningApp) -> None:
    assert "Anna has been added, with a limit of 10" in (await types(crm, crm.olga, "/operators add Anna")).text
    added = await types(crm, crm.olga, '/operators add "Agent 7"')
    assert "Agent 7 has been added, with a limit of 10" in added.text
    added = await types(crm, crm.olga, "/operators add Boris «Razor» 4")
    assert "Boris «Razor» has been added, with a limit of 4" in added.text


REFUSED = [
    ("/operators add", "Specify the name and the limit: /operators add Anna 10"),
    ("/operators add anna 5", "The name “anna” is taken; choose another."),
    ("/operators add Boris 1001", "The limit must be a whole number from 0 to 1000."),
    ("/operators add Boris -1", "The limit must be a whole number from 0 to 1000."),
    ("/operators add " + "x" * 65, "A name must have 1 to 64 characters and must not start with / or #."),
    ("/operators limit", "Specify who you mean: /operators limit Anna 15"),
    ("/operators limit Anna", "Specify the operator and the limit: /operators limit Anna 15"),
    ("/operators limit Anna many", "The limit must be a whole number from 0 to 1000."),
    ("/operators limit Ann 5", "There is no operator “Ann”; /operators lists them. Did you mean “Anna”?"),
    ("/operators off Zoe", "There is no operator “Zoe”; /operators lists them."),
    ("/operators rename Anna", "Specify both names with = between them: /operators rename Anna = Anna Maria"),
    ("/operators frobnicate", "There is no operator “frobnicate”; /operators lists them."),
]


async def test_invalid_operators_command_is_refused_and_changes_nothing(crm: RunningApp) -> None:
    await crm.operator("Anna", limit=3)
    before = (await types(crm, crm.olga, "/operators")).text
    for typed, said in REFUSED:
        assert (await types(crm, crm.olga, typed)).text == said
    assert (await types(crm, crm.olga, "/operators")).text == before


async def test_raised_limit_assigns_waiting_contacts(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Pyotr", "Kira", "Lev"):
        await crm.client(name).says("Hello", to=crm.shop)
        await crm.settled()

    done = await types(crm, crm.olga, "/operators limit anna 2")
    assert "Anna's limit of open requests is now 2. 1 waiting request has been assigned." in done.text
    await anna.sees("#2")
    screen = await presses(crm, crm.olga, done, "Limit")
    assert "Now: 2." in screen.text
    screen = await presses(crm, crm.olga, screen, "5")
    assert "2 waiting requests have been assigned." in screen.text
    assert "Open requests: 4 of 5, 1 free" in screen.text
    await anna.sees("#4")


async def test_limit_can_be_typed_after_pressing_a_button(crm: RunningApp) -> None:
    await crm.operator("Anna", limit=1)
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, screen, "Limit")
    question = await presses(crm, crm.olga, screen, "Another number")
    assert "from 0 to 1000" in question.text
    assert (await types(crm, crm.olga, "a lot")).text == "The limit must be a whole number from 0 to 1000."
    assert "limit of open requests is now 7" in (await types(crm, crm.olga, "7")).text


async def test_switched_off_operator_gets_no_new_contacts_until_switched_on(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.says("First", to=crm.shop)
    card = await anna.sees("#1")
    done = await types(crm, crm.olga, "/operators off Anna")
    assert "⛔️ switched off" in done.text
    await crm.client("Kira").says("Second", to=crm.shop)
    await crm.olga.sees("#2 is waiting in shop_bot: no operator is available (switched off)")
    await anna.replies(card, "I can still answer")
    await ivan.sees("I can still answer")

    screen = await presses(crm, crm.olga, done, "Switch on")
    assert "Anna is switched on: new requests can come. 1 waiting request has been assigned." in screen.text
    await anna.sees("#2")
    screen = await presses(crm, crm.olga, screen, "Switch off")
    assert "⛔️ switched off" in screen.text
    assert "switched on" in (await types(crm, crm.olga, "/operators on 1")).text


async def test_operator_is_renamed_by_command_and_by_button(crm: RunningApp) -> None:
    await crm.operator("Anna")
    done = await types(crm, crm.olga, "/operators rename Anna = Anna Maria")
    assert "The name is now Anna Maria." in done.text
    assert "The name is now Anya." in (await types(crm, crm.olga, '/operators rename "Anna Maria" "Anya"')).text
    question = await presses(crm, crm.olga, done, "Rename")
    assert "new name for Anya" in question.text
    assert "The name is now Анна." in (await types(crm, crm.olga, "Анна")).text


@pytest.mark.fault("F54")
async def test_removed_operator_loses_contacts_and_becomes_a_client(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=2)
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("#1")
    await anna.presses(card, "Take")
    await crm.settled()
    boris = await crm.operator("Boris", limit=5)

    question = await types(crm, crm.olga, "/operators remove Anna")
    assert "Remove Anna for good? 1 open request will go back" in question.text
    assert (await presses(crm, crm.olga, question, "No, keep")).text.startswith("👤 Anna")
    question = await types(crm, crm.olga, "/operators remove Anna")
    screen = await presses(crm, crm.olga, question, "Yes, remove")
    assert "Anna has been removed. 1 request went back to the queue." in screen.text
    assert "Anna:" not in screen.text
    await boris.sees("#1")

    await anna.says("Hello?")
    await anna.sees("You are no longer on the team here, so this went to nobody.")
    assert "There is no operator “Anna”" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_removing_the_only_operator_reports_waiting_contacts(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    question = await types(crm, crm.olga, "/operators remove Anna")
    screen = await presses(crm, crm.olga, question, "Yes, remove")
    assert "1 request went back to the queue. 1 of them is waiting: /queue" in screen.text
    await crm.olga.sees("#1 is waiting in shop_bot: no operator is available (no operator has a weight there)")


async def test_pressing_remove_twice_removes_the_operator_once(crm: RunningApp) -> None:
    await crm.operator("Anna")
    question = await types(crm, crm.olga, "/operators remove Anna")
    await presses(crm, crm.olga, question, "Yes, remove")
    again = await crm.olga.presses(question, "Yes, remove", stale=True)
    assert "There is no operator" in (await again.answer() or "")


async def test_new_invitation_link_replaces_earlier_ones_and_works_once(crm: RunningApp) -> None:
    first = await types(crm, crm.olga, "/operators add Anna 5")
    second = await types(crm, crm.olga, "/operators link Anna")
    assert "Earlier links no longer work." in second.text
    charlie = crm.client("Charlie")
    await joins(crm, charlie, first)
    await charlie.sees("This invitation is no longer valid")
    anna = crm.client("Anna")
    await joins(crm, anna, second)
    await anna.sees("Welcome, Anna!")
    await joins(crm, charlie, second)  # and each opens once
    await charlie.sees("This invitation is no longer valid")

    await presses(crm, crm.olga, second, "New invitation")
    links = [found[2] for seen in crm.olga.chat() if (found := LINK.search(seen.text))]
    assert len(links) == len(set(links)) == 3


async def test_invitation_link_expires_after_a_week(crm: RunningApp, clock: MovableClock) -> None:
    added = await types(crm, crm.olga, "/operators add Anna 5")
    clock.forward(days=7, seconds=1)
    anna = crm.client("Anna")
    await joins(crm, anna, added)
    await anna.sees("This invitation is no longer valid")


async def test_another_account_takes_over_the_operator_and_open_contacts(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    card = await anna.sees("#1")
    link = await types(crm, crm.olga, "/operators link Anna")
    clara = crm.client("Clara")
    await joins(crm, clara, link)
    await clara.sees("Welcome, Anna!")
    await (await anna.presses(card, "Take", stale=True)).answer()  # who lost the place has no say any more
    await crm.settled()
    assert (await clara.sees("#1")).labels == ["✋ Take", "✔️ Close", "⋯"]
    assert "Open requests: 1 of" in (await types(crm, crm.olga, "/operators Anna")).text


async def test_admin_who_joins_as_operator_gets_waiting_contacts(crm: RunningApp) -> None:
    added = await types(crm, crm.olga, "/operators add Olga 5")
    await types(crm, crm.olga, "/assign shop_bot Olga 1")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.olga.sees("#1 is waiting in shop_bot")
    await joins(crm, crm.olga, added)
    card = await crm.olga.sees(lambda seen: "✋ Take" in seen.labels)
    assert "#1" in card.text


async def test_operator_list_is_paged(crm: RunningApp) -> None:
    for number in range(1, 12):
        await types(crm, crm.olga, f"/operators add Agent-{number:02} 5")
    screen = await types(crm, crm.olga, "/operators")
    assert "page 1 of 2" in screen.text
    assert "Agent-08" in screen.text
    assert "Agent-09" not in screen.text
    screen = await presses(crm, crm.olga, screen, "▶️")
    assert "Agent-11" in screen.text
    assert "▶️" not in screen.labels
    screen = await presses(crm, crm.olga, screen, "◀️")
    assert "page 1 of 2" in screen.text


async def test_operator_screen_shows_bots_not_started_yet(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        await crm.operator("Anna")
        screen = await types(crm, crm.olga, "/assign help_bot Anna 5")
        assert "⚠️ Anna: has not started or has blocked @help_bot." in screen.text
        assert "has not started or has blocked @help_bot" in (await types(crm, crm.olga, "/operators Anna")).text

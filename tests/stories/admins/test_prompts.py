"""Questions whose answer is typed: who is asked, what answers, what ends them, and what they outlive."""

import pytest

from bot.sandbox import Person, Sandbox
from bot.sandbox.world import content
from tests.stories.steering import invites, presses, types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def asked_for_a_limit(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, screen, "Limit")
    await presses(crm, crm.olga, screen, "Another number")


async def limit(crm: RunningApp) -> str:
    text = (await types(crm, crm.olga, "/operators Anna")).text
    return next(line for line in text.splitlines() if line.startswith("Open requests"))


@pytest.mark.slow
async def test_command_ends_a_prompt(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    await types(crm, crm.olga, "/stats")
    assert "this went to nobody" in (await types(crm, crm.olga, "7")).text
    assert "of 10" in await limit(crm)


async def test_cancel_ends_a_prompt(crm: RunningApp) -> None:
    await crm.operator("Anna")
    screen = await types(crm, crm.olga, "/operators Anna")
    screen = await presses(crm, crm.olga, await presses(crm, crm.olga, screen, "Limit"), "Another number")
    screen = await presses(crm, crm.olga, screen, "Cancel")
    assert screen.text.startswith("👤 Anna")
    assert "this went to nobody" in (await types(crm, crm.olga, "7")).text


async def test_prompt_is_answered_only_once(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    assert "Anna's limit of open requests is now 7" in (await types(crm, crm.olga, "7")).text
    assert "this went to nobody" in (await types(crm, crm.olga, "8")).text


async def test_invalid_answer_keeps_the_prompt_open(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    for words in ("seven", "-1", "1001"):
        assert (await types(crm, crm.olga, words)).text == "The limit must be a whole number from 0 to 1000."
    assert "Anna's limit of open requests is now 7" in (await types(crm, crm.olga, " 7 ")).text


async def test_prompt_expires_after_15_minutes(crm: RunningApp, clock: MovableClock) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    clock.forward(minutes=15)
    assert "this went to nobody" in (await types(crm, crm.olga, "7")).text


async def test_photo_does_not_answer_a_prompt_and_keeps_it_open(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    await crm.olga.sends(content.photo())
    await crm.olga.sees("this went to nobody")
    assert "Anna's limit of open requests is now 7" in (await types(crm, crm.olga, "7")).text


async def test_removing_an_operator_by_button_ends_the_prompt(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await asked_for_a_limit(crm)
    number = 1
    await crm.olga.presses_forged(crm.shop, f"op_rm:{number}:1")
    await crm.settled()
    assert "this went to nobody" in (await types(crm, crm.olga, "7")).text  # removing by button ended the question


async def test_prompt_survives_a_restart(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        await crm.operator("Anna")
        await asked_for_a_limit(crm)
        olga, settings = crm.olga, crm.settings
    again = RunningApp(sandbox, settings, MovableClock())
    again.bots, again.olga = sandbox.bots(), olga
    async with again:
        assert "Anna's limit of open requests is now 7" in (await types(again, olga, "7")).text


async def admin_who_is_an_operator(crm: RunningApp) -> Person:
    code = await invites(crm, crm.olga, "/operators add Olga 10")
    await crm.olga.starts(crm.shop, code)
    await crm.settled()
    await types(crm, crm.olga, "/assign shop_bot Olga 1")
    return crm.olga


async def test_reply_to_a_card_goes_to_the_client_while_a_prompt_is_open(crm: RunningApp) -> None:
    olga = await admin_who_is_an_operator(crm)
    ivan = crm.client("Ivan")
    await ivan.says("How much is it?", to=crm.shop)
    card = await olga.sees("How much is it?")
    screen = await types(crm, olga, "/operators Olga")
    screen = await presses(crm, olga, await presses(crm, olga, screen, "Limit"), "Another number")

    await olga.replies(card, "15")
    await ivan.sees("15")
    await olga.replies(screen, "7")  # a reply to the question answers it
    await olga.sees("Olga's limit of open requests is now 7")
    await olga.says("Sixteen, sorry")  # and further words go to the client, as always
    await ivan.sees("Sixteen, sorry")


@pytest.mark.slow
async def test_admin_who_is_also_operator_has_help_and_commands_of_both_roles(crm: RunningApp) -> None:
    olga = await admin_who_is_an_operator(crm)
    for words in ("/help", "/start"):
        text = (await types(crm, olga, words)).text
        assert "/operators: add operators" in text
        assert "card" in text
    assert "Nothing is open" in (await types(crm, olga, "/my")).text
    assert "Statistics" in (await types(crm, olga, "/stats")).text


async def test_plain_message_of_an_admin_is_refused_with_explanation(crm: RunningApp) -> None:
    assert (await types(crm, crm.olga, "Hello?")).text == (
        "You are an admin, not an operator, so this went to nobody. /help shows what you can do."
    )
    assert (await types(crm, crm.olga, "/statistics")).text == ("There is no such command. /help lists all commands.")
    assert "You are an admin of @shop_bot." in (await types(crm, crm.olga, "/start")).text

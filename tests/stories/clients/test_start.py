"""How clients begin: the greeting, source links, their data, help, and blocking the bot."""

import re

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content
from tests.stories.arranging import closes, count, every_message_opens, link, now, operator_id, switch, told, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


@pytest.mark.parametrize(
    ("code", "default", "speaks"),
    [
        ("en", "ru", "en"),
        ("en-GB", "ru", "en"),
        ("ru", "en", "ru"),
        ("de", "en", "en"),
        ("de", "ru", "ru"),
        (None, "ru", "ru"),
    ],
)
async def test_greeting_uses_the_language_of_the_client(
    sandbox: Sandbox, database_url: str, code: str | None, default: str, speaks: str
) -> None:
    async with await RunningApp.open(sandbox, database_url, settings={"default_language": default}) as crm:
        ivan = sandbox.person("Ivan", language_code=code)
        await ivan.starts(crm.shop)
        greeting = await ivan.sees()
        language = "ru" if re.search("[а-я]", greeting.text) else "en"
        assert language == speaks
        keyboard = ivan.keyboard()
        assert keyboard is not None
        assert keyboard["keyboard"][0][0]["request_contact"] is True
        assert await count(crm, "contacts") == 0


async def test_source_link_applies_to_one_contact(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    boris = await crm.operator("Boris", weight=1)
    await crm.weight(await operator_id(crm, boris), 0)  # Boris works at the link alone, Anna at the bot alone
    await link(crm, "vk", "VK ads", boris)
    ivan = crm.client()

    await every_message_opens(crm)
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("From your advertisement")
    card = await boris.sees("From your advertisement")
    assert "📥 VK ads" in card.text
    await ivan.says("Still there?")  # joins
    await boris.sees("Still there?")

    await closes(boris, card)
    await ivan.sees("Request #1 is closed")
    await ivan.says("Something else")
    card = await anna.sees("Something else")
    assert "📥 shop_bot" in card.text
    assert boris.looks("Something else") is None


@pytest.mark.parametrize("payload", ["src_gone", "src_", "anything", "op_", "src_vk and more"])
async def test_unknown_start_payload_greets_the_client_and_uses_the_bots_source(crm: RunningApp, payload: str) -> None:
    anna = await crm.operator("Anna")
    await link(crm, "vk", "VK ads", anna)
    ivan = crm.client()
    await ivan.starts(crm.shop, payload)
    await ivan.sees()
    await ivan.says("Hello")
    assert "📥 shop_bot" in (await anna.sees("Hello")).text


async def test_source_switched_off_after_start_falls_back_to_the_bots_source(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    source_id = await link(crm, "vk", "VK ads", anna)
    ivan = crm.client()
    await ivan.starts(crm.shop, "src_vk")
    await crm.settled()
    await switch(crm, source_id, is_active=False)
    await ivan.says("Hello")
    assert "📥 shop_bot" in (await anna.sees("Hello")).text


async def test_phone_is_saved_only_from_its_owner_and_shown_after_take(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.starts(crm.shop)
    await ivan.sees("Hello!")
    await ivan.taps("Share my phone")
    await ivan.sees("saved your phone number")
    assert ivan.keyboard() is None
    await anna.presses(await anna.sees("[phone contact]"), "Close")

    await ivan.sends(content.contact("+79995555555", "Maria"))
    card = await anna.sees("[phone contact]")
    assert "+7999" not in card.text
    await anna.presses(card, "Take")
    await anna.sees("📞 +79990000001")
    assert await value(crm, "SELECT phone FROM leads") == "+79990000001"


@pytest.mark.fault("F131")
async def test_phone_shared_before_any_word_reaches_an_operator(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.starts(crm.shop)
    await ivan.sees("Hello!")
    await ivan.taps("Share my phone")
    await ivan.sees("saved your phone number")
    await ivan.sees("Your request is #1. Anna will answer you here.")
    card = await anna.sees("[phone contact]")
    assert "+7999" not in card.text
    await anna.presses(card, "Take")
    await anna.sees("📞 +79990000001")
    await ivan.shares_phone()  # once more: it joins
    await crm.settled()
    assert await count(crm, "contacts") == 1


@pytest.mark.fault("F131")
@pytest.mark.parametrize("payload", ["SRC_VK", "src_VK", "Src_vk"])
async def test_source_link_in_capitals_belongs_to_its_source(crm: RunningApp, payload: str) -> None:
    anna = await crm.operator("Anna")
    await link(crm, "vk", "VK ads", anna)
    ivan = crm.client()
    await ivan.starts(crm.shop, payload)
    await ivan.says("Hello")
    assert "VK ads" in (await anna.sees("Hello")).text


@pytest.mark.fault("F131")
@pytest.mark.parametrize("sent", ["ivan@example.com", "mailto:ivan@example.com", " ivan@example.com\u200b"])
async def test_address_after_the_email_command_of_the_menu_completes_the_lead(crm: RunningApp, sent: str) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("/email", to=crm.shop)
    await ivan.sees("What is your e-mail address?")
    await ivan.says("ivan@exmaple")
    await ivan.sees("doesn't look like an e-mail")
    await ivan.says(sent)
    await ivan.sees("saved your e-mail")
    assert await value(crm, "SELECT email FROM leads") == "ivan@example.com"
    assert await count(crm, "contacts") == 0
    await ivan.says("/email Ivan@example.com")
    await ivan.sees("We have this e-mail already")
    await ivan.says("olga@example.com")  # nothing was asked: it is for the operator
    await anna.sees("olga@example.com")


@pytest.mark.fault("F131")
async def test_words_after_the_email_command_go_to_the_operator(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("/email", to=crm.shop)
    await ivan.says("I have none, please call me @ivan")
    await anna.sees("I have none")
    await ivan.says("late@example.com")  # the question ended with the words
    await anna.sees("late@example.com")
    assert await count(crm, "leads", "email IS NOT NULL") == 0


async def test_help_shows_the_phone_button_that_it_speaks_of(crm: RunningApp) -> None:
    await crm.operator("Anna")
    ivan = crm.client()
    await ivan.shares_phone(crm.shop)
    await ivan.sees("saved your phone number")
    await ivan.says("/help")
    await ivan.sees("button below")
    assert ivan.keyboard() is not None


@pytest.mark.postgres_too
async def test_phone_without_plus_gets_one(crm: RunningApp) -> None:
    ivan = crm.client()
    await ivan.shares_phone(crm.shop, phone="79990000001")
    await ivan.sees("saved your phone number")
    assert await value(crm, "SELECT phone FROM leads") == "+79990000001"


async def test_client_data_sent_later_appears_on_the_taken_card(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await ivan.says("/email Ivan@Example.COM")
    await ivan.sees("saved your e-mail")
    await crm.settled()
    assert "✉️" not in now(anna, card).text
    await anna.presses(card, "Take")
    await anna.sees("✉️ Ivan@Example.COM")
    await ivan.shares_phone()
    await anna.sees("📞 +79990000001")
    assert await count(crm, "contacts") == 1


@pytest.mark.postgres_too
@pytest.mark.parametrize("typed", ["/email", "/email nonsense", "/email a@b", "/email " + "x" * 250 + "@example.com"])
async def test_invalid_email_is_refused_with_an_example(crm: RunningApp, typed: str) -> None:
    ivan = crm.client()
    await ivan.says(typed, to=crm.shop)
    assert "you@example.com" in (await ivan.sees()).text
    assert await count(crm, "leads", "email IS NOT NULL") == 0


@pytest.mark.postgres_too
async def test_email_of_another_client_merges_nothing_and_is_flagged_on_the_card(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    await ivan.says("/email both@example.com", to=crm.shop)
    await ivan.sees("saved your e-mail")
    await maria.says("Hello", to=crm.shop)
    await maria.says("/email both@example.com")
    await maria.sees("saved your e-mail")  # nobody learns from us whose an address is
    await anna.presses(await anna.sees("Hello"), "Take")
    card = await anna.sees("which another client already has")
    assert "⚠️ Gave the e-mail both@example.com, which another client already has" in card.text
    assert "✉️" not in card.text
    assert await count(crm, "leads") == 2
    assert await count(crm, "leads", "email = 'both@example.com'") == 1


async def test_help_and_privacy_answer_without_opening_a_contact(crm: RunningApp) -> None:
    ivan = crm.client()
    await ivan.says("/help", to=crm.shop)
    assert "/email" in (await ivan.sees("operator")).text
    await ivan.says("/privacy")
    said = (await ivan.sees("We store")).text
    assert "phone" in said
    assert "delete" not in said  # which nobody could do yet
    assert await count(crm, "contacts") == 0


@pytest.mark.parametrize(
    ("language", "off", "inviting"),
    [("en", "We're not taking requests right now", "How can we help"), ("ru", "не принимаются", "помочь")],
)
async def test_greeting_of_a_source_that_is_off_invites_nobody(
    crm: RunningApp, language: str, off: str, inviting: str
) -> None:
    anna, ivan, kira = await crm.operator("Anna"), crm.client("Ivan", language=language), crm.client("Kira")
    await kira.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    await switch(crm, await crm.source_id(), is_active=False)
    await ivan.starts(crm.shop)
    assert off in (await ivan.sees()).text
    assert ivan.looks(inviting) is None
    await kira.starts(crm.shop)  # whose request is open: she may go on writing
    await crm.settled()
    assert told(kira, "not taking requests") == 0


async def test_unknown_command_of_a_client_is_passed_on_as_a_message(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("/price of a bike", to=crm.shop)
    await anna.sees("/price of a bike")


@pytest.mark.fault("F34")
async def test_client_who_blocks_and_returns_gets_messages_again(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await crm.settled()  # Ivan has read that the request is registered
    await ivan.blocks(crm.shop)
    await crm.settled()
    lost = await anna.replies(card, "Are you there?")
    told_so = await anna.sees("so this was not delivered")
    assert told_so.reply_to == lost.id
    assert told_so.text == "The client of #1 has blocked the bot or left Telegram, so this was not delivered."

    await ivan.says("I am back")
    await anna.sees("I am back")
    await anna.replies(card, "Welcome back")
    await ivan.sees("Welcome back")
    assert ivan.looks("Are you there?") is None


@pytest.mark.postgres_too
async def test_renamed_client_is_shown_with_the_new_name(crm: RunningApp) -> None:
    await every_message_opens(crm)
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan", username="ivan")
    await ivan.says("Hello", to=crm.shop)
    await closes(anna, await anna.sees("#1 Ivan @ivan"))
    await ivan.sees("is closed")
    ivan.user.update(first_name="Johann", username="johann")
    await ivan.says("Hello again")
    await anna.sees("#2 Johann @johann")


@pytest.mark.fault("F17", "F78")
async def test_client_flood_delays_no_other_client_and_is_warned_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=50)
    ivan, others = crm.client("Ivan"), [crm.client(f"Client {number}") for number in range(10)]
    for number in range(1000):
        await ivan.says(f"flood {number}", to=crm.shop)
    for other in others:
        await other.says(f"{other.first_name} asks", to=crm.shop)
    for other in others:
        await anna.sees(f"{other.first_name} asks", timeout=30)
        await other.sees("Your request is", timeout=30)
    await ivan.sees("You are writing very fast", timeout=30)
    # All of it is stored, hardly any of it is held in memory, and what was passed on is in order.
    assert await count(crm, "inbox", f"conversation = '{crm.shop.id}:{ivan.id}'") == 1000
    passed = [seen.text for seen in anna.chat() if seen.text.startswith("flood")]
    assert passed == [f"flood {number}" for number in range(1, len(passed) + 1)]
    assert len(passed) < 100
    assert told(ivan, "You are writing very fast") == 1
    assert told(ivan, "Your request is") == 1


async def test_message_allowance_of_a_client_refills_over_time(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    for number in range(50):
        if number == 29:
            clock.forward(minutes=2)
        await ivan.says(f"line {number}", to=crm.shop)
        if number % 10 == 9:  # before so many wait that they are collapsed
            await anna.sees(f"line {number}")
    await crm.settled()
    assert told(ivan, "very fast") == 0

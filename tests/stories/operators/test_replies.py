"""What operators write: it reaches the client that it is meant for, or they are asked; never a guess, never a loss."""

import re

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import UNKNOWN_PRESS, ask, closes, count, give, now, remove, told, value
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

ENDED = "This question has ended, and nothing was sent. Please write your message again."


async def test_operator_joins_by_link_and_gets_help(crm: RunningApp) -> None:
    anna, _ = await crm.newcomer("Anna")
    welcome = await anna.sees("Welcome, Anna! You are now an operator.")
    await anna.says("/help")
    text = (await anna.sees("Each request arrives as a card", after=welcome)).text
    for command in ("/my", "/online", "/offline"):
        assert command in text
    await anna.says("/start")
    await anna.sees("You are an operator here")


async def test_operator_invitation_link_works_once(crm: RunningApp) -> None:
    anna, payload = await crm.newcomer("Anna")
    charlie = crm.client("Charlie")
    await charlie.starts(crm.shop, payload)
    assert "no longer valid" in (await charlie.sees()).text
    await charlie.says("/my order?")
    await anna.sees("Charlie\n📥 shop_bot\n\n/my order?")  # a client's words


async def test_my_command_lists_open_contacts(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=40)
    await anna.says("/my")
    assert (await anna.sees("Nothing")).text == "✅ Nothing is open."
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Do you have bicycles?")
    await ask(crm, crm.client("Maria"), anna, ("And skis? " * 20).strip())
    await anna.presses(card, "Take")
    await anna.says("/my")
    mine = await anna.sees("2 waiting")
    first, second = mine.text.splitlines()[1:]
    assert re.fullmatch(r"🔴 #1 Ivan · since \d\d:\d\d · Do you have bicycles\?", first)
    assert re.fullmatch(r"🔴 #2 Maria · 🆕 since \d\d:\d\d · And skis\? And skis\? And skis\? And skis\?…", second)
    assert mine.buttons == [["#1", "#2"]]


async def test_long_contact_list_fits_a_message(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1000)
    for number in range(30):
        client = crm.client("😀" * 32, last_name=f"{number} " + "😀" * 25)
        await client.says("🚲" * 2000, to=crm.shop)
    await crm.settled()
    await anna.says("/my")
    await anna.sees("🔴 30 waiting · page 1 of 3")
    await anna.says("to whom is this?")
    question = await anna.sees("Who is this for?")
    assert len(question.labels) == 20
    assert "reply to its card" in question.text
    assert await count(crm, "outbox", "state = 'dead'") == 0


async def test_offline_operator_gets_no_contacts_and_online_gets_waiting_ones(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await anna.says("/offline")
    await anna.sees("You are offline")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    await ivan.says("Ivan asks", to=crm.shop)
    await ivan.sees("Nobody is available right now")
    await maria.says("Maria asks", to=crm.shop)
    await maria.sees("Nobody is available right now")
    await anna.says("/online")
    text = (await anna.sees("You are online")).text
    assert text == (
        "🟢 You are online: new requests will come to you. You hold 2 of 10. 2 waiting requests have been assigned."
    )
    await anna.sees("Ivan asks")
    card = await anna.sees("Maria asks")
    await anna.says("/offline")
    await anna.replies(card, "I will answer all the same")
    await maria.sees("I will answer all the same")


async def test_reply_to_any_message_of_a_contact_reaches_its_client(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    first = await ask(crm, ivan, anna, "Ivan asks")
    other = await ask(crm, maria, anna, "Maria asks")
    await anna.presses(first, "Take")
    await anna.presses(other, "Take")

    said = await ivan.says("One more thing")
    copy = await anna.sees("One more thing")
    await crm.settled()
    mine = await anna.replies(copy, "to the copy")
    got = await ivan.sees("to the copy")
    assert got.reply_to == said.id
    await crm.settled()
    await anna.replies(mine, "to my own words")
    assert (await ivan.sees("to my own words")).reply_to == got.id

    await ivan.sends(kinds.story())
    notice = await anna.sees("doesn't let bots copy")
    await crm.settled()
    await anna.replies(notice, "to the notice")
    await ivan.sees("to the notice")
    assert [seen.text for seen in maria.chat() if seen.copied_from] == []


async def test_message_without_reply_is_asked_about_while_a_new_client_waits_too(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    first = await ask(crm, ivan, anna, "Ivan asks")
    await ask(crm, maria, anna, "Maria asks")
    await anna.presses(first, "Take")
    await anna.says("Which model?")
    question = await anna.sees("Who is this for?")
    assert question.labels == ["#1 Ivan · Ivan asks", "🆕 #2 Maria · Maria asks"]
    await crm.settled()
    assert ivan.looks("Which model?") is None
    assert maria.looks("Which model?") is None


async def test_message_with_several_contacts_in_progress_asks_for_the_recipient(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria, pavel = crm.client("Ivan"), crm.client("Maria"), crm.client("Pavel")
    for client in (ivan, maria):
        await anna.presses(await ask(crm, client, anna, f"{client.first_name} asks"), "Take")
    await ask(crm, pavel, anna, "Pavel asks")
    words = await anna.says("Who is this for?")
    question = await anna.sees("Who is this for?")
    assert question.text == "Who is this for? Pick one and I'll send it."
    assert question.reply_to == words.id
    assert question.labels == ["#1 Ivan · Ivan asks", "#2 Maria · Maria asks", "🆕 #3 Pavel · Pavel asks"]
    await crm.settled()
    assert ivan.looks("Who is") is None
    assert maria.looks("Who is") is None

    press = await anna.presses(question, "#2")
    assert await press.answer() == "Sent to #2."
    assert (await maria.sees("Who is this for?")).copied_from == (anna.id, words.id)
    await crm.settled()
    assert (now(anna, question).text, now(anna, question).labels) == ("Sent to #2.", ["↩️ Take back"])
    press = await anna.presses(question, "#1", stale=True)
    assert await press.answer() == "This has already been sent."
    await crm.settled()
    assert ivan.looks("Who is") is None


async def test_message_without_reply_goes_to_the_only_open_contact_and_takes_it(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    await anna.sends(kinds.voice())
    await ivan.sees(kind="voice")
    await anna.sees("In progress")
    assert (await anna.sees("→ #1 Ivan")).labels == ["↩️ Take back"]


async def test_album_is_asked_about_once_and_late_items_follow_the_choice(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    for client in (ivan, maria):
        await anna.presses(await ask(crm, client, anna, f"{client.first_name} asks"), "Take")
    items = await anna.sends_all(kinds.album(kinds.photo(caption="one"), kinds.photo(), kinds.video(caption="three")))
    question = await anna.sees("Who is this for?")
    await crm.settled()
    assert told(anna, "Who is this for?") == 1
    await anna.presses(question, "#1")
    await ivan.sees("three")
    assert [seen.copied_from for seen in ivan.chat() if seen.copied_from] == [(anna.id, item.id) for item in items]

    # Telegram delivers the items of an album one by one: this one comes after the choice (and is deleted at once).
    crm.sandbox.inject_raw(crm.shop, {"message": {**items[0].raw, "message_id": 500, "caption": "late"}})
    await anna.sees("🗑 #1: a message (photo) was deleted")
    await crm.settled()
    assert told(anna, "Who is this for?") == 0  # the only question has become "Sent to #1."


async def test_album_sent_as_a_reply_goes_complete_to_the_answered_contact(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    for client in (ivan, maria):
        card = await ask(crm, client, anna, f"{client.first_name} asks")
        await anna.presses(card, "Take")
    items = await anna.sends_all(kinds.album(kinds.photo(), kinds.photo()), reply_to=card)
    await crm.settled()
    assert [seen.copied_from for seen in maria.chat() if seen.copied_from] == [(anna.id, item.id) for item in items]
    assert told(anna, "Who is this for?") == 0


@pytest.mark.fault("F47")
async def test_reply_to_a_message_of_no_contact_asks_for_the_recipient(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await anna.presses(await ask(crm, ivan, anna, "Ivan asks"), "Take")
    await anna.says("/help")
    help_text = await anna.sees("Each request arrives as a card", after=await anna.sees("#1"))
    await anna.replies(help_text, "Thanks")
    await anna.presses(await anna.sees("Who is this for?"), "#1")
    await ivan.sees("Thanks")


@pytest.mark.postgres_too
@pytest.mark.fault("F48")
async def test_message_edited_before_the_choice_is_sent_as_edited(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    await ask(crm, ivan, anna, "Ivan asks")
    await ask(crm, maria, anna, "Maria asks")
    words = await anna.says("fifty")
    question = await anna.sees("Who is this for?")
    await anna.edits(words, "fifteen")
    await anna.presses(question, "#1")
    await ivan.sees("fifteen")
    await crm.settled()
    assert await value(crm, "SELECT text FROM messages WHERE author = 'operator'") == "fifteen"


async def test_operator_commands_are_never_passed_on(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await anna.presses(card, "Take")
    for sent in (await anna.says("/offlin"), await anna.replies(card, "/price 5")):
        refused = await anna.sees("starts with a slash")
        assert (
            refused.reply_to == sent.id or (await anna.sees("starts with a slash", after=refused)).reply_to == sent.id
        )
    await crm.settled()
    assert [seen.text for seen in ivan.chat() if seen.copied_from] == []


async def test_operator_message_without_open_contact_is_refused(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    sent = await anna.says("Anybody?")
    refused = await anna.sees("This went to nobody")
    assert refused.reply_to == sent.id
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await closes(anna, card)
    await ivan.sees("is closed")
    sent = await anna.replies(card, "One more thing")
    refused = await anna.sees("#1 is closed, so this was not sent.")
    assert refused.reply_to == sent.id
    await crm.settled()
    assert ivan.looks("One more thing") is None


@pytest.mark.fault("F35")
async def test_deactivated_client_is_reported_once_and_later_messages_refused(crm: RunningApp) -> None:
    """Telegram says 403 before it says that the bot was blocked: the account was deleted."""
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    ivan.deactivates()
    first = await anna.replies(card, "Are you there?")
    notice = await anna.sees("has blocked the bot")
    assert notice.reply_to == first.id
    assert notice.text == (
        "🚫 #1: the client has blocked the bot or left Telegram. Nothing can be delivered unless they unblock it."
    )
    await crm.settled()
    assert told(anna, "has blocked the bot") == 1
    second = await anna.replies(notice, "Hello?")
    refused = await anna.sees("this was not delivered")
    assert refused.reply_to == second.id


async def test_failed_delivery_is_reported_under_the_message(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    crm.sandbox.fail(kind="error", method="copyMessage", code=400, text="Bad Request: something new", chat=ivan)
    sent = await anna.replies(card, kinds.photo())
    told_so = await anna.sees("could not be delivered")
    assert told_so.reply_to == sent.id
    assert told_so.text == "⚠️ #1: this message (photo) could not be delivered."
    await anna.replies(told_so, "Again in words")
    await ivan.sees("Again in words")


@pytest.mark.postgres_too
async def test_message_deleted_while_queued_is_reported_as_deleted(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await maria.says("Maria asks", to=crm.shop)
    regretted = await maria.sends(kinds.photo())
    await crm.settled()
    await maria.deletes(regretted)
    await closes(anna, card)
    told_so = await anna.sees("deleted")
    assert told_so.text == "🗑 #2: a message (photo) was deleted by its author before it could be forwarded."


async def test_former_operator_gets_no_more_messages(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    card = await boris.sees("Ivan asks")
    await ivan.says("For Boris alone")
    await boris.sees("For Boris alone")
    await crm.settled()
    assert anna.looks("For Boris alone") is None

    await remove(crm, boris)  # and back to Anna, with all that was said
    await anna.sees("For Boris alone")
    await crm.settled()
    assert now(boris, card).text == "#1 · shop_bot\n↪️ Now with Anna"


@pytest.mark.fault("F54")
async def test_pending_recipient_choice_of_removed_operator_sends_nothing(crm: RunningApp) -> None:
    anna, ivan, maria = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Maria")
    await ask(crm, ivan, anna, "Ivan asks")
    await ask(crm, maria, anna, "Maria asks")
    await anna.says("a secret price")
    question = await anna.sees("Who is this for?")
    await remove(crm, anna)
    press = await anna.presses(question, "#1", stale=True)
    assert await press.answer() == UNKNOWN_PRESS
    await crm.settled()
    assert ivan.looks("a secret price") is None
    assert await value(crm, "SELECT count(*) FROM messages WHERE author = 'operator'") == 0


@pytest.mark.fault("F53")
async def test_forged_recipient_choice_sends_nothing(sandbox: Sandbox, database_url: str) -> None:
    """Boris presses Anna's question; Anna names a contact of another bot, or one that is not hers."""
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    ) as crm:
        shop, desk = crm.bots
        anna = await crm.operator("Anna", bots=[shop, desk])
        ivan, maria = crm.client("Ivan"), crm.client("Maria")
        await ask(crm, ivan, anna, "Ivan asks")
        await maria.says("Maria asks", to=desk)
        await anna.sees("Maria asks", bot=desk)
        await ask(crm, crm.client("Pavel"), anna, "Pavel asks")
        boris = await crm.operator("Boris")
        await crm.settled()
        await anna.says("secret", to=shop)
        question = await anna.sees("Who is this for?")

        press = await boris.presses_forged(shop, "send:1:1", message=1)
        assert await press.answer() == ENDED
        press = await anna.presses_forged(shop, "send:2:1", message=question)
        assert (
            await press.answer()
            == "That request came to @help_bot, so nothing was sent or changed here. Please do it there."
        )
        press = await anna.presses_forged(desk, "send:2:1", message=1)
        assert await press.answer() == ENDED
        await crm.settled()
        assert maria.looks("secret") is None

        await anna.presses(question, "#1")
        await ivan.sees("secret")

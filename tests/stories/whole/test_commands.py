"""Commands as people type them, correct them by editing, and as nobody knows them."""

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, count, told, value
from tests.support.people import RunningApp

NO_COMMAND = "I don't know that command. Just write your question."


@pytest.mark.fault("F135")
@pytest.mark.parametrize(
    "typed", ["/EMAIL ivan@example.com", "/Email@Shop_Bot ivan@example.com", "/eMail@other_bot ivan@example.com"]
)
async def test_clients_command_is_done_however_it_is_typed(crm: RunningApp, typed: str) -> None:
    ivan = crm.client()
    await ivan.says("/START", to=crm.shop)
    await ivan.sees("How can we help?")
    for word, answer in (("/Help", "Just write"), ("/PRIVACY@some_other_bot", "We store")):
        await ivan.says(word)
        await ivan.sees(answer)
    await ivan.says(typed)
    await ivan.sees("we have saved your e-mail")
    assert await value(crm, "SELECT email FROM leads") == "ivan@example.com"
    assert await count(crm, "contacts") == 0


@pytest.mark.fault("F135")
async def test_operators_and_admins_command_is_done_however_it_is_typed(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    for word, answer in (
        ("/Offline", "You are offline"),
        ("/ONLINE@Shop_Bot", "You are online"),
        ("/My@old_bot", "Nothing is open"),
    ):
        await anna.says(word, to=crm.shop)
        await anna.sees(answer)
    await crm.olga.says("/Queue@old_bot", to=crm.shop)
    await crm.olga.sees("waiting")


@pytest.mark.fault("F135")
@pytest.mark.parametrize("word", ["/cancel", "/Stats@shop_bot", "/отмена", "/queue "])
async def test_unknown_command_opens_no_contact_and_joins_an_open_one_as_words(crm: RunningApp, word: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says(word, to=crm.shop)
    assert (await ivan.sees(NO_COMMAND)).text == NO_COMMAND
    assert await count(crm, "contacts") == 0
    await ivan.says("My order has not come")
    card = await anna.sees("My order has not come", bot=crm.shop)
    await ivan.says(word)
    assert (await anna.sees(word.strip(), after=card)).reply_to == card.id
    assert told(ivan, NO_COMMAND) == 1


async def test_words_behind_a_slash_word_are_words(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("/cancel my order 15, please", to=crm.shop)
    await anna.sees("/cancel my order 15, please", bot=crm.shop)


@pytest.mark.postgres_too
@pytest.mark.fault("F136")
async def test_clients_command_corrected_by_editing_is_done(crm: RunningApp) -> None:
    ivan = crm.client()
    wrong = await ivan.says("/email ivan@exmaple", to=crm.shop)
    await ivan.sees("look like an e-mail")
    await ivan.edits(wrong, "/email ivan@example.com")
    await ivan.sees("we have saved your e-mail")
    assert await value(crm, "SELECT email FROM leads") == "ivan@example.com"


@pytest.mark.fault("F136")
async def test_clients_command_edited_into_words_opens_one_contact(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    said = await ivan.says("/help", to=crm.shop)
    await ivan.sees("Just write")
    await ivan.edits(said, "My order has not come")
    card = await anna.sees("My order has not come", bot=crm.shop)
    await ivan.edits(said, "My order has come")
    assert (await anna.sees("My order has come")).id == card.id
    await crm.settled()
    assert await count(crm, "contacts") == 1


@pytest.mark.fault("F136")
async def test_operators_slash_edited_into_a_reply_goes_to_its_client(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("How much?", to=crm.shop)
    card = await anna.sees("How much?", bot=crm.shop)
    wrong = await anna.replies(card, "/pirce is 300")
    await anna.sees("starts with a slash")
    await anna.edits(wrong, "The price is 300")
    await ivan.sees("The price is 300")
    wrong = await anna.says("/onlin", to=crm.shop)
    await anna.sees("starts with a slash", after=wrong)
    await anna.edits(wrong, "/online")
    await anna.sees("You are online", after=wrong)


@pytest.mark.fault("F136")
async def test_operators_file_is_sent_when_its_refused_caption_is_removed(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await ask(crm, ivan, anna, "Hello")
    file = await anna.replies(card, kinds.photo(), caption="/ Look")
    await anna.sees("starts with a slash")
    await anna.edits(file, kinds.photo())
    await ivan.sees(lambda one: one.kind == "photo")


@pytest.mark.fault("F136")
async def test_words_that_were_no_reply_are_never_sent_by_an_edit_alone(crm: RunningApp) -> None:
    """What was edited may have answered a question of the bot: the operator says whom it is for."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("How much?", to=crm.shop)
    card = await anna.sees("How much?", bot=crm.shop)
    await anna.presses(card, "Take")
    wrong = await anna.says("/300", to=crm.shop)
    await anna.sees("starts with a slash")
    await anna.edits(wrong, "It is 300")
    question = await anna.sees("Who is this for?")
    assert question.reply_to == wrong.id
    await anna.presses(question, "#1")
    await ivan.sees("It is 300")


@pytest.mark.fault("F136")
async def test_preview_loaded_for_a_command_is_no_correction(crm: RunningApp) -> None:
    ivan = crm.client()
    said = await ivan.sends(kinds.text("/help"), to=crm.shop)
    await ivan.sees("Just write")
    crm.sandbox.inject_raw(crm.shop, {"edited_message": said.raw})
    await ivan.sees_nothing_new(bot=crm.shop)

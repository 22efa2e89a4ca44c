"""Words of an operator that reply to nothing: they never go to a client by guess, and what went can be taken back."""

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, closes, count, give, now, one_taken, remove, told, until, value
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

ASKED_TO_DELETE = "Taken back: the bot asks Telegram to delete it in the chat of #1."


def got(person: Person, words: str) -> bool:
    """Whether somebody has a message with these words."""
    return person.looks(words) is not None


async def two_taken(crm: RunningApp) -> tuple[Person, Person, Person, SeenMessage]:
    """Anna works for Ivan (#1) and Maria (#2), and both wait for an answer; and the card of Ivan."""
    anna, ivan, maria = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Maria")
    cards = [await ask(crm, client, anna, f"{client.first_name} asks") for client in (ivan, maria)]
    for card in cards:
        await anna.presses(card, "Take")
    await crm.settled()
    return anna, ivan, maria, cards[0]


# --- to whom ---------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F144")
async def test_words_go_to_the_only_client_who_waits_and_a_silent_line_says_so(crm: RunningApp) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.replies(card, "Yes, Ivan")
    await ivan.sees("Yes, Ivan")
    await crm.settled()
    assert told(anna, "→") == 0  # quoted replies stay silent
    words = await anna.says("In red and blue")
    await maria.sees("In red and blue")
    line = await anna.sees("→ #2 Maria")
    assert (line.text, line.labels, line.reply_to) == ("→ #2 Maria", ["↩️ Take back"], words.id)
    assert line.raw.get("disable_notification", True)
    assert not got(ivan, "In red and blue")
    await crm.settled()
    await anna.replies(line, "And a reply to the line")
    await maria.sees("And a reply to the line")


@pytest.mark.postgres_too
@pytest.mark.fault("F267")
async def test_words_written_before_the_only_request_came_are_asked_about(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris", weight=0)
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    await ask(crm, ivan, anna, "Ivan asks")
    clock.forward(minutes=1)  # so long does it take until what Anna writes now is handled
    await give(crm, 1, boris)
    await ask(crm, maria, anna, "Maria asks")
    await anna.says("Yes, Ivan")
    question = await anna.sees("Who is this for?")
    assert question.labels == ["🆕 #2 Maria · Maria asks"]
    await crm.settled()
    assert not got(maria, "Yes, Ivan")


@pytest.mark.fault("F144")
async def test_words_are_asked_about_when_everybody_is_answered(crm: RunningApp) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.replies(card, "Yes, Ivan")
    await anna.says("Yes, Maria")
    await maria.sees("Yes, Maria")
    await crm.settled()
    await anna.says("Anything else?")
    question = await anna.sees("Who is this for?")
    assert question.labels == ["#1 Ivan · Ivan asks", "#2 Maria · Maria asks"]
    assert not got(ivan, "Anything else?")
    assert not got(maria, "Anything else?")


@pytest.mark.fault("F144")
async def test_question_offers_who_waits_first_with_their_last_words(crm: RunningApp) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.replies(card, "Yes, Ivan")
    await ivan.sees("Yes, Ivan")
    await crm.settled()
    await anna.says("#2 Yes, Maria")
    await maria.sees("Yes, Maria")
    olga = crm.client("Olga")
    await olga.sends(kinds.photo(), to=crm.shop)
    await crm.settled()
    await maria.sends(kinds.voice())
    await crm.settled()
    await olga.says("This lamp is broken")
    await crm.settled()
    await anna.says("Which model?")
    question = await anna.sees("Who is this for?")
    assert question.labels == ["🆕 #3 Olga · This lamp is broken", "#2 Maria · [voice message]", "#1 Ivan · Ivan asks"]


@pytest.mark.fault("F144")
async def test_contact_with_another_operator_is_nobody_who_waits(crm: RunningApp) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await give(crm, 2, await crm.operator("Boris"))
    await crm.settled()
    await anna.says("For Ivan, who is the only one now")
    await ivan.sees("For Ivan")
    await crm.settled()
    assert not got(maria, "For Ivan")


# --- by number -------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F145")
@pytest.mark.parametrize("words", ["#1 Good morning", "# 1  Good morning", "№1: Good morning", "#1,\nGood morning"])
async def test_words_after_a_number_go_there_without_it(crm: RunningApp, words: str) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.says(words)
    assert (await ivan.sees("Good morning")).text == "Good morning"
    await anna.sees("→ #1 Ivan")
    await crm.settled()
    assert not got(maria, "Good morning")
    assert await value(crm, "SELECT text FROM messages WHERE author = 'operator'") == "Good morning"


@pytest.mark.fault("F145")
@pytest.mark.parametrize(
    "words",
    [
        "\u200e#2 Good morning",
        "#\u200f2 Good morning",
        "#2\u200b Good morning",
        "#  2 Good morning",
        "＃2 Good morning",
        "#٢ Good morning",
        "#\ufe0f2:\u200b Good morning",
    ],
    ids=["before it", "within it", "after it", "two spaces", "wide", "Arabic", "several"],
)
async def test_number_among_unseen_signs_sends_words_to_nobody_else(crm: RunningApp, words: str) -> None:
    """Ivan alone waits for an answer, so without the number the words would be his."""
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.says("#2 Yes, Maria")
    await maria.sees("Yes, Maria")
    await anna.says(words)
    assert (await maria.sees("Good morning")).text == "Good morning"
    await crm.settled()
    assert not got(ivan, "Good morning")


@pytest.mark.fault("F144", "F145")
@pytest.mark.parametrize("words", ["#2:Good morning", "(#2) Good morning", "#2- Good morning", "#2!Good morning"])
async def test_words_that_may_begin_with_a_number_are_asked_about(crm: RunningApp, words: str) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.says("#2 Yes, Maria")
    await maria.sees("Yes, Maria")
    await anna.says(words)
    await anna.sees("Who is this for?")
    await crm.settled()
    assert not got(ivan, "Good morning")


@pytest.mark.fault("F144")
@pytest.mark.parametrize("words", ["#6pack is on sale", "#1:Good morning", "#wow"])
async def test_words_that_name_nobody_else_go_by_themselves(crm: RunningApp, words: str) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.says("#2 Yes, Maria")
    await maria.sees("Yes, Maria")
    await anna.says(words)
    assert (await ivan.sees(words)).text == words


@pytest.mark.fault("F145")
async def test_formatting_and_captions_after_a_number_are_kept(crm: RunningApp) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.sends(kinds.text("<b>#1 all</b> 😀 <i>fine</i>", parse_mode="HTML"))
    copy = await ivan.sees("all 😀 fine")
    assert copy.text == "all 😀 fine"
    assert [(one["type"], one["offset"], one["length"]) for one in copy.entities] == [("bold", 0, 3), ("italic", 7, 4)]
    words = await anna.sends(kinds.photo(caption="#1 this one"))
    picture = await ivan.sees("this one")
    assert (picture.raw["caption"], picture.copied_from) == ("this one", (anna.id, words.id))
    await anna.sends(kinds.photo(caption="#2"))
    assert "caption" not in (await maria.sees(kind="photo")).raw
    await anna.edits(words, "#1 that one")
    assert (await ivan.sees("that one")).id == picture.id


@pytest.mark.fault("F145")
async def test_edit_of_numbered_words_keeps_the_number_from_the_client(crm: RunningApp) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    words = await anna.says("#1 fifty")
    copy = await ivan.sees("fifty")
    await anna.edits(words, "#1 fifteen")
    assert (await ivan.sees("fifteen")).text == "fifteen"
    await anna.edits(words, "#2 fifteen")
    await anna.sees("This was sent to #1 and stays there as it was")
    await crm.settled()
    assert now(ivan, copy).text == "fifteen"
    assert not got(maria, "fifteen")


@pytest.mark.postgres_too
@pytest.mark.fault("F145")
@pytest.mark.parametrize("is_sent", [False, True], ids=["the copy waits", "an edit waits"])
async def test_number_put_before_words_that_wait_stays_from_the_client(
    crm: RunningApp, clock: MovableClock, is_sent: bool
) -> None:
    """Neither the copy nor, where its edit is refused, the fresh one has the number that came with the edit."""
    anna, ivan, _, card = await two_taken(crm)
    if is_sent:
        words = await anna.replies(card, "fifty")
        await ivan.sees("fifty")
        await crm.settled()
        crm.sandbox.fail(kind="flood", retry_after=30, method="editMessageText", chat=ivan)
        await anna.edits(words, "fourteen")
        await until(crm, "SELECT count(*) > 0 FROM outbox WHERE outcome = 'flood_wait'", True)
        refusal = "Bad Request: message can't be edited"
        crm.sandbox.fail(kind="error", code=400, text=refusal, method="editMessageText", chat=ivan)
    else:
        crm.sandbox.fail(kind="flood", retry_after=30, method="copyMessage", chat=ivan)
        words = await anna.replies(card, "fifty")
        await until(crm, "SELECT count(*) > 0 FROM outbox WHERE outcome = 'flood_wait'", True)
    await anna.edits(words, "#1 fifteen")
    await until(crm, "SELECT count(*) FROM messages WHERE text = 'fifteen'", 1)
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    assert (await ivan.sees("fifteen")).text == "fifteen"
    await crm.settled()
    assert told(ivan, "#1 fifteen") == 0


@pytest.mark.fault("F145")
@pytest.mark.parametrize("number", [3, 4, 99, 10**12])
async def test_words_to_a_number_that_is_not_theirs_go_to_nobody(crm: RunningApp, number: int) -> None:
    """Of a colleague, of nobody, absurd: all alike, so that nobody learns what exists."""
    anna, ivan, maria, _ = await two_taken(crm)
    pavel = crm.client("Pavel")
    await ask(crm, pavel, anna, "Pavel asks")
    await give(crm, 3, await crm.operator("Boris"))
    words = await anna.says(f"#{number} hello")
    refused = await anna.sees(f"#{number} is not one of your requests here, so this was not sent")
    assert refused.reply_to == words.id
    await crm.settled()
    assert not any(got(one, "hello") for one in (ivan, maria, pavel))


@pytest.mark.fault("F145")
async def test_bare_number_shows_the_card_of_an_open_or_closed_contact(crm: RunningApp) -> None:
    anna, _, _, card = await two_taken(crm)
    sent = await anna.says("#1")
    again = await anna.sees("Ivan asks", after=sent)
    assert again.labels == ["✔️ Close", "⋯"]
    await closes(anna, card)
    await crm.settled()
    sent = await anna.says("№ 1")
    assert (await anna.sees("Ivan asks", after=sent)).labels == ["↩️ Reopen"]


@pytest.mark.fault("F145")
async def test_reply_in_one_contact_with_the_number_of_another_is_refused(crm: RunningApp) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.replies(card, "#2 hello")
    await anna.sees("You replied in #1 but wrote #2, so this was not sent.")
    await anna.replies(card, "#1 good day")
    assert (await ivan.sees("good day")).text == "good day"
    await anna.replies(card, "#7 is the number of your locker")
    assert (await ivan.sees("locker")).text == "#7 is the number of your locker"
    assert not got(maria, "hello")


@pytest.mark.fault("F145")
async def test_album_follows_the_number_in_its_caption(crm: RunningApp) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    items = await anna.sends_all(kinds.album(kinds.photo(caption="#2 look"), kinds.photo()))
    await crm.settled()
    assert [seen.copied_from for seen in maria.chat() if seen.copied_from] == [(anna.id, item.id) for item in items]
    assert [seen for seen in ivan.chat() if seen.copied_from] == []
    line = await anna.sees("→ #2 Maria")
    await anna.presses(line, "Take back")
    await crm.settled()
    assert [seen for seen in maria.chat() if seen.copied_from] == []


# --- taking back -----------------------------------------------------------------------------------------------------


@pytest.mark.fault("F146")
async def test_words_are_taken_back_from_the_client(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    words = await anna.says("An offer for somebody else")
    await ivan.sees("An offer")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    press = await anna.presses(line, "Take back")
    assert await press.answer() == ASKED_TO_DELETE
    await crm.settled()
    assert not got(ivan, "An offer")
    assert (now(anna, line).text, now(anna, line).labels) == (ASKED_TO_DELETE, [])
    await anna.edits(words, "Another offer")
    refused = await anna.sees("This was taken back from #1, so the new words went to nobody.")
    assert refused.reply_to == words.id
    await anna.presses(line, "Take back", stale=True)
    await crm.settled()
    assert not got(ivan, "offer")
    assert await count(crm, "events", "kind = 'message_withdrawn'") == 1
    await anna.says("/history #1")
    assert "(taken back) An offer for somebody else" in (await anna.sees("(taken back)")).text


@pytest.mark.fault("F146")
async def test_client_whose_answer_was_taken_back_waits_again(crm: RunningApp) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.replies(card, "Yes, Ivan")
    await ivan.sees("Yes, Ivan")
    await anna.says("No, Ivan")
    line = await anna.sees("→ #2 Maria")
    await anna.presses(line, "Take back")
    await crm.settled()
    assert not got(maria, "No, Ivan")
    await anna.says("Yes, Maria")
    await maria.sees("Yes, Maria")


@pytest.mark.postgres_too
@pytest.mark.fault("F146")
async def test_words_that_wait_are_taken_back_before_they_are_sent(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="flood", method="copyMessage", chat=ivan, retry_after=600)
    await anna.says("Is anybody there?")
    await until(crm, "SELECT count(*) FROM gates", 1)
    words = await anna.says("Not for Ivan")
    line = await anna.sees("→ #1 Ivan", after=words)
    press = await anna.presses(line, "Take back")
    assert await press.answer() == "Taken back before it was sent to #1."
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client' AND outcome = 'withdrawn'", 1)
    assert await count(crm, "outbox", "kind = 'delete'") == 0
    press = await anna.presses(line, "Take back", stale=True)
    assert await press.answer() == "Taken back before it was sent to #1."


@pytest.mark.fault("F170")
@pytest.mark.parametrize("went", [True, False])
async def test_taking_back_again_after_days_says_what_became_of_the_words(
    crm: RunningApp, clock: MovableClock, went: bool
) -> None:
    """It is not too late for words that were taken back in time."""
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    if not went:
        crm.sandbox.fail(kind="flood", method="copyMessage", chat=ivan, retry_after=600)
    await anna.says("Not for Ivan")
    line = await anna.sees("→ #1 Ivan")
    if went:
        await ivan.sees("Not for Ivan")
        await crm.settled()
    else:
        await until(crm, "SELECT count(*) FROM gates", 1)
    first = await (await anna.presses(line, "Take back")).answer()
    clock.forward(hours=49)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert not got(ivan, "Not for Ivan")
    said = ASKED_TO_DELETE if went else "Taken back before it was sent to #1."
    assert [first, await (await anna.presses(line, "Take back", stale=True)).answer()] == [said, said]


@pytest.mark.postgres_too
@pytest.mark.fault("F170")
async def test_words_whose_sending_fails_after_they_were_taken_back_are_no_worry(crm: RunningApp) -> None:
    """They were on their way, so a deletion was queued; Telegram took nothing, so there is nothing to delete."""
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="slow", method="copyMessage", chat=ivan, delay=1.0, applied=False)
    words = await anna.says("Not for Ivan")
    line = await anna.sees("→ #1 Ivan")
    await anna.deletes(words)  # so that Telegram cannot copy them any more
    await anna.presses(line, "Take back")
    await crm.settled()
    assert not got(ivan, "Not for Ivan")
    assert told(anna, "could not be taken back") == 0
    press = await anna.presses(line, "Take back", stale=True)
    assert await press.answer() == "Taken back before it was sent to #1."


CAPTION_REFUSED = "Bad Request: message caption is too long"


def photos(person: Person) -> list[SeenMessage]:
    """The photos that somebody has."""
    return [seen for seen in person.chat() if seen.kind == "photo"]


@pytest.mark.fault("F171")
@pytest.mark.parametrize("moment", ["it has arrived", "it is being sent", "it came twice"])
async def test_photo_whose_words_went_apart_is_taken_back_entirely(
    crm: RunningApp, clock: MovableClock, moment: str
) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="error", method="copyMessage", code=400, text=CAPTION_REFUSED, chat=ivan)
    if moment == "it is being sent":
        crm.sandbox.fail(kind="slow", method="sendMessage", chat=ivan, delay=1.0, times=1)
    elif moment == "it came twice":
        crm.sandbox.fail(kind="flood", method="sendMessage", chat=ivan, retry_after=30)
    await anna.sends(kinds.photo(caption="The offer for Maria"))
    line = await anna.sees("→ #1 Ivan")
    await ivan.sees(kind="photo")
    if moment == "it came twice":
        await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
        clock.forward(seconds=31)
        await crm.app.supervisor.look_again()
    if moment != "it is being sent":
        await crm.settled()
        assert len(photos(ivan)) == (2 if moment == "it came twice" else 1)
        assert got(ivan, "The offer for Maria")
    await anna.presses(line, "Take back")
    await crm.settled()
    assert not got(ivan, "The offer for Maria")
    assert photos(ivan) == []
    assert told(anna, "could not be taken back") == 0


@pytest.mark.fault("F171")
async def test_photo_whose_words_went_apart_has_only_the_new_ones_after_an_edit(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    crm.sandbox.fail(kind="error", method="copyMessage", code=400, text=CAPTION_REFUSED, chat=ivan)
    words = await anna.sends(kinds.photo(caption="The first price"))
    await ivan.sees("The first price")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    await anna.edits(words, "The last price")
    await ivan.sees("The last price")
    await crm.settled()
    assert not got(ivan, "The first price")
    await anna.presses(line, "Take back")
    await crm.settled()
    assert photos(ivan) == []
    assert told(anna, "could not be taken back") == 0


@pytest.mark.fault("F171")
async def test_refused_deletion_of_a_photo_and_its_words_is_told_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    crm.sandbox.fail(kind="error", method="copyMessage", code=400, text=CAPTION_REFUSED, chat=ivan)
    await anna.sends(kinds.photo(caption="The offer for Maria"))
    line = await anna.sees("→ #1 Ivan")
    await ivan.sees("The offer for Maria")
    await crm.settled()
    text = "Bad Request: message can't be deleted for everyone"
    crm.sandbox.fail(kind="error", method="deleteMessage", code=400, text=text, chat=ivan, times=2)
    await anna.presses(line, "Take back")
    await anna.sees("could not be taken back")
    await crm.settled()
    assert told(anna, "could not be taken back") == 1


@pytest.mark.fault("F171")
async def test_photo_whose_words_never_came_is_taken_back(crm: RunningApp, clock: MovableClock) -> None:
    """The words wait for a flood wait to end; the photo is at the client already."""
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="error", method="copyMessage", code=400, text=CAPTION_REFUSED, chat=ivan)
    crm.sandbox.fail(kind="flood", method="sendMessage", chat=ivan, retry_after=30)
    await anna.sends(kinds.photo(caption="The offer for Maria"))
    line = await anna.sees("→ #1 Ivan")
    await until(crm, "SELECT count(*) FROM outbox WHERE outcome = 'flood_wait'", 1)
    press = await anna.presses(line, "Take back")
    assert await press.answer() == ASKED_TO_DELETE
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert photos(ivan) == []
    assert not got(ivan, "The offer for Maria")


@pytest.mark.fault("F146")
async def test_words_that_are_being_sent_are_deleted_after_they_have_arrived(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="slow", method="copyMessage", chat=ivan, delay=1.0, times=1)
    await anna.says("Not for Ivan")
    await anna.presses(await anna.sees("→ #1 Ivan"), "Take back")
    await crm.settled()
    assert not got(ivan, "Not for Ivan")
    assert told(anna, "could not be taken back") == 0


@pytest.mark.fault("F146")
@pytest.mark.parametrize("arrives", [True, False], ids=["has come again", "waits to come again"])
async def test_words_that_came_again_after_an_edit_are_taken_back_entirely(crm: RunningApp, arrives: bool) -> None:
    """Telegram does not change the copy, so the new words are sent below it; both are what the operator wrote."""
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    words = await anna.says("An offer")
    await ivan.sees("An offer")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    text = "Bad Request: message can't be edited"
    crm.sandbox.fail(kind="error", method="editMessageText", code=400, text=text, chat=ivan)
    if not arrives:
        crm.sandbox.fail(kind="flood", method="copyMessage", chat=ivan, retry_after=600)
    await anna.edits(words, "Another offer")
    if arrives:
        await ivan.sees("Another offer")
        await crm.settled()
    else:
        await until(crm, "SELECT count(*) FROM gates", 1)
    press = await anna.presses(line, "Take back")
    assert await press.answer() == ASKED_TO_DELETE
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'delete'", 2 if arrives else 1)
    if arrives:
        await crm.settled()
        assert not got(ivan, "offer")
    assert told(anna, "could not be taken back") == 0


@pytest.mark.fault("F146")
async def test_taking_back_after_two_days_says_that_it_is_too_late(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    await anna.says("An offer")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    clock.forward(hours=49)
    press = await anna.presses(line, "Take back")
    assert "Too late" in str(await press.answer())
    await crm.settled()
    assert got(ivan, "An offer")


@pytest.mark.fault("F146")
async def test_deletion_that_telegram_refuses_is_reported_under_the_words(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ask(crm, ivan, anna, "Ivan asks")
    words = await anna.says("An offer")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    text = "Bad Request: message can't be deleted for everyone"
    crm.sandbox.fail(kind="error", method="deleteMessage", code=400, text=text, chat=ivan)
    await anna.presses(line, "Take back")
    notice = await anna.sees("#1: this message could not be taken back. The client may still see it.")
    assert notice.reply_to == words.id


@pytest.mark.fault("F146")
async def test_nobody_takes_back_the_words_of_another_operator(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    boris = await crm.operator("Boris", weight=0)
    await ask(crm, ivan, anna, "Ivan asks")
    await anna.says("An offer")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    data = line.raw["reply_markup"]["inline_keyboard"][0][0]["callback_data"]
    await (await boris.presses_forged(crm.shop, data, message=1)).answer()
    await (await ivan.presses_forged(crm.shop, data, message=1)).answer()
    await remove(crm, anna)
    await (await anna.presses(line, "Take back", stale=True)).answer()
    await crm.settled()
    assert got(ivan, "An offer")


# --- what waits ------------------------------------------------------------------------------------------------------


@pytest.mark.fault("F147")
async def test_one_question_for_all_that_waits_takes_over_the_earlier_one(crm: RunningApp) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    await anna.says("Anything else?")
    first = await anna.sees("Who is this for?")
    await crm.settled()
    await anna.sends(kinds.photo(caption="We are open until eight"))
    second = await anna.sees("Who are these 2 messages for?")
    await crm.settled()
    assert now(anna, second).labels == ["#1 Ivan · Ivan asks", "#2 Maria · Maria asks"]
    assert [seen for seen in anna.chat(crm.shop) if seen.id == first.id] == []
    press = await anna.presses(first, "#1", stale=True)
    assert await press.answer() == "This was asked again below."
    await anna.presses(second, "#2")
    await maria.sees("We are open until eight")
    received = [seen.raw.get("text") or seen.raw.get("caption") for seen in maria.chat() if seen.copied_from]
    assert received == ["Anything else?", "We are open until eight"]
    await crm.settled()
    assert [seen for seen in ivan.chat() if seen.copied_from] == []
    await anna.presses(now(anna, second), "Take back")
    await crm.settled()
    assert [seen for seen in maria.chat() if seen.copied_from] == []


@pytest.mark.fault("F147")
async def test_words_wait_behind_those_that_are_asked_about(crm: RunningApp) -> None:
    """Meanwhile only one client waits for an answer; but what was said before must not be overtaken."""
    anna, ivan, maria, card = await two_taken(crm)
    await anna.says("First")
    await anna.sees("Who is this for?")
    await anna.replies(card, "Yes, Ivan")
    await ivan.sees("Yes, Ivan")
    await anna.says("Second")
    await anna.presses(await anna.sees("Who are these 2 messages for?"), "#2")
    await maria.sees("Second")
    assert [seen.text for seen in maria.chat() if seen.copied_from] == ["First", "Second"]


@pytest.mark.fault("F145", "F147")
async def test_number_put_before_words_that_are_asked_about_is_obeyed(crm: RunningApp) -> None:
    """Nobody gets the number, and whoever it does not name gets nothing."""
    anna, ivan, maria, _ = await two_taken(crm)
    words = await anna.says("Good morning")
    question = await anna.sees("Who is this for?")
    await crm.settled()
    await anna.edits(words, "#1 Good morning")
    await crm.settled()
    press = await anna.presses(question, "#2")
    assert await press.answer() == "Not sent to #2, as #1 stands before the words. Press #1, or edit them."
    await crm.settled()
    assert not got(maria, "Good morning")
    await anna.presses(question, "#1")
    assert (await ivan.sees("Good morning")).text == "Good morning"
    assert told(maria, "Good morning") == 0


@pytest.mark.fault("F173")
async def test_number_of_a_request_that_the_question_did_not_offer_gets_a_button(crm: RunningApp) -> None:
    """It was opened after the question."""
    anna, ivan, maria, _ = await two_taken(crm)
    words = await anna.says("Good morning")
    question = await anna.sees("Who is this for?")
    olga = crm.client("Olga")
    await ask(crm, olga, anna, "Olga asks")
    await anna.edits(words, "#3 Good morning")
    await crm.settled()
    for _again in range(2):
        press = await anna.presses(question, "#2")
        assert await press.answer() == "Not sent to #2, as #3 stands before the words. Press #3, or edit them."
        await crm.settled()
    question = now(anna, question)
    assert question.text == "Who is this for? Pick one and I'll send it."
    assert question.labels == ["#3 Olga", "#1 Ivan · Ivan asks", "#2 Maria · Maria asks"]
    await anna.presses(question, "#3")
    assert (await olga.sees("Good morning")).text == "Good morning"
    await crm.settled()
    assert [told(client, "Good morning") for client in (ivan, maria)] == [0, 0]


@pytest.mark.postgres_too
@pytest.mark.fault("F147")
async def test_unanswered_question_ends_and_says_once_what_was_not_sent(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan, maria, _ = await two_taken(crm)
    words = await anna.says("Anything else?")
    await anna.sends(kinds.voice())
    question = await anna.sees("Who are these 2 messages for?")
    await crm.settled()
    clock.forward(seconds=110)
    await crm.app.schedule.run("end_questions")
    await crm.settled()
    assert told(anna, "Not sent") == 0
    clock.forward(seconds=15)
    for _ in range(2):
        await crm.app.schedule.run("end_questions")
    notice = await anna.sees("⚠️ Not sent: “Anything else?”, “[voice message]”")
    assert notice.reply_to == words.id
    await crm.settled()
    assert told(anna, "Not sent") == 1
    assert told(anna, "Who are these") == 0
    press = await anna.presses(question, "#1", stale=True)
    assert "has ended, and nothing was sent" in str(await press.answer())
    await anna.says("Something new")
    await anna.sees("Who is this for?")  # the old words are no part of it
    await crm.settled()
    assert not got(ivan, "Anything else?")
    assert not got(maria, "Anything else?")


@pytest.mark.postgres_too
@pytest.mark.fault("F147")
async def test_unanswered_question_ends_after_a_restart(
    sandbox: Sandbox, database_url: str, clock: MovableClock
) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna, ivan, _, _ = await two_taken(crm)
        await anna.says("Anything else?")
        await anna.sees("Who is this for?")
        await crm.settled()
    clock.forward(minutes=3)
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await crm.app.schedule.run("end_questions")
        await anna.sees("⚠️ Not sent: “Anything else?”", bot=crm.shop)
        await crm.settled()
        assert told(anna, "Who is this for?") == 0
        assert not got(ivan, "Anything else?")


@pytest.mark.fault("F147")
async def test_question_that_comes_late_is_answered_within_its_own_time(crm: RunningApp, clock: MovableClock) -> None:
    """The two minutes begin when the operator sees the question."""
    anna, ivan, _, _ = await two_taken(crm)
    crm.sandbox.fail(kind="flood", method="sendMessage", chat=anna, retry_after=2)
    await anna.says("Anything else?")
    clock.forward(minutes=3)
    await crm.app.schedule.run("end_questions")
    question = await anna.sees("Who is this for?")
    await anna.presses(question, "#1")
    await ivan.sees("Anything else?")


# --- to a closed contact ---------------------------------------------------------------------------------------------


@pytest.mark.fault("F148")
@pytest.mark.parametrize("way", ["a reply to the card", "its number"])
async def test_words_to_a_closed_contact_are_sent_once_it_is_reopened(crm: RunningApp, way: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await closes(anna, card)
    await ivan.sees("is closed")
    await crm.settled()
    if way == "its number":
        words = await anna.says("#1 Your order has arrived!")
    else:
        words = await anna.replies(card, "Your order has arrived!")
    question = await anna.sees("#1 is closed, so this was not sent.")
    assert (question.reply_to, question.labels) == (words.id, ["↩️ Reopen and send"])
    await crm.settled()
    assert not got(ivan, "Your order")
    press = await anna.presses(question, "Reopen and send")
    assert await press.answer() == "#1 is open again. Sent."
    assert (await ivan.sees("Your order has arrived!")).text == "Your order has arrived!"
    await crm.settled()
    assert now(anna, card).labels == ["✔️ Close", "⋯"]
    press = await anna.presses(question, "Reopen and send", stale=True)
    assert await press.answer() == "This has already been sent."
    await ivan.says("Thank you")
    await anna.sees("Thank you")
    assert await count(crm, "contacts") == 1
    assert told(ivan, "Your order") == 1


@pytest.mark.fault("F173")
@pytest.mark.parametrize("way", ["a reply to the card", "its number"])
async def test_number_put_before_words_to_a_closed_contact_gets_a_button(crm: RunningApp, way: str) -> None:
    anna, ivan, maria, card = await two_taken(crm)
    await anna.presses(card, "Close")
    await ivan.sees("is closed")
    await crm.settled()
    if way == "its number":
        words = await anna.says("#1 Good morning")
    else:
        words = await anna.replies(card, "Good morning")
    question = await anna.sees("#1 is closed, so this was not sent.")
    await anna.edits(words, "#2 Good morning")
    await crm.settled()
    press = await anna.presses(question, "Reopen and send")
    assert await press.answer() == "Not sent to #1, as #2 stands before the words. Press #2, or edit them."
    await crm.settled()
    question = now(anna, question)
    assert (question.text, question.labels) == (
        "#1 is closed, so this was not sent.",
        ["#2 Maria", "↩️ Reopen and send"],
    )
    assert await value(crm, "SELECT status FROM contacts WHERE id = 1") == "closed"
    await anna.presses(question, "#2")
    assert (await maria.sees("Good morning")).text == "Good morning"
    await crm.settled()
    assert not got(ivan, "Good morning")
    assert now(anna, question).labels == ["↩️ Take back"]


@pytest.mark.fault("F148")
async def test_album_to_a_closed_contact_is_asked_about_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await closes(anna, card)
    await crm.settled()
    items = await anna.sends_all(kinds.album(kinds.photo(), kinds.photo(caption="two")), reply_to=card)
    question = await anna.sees("so this was not sent")
    await crm.settled()
    assert told(anna, "so this was not sent") == 1
    await anna.presses(question, "Reopen and send")
    await ivan.sees("two")
    assert [seen.copied_from for seen in ivan.chat() if seen.copied_from] == [(anna.id, item.id) for item in items]


@pytest.mark.fault("F149")
async def test_words_to_an_old_contact_of_a_client_with_a_newer_one_are_refused(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, "The first")
    await closes(anna, card)
    await crm.settled()
    await anna.replies(card, "Your order has arrived!")
    question = await anna.sees("#1 is closed, so this was not sent.")
    await types(crm, crm.olga, "/sources late shop_bot 0")  # or it would join the first
    await ask(crm, ivan, anna, "The second")
    press = await anna.presses(question, "Reopen and send")
    assert "newer request with you: #2" in str(await press.answer())
    await anna.replies(card, "Do you hear me?")
    await anna.sees("#1 is closed, and the client has a newer request with you: #2. Reply there.")
    await crm.settled()
    assert not got(ivan, "Your order")
    assert not got(ivan, "Do you hear me?")
    assert await value(crm, "SELECT status FROM contacts WHERE id = 1") == "closed"


@pytest.mark.fault("F148")
async def test_words_to_a_closed_contact_of_a_colleague_stay_refused(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, "Ivan asks")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await closes(boris, await boris.sees("Ivan asks"))
    await crm.settled()
    await anna.replies(card, "Hello")
    assert (await anna.sees("#1 is closed.")).labels == []


# --- commands ---------------------------------------------------------------------------------------------------------


@pytest.mark.postgres_too
async def test_take_and_close_work_as_replies_and_by_number(crm: RunningApp) -> None:
    anna, ivan, maria = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Maria")
    card = await ask(crm, ivan, anna, "Ivan asks")
    await ask(crm, maria, anna, "Maria asks")
    await anna.replies(card, "/take")
    await ivan.sees("taking care")
    await anna.replies(card, "/close")
    await ivan.sees("is closed")
    await anna.says("/take 2")
    await maria.sees("taking care")
    await anna.says("/Close #2")
    await maria.sees("is closed")
    await anna.says("/close")
    await anna.sees("Reply to a card with /close, or add its number: /close #42.")
    await anna.says("/take 99")
    await anna.sees("There is no request #99")
    assert await count(crm, "contacts", "status = 'closed'") == 2

"""Whoever takes a request over gets the whole talk, both sides in order, and the client learns who answers now."""

import pytest

from bot.sandbox import Person
from bot.sandbox.world import content as kinds
from crm_core.messaging.messages import TALK_TEXT
from tests.stories.arranging import give, now, remove, told, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def promised(crm: RunningApp) -> tuple[Person, Person, Person]:
    """Anna has promised something to Ivan; Boris knows nothing of it yet."""
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan")
    await ivan.says("I want my money back", to=crm.shop)
    card = await anna.sees("I want my money back")
    await anna.replies(card, "We refund 50 %, wait until Friday")
    await ivan.sees("We refund 50 %")
    await ivan.says("All right")
    await anna.sees("All right")
    await ivan.sends(kinds.photo(caption="The receipt"))
    await anna.sees("The receipt")
    await crm.settled()
    return anna, boris, ivan


@pytest.mark.fault("F154")
@pytest.mark.parametrize("how", ["by hand", "removed", "blocked"])
async def test_who_takes_over_gets_both_sides_in_order(crm: RunningApp, how: str) -> None:
    anna, boris, ivan = await promised(crm)
    await crm.weight(2, 1)
    match how:
        case "by hand":
            await give(crm, 1, boris)
        case "removed":
            await remove(crm, anna)
        case "blocked":
            await anna.blocks(crm.shop)
    card = await boris.sees("I want my money back", bot=crm.shop)
    assert "👥 Anna had it before you" in card.text
    talk = await boris.sees("📜 #1: what was said before", bot=crm.shop)
    said = [line.partition(" ")[2] for line in talk.text.splitlines()[1:]]
    assert said == ["Anna → client: We refund 50 %, wait until Friday", "Ivan: All right", "Ivan: [photo] The receipt"]
    assert "expandable_blockquote" in [one["type"] for one in talk.entities]
    assert (await boris.sees(kind="photo")).reply_to == card.id
    assert (await ivan.sees("Boris will")).text == "Boris will answer you."
    await ivan.says("So, what about Friday?")
    await boris.sees("So, what about Friday?")
    await boris.replies(talk, "On Friday it is")
    await ivan.sees("On Friday it is")


@pytest.mark.fault("F154")
async def test_words_that_were_only_quoted_and_are_edited_come_as_a_copy(crm: RunningApp) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await anna.replies(card, "What may I do?")
    address = await ivan.says("Bring it to Garden street 12")
    await anna.sees("Garden street 12")
    await crm.settled()
    await give(crm, 1, boris)
    await boris.sees("📜 #1: what was said before", bot=crm.shop)
    await ivan.edits(address, "Bring it to Garden street 21")
    changed = await boris.sees("Bring it to Garden street 21")
    await crm.settled()
    await ivan.edits(address, "Bring it to Garden street 22")
    assert (await boris.sees("Garden street 22")).id == changed.id


@pytest.mark.postgres_too
@pytest.mark.fault("F172")
@pytest.mark.parametrize("moment", ["it is read", "it is being sent", "it waits"])
async def test_words_taken_back_after_a_hand_over_are_so_in_the_talk(
    crm: RunningApp, clock: MovableClock, moment: str
) -> None:
    """Boris would rely on what the client no longer has."""
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    await crm.settled()
    await anna.says("We refund 90 %")
    await ivan.sees("We refund 90 %")
    await anna.sends(kinds.photo(caption="The form"))
    await ivan.sees(kind="photo")
    await ivan.says("Fine")
    await crm.settled()
    lines = [seen for seen in anna.chat(crm.shop) if seen.labels == ["↩️ Take back"]]
    if moment == "it is being sent":
        crm.sandbox.fail(kind="slow", method="sendMessage", chat=boris, delay=1.0, every=2, times=1)
    elif moment == "it waits":
        crm.sandbox.fail(kind="flood", method="sendMessage", chat=boris, retry_after=30)
    await give(crm, 1, boris)
    if moment == "it is read":
        await boris.sees(kind="photo", bot=crm.shop)
        await crm.settled()
        talk = await boris.sees("Anna → client: We refund 90 %")
    elif moment == "it waits":
        await until(crm, "SELECT count(*) FROM gates", 1)
    else:
        await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'talk' AND state = 'sending'", 1)
    for line in lines:
        await (await anna.presses(line, "Take back")).answer()
    clock.forward(seconds=31)
    await crm.app.supervisor.look_again()
    await crm.settled()
    pages = [seen for seen in boris.chat(crm.shop) if seen.text.startswith("📜")]
    assert [seen for seen in boris.chat(crm.shop) if seen.kind == "photo"] == []
    assert [seen for seen in ivan.chat(crm.shop) if seen.kind == "photo"] == []
    told_now = [line.partition(" ")[2] for seen in pages for line in seen.text.splitlines()[1:]]
    if moment == "it waits":
        assert "refund" not in " ".join(told_now)
        return
    assert told_now == [
        "Anna → client: (taken back) We refund 90 %",
        "Anna → client: (taken back) [photo] The form",
        "Ivan: Fine",
    ]
    assert len(pages) == 1
    if moment == "it is read":
        assert pages[0].id == talk.id
    assert told(anna, "could not be taken back") == 0
    await boris.replies(pages[0], "How may I help?")
    await ivan.sees("How may I help?")


@pytest.mark.fault("F172")
async def test_words_taken_back_are_so_on_a_card_shown_again(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    await crm.settled()
    await anna.says("We refund 90 %")
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    asked = await anna.says("#1")
    card = await anna.sees("We refund 90 %", after=asked)
    await anna.presses(line, "Take back")
    await crm.settled()
    assert "Anna: (taken back) We refund 90 %" in now(anna, card).text


@pytest.mark.fault("F154")
async def test_long_talk_comes_in_few_messages_with_every_word(crm: RunningApp) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan" * 16)
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    words = [f"word {number}: 🚲" + "🚲" * (40 * number) for number in range(20)]
    for number, text in enumerate(words):
        await (ivan.says(text) if number % 2 else anna.replies(card, text))
        await (anna if number % 2 else ivan).sees(f"word {number}: ")
    await ivan.says("b" * (TALK_TEXT + 1))
    await crm.settled()
    await give(crm, 1, boris)
    await crm.settled()
    seen = boris.chat(crm.shop)
    pages = [one for one in seen if one.text.startswith("📜")]
    shown = "\n".join(one.text for one in pages)
    assert len(pages) <= 8
    assert all(text in shown for text in words)
    assert [shown.index(text) for text in words] == sorted(shown.index(text) for text in words)
    assert seen[-1].text == "b" * (TALK_TEXT + 1)  # what is too long for a line follows in full


@pytest.mark.postgres_too
@pytest.mark.fault("F154")
async def test_talk_that_waits_is_not_shown_to_who_has_lost_the_request(crm: RunningApp) -> None:
    anna, boris, ivan = await promised(crm)
    await give(crm, 1, boris)
    old = await boris.sees("I want my money back")
    await crm.settled()
    await give(crm, 1, anna)
    await crm.settled()
    assert "I want my money back" not in now(boris, old).text
    assert any("👥 Boris had it before you" in one.text for one in anna.chat())
    assert ivan.looks("Anna will answer you.") is not None


@pytest.mark.fault("F154")
async def test_media_of_a_colleague_say_whose_they_are(crm: RunningApp) -> None:
    anna, boris, ivan = await promised(crm)
    card = await anna.sees("I want my money back")
    picture = await anna.sends(kinds.photo(caption="The form to fill in"), reply_to=card)
    await anna.sends(kinds.sticker(), reply_to=card)
    await anna.replies(card, "l" * (TALK_TEXT + 1))
    await ivan.sees("l" * TALK_TEXT)
    await ivan.sends(kinds.voice())
    await anna.sees(kind="voice")
    await crm.settled()
    await give(crm, 1, boris)
    copy = await boris.sees("The form to fill in", kind="photo", bot=crm.shop)
    assert (copy.text, copy.copied_from) == ("Anna → client:\nThe form to fill in", (anna.id, picture.id))
    await crm.settled()
    below = [seen for seen in boris.chat(crm.shop) if seen.id > copy.id - 2]
    assert [(seen.kind, seen.text[:20]) for seen in below] == [
        ("photo", "The receipt"),
        ("photo", "Anna → client:\nThe f"),
        ("sticker", ""),
        ("text", "Anna → client:"),
        ("text", "Anna → client:\nlllll"),
        ("voice", ""),
    ]
    assert below[3].reply_to == below[2].id


async def test_client_nobody_answered_comes_as_true_copies(crm: RunningApp) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello")
    said = await ivan.says("Anybody?")
    await anna.sees("Anybody?")
    await crm.settled()
    await give(crm, 1, boris)
    assert (await boris.sees("Anybody?", bot=crm.shop)).copied_from == (ivan.id, said.id)


async def test_client_reads_once_who_helps_now_after_a_hand_over(crm: RunningApp) -> None:
    anna, boris, ivan = await promised(crm)
    await give(crm, 1, boris)
    await ivan.sees("Boris will answer you.")
    await crm.settled()
    before = len(ivan.chat(crm.shop))
    await boris.presses(await boris.sees("I want my money back", bot=crm.shop), "Take")
    await boris.sees("In progress")
    await crm.settled()
    assert len(ivan.chat(crm.shop)) == before
    await give(crm, 1, anna)
    await ivan.sees("Anna will answer you.")
    card = next(seen for seen in reversed(anna.chat(crm.shop)) if "✋ Take" in seen.labels)
    await anna.presses(card, "Take")
    await crm.settled()
    assert len(ivan.chat(crm.shop)) == before + 1


async def test_client_reads_who_takes_what_came_back_to_the_same_operator(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    await ivan.sees("Anna will answer you here.")
    await anna.sees("Hello")
    await crm.settled()
    await anna.blocks(crm.shop)
    await crm.settled()
    await anna.starts(crm.shop)
    await crm.settled()
    card = next(seen for seen in reversed(anna.chat(crm.shop)) if "✋ Take" in seen.labels)
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care of your request #1.")

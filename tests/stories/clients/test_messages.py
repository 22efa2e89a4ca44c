"""What clients write: any kind of content opens a contact or joins the open one, and they hear of it once."""

from typing import Any

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import closes, count, every_message_opens, link, now, switch, told
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

COPYABLE = {
    "photo": kinds.photo(caption="the receipt"),
    "video": kinds.video(caption="how it rattles"),
    "voice": kinds.voice(),
    "video_note": kinds.video_note(),
    "audio": kinds.audio(title="a song"),
    "document": kinds.document(caption="the contract"),
    "animation": kinds.animation(),
    "sticker": kinds.sticker(),
    "location": kinds.location(),
    "venue": kinds.venue(),
    "contact": kinds.contact("+79990000002", "Pavel"),
    "poll": kinds.poll("Which colour?", "red", "blue"),
    "dice": kinds.dice(value=4),
}
NAMES = {
    "photo": "photo", "video": "video", "voice": "voice message", "video_note": "round video", "audio": "audio",
    "document": "file", "animation": "animation", "sticker": "sticker", "location": "location", "venue": "place",
    "contact": "phone contact", "poll": "poll", "dice": "dice",
}  # fmt: skip
NOT_COPYABLE = {
    "paid media": kinds.paid_media(),
    "giveaway": kinds.giveaway(),
    "story": kinds.story(),
    "poll": kinds.quiz("Two and two?", "four", "five"),
}


async def test_every_content_kind_opens_a_contact_and_joins_an_open_one(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=20)
    for kind, content in COPYABLE.items():
        ivan = crm.client(f"Ivan {kind}")
        first = await ivan.sends(content, to=crm.shop)
        card = await anna.sees(f"Ivan {kind}")
        assert f"[{NAMES[kind]}]" in card.text
        copy = await anna.sees(kind=kind, after=card)
        assert (copy.copied_from, copy.reply_to) == ((ivan.id, first.id), card.id)

        second = await ivan.sends(content)
        another = await anna.sees(kind=kind, after=copy)
        assert (another.copied_from, another.reply_to) == ((ivan.id, second.id), card.id)
        assert another.raw.get("caption") == first.raw.get("caption")
        assert told(ivan, "Your request") == 1


async def test_formatting_is_kept_on_the_card_and_in_copies(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("<b>Two</b> <i>red</i> <code>bikes</code> 🚲 <u>today</u>", to=crm.shop, parse_mode="HTML")
    card = await anna.sees("Two red bikes 🚲 today")
    assert {cut(card.text, one): one["type"] for one in card.entities} == {
        "#1": "bold",
        "Two": "bold",
        "red": "italic",
        "bikes": "code",
        "today": "underline",
    }
    await ivan.says("<s>or</s> <a href='https://example.com'>these</a>", parse_mode="HTML")
    copy = await anna.sees("or these")
    assert [one["type"] for one in copy.entities] == ["strikethrough", "text_link"]


@pytest.mark.fault("F15", "F45")
@pytest.mark.parametrize("name", NOT_COPYABLE)
async def test_uncopyable_content_of_a_client_is_named_to_the_operator(crm: RunningApp, name: str) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.sends(NOT_COPYABLE[name], to=crm.shop)
    card = await anna.sees("#1")
    assert f"[{name}]" in card.text
    notice = await anna.sees("doesn't let bots copy", after=card)
    words = "\nTwo and two?\n• four\n• five" if name == "poll" else ""
    assert notice.text == f"⚠️ #1: the client sent something that Telegram doesn't let bots copy: {name}.{words}"
    assert notice.reply_to == card.id
    await ivan.sees("Your request is #1")

    await ivan.sends(NOT_COPYABLE[name])
    again = await anna.sees("doesn't let bots copy", after=notice)
    assert again.reply_to == card.id
    await anna.replies(again, "Please send it as a file")
    await ivan.sees("Please send it as a file")


@pytest.mark.fault("F45")
async def test_protected_text_is_passed_on_and_a_protected_caption_is_quoted(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("#1")
    await ivan.says("a secret", protected=True)
    assert (await anna.sees("a secret", after=card)).reply_to == card.id
    await ivan.sends(kinds.photo(caption="<b>not bold</b>"), protected=True)
    notice = await anna.sees("doesn't let bots copy: photo", after=card)
    assert notice.text.endswith(": photo.\n<b>not bold</b>")


async def test_service_messages_are_ignored(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    anna.chat(crm.shop)
    ivan = crm.client()
    await ivan.sends(kinds.service(), to=crm.shop)
    await ivan.sees_nothing_new()
    await anna.sees_nothing_new(bot=crm.shop)


@pytest.mark.fault("F43")
async def test_album_arrives_complete_and_in_order(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    items = await ivan.sends_all(
        kinds.album(kinds.photo(caption="all of it"), kinds.photo(), kinds.video()), to=crm.shop
    )
    card = await anna.sees("#1")
    await crm.settled()
    copies = [seen.copied_from for seen in anna.chat() if seen.copied_from]
    assert copies == [(ivan.id, item.id) for item in items]
    assert "[photo]" in card.text
    assert told(ivan, "Your request") == 1


async def test_messages_join_in_order_and_the_client_is_notified_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    for number in range(20):
        await ivan.says(f"line {number}", to=crm.shop)
    card = await anna.sees("line 0")
    await anna.sees("line 19")
    await crm.settled()
    copies = [seen for seen in anna.chat() if seen.copied_from]
    assert [seen.text for seen in copies] == [f"line {number}" for number in range(1, 20)]
    assert {seen.reply_to for seen in copies} == {card.id}
    assert told(ivan, "Your request") == 1


@pytest.mark.fault("F59")
async def test_waiting_client_learns_their_place_and_messages_follow_the_card(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    clients = [crm.client(name) for name in ("Ivan", "Maria", "Pavel")]
    for client in clients:
        await client.says(f"{client.first_name} asks", to=crm.shop)
        await crm.settled()
    ivan, maria, pavel = clients
    assert (await ivan.sees("#1")).text == "Your request is #1. Anna will answer you here."
    text = (await maria.sees("#2")).text
    assert text == "Your request is #2. All our operators are busy right now; you are next in the queue."
    text = (await pavel.sees("#3")).text
    assert text == "Your request is #3. All our operators are busy right now; you are number 2 in the queue."

    await maria.sends(kinds.photo(caption="while waiting"))
    await crm.settled()
    await closes(anna, await anna.sees("#1"))
    card = await anna.sees("Maria asks")
    copy = await anna.sees("while waiting")
    assert (copy.kind, copy.reply_to) == ("photo", card.id)
    assert anna.looks("Pavel asks") is None
    assert told(maria, "Your request") == 1


async def test_new_contact_after_a_closed_one_mentions_the_earlier_one(crm: RunningApp) -> None:
    await every_message_opens(crm)
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("First", to=crm.shop)
    await closes(anna, await anna.sees("#1"))
    await ivan.sees("Request #1 is closed")
    await ivan.says("One more thing")
    card = await anna.sees("#2")
    assert "🕘 1 earlier request; last: #1, closed " in card.text
    await ivan.sees("Your request is #2")


@pytest.mark.postgres_too
async def test_reply_goes_to_the_answered_contact_while_it_is_open(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await link(crm, "vk", "VK ads", anna)
    ivan = crm.client()
    asked = await ivan.says("About bikes", to=crm.shop)
    bikes = await anna.sees("About bikes")
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("About skis")
    skis = await anna.sees("About skis")

    await ivan.says("The red one", reply_to=asked)
    assert (await anna.sees("The red one")).reply_to == bikes.id
    await ivan.says("Size 42")
    assert (await anna.sees("Size 42")).reply_to == skis.id

    await closes(anna, bikes)
    await ivan.sees("Request #1 is closed")
    await ivan.says("Or the blue one", reply_to=asked)
    assert (await anna.sees("Or the blue one")).reply_to == skis.id


@pytest.mark.fault("F47")
async def test_reply_to_an_unknown_message_joins_the_open_contact(crm: RunningApp) -> None:
    """A reply to our greeting, or to something that only that Telegram has and we never saw."""
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.starts(crm.shop)
    greeting = await ivan.sees()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await ivan.replies(greeting, "To your greeting")
    copy = await anna.sees("To your greeting")
    assert (copy.text, copy.reply_to) == ("To your greeting", card.id)
    said = await ivan.says("And another")
    await anna.sees("And another")
    lost = {**said.raw, "message_id": 9_999, "text": "unseen"}
    crm.sandbox.inject_raw(
        crm.shop,
        {"message": {**said.raw, "message_id": said.id + 500, "text": "to the unseen", "reply_to_message": lost}},
    )
    # It cannot be copied, since no chat has it; that it came, and with whom, the operator is told.
    assert (await anna.sees("#1: a message (text) was deleted")).text.startswith("🗑 #1")


async def test_client_reply_is_shown_under_the_answered_message(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    question = await anna.replies(card, "Which colour?")
    await ivan.replies(await ivan.sees("Which colour?"), "Red")
    assert (await anna.sees("Red")).reply_to == question.id


async def test_same_person_in_two_bots_is_one_lead_with_two_contacts(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    ) as crm:
        shop, desk = crm.bots
        anna = await crm.operator("Anna", bots=[shop, desk])
        ivan = crm.client(username="ivan")
        await ivan.says("To the shop", to=shop)
        await anna.sees("To the shop", bot=shop)
        await ivan.says("To the desk", to=desk)
        card = await anna.sees("To the desk", bot=desk)
        assert "#2" in card.text
        assert "1 earlier request; last: #1, still open, with Anna" in card.text
        # Each is answered by the bot that it was written to.
        await anna.replies(card, "The desk answers")
        await ivan.sees("The desk answers", bot=desk)
        assert ivan.looks("The desk answers", bot=shop) is None
        assert await count(crm, "leads") == 1
        assert await count(crm, "contacts") == 2


async def test_edit_too_long_for_the_card_is_sent_as_a_copy(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    first = await ivan.says("Short", to=crm.shop)
    card = await anna.sees("Short")
    await ivan.edits(first, "Long " * 800)
    copy = await anna.sees("Long", after=card)
    assert (copy.text, copy.reply_to) == (("Long " * 800).strip(), card.id)
    await crm.settled()
    assert "in full below" in now(anna, card).text


async def test_first_text_that_outgrows_the_card_again_keeps_its_one_copy(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    first = await ivan.says("Short", to=crm.shop)
    await anna.sees("Short")
    await crm.settled()
    await ivan.edits(first, "Long " * 800)
    copy = await anna.sees("Long " * 700)
    await ivan.edits(first, "Short again")
    await crm.settled()
    await ivan.edits(first, "Endless " * 500)
    await crm.settled()
    assert (now(anna, copy).text, told(anna, "Endless " * 450)) == (("Endless " * 500).strip(), 1)


async def test_live_location_updates_are_not_passed_on(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("I am on my way", to=crm.shop)
    where = await ivan.sends(kinds.location())
    await anna.sees(kind="location")
    await crm.settled()
    for _ in range(3):
        crm.sandbox.inject_raw(crm.shop, {"edited_message": where.raw})
    await anna.sees_nothing_new(bot=crm.shop)
    assert await count(crm, "outbox", "state = 'dead'") == 0


async def test_inactive_source_refuses_clients_with_a_message(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await switch(crm, await crm.source_id(), is_active=False)
    await ivan.says("Anybody there?", to=crm.shop)
    assert (
        await ivan.sees("not taking requests")
    ).text == "We're not taking requests right now. Please try again later."
    await switch(crm, await crm.source_id(), is_active=True)
    await ivan.says("And now?")
    await anna.sees("And now?")


def cut(text: str, entity: dict[str, Any]) -> str:
    """What an entity covers; Telegram counts in UTF-16 units."""
    units = text.encode("utf-16-le")
    return units[entity["offset"] * 2 : (entity["offset"] + entity["length"]) * 2].decode("utf-16-le")

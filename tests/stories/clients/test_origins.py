"""Whose words a client sends on, and what they ask about: forwards, replies to other chats, quotes."""

from typing import Any

import pytest

from bot.sandbox.world import content as kinds
from crm_core.contacts import details
from tests.stories.arranging import give
from tests.stories.clients.test_albums import sent_by
from tests.support.people import RunningApp

CHANNEL = {"id": -1001, "type": "channel", "title": "Lamp Shop", "username": "lampshop"}
ORIGINS: dict[str, tuple[dict[str, Any], str]] = {
    "hidden": ({"type": "hidden_user", "date": 5, "sender_user_name": "Courier Ltd"}, "Forwarded from Courier Ltd"),
    "nameless": ({"type": "hidden_user", "date": 5}, "Forwarded, author unknown"),
    "channel": (
        {"type": "channel", "date": 5, "chat": CHANNEL, "message_id": 7, "author_signature": "Vera"},
        "Forwarded from Lamp Shop @lampshop, Vera",
    ),
    "user": (
        {"type": "user", "date": 5, "sender_user": {"id": 9, "first_name": "Petra", "last_name": "K."}},
        "Forwarded from Petra K.",
    ),
    "group": ({"type": "chat", "date": 5, "sender_chat": {**CHANNEL, "username": 5}}, "Forwarded from Lamp Shop"),
    "new": ({"type": "robot", "date": 5, "sender_robot": {"name": "R2"}}, "Forwarded, author unknown"),
}


@pytest.mark.fault("F139")
@pytest.mark.parametrize("name", ORIGINS)
async def test_forwarded_words_are_marked_on_card_and_copy(crm: RunningApp, name: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    origin, line = ORIGINS[name]
    await ivan.sends(kinds.text("You are *idiots*"), to=crm.shop, forward_origin=origin)
    card = await anna.sees("You are *idiots*", bot=crm.shop)
    assert f"↪️ {line}\nYou are *idiots*" in card.text
    await ivan.sends(kinds.text("<b>Pay</b> 500 more", parse_mode="HTML"), forward_origin=origin)
    copy = await anna.sees("Pay 500 more")
    assert (copy.text, copy.reply_to) == (f"↪️ {line}\nPay 500 more", card.id)
    assert [one["offset"] for one in copy.entities if one["type"] == "bold"] == [len(f"↪️ {line}\n")]
    await ivan.sends(kinds.photo(caption="the parcel"), forward_origin=origin)
    assert (await anna.sees("the parcel")).text == f"↪️ {line}\nthe parcel"
    sticker = await ivan.sends(kinds.sticker(), forward_origin=origin)
    copy = await anna.sees(kind="sticker")
    note = await anna.sees(line, after=copy)
    assert (copy.copied_from, note.reply_to) == ((ivan.id, sticker.id), copy.id)
    await anna.replies(note, "What is it?")
    await ivan.sees("What is it?")


@pytest.mark.fault("F139")
async def test_forwarded_words_are_marked_wherever_the_talk_is_read_again(crm: RunningApp) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    for name in ("hidden", "nameless"):
        await ivan.sends(kinds.text(f"Pay {name}"), forward_origin=ORIGINS[name][0])
        await anna.sees(f"Pay {name}")
    await ivan.sends(kinds.photo(caption="the parcel"), forward_origin=ORIGINS["channel"][0])
    await anna.sees("the parcel")
    await anna.replies(card, "Do not pay")
    await ivan.sees("Do not pay")
    lines = [
        "Ivan: (↪️ Forwarded from Courier Ltd) Pay hidden",
        "Ivan: (↪️ Forwarded, author unknown) Pay nameless",
        "Ivan: (↪️ Forwarded from Lamp Shop @lampshop, Vera) [photo] the parcel",
    ]
    for who, command, seen in ((anna, "/history #1", "Hello"), (crm.olga, "/history #1", "Hello"), (anna, "#1", "📥")):
        said = await who.says(command)
        shown = await who.sees(seen, after=said)
        assert [line for line in lines if line not in shown.text] == [], command
    await crm.settled()
    await give(crm, 1, boris)
    talk = await boris.sees("📜 #1: what was said before", bot=crm.shop)
    assert [line for line in lines if line not in talk.text] == []


@pytest.mark.fault("F139")
async def test_longest_forwarded_words_arrive_whole_and_are_marked(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    origin = ORIGINS["hidden"][0]
    for content in (kinds.text("x" * 4096), kinds.photo(caption="y" * 1024)):
        sent = await ivan.sends(content, forward_origin=origin)
        copy = await anna.sees(sent.text)
        assert (await anna.sees("Forwarded from Courier Ltd", after=copy)).reply_to == copy.id


@pytest.mark.fault("F139")
async def test_origin_is_in_the_api_and_own_words_have_none(crm: RunningApp) -> None:
    ivan = crm.client()
    await ivan.sends(kinds.text("Pay"), to=crm.shop, forward_origin=ORIGINS["hidden"][0])
    await ivan.says("Is that so?")
    await crm.settled()
    shown = await crm.db.read(details.messages, contact_id=1, skip=0, limit=9)
    assert [one.forwarded_from for one in shown.rows] == ["Courier Ltd", None]


@pytest.mark.fault("F140")
async def test_question_about_a_channel_post_says_which(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    about = {
        "external_reply": {
            "origin": {"type": "channel", "chat": CHANNEL, "message_id": 77, "date": 5},
            "chat": CHANNEL,
            "message_id": 77,
            "photo": [{"file_id": "x", "file_unique_id": "y"}],
        },
        "quote": {"text": "Lamp Snowflake, 3 bulbs", "position": 0},
    }
    shown = "💬 In reply to: photo · Lamp Shop @lampshop · https://t.me/lampshop/77\n❝ Lamp Snowflake, 3 bulbs ❞\n"
    await ivan.sends(kinds.text("How much is this?"), to=crm.shop, parts=about)
    card = await anna.sees("How much is this?", bot=crm.shop)
    assert f"{shown}How much is this?" in card.text
    await ivan.sends(kinds.text("And in red?"), parts=about)
    assert (await anna.sees("And in red?")).text == f"{shown}And in red?"
    private = {"origin": {"type": "hidden_user", "date": 5}, "message_id": 3}
    await ivan.sends(kinds.voice(), parts={"external_reply": private})
    assert (await anna.sees(kind="voice")).text == "💬 In reply to: text"


@pytest.mark.fault("F217")
async def test_quote_of_a_notice_is_said_in_a_line_by_one_request(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    notice = await ivan.sees("Your request is #1")
    await crm.settled()
    before = sent_by(crm)
    quote = {"quote": {"text": "Anna will answer", "position": 0}}
    await ivan.sends(kinds.text("When?"), reply_to=notice, parts=quote)
    await crm.settled()
    copy = next(seen for seen in anna.chat(crm.shop) if "When?" in seen.text)
    assert copy.text == "❝ Anna will answer ❞\nWhen?"
    assert sent_by(crm) == before | {"sendMessage": before["sendMessage"] + 1}

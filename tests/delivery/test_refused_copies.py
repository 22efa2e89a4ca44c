"""What Telegram refuses to copy as it is arrives in another form before it is given up."""

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import count, told
from tests.support.people import RunningApp

TOO_LONG = "Bad Request: message caption is too long"


@pytest.mark.fault("F138")
async def test_copy_refused_as_a_reply_is_sent_without_being_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="error", method="copyMessage", text=TOO_LONG)
    sent = await ivan.sends(kinds.photo(caption="the receipt"), to=crm.shop)
    copy = await anna.sees(kind="photo", bot=crm.shop)
    assert (copy.copied_from, copy.text, copy.reply_to) == ((ivan.id, sent.id), "the receipt", None)
    await anna.replies(copy, "Thank you")
    await ivan.sees("Thank you")
    await crm.settled()
    assert told(anna, "could not be delivered") == 0


@pytest.mark.fault("F138")
@pytest.mark.parametrize("writer", ["client", "operator"])
async def test_photo_and_its_words_arrive_apart_if_telegram_refuses_them_together(crm: RunningApp, writer: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    said = await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    here, there = (ivan, anna) if writer == "client" else (anna, ivan)
    crm.sandbox.fail(kind="error", method="copyMessage", text=TOO_LONG, times=2 if here is ivan else 1)
    await here.sends(kinds.photo(caption="the receipt"), to=crm.shop, reply_to=said if here is ivan else card)
    photo = await there.sees(kind="photo")
    words = await there.sees("the receipt", after=photo)
    assert (photo.text, words.kind) == ("", "text")
    await there.replies(words, "I see")  # both belong to the request
    await here.sees("I see")
    assert await count(crm, "outbox", "state = 'dead'") == 0


@pytest.mark.fault("F138")
async def test_words_of_what_cannot_be_copied_at_all_are_shown_with_its_kind(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    crm.sandbox.fail(kind="error", method="copyMessage", text="Bad Request: message can't be copied", every=1)
    await ivan.sends(kinds.photo(caption="the receipt"))
    notice = await anna.sees("doesn't let bots copy: photo")
    assert notice.text.endswith("the receipt")
    await ivan.sends(kinds.sticker())
    await anna.sees("(sticker) could not be delivered")


@pytest.mark.fault("F138")
async def test_card_whose_formatting_telegram_refuses_is_sent_plain(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    crm.sandbox.fail(kind="error", method="sendMessage", chat=anna, text="Bad Request: can't parse entities")
    await ivan.says("<b>Hello</b>", to=crm.shop, parse_mode="HTML")
    assert (await anna.sees("Hello", bot=crm.shop)).entities == []


@pytest.mark.fault("F141")
async def test_checklist_and_unknown_content_arrive_as_words(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    tasks = [{"id": 1, "text": "Milk"}, {"id": 2, "text": "A lamp", "text_entities": []}]
    await ivan.sends(
        kinds.Content("checklist", {"raw": {"checklist": {"title": "Shopping", "tasks": tasks}}}), to=crm.shop
    )
    assert (await anna.sees("Milk", bot=crm.shop)).text.endswith("checklist.\nShopping\n• Milk\n• A lamp")
    board = {"board": {"title": "My board", "cards": [{"text": "Buy a lamp"}]}}
    crm.sandbox.fail(kind="error", method="copyMessage", text="Bad Request: message can't be copied", every=1)
    await ivan.sends(kinds.Content("board", {"raw": board}))
    assert (await anna.sees("Buy a lamp")).text.endswith("unknown kind.\nMy board\n• Buy a lamp")


@pytest.mark.fault("F142")
async def test_poll_to_a_client_is_refused_before_it_goes(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    poll = await anna.replies(card, kinds.poll("Delivery on Friday?", "yes", "no"))
    refusal = await anna.sees("This poll was not sent")
    assert refusal.reply_to == poll.id
    await crm.settled()
    assert ivan.looks(lambda seen: seen.kind == "poll") is None


@pytest.mark.fault("F142")
async def test_operator_who_gets_a_poll_learns_that_votes_do_not_come_back(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.sends(kinds.poll("Which colour?", "red", "blue"), to=crm.shop)
    copy = await anna.sees(kind="poll", bot=crm.shop)
    assert (await anna.sees("doesn't see votes", after=copy)).reply_to == copy.id


@pytest.mark.fault("F143")
async def test_live_location_moves_at_the_operator_and_slows_nobody(crm: RunningApp) -> None:
    """The clock stands still, so whatever waited for a turn would wait for good."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("On my way", to=crm.shop)
    card = await anna.sees("On my way", bot=crm.shop)
    here = await ivan.sends(kinds.location(live_period=900))
    copy = await anna.sees(kind="location")
    assert copy.reply_to == card.id
    for step in range(70):
        await ivan.edits(here, kinds.location(latitude=55 + step / 100, live_period=900))
    await ivan.says("Which entrance?")
    await anna.sees("Which entrance?")
    await crm.settled()
    there = next(seen for seen in anna.chat() if seen.id == copy.id)
    assert there.raw["location"]["latitude"] == 55.69
    assert told(ivan, "very fast") == 0
    await ivan.edits(here, kinds.location(latitude=56.5))
    await crm.settled()
    there = next(seen for seen in anna.chat() if seen.id == copy.id)
    assert "live_period" not in there.raw["location"]
    assert await count(crm, "outbox", "state = 'dead'") == 0
    assert await count(crm, "messages") == 3

"""Edits that replace, add or remove a file: the other side gets what the writer sees, or is told."""

from typing import Any

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import count, now, told, value
from tests.support.people import RunningApp

OLD, NEW = b"the old price list", b"the new price list"


def file_of(seen_raw: dict[str, Any]) -> str:
    """What is the same of a file wherever it is sent."""
    return str(seen_raw["photo"][-1]["file_unique_id"])


@pytest.mark.postgres_too
@pytest.mark.fault("F137")
@pytest.mark.parametrize("caption", ["I want THIS lamp", None])
async def test_first_words_that_become_a_photo_leave_no_blank_card(crm: RunningApp, caption: str | None) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    said = await ivan.says("I want THIS lamp", to=crm.shop)
    card = await anna.sees("I want THIS lamp", bot=crm.shop)
    edited = await ivan.edits(said, kinds.photo(NEW, caption=caption))
    copy = await anna.sees(kind="photo", after=card)
    assert (file_of(copy.raw), copy.text, copy.reply_to) == (file_of(edited.raw), caption or "", card.id)
    await crm.settled()
    assert "[photo]" in now(anna, card).text
    assert await value(crm, "SELECT kind FROM messages WHERE id = 1") == "photo"


@pytest.mark.fault("F137")
async def test_photo_that_becomes_a_text_is_sent_afresh_under_the_old_copy(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    await anna.sees("Hello", bot=crm.shop)
    said = await ivan.sends(kinds.photo(OLD, caption="this one"))
    copy = await anna.sees("this one")
    await ivan.edits(said, "No picture, just words", removes_media=True)
    fresh = await anna.sees("No picture, just words", after=copy)
    assert (fresh.kind, fresh.reply_to) == ("text", copy.id)
    await ivan.edits(said, "Other words")
    await crm.settled()
    assert now(anna, fresh).text == "Other words"


@pytest.mark.fault("F137")
async def test_copy_that_telegram_does_not_change_is_sent_afresh(crm: RunningApp) -> None:
    """Also a caption of a Premium account, too long for a bot, and a copy that the client has deleted."""
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("How much?", to=crm.shop)
    card = await anna.sees("How much?", bot=crm.shop)
    answer = await anna.replies(card, kinds.photo(OLD, caption="It is 300"))
    copy = await ivan.sees("It is 300")
    crm.sandbox.fail(kind="error", method="editMessageCaption", text="Bad Request: message caption is too long")
    await anna.edits(answer, "It is 200")
    fresh = await ivan.sees("It is 200", after=copy)
    assert (fresh.kind, fresh.reply_to) == ("photo", copy.id)
    await ivan.deletes(fresh)
    await anna.edits(answer, "It is 100")
    await ivan.sees("It is 100", after=fresh)
    await crm.settled()
    assert told(anna, "#1") == 1  # the card alone: nothing went wrong that she would have to know


@pytest.mark.fault("F137")
async def test_edit_that_nobody_can_be_given_is_told_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("How much?", to=crm.shop)
    card = await anna.sees("How much?", bot=crm.shop)
    answer = await anna.replies(card, "It is 300")
    await ivan.sees("It is 300")
    for method in ("editMessageText", "copyMessage", "sendMessage"):
        crm.sandbox.fail(kind="error", method=method, chat=ivan, every=1, text="Bad Request: message can't be copied")
    await anna.edits(answer, "It is 200")
    notice = await anna.sees("could not be delivered")
    assert notice.reply_to == answer.id
    await crm.settled()
    assert told(anna, "could not be delivered") == 1


@pytest.mark.postgres_too
async def test_edit_is_not_sent_anew_to_an_operator_who_no_longer_has_the_request(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    said = await ivan.sends(kinds.photo(OLD, caption="this one"))
    await anna.sees("this one")
    await anna.presses(card, "Take")
    await crm.settled()
    await anna.presses(card, "Close")
    await ivan.sees("is closed")
    await ivan.edits(said, "Words for nobody", removes_media=True)
    await crm.settled()
    assert anna.looks("Words for nobody") is None
    assert await count(crm, "outbox", "state = 'dead' AND kind <> 'copy_edit'") == 0

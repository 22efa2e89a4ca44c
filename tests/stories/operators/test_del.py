"""/del: an operator takes back what they wrote, by a reply to it."""

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import count, one_taken, remove
from tests.stories.operators.test_unquoted_words import ASKED_TO_DELETE, got, two_taken
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

HINT = "Reply with /del to a message of yours that went to a client."


@pytest.mark.postgres_too
@pytest.mark.fault("F146")
@pytest.mark.parametrize("command", ["/del", "/Delete"])
async def test_reply_with_del_takes_back_what_the_client_got(crm: RunningApp, command: str) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    words = await anna.replies(card, "An offer for somebody else")
    await ivan.sees("An offer")
    await crm.settled()
    for _ in range(2):
        await anna.replies(words, command)
        await crm.settled()
        assert not got(ivan, "An offer")
        assert anna.chat(crm.shop)[-1].text == ASKED_TO_DELETE
    assert await count(crm, "events", "kind = 'message_withdrawn'") == 1
    assert not got(ivan, "/")


@pytest.mark.fault("F146")
async def test_one_picture_of_an_album_is_taken_back_alone(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    items = await anna.sends_all(kinds.album(kinds.photo(caption="Red"), kinds.photo()), reply_to=card)
    await crm.settled()
    await anna.replies(items[1], "/del")
    await crm.settled()
    assert [seen.text for seen in ivan.chat(crm.shop) if seen.copied_from] == ["Red"]


@pytest.mark.fault("F146")
async def test_del_in_vain_says_what_to_reply_to(crm: RunningApp) -> None:
    anna, _, _, card = await two_taken(crm)
    copy = await anna.sees("Ivan asks")
    for said in (await anna.says("/del"), await anna.replies(card, "/del"), await anna.replies(copy, "/del")):
        await crm.settled()
        answer = anna.chat(crm.shop)[-1]
        assert answer.text == HINT, said


@pytest.mark.fault("F146")
async def test_words_older_than_two_days_stay_and_that_is_said(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    words = await anna.replies(card, "An offer")
    await ivan.sees("An offer")
    await crm.settled()
    clock.forward(hours=48)
    await anna.replies(words, "/del")
    await crm.settled()
    assert "48 hours" in anna.chat(crm.shop)[-1].text
    assert got(ivan, "An offer")


@pytest.mark.fault("F146")
async def test_operator_who_was_removed_takes_nothing_back(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    words = await anna.replies(card, "An offer")
    await ivan.sees("An offer")
    await crm.settled()
    await remove(crm, anna)
    await anna.replies(words, "/del")
    await crm.settled()
    assert got(ivan, "An offer")

"""Words and commands in a team's forum that are corrected by editing them, as in private chats."""

from collections.abc import Callable

import pytest

from bot.sandbox import Person, SeenMessage
from bot.sandbox.people.people import GroupHandle
from bot.sandbox.world import content as kinds
from tests.stories.arranging import count, give
from tests.stories.operators.test_forum import holding, newest_with, only_topic, said, with_forum, written
from tests.stories.operators.test_offers import offers
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def refused(crm: RunningApp) -> tuple[Person, Person, Person, GroupHandle, SeenMessage]:
    """Anna, who has Ivan's request, has written in its topic what looks like a command; Boris looks on."""
    anna, boris, ivan, group, _ = await holding(crm)
    words = await anna.says("/ It is 300", to=group, thread=only_topic(crm, group))
    await anna.sees("starts with a slash", bot=group)
    return anna, boris, ivan, group, words


def received(crm: RunningApp, ivan: Person) -> list[str]:
    """What the client has from the bot, besides its own notices."""
    return [one.text for one in ivan.chat(crm.shop) if one.sender == crm.shop.id and one.copied_from]


@pytest.mark.fault("F258")
async def test_words_corrected_in_a_topic_are_sent_once_and_then_edited(crm: RunningApp) -> None:
    anna, _, ivan, _, words = await refused(crm)
    await anna.edits(words, "It is 300")
    await ivan.sees("It is 300")
    await crm.settled()
    await anna.edits(words, "It is 350")
    await ivan.sees("It is 350")
    await crm.settled()
    assert received(crm, ivan) == ["It is 350"]
    assert await count(crm, "messages", "author = 'operator'") == 1


@pytest.mark.fault("F258")
async def test_corrections_right_after_one_another_are_sent_once(crm: RunningApp) -> None:
    anna, _, ivan, _, words = await refused(crm)
    for text in ("It is 300", "It is 310", "It is 320"):
        await anna.edits(words, text)
    await ivan.sees("It is 320")
    await crm.settled()
    assert received(crm, ivan) == ["It is 320"]


@pytest.mark.fault("F258")
async def test_what_was_sent_and_becomes_a_command_is_edited_and_not_refused(crm: RunningApp) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    words = await anna.says("It is 300", to=group, thread=only_topic(crm, group))
    await ivan.sees("It is 300")
    await crm.settled()
    before = len(written(crm, group))
    for text in ("/ It is 300", "It is 350"):
        await anna.edits(words, text)
        await ivan.sees(text)
    await crm.settled()
    assert (received(crm, ivan), len(written(crm, group))) == (["It is 350"], before)


@pytest.mark.fault("F258")
async def test_caption_and_command_are_corrected_in_a_topic(crm: RunningApp) -> None:
    anna, _, ivan, group, words = await refused(crm)
    topic = only_topic(crm, group)
    photo = await anna.sends(kinds.photo(), to=group, thread=topic, caption="/ Look")
    await anna.sees(lambda one: one.reply_to == photo.id, bot=group)
    await anna.edits(photo, "Look")
    await ivan.sees("Look")
    await anna.edits(words, "/ It is 310")
    await crm.settled()
    assert sum("starts with a slash" in one for one in said(crm, group)) == 3
    await crm.settled()
    command = await anna.says("/dle", to=group, thread=topic, reply_to=photo)
    await anna.sees(lambda one: one.reply_to == command.id, bot=group)
    await anna.edits(command, "/del")
    await crm.settled()
    assert received(crm, ivan) == []


@pytest.mark.fault("F258")
@pytest.mark.parametrize("make", [kinds.photo, kinds.document], ids=["photo", "document"])
async def test_file_is_sent_when_its_refused_caption_is_removed(
    crm: RunningApp, make: Callable[[], kinds.Content]
) -> None:
    anna, _, ivan, group, _ = await refused(crm)
    file = await anna.sends(make(), caption="/ Look", to=group, thread=only_topic(crm, group))
    await anna.sees(lambda one: one.reply_to == file.id, bot=group)
    await anna.edits(file, make())
    await ivan.sees(lambda one: one.copied_from == (group.id, file.id))


@pytest.mark.fault("F258")
async def test_talk_of_a_colleague_is_never_sent_by_an_edit(crm: RunningApp) -> None:
    anna, boris, ivan, group, words = await refused(crm)
    topic = only_topic(crm, group)
    talk = await boris.says("/ What a pest", to=group, thread=topic)
    await boris.edits(talk, "He is a pest")
    await anna.edits(words, "He is")
    await ivan.sees("He is")
    await crm.settled()
    assert received(crm, ivan) == ["He is"]


@pytest.mark.fault("F258")
async def test_talk_of_before_somebody_had_the_request_is_never_sent_by_an_edit(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, boris, ivan, group, words = await refused(crm)
    talk = await boris.says("What a pest", to=group, thread=only_topic(crm, group))
    await crm.settled()  # else it may be read when Boris has the request, and goes to Ivan at once
    clock.forward(seconds=5)
    await give(crm, 1, boris)
    await crm.settled()
    await boris.edits(talk, "He is a pest")
    await anna.edits(words, "It is 300")
    await crm.settled()
    assert received(crm, ivan) == []


@pytest.mark.fault("F261")
async def test_words_for_a_closed_request_are_sent_by_an_edit_once_it_is_reopened(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, _, ivan, group, words = await refused(crm)
    await anna.says("/close #1", to=crm.shop)
    await crm.settled()
    late = await anna.says("It is 350", to=group, thread=only_topic(crm, group))
    await anna.sees("#1 is closed", bot=group)
    clock.forward(seconds=5)
    await anna.presses(newest_with(crm, anna, "Reopen"), "Reopen")
    await crm.settled()
    await anna.edits(late, "It is 360")
    await ivan.sees("It is 360")
    await anna.edits(words, "It is 300")
    await ivan.sees("It is 300")


@pytest.mark.fault("F261")
async def test_words_of_whoever_has_the_request_again_are_sent_by_an_edit(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris, ivan, group, words = await refused(crm)
    talk = await anna.says("/ What a pest", to=group, thread=only_topic(crm, group))
    clock.forward(seconds=5)
    await give(crm, 1, boris)
    meanwhile = int(clock().timestamp()) + 1
    clock.forward(seconds=5)
    await give(crm, 1, anna)
    await crm.settled()
    dated = {"date": meanwhile, "edit_date": meanwhile + 9}
    crm.sandbox.inject_raw(crm.shop, {"edited_message": {**talk.raw, **dated, "text": "He is a pest"}})
    await anna.edits(words, "It is 300")
    await ivan.sees("It is 300")
    await crm.settled()
    assert received(crm, ivan) == ["It is 300"]


@pytest.mark.fault("F261")
async def test_words_about_an_offered_request_are_sent_by_an_edit_once_it_is_taken(
    crm: RunningApp, clock: MovableClock
) -> None:
    await offers(crm)
    anna, _, ivan, _, words = await refused(crm)
    clock.forward(seconds=5)
    await anna.presses(newest_with(crm, anna, "Take"), "Take")
    await crm.settled()
    await anna.edits(words, "It is 300")
    await ivan.sees("It is 300")


@pytest.mark.postgres_too
@pytest.mark.fault("F258")
async def test_talk_while_a_forum_was_off_is_never_sent_by_an_edit(crm: RunningApp, clock: MovableClock) -> None:
    anna, _, ivan, group, _ = await holding(crm)
    await crm.olga.says("/forum off", to=group)
    await crm.settled()
    talk = await anna.says("What a pest", to=group, thread=only_topic(crm, group))
    clock.forward(seconds=5)
    await crm.olga.says("/forum shop_bot", to=group)
    await crm.settled()
    await anna.edits(talk, "He is a pest")
    await crm.settled()
    assert received(crm, ivan) == []


@pytest.mark.fault("F258")
async def test_preview_loaded_for_refused_words_sends_nothing(crm: RunningApp) -> None:
    _, _, ivan, group, words = await refused(crm)
    crm.sandbox.inject_raw(crm.shop, {"edited_message": words.raw})
    crm.sandbox.inject_raw(crm.shop, {"edited_message": {**words.raw, "text": "It is 300"}})
    await crm.settled()
    assert (received(crm, ivan), sum("starts with a slash" in one for one in said(crm, group))) == ([], 1)


@pytest.mark.fault("F258")
async def test_command_about_a_forum_that_is_corrected_is_done(crm: RunningApp) -> None:
    group = crm.sandbox.group("Team", [crm.olga, crm.shop], forum=True, supergroup=True)
    wrong = await crm.olga.says("/forum shp_bot", to=group)
    await crm.olga.sees("shp_bot", bot=group)
    await crm.olga.edits(wrong, "/forum shop_bot")
    await crm.olga.sees("have a topic each here", bot=group)
    slip = await crm.olga.says("/forun off", to=group)
    await crm.olga.edits(slip, "/forum off")
    await crm.olga.sees("No more topics here for shop_bot", bot=group)
    await with_forum(crm)

"""A source whose clients' words can't be forwarded or saved: these are protected at operators, and nothing else is."""

import pytest

from bot.sandbox import Person, SandboxError, SeenMessage
from bot.sandbox.world import content
from crm_core.access.actors import SYSTEM
from crm_core.routing import source_settings, sources
from tests.stories.arranging import give, now, one_taken
from tests.stories.clients.test_albums import THREE
from tests.stories.operators.test_my import brings
from tests.stories.operators.test_overview import looks_again, pinned
from tests.stories.operators.test_shown_cards import shows
from tests.stories.steering import presses, types
from tests.support.people import RunningApp


async def protect(crm: RunningApp, *, is_on: bool = True) -> None:
    (source, *_others) = await crm.db.read(sources.listing)
    await crm.db.write(
        source_settings.set_protection, source_id=source.id, protect_content=is_on, actor=SYSTEM, now=crm.clock()
    )


def got(who: Person, crm: RunningApp, words: str) -> list[SeenMessage]:
    """The bot's messages to somebody with these words, oldest first."""
    return [seen for seen in who.chat(crm.shop) if seen.sender != who.id and words in seen.text]


@pytest.mark.parametrize("way", ["command", "button"])
async def test_protection_is_set_shown_and_taken_away(crm: RunningApp, way: str) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot")
    assert "🔒 No forwarding" in screen.text  # among what is not used
    if way == "command":
        screen = await types(crm, crm.olga, "/sources protect shop_bot")
    else:
        more = await presses(crm, crm.olga, screen, "⚙️ More")
        screen = await presses(crm, crm.olga, more, "🔒 No forwarding")
    assert "From the next message on, operators can't forward or save what clients send." in screen.text
    assert "🔒 Operators can't forward or save what clients send" in screen.text
    if way == "command":
        screen = await types(crm, crm.olga, "/sources unprotect shop_bot")
    else:
        more = await presses(crm, crm.olga, screen, "⚙️ More")
        screen = await presses(crm, crm.olga, more, "🔓 Allow forwarding")
    assert "From the next message on, operators can forward and save what clients send." in screen.text
    assert "🔒 Operators" not in screen.text
    assert "protect shop_bot" in (await types(crm, crm.olga, "/sources protect")).text


@pytest.mark.fault("F212")
async def test_what_a_client_sends_cannot_be_forwarded_and_all_else_can(crm: RunningApp) -> None:
    await protect(crm)
    anna, ivan, card = await one_taken(crm)
    assert card.is_protected
    await ivan.says("Do you have bicycles?")
    words = await anna.sees("Do you have bicycles?")
    await ivan.sends(content.photo(), caption="a red one")
    photo = await anna.sees("a red one")
    assert (words.is_protected, photo.is_protected) == (True, True)
    with pytest.raises(SandboxError, match="cannot be forwarded"):
        await anna.forwards(photo, crm.shop)
    await anna.replies(words, "Yes, red ones")
    assert not (await ivan.sees("Yes, red ones")).is_protected
    assert not any(seen.is_protected for seen in ivan.chat(crm.shop))
    assert (await types(crm, anna, "/history #1", to=crm.shop)).is_protected
    assert (await brings(crm, anna)).is_protected
    assert not (await types(crm, anna, "/help", to=crm.shop)).is_protected
    await ivan.shares_phone()
    assert (await anna.sees("shared a phone")).is_protected


@pytest.mark.fault("F212")
async def test_overview_that_can_be_forwarded_has_no_protected_words(crm: RunningApp) -> None:
    anna, _ivan, _card = await one_taken(crm)
    before = await pinned(crm, anna)
    assert "My question" in before.text
    await protect(crm)
    after = await pinned(crm, anna)
    assert (after.id, after.is_protected) == (before.id, False)  # how it was sent cannot be changed
    assert "My question" not in after.text
    brought = await brings(crm, anna)
    assert brought.is_protected
    assert "My question" in brought.text
    await looks_again(crm)
    assert now(anna, brought).request_id == brought.request_id
    await protect(crm, is_on=False)
    await anna.says("/overview", to=crm.shop)
    assert not (await types(crm, anna, "/my", to=crm.shop)).is_protected


async def test_change_counts_from_the_next_message_on(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    await ivan.says("Before")
    before = await anna.sees("Before")
    await protect(crm)
    await ivan.says("After")
    after = await anna.sees("After")
    await protect(crm, is_on=False)
    await ivan.says("Later")
    later = await anna.sees("Later")
    assert [now(anna, one).is_protected for one in (card, before, after, later)] == [False, False, True, False]
    await anna.forwards(before, crm.shop)


async def test_album_and_its_line_are_protected_on_both_ways_of_sending_it(crm: RunningApp) -> None:
    await protect(crm)
    anna, ivan, card = await one_taken(crm)
    await ivan.sends_all(THREE)
    await anna.sees("all of it")
    await crm.settled()
    album = [seen for seen in anna.chat(crm.shop) if seen.copied_from]
    assert (len(album), {seen.is_protected for seen in album}) == (3, {True})
    await ivan.sends_all(content.album(content.photo(caption="in reply"), content.photo()), reply_to=card.id)
    await anna.sees("in reply")
    await crm.settled()
    assert all(seen.is_protected for seen in anna.chat(crm.shop) if seen.copied_from)
    await anna.replies(card, content.album(content.photo(caption="ours"), content.photo()))
    await ivan.sees("ours")
    assert not any(seen.is_protected for seen in ivan.chat(crm.shop))


@pytest.mark.fault("F212")
async def test_words_edited_where_the_copy_is_gone_come_again_protected(crm: RunningApp) -> None:
    await protect(crm)
    anna, ivan, _card = await one_taken(crm)
    said = await ivan.says("Six o'clock")
    await anna.deletes(await anna.sees("Six o'clock"))
    await ivan.edits(said, "Seven o'clock")
    assert (await anna.sees("Seven o'clock")).is_protected


@pytest.mark.fault("F212")
async def test_card_and_conversation_of_a_request_that_moves_on_are_protected(crm: RunningApp) -> None:
    await protect(crm)
    anna, ivan, _card = await one_taken(crm)
    boris = await crm.operator("Boris")
    await ivan.says("And a bell?")
    copy = await anna.sees("And a bell?")
    await anna.replies(copy, "Of course")
    await ivan.sees("Of course")
    await crm.settled()
    assert (await shows(crm, anna)).is_protected
    await give(crm, 1, boris)
    await boris.sees("Of course")
    await crm.settled()
    assert [seen.is_protected for seen in got(boris, crm, "My question")] == [True]
    assert {seen.is_protected for seen in got(boris, crm, "And a bell?")} == {True}
    await ivan.says("In red?")
    assert (await boris.sees("In red?")).is_protected


@pytest.mark.fault("F212")
async def test_refused_copy_is_protected_in_every_other_form(crm: RunningApp) -> None:
    await protect(crm)
    anna, ivan, _card = await one_taken(crm)
    crm.sandbox.fail(kind="error", code=400, text="MESSAGE_EMPTY", method="copyMessage", chat=anna)
    await ivan.says("Whatever becomes of it")
    assert (await anna.sees("Whatever becomes of it")).is_protected


@pytest.mark.fault("F212")
async def test_older_server_protects_what_clients_send_as_well(crm: RunningApp) -> None:
    crm.sandbox.configure(older=True)
    await protect(crm)
    anna, ivan, card = await one_taken(crm)
    await ivan.says("Do you have bicycles?")
    assert card.is_protected
    assert (await anna.sees("Do you have bicycles?")).is_protected

"""Albums of operators arrive at their clients as albums."""

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.world import content
from tests.stories.arranging import ask, give, now, one_taken
from tests.stories.clients.test_albums import THREE, albums, originals, sent_by
from tests.support.people import RunningApp

SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05)


def got(person: Person, crm: RunningApp) -> list[SeenMessage]:
    return [seen for seen in person.chat(crm.shop) if seen.copied_from]


async def test_album_in_reply_to_a_card_arrives_as_one_album_by_one_call(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    before = sent_by(crm)
    items = await anna.sends_all(THREE, reply_to=card)
    await crm.settled()
    [album] = albums(ivan, crm)
    assert originals(album) == [item.id for item in items]
    assert album[0].text == "all of it"
    assert sent_by(crm) == before | {"copyMessages": 1}


async def test_album_in_reply_to_a_message_replies_to_it_at_the_client(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm)
    words = await ivan.says("Which colours are there?")
    await anna.sees("Which colours")
    copy = next(seen for seen in anna.chat(crm.shop) if seen.copied_from)
    before = sent_by(crm)
    items = await anna.sends_all(THREE, reply_to=copy)
    await crm.settled()
    [album] = albums(ivan, crm)
    assert originals(album) == [item.id for item in items]
    assert {seen.reply_to for seen in album} == {words.id}
    assert sum(sent_by(crm).values()) == sum(before.values()) + 1


@pytest.mark.parametrize("place", [0, 1])
async def test_command_under_an_album_part_is_obeyed_and_the_other_parts_arrive(crm: RunningApp, place: int) -> None:
    anna, ivan, card = await one_taken(crm)
    parts = [content.photo(), content.photo(), content.photo()]
    parts[place] = content.photo(caption="/my")
    items = await anna.sends_all(content.album(*parts), reply_to=card)
    await anna.sees("#1 Ivan ·")
    await crm.settled()
    assert [seen.copied_from for seen in got(ivan, crm)] == [
        (anna.id, item.id) for item in items if item is not items[place]
    ]


async def test_number_in_the_caption_of_an_album_is_not_for_the_client(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    for client in (ivan, maria):
        await anna.presses(await ask(crm, client, anna, f"{client.first_name} asks"), "Take")
    await anna.sends_all(content.album(content.photo(caption="#2 look"), content.photo()))
    await anna.sees("→ #2 Maria")
    await crm.settled()
    [album] = albums(maria, crm)
    assert [seen.text for seen in album] == ["look", ""]
    assert albums(ivan, crm) == []


@pytest.mark.postgres_too
async def test_album_comes_whole_after_the_operator_chose_whom_it_is_for(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    for client in (ivan, maria):
        await anna.presses(await ask(crm, client, anna, f"{client.first_name} asks"), "Take")
    await anna.sends_all(THREE)
    await anna.presses(await anna.sees("Who is this for?"), "#1")
    await ivan.sees("all of it")
    await crm.settled()
    assert [len(album) for album in albums(ivan, crm)] == [3]


async def test_edited_caption_and_replaced_photo_reach_their_part(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    items = await anna.sends_all(THREE, reply_to=card)
    await crm.settled()
    [[first, second, _]] = albums(ivan, crm)
    await anna.edits(items[0], "the best of it")
    await anna.edits(items[1], content.photo(caption="another one"))
    await crm.settled()
    assert (now(ivan, first).text, now(ivan, second).text) == ("the best of it", "another one")
    assert len(got(ivan, crm)) == 3


async def test_album_that_was_taken_back_is_deleted_with_all_its_parts(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm)
    await anna.sends_all(THREE)
    line = await anna.sees("→ #1 Ivan")
    await crm.settled()
    assert len(got(ivan, crm)) == 3
    await anna.presses(line, "Take back")
    await crm.settled()
    assert got(ivan, crm) == []


async def test_album_of_a_colleague_comes_whole_with_their_name_once(crm: RunningApp) -> None:
    anna, _, card = await one_taken(crm)
    await anna.sends_all(THREE, reply_to=card)
    await crm.settled()
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await crm.settled()
    [album] = albums(boris, crm)
    lines = [seen.reply_to for seen in boris.chat(crm.shop) if seen.text == "Anna → client:"]
    assert (len(album), lines) == (3, [album[0].id])


@pytest.mark.fault("F44")
async def test_operator_is_told_once_that_an_album_may_have_come_twice(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=SHORT) as crm:
        anna, ivan, card = await one_taken(crm)
        sandbox.fail(kind="silent", method="copyMessages", chat=ivan)
        items = await anna.sends_all(THREE, reply_to=card)
        note = await anna.sees("twice")
        await crm.settled()
        assert [len(album) for album in albums(ivan, crm)] == [3, 3]
        assert note.reply_to == items[0].id
        assert len([seen for seen in anna.chat(crm.shop) if "twice" in seen.text]) == 1


@pytest.mark.fault("F34")
async def test_blocked_client_is_told_of_once_for_a_whole_album(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    crm.sandbox.fail(
        kind="error", code=403, text="Forbidden: bot was blocked by the user", method="copyMessages", chat=ivan
    )
    await anna.sends_all(THREE, reply_to=card)
    await anna.sees("blocked")
    await crm.settled()
    assert len([seen for seen in anna.chat(crm.shop) if "blocked" in seen.text]) == 1
    assert got(ivan, crm) == []

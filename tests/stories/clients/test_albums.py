"""Albums of clients arrive at their operators as albums, and nothing of one is lost, doubled or held up by the rest."""

from collections.abc import AsyncIterator

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.world import content
from crm_core.messaging.inbox import IncomingUpdate
from tests.stories.arranging import ask, give, now, shut_chat, until, value
from tests.support.people import RunningApp
from tests.support.telegram_kit import FrozenClock

SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05)
TEN = content.album(*(content.photo(caption=str(number)) for number in range(10)))
NUMBERS = [str(number) for number in range(10)]
THREE = content.album(content.photo(caption="all of it"), content.photo(), content.video())
FORWARDED = {"type": "hidden_user", "date": 1, "sender_user_name": "Petra"}


@pytest.fixture
def clock() -> FrozenClock:
    """How long a part waits for further ones must not depend on how busy the machine is."""
    return FrozenClock()


@pytest.fixture
async def still(sandbox: Sandbox, database_url: str, clock: FrozenClock) -> AsyncIterator[RunningApp]:
    """As `crm`, with a clock that stands still."""
    async with await RunningApp.open(sandbox, database_url, clock=clock) as opened:
        yield opened


async def later(crm: RunningApp, clock: FrozenClock, seconds: float) -> None:
    """Time goes on, and all that is due by then is sent."""
    clock.forward(seconds)
    await crm.app.supervisor.look_again()
    await crm.settled()


def copies(anna: Person, crm: RunningApp) -> list[str]:
    return [str(seen.raw["caption"]) for seen in anna.chat(crm.shop) if seen.copied_from]


def albums(person: Person, crm: RunningApp) -> list[list[SeenMessage]]:
    """What was copied to somebody, the messages that they see as one album together."""
    found: dict[str, list[SeenMessage]] = {}
    for seen in person.chat(crm.shop):
        if seen.copied_from:
            found.setdefault(seen.raw.get("media_group_id", str(seen.id)), []).append(seen)
    return list(found.values())


def originals(seen: list[SeenMessage]) -> list[int]:
    return [one.copied_from[1] for one in seen if one.copied_from]


def sent_by(crm: RunningApp) -> dict[str, int]:
    """How often the bot has called each method that sends."""
    counted: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return {name: number for name, number in counted.items() if name.startswith(("send", "copy", "forward"))}


async def part(crm: RunningApp, ivan: Person, album: str = "7", **options: object) -> SeenMessage:
    """One part of an album comes alone, as by a webhook, and is handled."""
    sent = await ivan.sends(content.photo(), to=crm.shop, album=album, **options)  # type: ignore[arg-type]
    await until(crm, f"SELECT count(*) FROM messages WHERE message_id = {sent.id}", 1)  # noqa: S608
    return sent


@pytest.mark.fault("F43")
async def test_album_arrives_as_one_album_by_one_call(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna, "I have pictures")
    before = sent_by(crm)
    items = await ivan.sends_all(TEN, to=crm.shop)
    await crm.settled()
    [album] = albums(anna, crm)
    assert originals(album) == [item.id for item in items]
    assert sent_by(crm) == before | {"copyMessages": 1}


async def test_album_that_opens_a_request_follows_its_card(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    items = await ivan.sends_all(THREE, to=crm.shop)
    card = await anna.sees("[photo]")
    await crm.settled()
    [album] = albums(anna, crm)
    assert originals(album) == [item.id for item in items]
    assert album[0].id > card.id


async def test_album_of_a_waiting_client_comes_whole_when_they_are_assigned(crm: RunningApp) -> None:
    ivan = crm.client()
    items = await ivan.sends_all(THREE, to=crm.shop)
    await ivan.says("Anybody there?")
    await crm.settled()
    anna = await crm.operator("Anna")
    await anna.sees("Anybody there?")
    await crm.settled()
    album, words = albums(anna, crm)
    assert originals(album) == [item.id for item in items]
    assert words[0].text == "Anybody there?"


async def test_album_comes_whole_to_whoever_gets_the_request_next(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await crm.settled()
    [album] = albums(boris, crm)
    assert originals(album) == [item.id for item in items]
    assert len(albums(anna, crm)) == 1


async def test_replies_and_edits_reach_the_right_part_of_an_album(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    [[first, second, _]] = albums(anna, crm)
    await anna.replies(second, "What is this?")
    answer = await ivan.sees("What is this?")
    assert answer.reply_to == items[1].id
    await ivan.edits(items[0], "most of it")
    await crm.settled()
    assert now(anna, first).text == "most of it"
    assert now(anna, first).raw["media_group_id"] == first.raw["media_group_id"]


async def test_parts_that_come_one_by_one_are_sent_together(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    items = [await part(still, ivan) for _ in range(3)]
    assert albums(anna, still) == []  # nothing says that these are all
    await later(still, clock, 1)
    [album] = albums(anna, still)
    assert originals(album) == [item.id for item in items]


@pytest.mark.postgres_too
async def test_album_of_ten_parts_waits_for_no_further_one(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    for _ in range(10):
        await part(still, ivan)
    await still.settled()
    assert [len(album) for album in albums(anna, still)] == [10]


async def test_album_is_complete_when_something_else_follows(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    for album in ("7", "7", "8", "8"):
        await part(still, ivan, album)
    await anna.sees(kind="photo")
    await ivan.says("That is all")
    await anna.sees("That is all")
    await still.settled()
    assert [len(album) for album in albums(anna, still)] == [2, 2, 1]


async def test_part_that_comes_late_replies_to_its_album(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    first = [await part(still, ivan) for _ in range(2)]
    await later(still, clock, 1)
    late = await part(still, ivan)
    await later(still, clock, 1)
    album, [single] = albums(anna, still)
    assert (originals(album), originals([single])) == ([one.id for one in first], [late.id])
    assert single.reply_to == album[0].id


async def test_late_parts_come_together_as_a_reply(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    for _ in range(2):
        for _ in range(2):
            await part(still, ivan)
        await later(still, clock, 1)
    album, late = albums(anna, still)
    assert (len(album), len(late)) == (2, 2)
    assert {seen.reply_to for seen in late} == {album[0].id}


@pytest.mark.fault("F206")
async def test_parts_left_out_silently_are_sent_one_by_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="skip", method="copyMessages", chat=anna)
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    seen = [one for one in anna.chat(crm.shop) if one.copied_from]
    assert originals(seen) == [item.id for item in items]
    assert {one.reply_to for one in seen[1:]} == {seen[0].id}
    assert not [one for one in anna.chat(crm.shop) if "twice" in one.text]
    await anna.replies(seen[1], "This one?")
    assert (await ivan.sees("This one?")).reply_to == items[1].id


@pytest.mark.fault("F206")
async def test_part_that_was_deleted_before_it_was_copied_is_told_of(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    first, second, third = [await part(still, ivan) for _ in range(3)]
    await ivan.deletes(second)
    await later(still, clock, 1)
    seen = [one for one in anna.chat(still.shop) if one.copied_from]
    assert originals(seen) == [first.id, third.id]
    assert len([one for one in anna.chat(still.shop) if "deleted" in one.text]) == 1


@pytest.mark.fault("F206")
async def test_parts_left_out_that_cannot_be_taken_out_again_are_marked(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="skip", method="copyMessages", chat=anna)
    crm.sandbox.fail(kind="error", method="deleteMessages", chat=anna, text="Bad Request: message can't be deleted")
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    seen = [one for one in anna.chat(crm.shop) if one.copied_from]
    assert set(originals(seen)) == {item.id for item in items}
    assert len(seen) == 2 + 3
    assert len([one for one in anna.chat(crm.shop) if "may have arrived twice" in one.text]) == 3


@pytest.mark.postgres_too
@pytest.mark.fault("F44")
@pytest.mark.parametrize(("fault", "doubled"), [("cut", 1), ("silent", 2)])
async def test_album_whose_answer_was_lost_is_repeated_whole_and_marked_once(
    sandbox: Sandbox, database_url: str, fault: str, doubled: int
) -> None:
    async with await RunningApp.open(sandbox, database_url, retry_delays=SHORT) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ask(crm, ivan, anna)
        sandbox.fail(kind=fault, method="copyMessages", chat=anna)
        await ivan.sends_all(TEN, to=crm.shop)
        note = await anna.sees("may have arrived twice")
        await crm.settled()
        assert copies(anna, crm) == NUMBERS * doubled
        repeated = albums(anna, crm)[-1]
        assert len(repeated) == 10
        assert note.reply_to == repeated[0].id
        assert len([seen for seen in anna.chat(crm.shop) if "may have arrived twice" in seen.text]) == 1


@pytest.mark.fault("F44")
async def test_album_that_was_sent_in_part_is_sent_one_by_one_and_marked(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="partial", method="copyMessages", chat=anna)
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    seen = [one for one in anna.chat(crm.shop) if one.copied_from]
    assert originals(seen[-3:]) == [item.id for item in items]
    assert originals(seen[:-3]) == [item.id for item in items[:-1]]
    assert len([one for one in anna.chat(crm.shop) if "may have arrived twice" in one.text]) == 3


@pytest.mark.fault("F44")
async def test_album_that_telegram_refuses_is_sent_one_by_one(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="error", method="copyMessages", chat=anna, text="Bad Request: something new")
    items = await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    seen = [one for one in anna.chat(crm.shop) if one.copied_from]
    assert originals(seen) == [item.id for item in items]
    assert not [one for one in anna.chat(crm.shop) if "twice" in one.text]


@pytest.mark.postgres_too
async def test_album_waits_whole_for_the_end_of_a_flood_wait(still: RunningApp, clock: FrozenClock) -> None:
    anna, ivan = await still.operator("Anna"), still.client()
    await ask(still, ivan, anna)
    await shut_chat(still, anna, ivan, "before", seconds=30)
    still.sandbox.fail(kind="flood", retry_after=5, method="copyMessages", chat=anna)
    await ivan.sends_all(THREE, to=still.shop)
    clock.forward(30)
    await still.app.supervisor.look_again()
    await until(still, "SELECT count(*) FROM outbox WHERE state = 'pending' AND outcome = 'flood_wait'", 3)
    await later(still, clock, 5)
    assert [len(album) for album in albums(anna, still)] == [1, 3]


async def test_album_says_whose_it_is_where_another_request_came_last(crm: RunningApp) -> None:
    anna, ivan, maria = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Maria")
    await ask(crm, ivan, anna, "Ivan asks")
    await ask(crm, maria, anna, "Maria asks")
    await ivan.sends_all(THREE, to=crm.shop)
    line = await anna.sees("The album is from #1 Ivan")
    await crm.settled()
    [album] = albums(anna, crm)
    assert line.reply_to == album[0].id
    await anna.replies(line, "Got it")
    await ivan.sees("Got it")
    await ivan.sends_all(THREE, to=crm.shop)
    await crm.settled()
    assert len([seen for seen in anna.chat(crm.shop) if "The album is from" in seen.text]) == 1


async def test_origin_of_a_forwarded_album_is_said_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    await ivan.sends_all(THREE, to=crm.shop, forward_origin=FORWARDED)
    line = await anna.sees("Forwarded from Petra")
    await crm.settled()
    [album] = albums(anna, crm)
    assert (len(album), album[0].text, line.reply_to) == (3, "all of it", album[0].id)
    assert len([seen for seen in anna.chat(crm.shop) if "Petra" in seen.text]) == 1


async def test_album_that_replies_to_a_message_stays_a_reply(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await ask(crm, ivan, anna)
    question = await anna.replies(card, "Can you send pictures?")
    asked = await ivan.sees("Can you send pictures?")
    items = await ivan.sends_all(THREE, to=crm.shop, reply_to=asked)
    await crm.settled()
    [album] = albums(anna, crm)
    assert originals(album) == [item.id for item in items]
    assert {seen.reply_to for seen in album} == {question.id}
    assert album[0].text == "all of it"


async def test_protected_album_is_named_part_by_part(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ask(crm, ivan, anna)
    await ivan.sends_all(THREE, to=crm.shop, protected=True)
    await crm.settled()
    assert albums(anna, crm) == []
    assert len([seen for seen in anna.chat(crm.shop) if "doesn't let bots copy" in seen.text]) == 3


@pytest.mark.postgres_too
@pytest.mark.slow  # it waits for seconds
@pytest.mark.fault("F43")
async def test_restart_during_an_album_keeps_it_complete_and_in_order(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(sandbox, database_url) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        handle, handled = crm.app.worker.handle, list[IncomingUpdate]()

        async def until_the_fourth(row: IncomingUpdate) -> None:
            if "media_group_id" in row.raw["message"]:
                if len(handled) == 4:
                    raise LookupError("the process ends here")
                await handle(row)
                handled.append(row)
            else:
                await handle(row)

        crm.app.worker.handle, crm.app.worker.together = until_the_fourth, None
        await ivan.sends_all(TEN, to=crm.shop)
        await anna.sees(lambda seen: seen.raw.get("caption") == "3", bot=crm.shop)
    assert copies(anna, crm) == NUMBERS[:4]
    async with await RunningApp.open(sandbox, database_url, admin=False) as again:
        await anna.sees(lambda seen: seen.raw.get("caption") == "9", bot=again.shop)
        await again.app.supervisor.idle()
        assert copies(anna, again) == NUMBERS
        assert [len(album) for album in albums(anna, again)] == [4, 6]


@pytest.mark.postgres_too
@pytest.mark.fault("F43")
async def test_held_parts_survive_a_restart_and_go_together(sandbox: Sandbox, database_url: str) -> None:
    clock = FrozenClock()
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await ask(crm, ivan, anna)
        items = [await part(crm, ivan) for _ in range(2)]
        assert await value(crm, "SELECT count(*) FROM outbox WHERE state = 'pending'") == 2
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
        items.append(await part(again, ivan))
        assert albums(anna, again) == []
        await later(again, clock, 1)
        [album] = albums(anna, again)
        assert originals(album) == [item.id for item in items]


async def test_album_is_one_line_of_the_history(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("ok", to=crm.shop)
    await ivan.says("ok", to=crm.shop)
    photos = content.photo(caption="The lamp"), content.photo(), content.photo()
    await ivan.sends_all(content.album(*photos), to=crm.shop)
    await crm.settled()
    await anna.says("/history #1", to=crm.shop)
    shown = await anna.sees("The lamp\n", bot=crm.shop)
    *_, first, second, caption, rest = (line.split(" ", 2)[2] for line in shown.text.split("\n")[1:])
    assert (first, second, caption, rest) == ("Ivan: ok", "Ivan: ok", "Ivan: [photo] The lamp", "Ivan: [photo] × 2")

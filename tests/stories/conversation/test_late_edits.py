"""Edits of what somebody else has by now; and words that are too long for one message of a bot."""

import pytest

from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, count, give, now, one_taken, remove, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

pytestmark = pytest.mark.postgres_too


@pytest.mark.fault("F216")
async def test_edit_that_waits_goes_to_nobody_who_lost_the_request(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    said = await ivan.says("fifty")
    copy = await anna.sees("fifty")
    boris = await crm.operator("Boris")
    crm.sandbox.fail(kind="flood", retry_after=600, method="editMessageText", chat=anna)
    await ivan.edits(said, "fifteen")
    await until(crm, "SELECT count(*) FROM gates", 1)
    await give(crm, 1, boris)
    await boris.sees("fifteen")
    clock.forward(seconds=601)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert now(anna, copy).text == "fifty"
    assert await count(crm, "outbox", "state IN ('pending', 'sending')") == 0


@pytest.mark.fault("F216")
async def test_removed_operator_sees_no_edit_of_what_they_had(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    said = await ivan.sends(kinds.photo(caption="fifty"))
    copy = await anna.sees("fifty")
    await crm.settled()
    await remove(crm, anna)
    await ivan.edits(said, "fifteen")
    await crm.settled()
    assert now(anna, copy).text == "fifty"
    boris = await crm.operator("Boris")
    await boris.sees("fifteen")


@pytest.mark.fault("F216")
async def test_operator_who_has_the_request_back_sees_edits_again(crm: RunningApp) -> None:
    anna, ivan, _ = await one_taken(crm, "Ivan asks")
    said = await ivan.says("fifty")
    await anna.sees("fifty")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await boris.sees("fifty")
    await ivan.edits(said, "forty")
    await boris.sees("forty")
    await crm.settled()
    await give(crm, 1, anna)
    await anna.sees("forty")
    await ivan.edits(said, "thirty")
    await anna.sees("thirty")
    await crm.settled()
    assert boris.looks("thirty") is None


@pytest.mark.fault("F218")
async def test_longest_words_after_a_number_arrive_in_two_messages(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    maria = crm.client("Maria")
    await ask(crm, maria, anna, "Maria asks")
    await anna.says("#1 " + "one " * 1020 + "<b>" + "two " * 40 + "</b>end", parse_mode="HTML")
    await ivan.sees("end")
    await crm.settled()
    first, second = [seen for seen in ivan.chat(crm.shop) if "two " in seen.text]
    assert f"{first.text} {second.text}".split() == ["one"] * 1020 + ["two"] * 40 + ["end"]
    assert [(one["type"], one["offset"]) for one in (*first.entities, *second.entities)] == [
        ("bold", 4080),
        ("bold", 0),
    ]
    line = await anna.sees("→ #1 Ivan")
    await anna.presses(line, "Take back")
    await crm.settled()
    assert [seen for seen in ivan.chat(crm.shop) if "two " in seen.text] == []
    assert await anna.replies(card, "and this")
    await ivan.sees("and this")


@pytest.mark.fault("F48")
async def test_edit_that_comes_while_its_copy_is_being_sent_is_made_there_too(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    for writer, reader, where in ((anna, ivan, card), (ivan, anna, None)):
        crm.sandbox.fail(kind="slow", method="copyMessage", chat=reader, delay=0.7)  # sent at once, and answered late
        said = await (writer.says("fifty") if where is None else writer.replies(where, "fifty"))
        copy = await reader.sees("fifty")
        await writer.edits(said, "fifteen")
        await crm.settled()
        assert now(reader, copy).text == "fifteen"

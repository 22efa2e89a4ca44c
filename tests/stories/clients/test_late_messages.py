"""What clients write after closing: a thank-you is no new request, and nobody who asks something waits in vain."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy.orm import Session

from bot.sandbox import Person, Sandbox, SeenMessage
from crm_core.conversation import late_messages
from tests.stories.arranging import closes, count, link, now, remove, shut_chat, told, until, value
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def says_after_closing(crm: RunningApp, client: Person, operator: Person, words: str) -> SeenMessage:
    """The card under which an operator sees what a client wrote after their request was closed."""
    await client.says(f"{client.first_name} has a question", to=crm.shop)
    card = await operator.sees(f"{client.first_name} has a question", bot=crm.shop)
    await closes(operator, card)
    await client.sees("is closed")
    await crm.settled()
    await client.says(words)
    await operator.sees(words, after=card)
    await crm.settled()
    return next(seen for seen in reversed(operator.chat(crm.shop)) if "Not needed" in str(seen.labels))


async def five_minutes_later(crm: RunningApp, clock: MovableClock) -> None:
    clock.forward(minutes=5, seconds=1)
    await crm.app.schedule.run("renew_late")
    await crm.settled()


@pytest.mark.fault("F153")
async def test_thanks_after_closing_need_nothing_and_open_nothing(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    late = await says_after_closing(crm, ivan, anna, "Thanks!")
    assert "The client has written again." in late.text
    assert late.labels == ["↩️ Reopen", "👌 Not needed"]
    copy = await anna.sees("Thanks!")
    assert copy.reply_to == late.id
    await ivan.says("Really!")
    await anna.sees("Really!")
    before = len(ivan.chat(crm.shop))

    press = await anna.presses(late, "Not needed")
    assert await press.answer() == "#1 stays closed."
    await crm.settled()
    assert now(anna, late).labels == ["↩️ Reopen"]
    await five_minutes_later(crm, clock)
    assert len(ivan.chat(crm.shop)) == before  # nothing is said to the client
    assert await count(crm, "contacts") == 1
    assert await count(crm, "messages", "contact_id = 1") == 3
    assert await value(crm, "SELECT current_leads FROM operators") == 0
    press = await anna.presses(late, "Not needed", stale=True)
    assert await press.answer() == "#1: this was already decided."


@pytest.mark.postgres_too
async def test_late_words_leave_one_live_card_and_change_the_earlier_one_once(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Ivan has a question", to=crm.shop)
    card = await anna.sees("Ivan has a question")
    await closes(anna, card)
    await ivan.sees("is closed")
    await crm.settled()
    edits = await count(crm, "outbox", "kind = 'card_edit'")
    await ivan.says("Thanks!")
    late = await anna.sees("The client has written again.")
    await ivan.says("Really!")
    await anna.sees("Really!")
    await crm.settled()
    assert late.id != card.id
    assert (now(anna, card).text, now(anna, card).labels) == ("#1 Ivan · ⤵️ below", [])
    assert await count(crm, "outbox", "kind = 'card_edit'") == edits + 1


@pytest.mark.fault("F153")
async def test_late_question_is_taken_up_by_reopening(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    late = await says_after_closing(crm, ivan, anna, "And skis?")
    await anna.presses(late, "Reopen")
    await anna.sees("In progress")
    await crm.settled()
    await anna.replies(await anna.sees("And skis?"), "Both")
    await ivan.sees("Both")
    await five_minutes_later(crm, clock)
    assert await count(crm, "contacts") == 1


@pytest.mark.fault("F153")
async def test_line_about_unseen_words_survives_a_late_question(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Ivan begins", to=crm.shop)
    card = await anna.sees("Ivan begins", bot=crm.shop)
    await crm.settled()
    last = anna.chat(crm.shop)[-1].id
    await shut_chat(crm, anna, ivan, "One", "Two", "Three", seconds=600)
    await closes(anna, card)
    await ivan.sees("is closed")
    await ivan.says("And skis?")
    await until(crm, "SELECT count(*) FROM contacts WHERE late_from IS NOT NULL", 1)
    clock.forward(minutes=5, seconds=1)
    await crm.app.schedule.run("renew_late")
    clock.forward(minutes=5, seconds=1)
    await crm.app.supervisor.look_again()
    await crm.settled()
    seen = [one.text for one in anna.chat(crm.shop) if one.id > last and one.sender != anna.id]
    assert [one for one in seen if one.startswith("…")] == ["… and 3 more messages in #1: /history #1"]
    assert sum("And skis?" in one for one in seen) == 1


@pytest.mark.postgres_too
@pytest.mark.fault("F153")
async def test_undecided_late_words_become_a_request_of_the_same_operator(crm: RunningApp, clock: MovableClock) -> None:
    anna, boris, ivan = await crm.operator("Anna"), await crm.operator("Boris", weight=0), crm.client()
    late = await says_after_closing(crm, ivan, anna, "And skis?")
    await ivan.says("Red ones")
    words = await anna.sees("Red ones")
    await crm.weight(2, 1000)  # whoever is drawn now is Boris
    await five_minutes_later(crm, clock)
    await ivan.sees("Your request is #2. Anna will answer you here.")
    card = next(seen for seen in anna.chat() if seen.text.startswith("#2 "))
    assert "And skis?" in card.text
    assert now(anna, late).labels == ["↩️ Reopen"]
    assert boris.looks("And skis?") is None
    await anna.replies(words, "We have them in red")  # the copy under the closed card belongs to the new request
    await ivan.sees("We have them in red")
    assert await value(crm, "SELECT status FROM contacts WHERE id = 2") == "in_progress"
    assert await count(crm, "messages", "contact_id = 2 AND author = 'client'") == 2
    press = await anna.presses(late, "Not needed", stale=True)
    assert await press.answer() == "#1: this was already decided."


@pytest.mark.postgres_too
@pytest.mark.fault("F153")
async def test_late_words_that_fail_again_and_again_hold_back_no_others(
    crm: RunningApp, clock: MovableClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    anna, ivan, maria = await crm.operator("Anna"), crm.client(), crm.client("Maria")
    await says_after_closing(crm, ivan, anna, "And skis?")
    await says_after_closing(crm, maria, anna, "And boots?")
    renew = late_messages.renew

    def fails_for_the_first(s: Session, *, contact_id: int, **inputs: Any) -> Any:
        if contact_id == 1:
            raise RuntimeError("nobody expected this")
        return renew(s, contact_id=contact_id, **inputs)

    monkeypatch.setattr(late_messages, "renew", fails_for_the_first)
    await five_minutes_later(crm, clock)
    await maria.sees("Your request is #3")
    monkeypatch.setattr(late_messages, "renew", renew)
    await five_minutes_later(crm, clock)
    await ivan.sees("Your request is #4")


@pytest.mark.fault("F153")
@pytest.mark.parametrize("why", ["offline", "removed", "full"])
async def test_late_words_to_who_is_not_there_open_a_request_at_once(crm: RunningApp, why: str) -> None:
    anna, boris = await crm.operator("Anna", limit=1), await crm.operator("Boris", weight=0)
    ivan, maria = crm.client(), crm.client("Maria")
    await ivan.says("Hello", to=crm.shop)
    await closes(anna, await anna.sees("Hello"))
    await ivan.sees("is closed")
    match why:
        case "offline":
            await anna.says("/offline")
            await anna.sees("You are offline")
        case "removed":
            await remove(crm, anna)
        case "full":
            await maria.says("Maria asks", to=crm.shop)
            await anna.sees("Maria asks")
    await crm.weight(2, 1)
    await ivan.says("And skis?")
    assert "And skis?" in (await boris.sees("And skis?", bot=crm.shop)).text
    await ivan.sees("Boris will answer you here.")


@pytest.mark.fault("F153")
async def test_operator_decides_nothing_that_they_have_not_seen(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    late = await says_after_closing(crm, ivan, anna, "Thanks!")
    await anna.says("/offline")
    away = await anna.sees("You are offline")
    await ivan.says("And skis?")
    words = await anna.sees("And skis?", after=away)
    assert words.reply_to == late.id


@pytest.mark.fault("F256")
async def test_press_does_not_dismiss_words_that_are_still_on_their_way(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    late = await says_after_closing(crm, ivan, anna, "Thanks!")
    await shut_chat(crm, anna, ivan, "And skis?", "Red ones", seconds=60)
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_operator' AND state = 'pending'", 2)
    press = await anna.presses(late, "Not needed")
    assert await press.answer() == "#1: the client has written more, and it is still on its way to you."
    clock.forward(minutes=1, seconds=1)
    await crm.app.supervisor.look_again()
    await anna.sees("Red ones")
    await crm.settled()
    press = await anna.presses(late, "Not needed")
    assert await press.answer() == "#1 stays closed."


@pytest.mark.fault("F153")
async def test_operator_whose_shift_has_ended_sees_all_that_they_decide_about(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await says_after_closing(crm, ivan, anna, "Thanks!")
    ends = clock() + timedelta(minutes=2)
    hours = f"/operators hours Anna daily {(ends - timedelta(hours=4)):%H:%M}-{ends:%H:%M}"
    await crm.olga.says(hours, to=crm.shop)
    await anna.sees("An admin has set your working hours")
    clock.forward(minutes=3)
    await crm.app.schedule.run("turn_shifts")
    await ivan.says("And where is my order?")
    await anna.sees("And where is my order?")


@pytest.mark.postgres_too
@pytest.mark.fault("F153")
async def test_late_words_survive_a_restart(sandbox: Sandbox, database_url: str, clock: MovableClock) -> None:
    async with await RunningApp.open(sandbox, database_url, clock=clock) as crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        await says_after_closing(crm, ivan, anna, "And skis?")
    async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as crm:
        await five_minutes_later(crm, clock)
        await ivan.sees("Your request is #2", bot=crm.shop)
        assert await count(crm, "contacts", "late_from IS NOT NULL") == 0


@pytest.mark.postgres_too
@pytest.mark.fault("F153")
async def test_press_at_the_last_moment_and_the_new_request_exclude_each_other(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna = await crm.operator("Anna", limit=50)
    for number, button in enumerate(["Reopen", "Not needed"] * 3, start=1):
        ivan = crm.client(f"Ivan {number}")
        late = await says_after_closing(crm, ivan, anna, f"word {number}")
        before = await count(crm, "contacts")
        clock.forward(minutes=6)
        press, _ = await asyncio.gather(anna.presses(late, button), crm.app.schedule.run("renew_late"))
        await press.answer()
        await crm.settled()
        renewed = await count(crm, "contacts") - before
        is_open = await value(crm, f"SELECT count(*) FROM contacts WHERE id = {before} AND status <> 'closed'")  # noqa: S608
        assert renewed + is_open <= 1
        assert renewed or button == "Not needed" or is_open
        assert await count(crm, "contacts", "late_from IS NOT NULL") == 0


async def test_late_hours_of_a_source_are_obeyed_and_can_be_changed(crm: RunningApp, clock: MovableClock) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await crm.olga.says("/sources late shop_bot 2")
    assert "up to 2 h after closing" in (await crm.olga.sees("Saved.")).text
    await ivan.says("First", to=crm.shop)
    await closes(anna, await anna.sees("First"))
    await ivan.sees("#1 is closed")
    clock.forward(hours=2, minutes=1)
    await ivan.says("Second")
    await ivan.sees("Your request is #2")
    await crm.olga.says("/sources late shop_bot 0")
    await crm.olga.sees("every message opens a new request")
    await closes(anna, await anna.sees("Second"))
    await ivan.sees("#2 is closed")
    await ivan.says("Third")
    await ivan.sees("Your request is #3")
    await crm.olga.says("/sources late shop_bot many")
    await crm.olga.sees("from 0 to")


async def test_who_comes_by_a_link_again_opens_a_new_request(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await link(crm, "vk", "VK ads", anna)
    await ivan.says("First", to=crm.shop)
    await closes(anna, await anna.sees("First"))
    await ivan.sees("is closed")
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("From the ad")
    await ivan.sees("Your request is #2")
    assert told(ivan, "is closed") == 1

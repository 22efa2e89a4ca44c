"""What a card says of what is needed now: new words since the last look, whose turn it is, skills, the last request."""

import pytest

from bot.sandbox import Person, SeenMessage
from tests.stories.arranging import ask, every_message_opens, give, now
from tests.stories.operators.test_shown_cards import shows
from tests.stories.steering import types
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


async def says(crm: RunningApp, ivan: Person, anna: Person, *words: str) -> None:
    for one in words:
        await ivan.says(one, to=crm.shop)
        await anna.sees(one)
    await crm.settled()


def lines(card: SeenMessage) -> list[str]:
    """What a card says below its first message."""
    return card.text.split("\n\n", 2)[2].splitlines()


async def taken_at_noon(crm: RunningApp, clock: MovableClock) -> tuple[Person, Person, SeenMessage]:
    """An operator, a client, and the card of their request, which the operator took at 12:00."""
    clock.goes_to(12, 0)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await anna.presses(card, "Take")
    await crm.settled()
    return anna, ivan, card


@pytest.mark.fault("F214")
async def test_shown_card_counts_and_marks_what_is_new_since_the_last_look(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan, card = await taken_at_noon(crm, clock)
    clock.goes_to(12, 10)
    await says(crm, ivan, anna, "In red?")
    await anna.replies(card, "Yes, in red")
    await ivan.sees("Yes, in red")
    clock.goes_to(12, 20)
    await says(crm, ivan, anna, "How much?", "And a bell?")
    clock.goes_to(12, 30)
    shown = await shows(crm, anna)
    assert lines(shown) == [
        "🔔 2 new messages since 12:10",
        "12:10 Ivan: In red?",
        "12:10 Anna: Yes, in red",
        "🔹 12:20 Ivan: How much?",
        "🔹 12:20 Ivan: And a bell?",
        "",
        "🟢 In progress since 12:00",
        "⏳ As of 12:30: waits for your answer since 12:20 (10 min)",
    ]
    clock.goes_to(12, 40)
    again = await shows(crm, anna)  # they have looked at it meanwhile
    assert "new message" not in again.text
    assert "🔹" not in again.text


@pytest.mark.fault("F214")
async def test_mark_of_new_words_stays_when_the_card_is_redrawn_for_something_else(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan, _ = await taken_at_noon(crm, clock)
    clock.goes_to(12, 20)
    await says(crm, ivan, anna, "How much?")
    clock.goes_to(12, 30)
    shown = await shows(crm, anna)
    await ivan.says("/email ivan@example.com", to=crm.shop)
    await anna.sees("gave an e-mail")
    await crm.settled()
    redrawn = now(anna, shown)
    assert "ivan@example.com" in redrawn.text
    assert "🔔 1 new message since 12:00\n🔹 12:20 Ivan: How much?" in redrawn.text


async def test_request_that_comes_back_from_sleep_says_what_is_new(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await anna.replies(card, "I'll ask, and write tomorrow")
    await ivan.sees("I'll ask")
    await types(crm, anna, "/snooze #1 19:00", to=crm.shop)
    clock.goes_to(13, 0)
    await ivan.says("Any news?")
    await anna.sees("is back: the client has written")
    await crm.settled()
    back = next(seen for seen in reversed(anna.chat(crm.shop)) if "📥" in seen.text)
    assert "🔔 1 new message since 12:00\n" in back.text
    assert "🔹 13:00 Ivan: Any news?" in back.text


async def test_shown_card_says_that_it_waits_for_the_client(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await anna.replies(card, "Which colour?")
    await ivan.sees("Which colour?")
    await crm.settled()
    clock.goes_to(14, 5)
    shown = await shows(crm, anna)
    assert lines(shown)[-1] == "💬 As of 14:05: waits for the client since 12:00 (2 h)"
    assert "🔔" not in shown.text


@pytest.mark.fault("F214")
async def test_what_a_former_operator_saw_is_new_to_who_has_it_now(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna)
    await anna.replies(card, "One moment")
    await ivan.sees("One moment")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await boris.sees("My question", bot=crm.shop)
    clock.goes_to(12, 15)
    await says(crm, ivan, boris, "Are you there?")
    shown = await shows(crm, boris)
    assert "🔔" not in shown.text  # Boris has looked at nothing so far, and all of it is there


async def test_card_names_what_the_request_requires(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await types(crm, crm.olga, "/operators skills Anna german, billing")
    await types(crm, crm.olga, "/sources skills shop_bot german 30")
    await types(crm, crm.olga, "/keywords shop_bot refund*: billing 30")
    card = await ask(crm, ivan, anna, "A refund, please")
    assert card.text.splitlines()[:3] == ["#1 Ivan", "📥 shop_bot", "🎓 billing, german"]
    plain = await ask(crm, crm.client("Petra"), anna, "Only German")
    assert "🎓 german\n" in plain.text


async def test_card_names_the_last_request_of_its_client_with_its_outcome(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    await every_message_opens(crm)
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    card = await ask(crm, ivan, anna, "First")
    await anna.presses(card, "Take")
    await crm.settled()
    await anna.presses(now(anna, card), "Close")
    await ivan.sees("is closed")
    clock.forward(hours=24)
    second = await ask(crm, ivan, anna, "Second")
    assert "🕘 1 earlier request; last: #1, closed " in second.text
    assert second.text.split("last: ")[1].splitlines()[0].endswith(", 12:00, with Anna")

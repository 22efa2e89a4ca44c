"""/my: the overview comes to the end of the chat, sorted by what is due, with a link and a button to each card."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from bot.sandbox import Person, Sandbox, SeenMessage
from bot.sandbox.world import content
from crm_core.access.actors import SYSTEM
from crm_core.service import setting
from crm_core.service.targets import Targets
from tests.stories.arranging import asks, count, give, now, until
from tests.stories.operators.test_overview import card_of, looks_again, pinned, titled
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

BELOW = "⬇️ The overview is below."


async def brings(crm: RunningApp, anna: Person) -> SeenMessage:
    """Anna sends /my. Returns the one message that is pinned then, and nothing that looks like it is beside it."""
    said = await anna.says("/my", to=crm.shop)
    await crm.settled()
    found = anna.pinned(crm.shop)
    assert len(found) == 1
    assert found[0].id > said.id
    assert [one.id for one in lists(anna, crm)] == [found[0].id]
    return found[0]


def lists(anna: Person, crm: RunningApp) -> list[SeenMessage]:
    """The messages of a chat that list requests."""
    return [one for one in anna.chat(crm.shop) if one.text and one.text[0] in "🔴🟢😴❗✅"]


def links(message: SeenMessage) -> list[str]:
    """Where the words of a message lead."""
    return [one["url"] for one in message.entities if one["type"] == "text_link"]


async def with_targets(crm: RunningApp, targets: Targets) -> None:
    """The first source has these."""
    await crm.db.write(setting.set_targets, source_id=1, targets=targets, actor=SYSTEM, now=crm.clock())


async def watches(crm: RunningApp) -> None:
    """The clocks are looked at, and then the overview."""
    await crm.app.schedule.run("watch_service")
    await looks_again(crm)


@pytest.mark.fault("F163")
async def test_my_command_puts_who_waits_first_with_their_last_words(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    ivan, maria, leo = crm.client("Ivan"), crm.client("Maria"), crm.client("Leo")
    for client, words in ((ivan, "Do you have bicycles?"), (maria, "And skis?"), (leo, "Is it open today?")):
        await client.says(words, to=crm.shop)
        await anna.sees(words, bot=crm.shop)
    await crm.settled()
    clock.forward(minutes=5)
    for words in ("And skis?", "Do you have bicycles?"):
        await anna.replies(await anna.sees(words), f"Yes: {words}")
    await crm.settled()
    answered = f"{clock():%H:%M}"
    clock.forward(minutes=7)
    await maria.sends(content.photo(), to=crm.shop)
    await crm.settled()
    clock.forward(minutes=30)
    mine = await brings(crm, anna)
    assert mine.text.splitlines() == [
        "🔴 2 waiting · 🟢 1 in progress",
        "🔴 #3 Leo · 🆕 since 12:00 · Is it open today?",
        "🔴 #2 Maria · since 12:12 · [photo]",
        f"🟢 #1 Ivan · you answered: {answered} · Do you have bicycles?",
    ]
    assert mine.labels == ["#3", "#2", "#1"]
    assert links(mine) == [f"https://t.me/shop_bot?start=c_{number}" for number in (3, 2, 1)]
    linked = [mine.text.encode("utf-16-le")[2 * one["offset"] :][: 2 * one["length"]] for one in mine.entities]
    assert [one.decode("utf-16-le") for one in linked][1:] == ["#3 Leo", "#2 Maria", "#1 Ivan"]


async def test_my_command_without_requests_says_that_nothing_is_open(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    assert (await brings(crm, anna)).text == "✅ Nothing is open."
    await asks(crm, "Ivan", anna)
    assert titled(await pinned(crm, anna)) == "🔴 1 waiting"


async def test_my_command_knows_how_long_a_client_has_waited_whoever_held_them(
    crm: RunningApp, clock: MovableClock
) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    await crm.client("Ivan").says("Do you have bicycles?", to=crm.shop)
    await anna.sees("Do you have bicycles?", bot=crm.shop)
    boris = await crm.operator("Boris")
    clock.ahead += timedelta(hours=2)
    await give(crm, 1, boris)
    assert "🔴 #1 Ivan · 🆕 since 12:00 · Do you have bicycles?" in (await brings(crm, boris)).text


async def test_colleagues_answer_is_not_called_ones_own(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("Ivan")
    await ivan.says("Do you have bicycles?", to=crm.shop)
    await anna.replies(await anna.sees("Do you have bicycles?", bot=crm.shop), "Yes")
    await ivan.sees("Yes")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    assert "🟢 #1 Ivan · answered: " in (await brings(crm, boris)).text


@pytest.mark.fault("F209")
async def test_my_command_leaves_one_overview_at_the_end_of_the_chat(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    before = await pinned(crm, anna)
    after = await brings(crm, anna)
    assert after.id != before.id
    again = await brings(crm, anna)
    assert again.id != after.id
    await asks(crm, "Maria", anna)
    changed = await pinned(crm, anna)
    assert (changed.id, titled(changed)) == (again.id, "🔴 2 waiting")


@pytest.mark.postgres_too
@pytest.mark.fault("F209")
async def test_two_my_commands_at_once_leave_one_overview(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    await looks_again(crm)
    for _ in range(3):
        await anna.says("/my", to=crm.shop)
    await brings(crm, anna)


@pytest.mark.fault("F209")
async def test_overview_too_old_to_be_deleted_says_that_another_is_below(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    before = await pinned(crm, anna)
    too_old = "Bad Request: message can't be deleted for everyone"
    crm.sandbox.fail(kind="error", method="deleteMessage", code=400, text=too_old, times=1)
    await brings(crm, anna)
    assert (now(anna, before).text, now(anna, before).labels) == (BELOW, [])


async def test_my_command_of_who_switched_the_overview_off_shows_it_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=100)
    for number in range(11):
        await asks(crm, f"Client {number}", anna)
    await anna.says("/overview", to=crm.shop)
    await anna.says("/my")
    shown = await anna.sees("page 1 of 2")
    await anna.presses(shown, "▶️")
    second = await anna.sees("page 2 of 2")
    assert (second.id, len(second.text.splitlines())) == (shown.id, 2)
    await looks_again(crm)
    assert anna.pinned(crm.shop) == []


@pytest.mark.postgres_too
async def test_overview_turns_its_pages_and_falls_back_to_the_last(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=100)
    cards = []
    for number in range(11):
        await asks(crm, f"Client {number}", anna)
        cards.append(await anna.sees(f"Client {number} asks"))
    first = await pinned(crm, anna)
    assert titled(first) == "🔴 11 waiting · page 1 of 2"
    assert first.labels == [*(f"#{number}" for number in range(1, 11)), "▶️"]
    await anna.presses(first, "▶️")
    second = await anna.sees("page 2 of 2")
    assert (second.id, second.labels) == (first.id, ["#11", "◀️"])
    await anna.presses(cards[0], "Take")
    await anna.presses(now(anna, cards[0]), "Close", stale=True)
    await crm.settled()
    whole = await pinned(crm, anna)
    assert (whole.id, titled(whole), len(whole.labels)) == (first.id, "🔴 10 waiting", 10)


async def test_page_of_another_list_says_where_the_overview_is(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=100)
    for number in range(11):
        await asks(crm, f"Client {number}", anna)
    await anna.says("/overview", to=crm.shop)
    await anna.says("/my")
    shown = await anna.sees("page 1 of 2")
    await anna.says("/overview")
    await pinned(crm, anna)
    await anna.presses(shown, "▶️")
    await anna.sees(lambda seen: seen.id == shown.id and seen.text == BELOW)
    assert [one.id for one in lists(anna, crm)] == [one.id for one in anna.pinned(crm.shop)]


@pytest.mark.postgres_too
@pytest.mark.fault("F210")
async def test_overview_sorts_by_what_is_due(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    await asks(crm, "Ivan", anna)
    await with_targets(crm, Targets(first_reply=60, next_reply=10))
    clock.forward(minutes=5)
    maria = await asks(crm, "Maria", anna)
    await watches(crm)
    lines = (await pinned(crm, anna)).text.splitlines()
    # No target held when Ivan wrote.
    assert lines[1:] == [
        "🔴 #2 Maria · 🆕 reply by 13:05 · Maria asks",
        "🔴 #1 Ivan · 🆕 since 12:00 · Ivan asks",
    ]
    await anna.replies(await card_of(anna, "Maria asks"), "Good day")
    await maria.sees("Good day")
    await crm.settled()
    await maria.says("And now?", to=crm.shop)
    await crm.settled()
    until_watched = (await pinned(crm, anna)).text  # what was due was the reply to earlier words
    assert "🔴 #2 Maria · since 12:05 · And now?" in until_watched
    await watches(crm)
    assert (await pinned(crm, anna)).text.splitlines()[1] == "🔴 #2 Maria · reply by 12:15 · And now?"
    clock.forward(minutes=10)
    overdue = await pinned(crm, anna)
    assert overdue.text.splitlines() == [
        "❗️ 1 overdue · 🔴 1 waiting",
        "❗️ #2 Maria · overdue since 12:15 · And now?",
        "🔴 #1 Ivan · 🆕 since 12:00 · Ivan asks",
    ]
    clock.forward(minutes=10)
    await watches(crm)
    assert now(anna, overdue).request_id == overdue.request_id  # nothing of it has changed


async def test_answer_within_the_same_minute_is_no_further_edit(crm: RunningApp, clock: MovableClock) -> None:
    clock.goes_to(12, 0)
    anna = await crm.operator("Anna")
    ivan = await asks(crm, "Ivan", anna)
    await anna.replies(await anna.sees("Ivan asks"), "Good day")
    await ivan.sees("Good day")
    await pinned(crm, anna)
    edits = await count(crm, "outbox", "kind = 'overview'")
    await anna.replies(await card_of(anna, "Ivan asks"), "What can I do for you?")
    await ivan.sees("What can I do")
    await pinned(crm, anna)
    assert await count(crm, "outbox", "kind = 'overview'") == edits


async def test_longest_names_and_words_fit_into_one_message(crm: RunningApp) -> None:
    anna, name, words = await crm.operator("Anna", limit=10), "👩‍👩‍👧‍👦" * 60, "👩🏽‍🚀" * 500
    for number in range(10):
        await crm.client(name).says(f"{number} {words}", to=crm.shop)
        await until(crm, "SELECT count(*) FROM contacts", number + 1)
    await crm.settled()
    assert len((await brings(crm, anna)).text.splitlines()) == 11


@pytest.fixture
async def with_two_bots(sandbox: Sandbox, database_url: str) -> AsyncIterator[RunningApp]:
    """An installation of two bots, where Anna works for both."""
    tokens = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=tokens) as crm:
        yield crm


async def test_requests_of_another_bot_lead_to_its_chat(with_two_bots: RunningApp) -> None:
    crm = with_two_bots
    shop, other = crm.bots
    anna = await crm.operator("Anna", bots=[shop, other])
    for number, (name, bot) in enumerate((("Ivan", shop), ("Maria", other)), start=1):
        await crm.client(name).says("Hello", to=bot)
        await until(crm, "SELECT count(*) FROM contacts WHERE operator_id IS NOT NULL", number)
    await crm.settled()
    await looks_again(crm)
    [here], [there] = anna.pinned(shop), anna.pinned(other)
    assert here.text.splitlines()[2].endswith(" · Hello · @help_bot")
    leads = ["https://t.me/shop_bot?start=c_1", "https://t.me/help_bot?start=c_2"]
    assert links(here) == links(there) == leads
    buttons: list[dict[str, Any]] = here.raw["reply_markup"]["inline_keyboard"][0]
    assert (buttons[0]["callback_data"], buttons[1]["url"]) == ("card:1", leads[1])

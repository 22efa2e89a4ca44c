"""What people try on the page of `make sandbox`, and what the panes beside the telephones show meanwhile."""

import asyncio
import re
from collections import Counter

import pytest
from playwright.async_api import Browser, Route, expect

from bot.demo.inside import Insight
from bot.demo.playground import CROWD, Playground
from bot.demo.world import LIMIT, TYPING, WEIGHTS, World
from tests.browser.conftest import Shown, watched
from tests.browser.forked_product import ForkedProduct

pytestmark = pytest.mark.slow

WAITING = CROWD - LIMIT * len(WEIGHTS)  # clients of the crowd for whom there is no room
NOTHING = re.compile("0 *$")  # not the end of a number, nor of an age
SHOWS = "(one, content) => { one.innerHTML = content; }"


def cards(world: World) -> Counter[str]:
    """How often the card of each request stands on a telephone of an operator."""
    texts = [one.text for operator in world.operators for one in operator.chat(world.bot)]
    return Counter(found[0] for text in texts if (found := re.match(r"#\d+", text)))


async def test_request_goes_from_client_to_operator_and_back(shown: Shown) -> None:
    first, second = "Is the green lamp in stock?", "Do you repair lamps?"
    operator = await shown.asks("client", first)
    other = await shown.asks("client2", second)
    await shown.presses(operator, first, "Take")
    await shown.presses(other, second, "Take")
    await shown.replies(operator, first, "Yes, three of them")
    await shown.replies(other, second, "We do, on Mondays")
    await shown.sees("client", "Yes, three of them")
    await shown.sees("client2", "We do, on Mondays")
    await shown.reads("decision", "#2", "→")
    await shown.reads("decision", "Why", "by chance, by weight")
    await shown.presses(operator, first, "Close")
    await shown.presses(other, second, "Close")
    await expect(shown.tab.locator("#panel-operators")).not_to_contain_text("1 of 5")
    assert "We do" not in await shown.tab.inner_text("#log-client")


async def test_crowd_fills_both_operators_and_the_rest_waits_its_turn(shown: Shown, playground: Playground) -> None:
    await shown.switch("crowd")
    for operator in ("Anna", "Boris"):
        await shown.reads("operators", operator, "5 of 5 · no room")
    await shown.reads("ways", "Clients in the queue", f"{WAITING}, the oldest for")
    await shown.reads("decision", "Why", "no room")
    playground.world.forward(LIMIT * TYPING)  # the cards take the bot's pace
    one = await shown.tab.locator("#log-operator .in:has(.buttons)").first.get_attribute("id")
    await shown.tab.locator(f"#{one} button", has_text="Take").click()
    await shown.appears(f"#{one}", "In progress")
    await shown.tab.locator(f"#{one} button", has_text="Close").click()
    await shown.reads("ways", "Clients in the queue", f"{WAITING - 1}, the oldest for")
    await shown.reads("decision", "#", "→ Anna")
    await shown.reads("ways", "Outbox", NOTHING)
    playground.world.forward(2 * 60 * 60)
    await shown.reads("ways", "Clients in the queue", "the oldest for 2 h")
    await shown.switch("away")
    await shown.turns("product", "Way to Telegram", "waiting|bad")  # something may be due
    await shown.switch("away")
    await shown.reads("product", "Way to Telegram", "works")


async def test_killed_process_comes_back_and_nothing_is_lost(shown: Shown, playground: Playground) -> None:
    product = playground.world.product
    assert isinstance(product, ForkedProduct)
    operator = await shown.asks("client", "Is the green lamp in stock?")
    product.may_start.clear()
    await shown.switch("crowd")
    await shown.switch("kill")
    await shown.writes("client", "Written while it was dead")
    await shown.reads("product", "Process", "killed; starts again")
    await shown.turns("ways", "Held by Telegram", "waiting")
    product.may_start.set()
    await shown.sees(operator, "Written while it was dead")
    await shown.reads("product", "Process", "start no. 2")
    await shown.reads("ways", "Clients in the queue", f"{WAITING + 1}, ")
    playground.world.forward(LIMIT * TYPING)  # the cards take the bot's pace
    await shown.reads("ways", "Outbox", NOTHING)
    await expect(shown.tab.locator("#title-since")).to_contain_text("since this start")
    await shown.has_done(1)  # a kill before its turn in the tour is no step of it yet
    assert len(cards(playground.world)) == LIMIT * len(WEIGHTS)
    texts = await shown.tab.locator(f"#log-{operator} .in .text").all_inner_texts()
    assert texts.count("Written while it was dead") == 1  # besides, the overview may name these words


async def test_outage_of_telegram_keeps_messages_until_it_is_over(shown: Shown, playground: Playground) -> None:
    await shown.starts("client2")
    await shown.switch("crowd")
    await shown.switch("away")
    await shown.turns("product", "Way to Telegram", "bad")
    await shown.writes("client2", "Written while Telegram was away")
    playground.world.forward(20)
    await shown.reads("ways", "Outbox", re.compile(r"[1-9]\d*, the oldest for [23]\d s"))
    await shown.turns("ways", "Held by Telegram", "waiting")
    await shown.switch("away")
    await shown.reads("product", "Way to Telegram", "works")
    await shown.turns("ways", "Held by Telegram", "^$")
    await shown.turns("ways", "Outbox", "^$")
    await shown.reads("ways", "Clients in the queue", f"{WAITING + 1}, ")
    assert cards(playground.world).keys() == {f"#{number}" for number in range(1, 1 + LIMIT * len(WEIGHTS))}


async def test_flood_wait_shuts_a_gate_and_lost_answer_is_sent_again(
    shown: Shown, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("bot.demo.playground.FLOOD_WAIT", 2)
    operator = await shown.asks("client", "A question with troubles")
    await shown.presses(operator, "A question with troubles", "Take")
    await shown.has_done(2)
    await shown.switch("flood")
    await shown.replies(operator, "A question with troubles", "An answer that waits")
    await shown.reads("product", "Gates", re.compile(r"chats shut: 1 · \d s more"))
    await shown.has_done(2)  # the tour goes by what the client sees
    await shown.sees("client", "An answer that waits")
    await shown.has_done(3)
    await shown.reads("product", "Gates", "all open")
    await shown.reads("since", "Flood waits", "1")
    await shown.switch("lost")
    await shown.switch("hour")
    await shown.writes("client", "And another one")
    await shown.turns("since", "Answer lost", "waiting")
    await shown.sees(operator, "And another one")
    await shown.sees(operator, "may have arrived twice")


async def test_operator_is_told_that_the_client_has_blocked_the_bot(shown: Shown) -> None:
    operator = await shown.asks("client", "A question, and goodbye")
    await shown.switch("block")
    await expect(shown.tab.locator("#gate-client button")).to_have_text("UNBLOCK")
    await expect(shown.tab.locator('[data-post="/switches/block"]')).to_have_attribute("aria-pressed", "true")
    await expect(shown.tab.locator("#switched")).to_contain_text("only while a request of his is open")
    await shown.replies(operator, "A question, and goodbye", "Nobody reads this")
    await shown.sees(operator, "blocked")
    await shown.tab.click("#gate-client button")
    await expect(shown.tab.locator("#gate-client button")).to_have_count(0)


async def test_reply_that_somebody_has_picked_stays_when_the_bot_asks_no_more(shown: Shown) -> None:
    operator = await shown.asks("client", "Is the shop open?")
    bar = shown.tab.locator(f"#phone-{operator} .replybar")
    asked = shown.tab.locator(f"#asked-{operator}")
    await asked.evaluate(SHOWS, '<i data-message="1">Why?</i>')
    await expect(bar).to_contain_text("Why?")
    await shown.picks_reply(operator, "Is the shop open?")
    await asked.evaluate(SHOWS, "")
    await expect(bar).to_contain_text("Is the shop open?")
    assert await bar.is_visible()


async def test_reply_that_somebody_has_picked_stays_when_the_bot_asks_something(shown: Shown) -> None:
    operator = await shown.asks("client", "Is the shop open?")
    bar = shown.tab.locator(f"#phone-{operator} .replybar")
    await shown.picks_reply(operator, "Is the shop open?")
    await shown.tab.locator(f"#asked-{operator}").evaluate(SHOWS, '<i data-message="1">Why?</i>')
    await expect(bar).to_contain_text("Is the shop open?")
    await shown.writes(operator, "Till eight")
    await shown.sees("client", "Till eight")
    await expect(bar).to_contain_text("Why?")


async def test_everything_sent_while_the_product_is_slow_arrives_in_order(shown: Shown) -> None:
    words = ["one", "two", "three", "four", "five"]
    goes_on = asyncio.Event()

    async def hold(route: Route) -> None:
        await goes_on.wait()
        await route.continue_()

    await shown.starts("client")
    await shown.tab.route("**/phones/*/send", hold)
    for word in words:
        await shown.writes("client", word)
    goes_on.set()
    await shown.appears("#log-client .out", words[-1])
    said = await shown.tab.locator("#log-client .out .text").all_inner_texts()
    assert [one for one in said if one in words] == words


async def test_hour_passes_on_every_clock_even_of_a_process_that_starts(
    shown: Shown, playground: Playground, monkeypatch: pytest.MonkeyPatch
) -> None:
    product = playground.world.product
    assert isinstance(product, ForkedProduct)
    clocks = shown.tab.locator(".clock")
    before = int((await clocks.first.inner_text())[:2])
    product.may_start.clear()
    await shown.switch("kill")
    await shown.reads("product", "Process", "killed")
    await shown.switch("hour")
    await expect(clocks.first).to_have_text(re.compile(f"^{before + 1:02}:"))
    assert len(set(await clocks.all_inner_texts())) == 1
    hour = (await clocks.first.inner_text())[:2]
    await playground.world.clients[0].says("What time is it?", to=playground.world.bot)
    monkeypatch.setattr(product, "set_ahead", lambda seconds: None)  # it is right from the start
    product.may_start.set()
    operator = await shown.card("What time is it?")
    await shown.sees(operator, f"New since {hour}:")  # what the product says goes by it, too


async def test_browsers_look_at_one_world_until_somebody_starts_over(
    browser: Browser, shown: Shown, playground: Playground
) -> None:
    async with watched(browser, playground.address) as tab:
        await tab.goto(playground.address)
        other = Shown(tab)
        operator = await shown.asks("client", "Do you see me?")
        assert await other.card("Do you see me?") == operator
        await other.presses(operator, "Do you see me?", "Take")
        await shown.sees("client", "is now taking care")
        insight = Insight(playground.world)
        assert await insight.look() is not None
        await insight.close()
        assert await insight.look() is None  # as for a browser that still looks while the world is replaced
        await other.switch("restart")
        for one in (shown, other):
            await one.appears("#log-client", "No messages here yet")
            await one.reads("product", "Process", "start no. 1")

"""/sources: list, links, names, switches and strategies; by buttons and typed."""

import pytest

from bot.sandbox import Sandbox
from tests.stories.steering import presses, types
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp


async def test_source_link_contacts_use_its_own_source_and_weights(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    boris = await crm.operator("Boris", weight=1)
    done = await types(crm, crm.olga, "/sources link vk VK ads")
    assert "VK ads has been added." in done.text
    assert "https://t.me/shop_bot?start=src_vk" in done.text
    assert "Its weights are those of @shop_bot." in done.text
    await types(crm, crm.olga, "/assign shop_bot Boris 0")
    await types(crm, crm.olga, "/assign vk Boris 10")
    await types(crm, crm.olga, "/assign vk Anna 0")

    ivan, kira = crm.client("Ivan"), crm.client("Kira")
    await ivan.starts(crm.shop, "src_vk")
    await ivan.says("From the advertisement")
    await kira.says("Directly", to=crm.shop)
    assert "VK ads" in (await boris.sees("From the advertisement")).text
    await anna.sees("Directly")
    assert "Waiting: 0" in (await types(crm, crm.olga, "/sources vk")).text


async def test_hours_after_closing_are_set_by_buttons_and_typed(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/sources shop_bot")
    offered = await presses(crm, crm.olga, screen, "After closing")
    assert "Now: 24." in offered.text
    assert "Messages up to 4 h after closing" in (await presses(crm, crm.olga, offered, "4")).text
    await presses(crm, crm.olga, screen, "After closing")
    assert "Messages up to 36 h after closing" in (await types(crm, crm.olga, "36")).text
    screen = await types(crm, crm.olga, "/sources shop_bot")
    await presses(crm, crm.olga, await presses(crm, crm.olga, screen, "After closing"), "Another number")
    assert "from 0 to 744" in (await types(crm, crm.olga, "745")).text
    assert "every message opens a new request" in (await types(crm, crm.olga, "0")).text
    screen = await types(crm, crm.olga, "/sources shop_bot")
    offered = await presses(crm, crm.olga, screen, "After closing")
    assert (await presses(crm, crm.olga, offered, "◀️ shop_bot")).text == screen.text


async def test_source_link_is_added_by_buttons(crm: RunningApp) -> None:
    screen = await types(crm, crm.olga, "/sources")
    assert screen.text == "📥 Sources: 1\n⚠️ 🤖 shop_bot · nobody is assigned"
    question = await presses(crm, crm.olga, screen, "New link")
    assert "link to @shop_bot" in question.text
    done = await types(crm, crm.olga, "VK")
    assert "https://t.me/shop_bot?start=src_vk" in done.text
    assert "VK has been added." in done.text


@pytest.mark.postgres_too
async def test_adding_a_source_link_with_several_bots_asks_for_the_bot(sandbox: Sandbox, database_url: str) -> None:
    two = {TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    async with await RunningApp.open(sandbox, database_url, tokens=two) as crm:
        screen = await types(crm, crm.olga, "/sources")
        screen = await presses(crm, crm.olga, screen, "New link")
        assert screen.labels == ["@shop_bot", "@help_bot", "◀️ Sources"]
        screen = await presses(crm, crm.olga, screen, "@help_bot")
        assert "link to @help_bot" in screen.text
        assert "https://t.me/help_bot?start=src_vk" in (await types(crm, crm.olga, "vk VK ads")).text
        # Typed, it leads into the bot where it was typed.
        done = await types(crm, crm.olga, "/sources link fb Facebook", to=crm.bots[1])
        assert "https://t.me/help_bot?start=src_fb" in done.text


async def test_source_switched_off_refuses_clients_and_switched_on_assigns_queue(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    for name in ("Ivan", "Kira"):
        await crm.client(name).says(f"I am {name}", to=crm.shop)
        await crm.settled()
    done = await types(crm, crm.olga, "/sources off shop_bot")
    assert "shop_bot is switched off." in done.text
    assert "Waiting: 1" in done.text
    lev = crm.client("Lev")
    await lev.says("Hello", to=crm.shop)
    await lev.sees("not taking requests right now")
    await types(crm, crm.olga, "/operators limit Anna 5")
    assert anna.looks("I am Kira") is None

    done = await presses(crm, crm.olga, done, "Switch on")
    assert "shop_bot is switched on. 1 waiting request has been assigned." in done.text
    await anna.sees("I am Kira")
    screen = await presses(crm, crm.olga, done, "Switch off")
    assert "⛔️ Switched off" in screen.text
    assert "is switched on." in (await types(crm, crm.olga, "/sources on shop_bot")).text


async def test_source_name_and_description_can_be_changed(crm: RunningApp) -> None:
    done = await types(crm, crm.olga, "/sources rename shop_bot = The shop")
    assert "The name is now The shop." in done.text
    done = await types(crm, crm.olga, "/sources describe The shop = Our bot in the shop's window")
    assert "🤖 The shop\nOur bot in the shop's window" in done.text
    assert "Our bot in the shop's window" in (await types(crm, crm.olga, "/sources")).text
    question = await presses(crm, crm.olga, await presses(crm, crm.olga, done, "⚙️ More"), "Describe")
    assert "A dash (-) removes it" in question.text
    done = await types(crm, crm.olga, "-")
    assert "The description has been removed." in done.text
    assert "window" not in done.text
    question = await presses(crm, crm.olga, await presses(crm, crm.olga, done, "⚙️ More"), "Rename")
    assert "new name for The shop" in question.text
    assert "The name is now Shop." in (await types(crm, crm.olga, "Shop")).text
    assert "The name is now Back." in (await types(crm, crm.olga, "/sources rename Shop Back")).text


async def test_source_strategy_can_be_changed_and_exact_levels_shares(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", weight=1)
    boris = await crm.operator("Boris", weight=1)
    done = await types(crm, crm.olga, "/sources exact shop_bot")
    assert "Distribution: exact shares" in done.text
    for number in range(6):
        await crm.client(f"Client {number}").says("Hello", to=crm.shop)
        await crm.settled()
    cards = [sum("✋ Take" in seen.labels for seen in who.chat()) for who in (anna, boris)]
    assert cards == [3, 3]
    screen = await presses(crm, crm.olga, done, "Choose at random")
    assert "Distribution: random" in screen.text
    screen = await presses(crm, crm.olga, screen, "Make shares exact")
    assert "Distribution: exact shares" in screen.text
    assert "Distribution: random" in (await types(crm, crm.olga, "/sources random shop_bot")).text


async def test_source_screen_shows_weights(crm: RunningApp) -> None:
    await crm.operator("Anna", weight=3)
    screen = await types(crm, crm.olga, "/sources weights shop_bot")
    assert "  Anna: 3 (100%)" in screen.text
    screen = await presses(crm, crm.olga, await types(crm, crm.olga, "/sources shop_bot"), "Weights")
    assert "Whose weight do you want to change?" in screen.text


REFUSED = [
    ("/sources link", "Specify a word for the link and a name: /sources link vk VK ads"),
    ("/sources link ВК Реклама", "A link word has 1 to 32 characters: lowercase Latin letters, digits, - or _."),
    ("/sources link vk Other", "The link “vk” already exists; choose another word."),
    ("/sources link fb shop_bot", "The name “shop_bot” is taken; choose another."),
    ("/sources off", "Specify the source: /sources off shop_bot"),
    ("/sources off shopbot", "There is no source “shopbot”; /sources lists them. Did you mean “shop_bot”?"),
    ("/sources rename shop_bot = VK ads", "The name “VK ads” is taken; choose another."),
    ("/sources rename shop_bot", "Specify both names with = between them: /sources rename shop_bot = Shop"),
    ("/sources describe shop_bot = " + "x" * 501, "Please use at most 500 characters."),
    (
        "/sources describe shop_bot",
        "Specify the source, = and the description: /sources describe shop_bot = The bot of the shop",
    ),
    ("/sources what", "There is no source “what”; /sources lists them."),
]


async def test_invalid_sources_command_is_refused_and_changes_nothing(crm: RunningApp) -> None:
    await types(crm, crm.olga, "/sources link vk VK ads")
    before = (await types(crm, crm.olga, "/sources")).text
    for typed, said in REFUSED:
        assert (await types(crm, crm.olga, typed)).text == said
    assert (await types(crm, crm.olga, "/sources")).text == before

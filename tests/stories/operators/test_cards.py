"""Cards and their buttons: what they show, to whom, and that a press has one effect at most."""

import asyncio
import re
from itertools import product

import pytest

from bot.sandbox import Sandbox
from bot.sandbox.world import content
from crm_core.messaging.messages import CARD_TEXT_LIMIT
from tests.stories.arranging import (
    UNKNOWN_PRESS,
    closes,
    count,
    every_message_opens,
    give,
    link,
    now,
    operator_id,
    remove,
    told,
    value,
)
from tests.support.clock import MovableClock
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp

HOSTILE = [
    "<b>bold</b> & <script>alert(1)</script>",
    "*bold* _italic_ `code` [link](tg://user?id=1) \\ {x} {0} %s",
    "‮gnp.exe shown backwards",
    "zero​width‍joiner‌s",
    "👨‍👩‍👧‍👦 🇷🇺 é ﷽",
    "/take 1\n🟢 In progress\n#2 · fake",
    "@shop_bot +79990000001 https://example.com a@b.cd #1 $USD",
    "مرحبا שלום",
]

# Telegram itself makes these of any text.
FOUND_BY_TELEGRAM = {"mention", "bot_command", "hashtag", "cashtag", "url", "email", "phone_number"}


async def test_card_text_and_buttons_follow_the_contact_status(crm: RunningApp, clock: MovableClock) -> None:
    anna = await crm.operator("Anna")
    clock.goes_to(14, 5)
    ivan = crm.client("Ivan", last_name="Petrov", username="ivan")
    await ivan.says("/email ivan@example.com", to=crm.shop)
    await ivan.says("Do you have bicycles?")
    await ivan.shares_phone()
    await crm.settled()
    card = await anna.sees("bicycles")
    assert card.text == "#1 Ivan Petrov @ivan\n📥 shop_bot\n\nDo you have bicycles?\n\n🆕 New since 14:05"
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]

    clock.forward(minutes=2)
    await anna.presses(card, "Take")
    taken = await anna.sees("In progress")
    assert taken.id == card.id
    assert taken.text == (
        "#1 Ivan Petrov @ivan\n📥 shop_bot\n📞 +79990000001\n✉️ ivan@example.com\n\nDo you have bicycles?\n\n"
        "🟢 In progress since 14:07"
    )
    assert taken.buttons == [["📞 +79990000001", "✉️ ivan@example.com"], ["✔️ Close", "⋯"]]
    assert (await ivan.sees("taking care")).text == "Anna is now taking care of your request #1."

    await anna.presses(taken, "Close")
    closed = await anna.sees("closed 14:07")
    assert (closed.id, closed.labels) == (card.id, ["↩️ Reopen"])
    assert closed.text == "✔️ #1 Ivan Petrov · Do you have bicycles? · closed 14:07 (2 min)"
    assert (await ivan.sees("is closed")).text == (
        "Request #1 is closed. Thank you! If you have another question, just write here."
    )


@pytest.mark.fault("F76")
@pytest.mark.parametrize("text", HOSTILE)
async def test_client_text_on_a_card_stays_literal(crm: RunningApp, text: str) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client(text.replace("\n", " ")[:64], username="ivan")
    await ivan.says(text, to=crm.shop)
    card = await anna.sees("#1")
    assert f"\n\n{text}\n\n🆕 New" in card.text
    assert card.text.splitlines()[0].replace("⁨", "").replace("⁩", "") == f"#1 {ivan.first_name} @ivan"
    assert [one["type"] for one in card.entities if one["type"] not in FOUND_BY_TELEGRAM] == ["bold"]  # the number
    await ivan.says(text + "!")
    copy = await anna.sees(text + "!", after=card)
    assert {one["type"] for one in copy.entities} <= FOUND_BY_TELEGRAM


@pytest.mark.fault("F46")
@pytest.mark.parametrize("text", ["a" * 4096, "🚲" * 2048, "б" * 3001, ("word " * 800).strip()])
async def test_long_first_message_is_cut_on_the_card_and_copied_in_full(crm: RunningApp, text: str) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("N" * 64, last_name="P" * 64, username="u" * 32)
    first = await ivan.says(text, to=crm.shop)
    card = await anna.sees("in full below")
    assert len(card.text.encode("utf-16-le")) // 2 <= 4096
    assert "�" not in card.text
    copy = await anna.sees(after=card)
    assert (copy.text, copy.copied_from, copy.reply_to) == (text, (ivan.id, first.id), card.id)


@pytest.mark.fault("F46")
async def test_card_with_all_fields_at_maximum_fits_a_message(crm: RunningApp) -> None:
    anna = await crm.operator("A" * 64)
    source_id = await link(crm, "long", "S" * 64, anna)
    assert source_id
    maria, ivan = crm.client("Maria"), crm.client("😀" * 32, last_name="😀" * 32, username="u" * 32)
    address = "e" * 200 + "@" + "d" * 40 + ".example.com"
    await maria.says(f"/email {address}", to=crm.shop)
    await crm.settled()
    await ivan.says(f"/email 2{address}", to=crm.shop)
    await ivan.says(f"/email {address}")
    for text in ("first", "😀" * 1500):
        await ivan.starts(crm.shop, "src_long")
        await ivan.says(text)
        await ivan.shares_phone()
        card = await anna.sees(text)
        await anna.presses(card, "Take")
        await anna.sees("In progress")
        await crm.settled()
        card = now(anna, card)
        assert text in card.text
        await anna.presses(card, "Close")
        await crm.settled()
    assert len(card.text.encode("utf-16-le")) // 2 <= 4096
    for part in (
        f"✉️ 2{address}",
        f"Gave the e-mail {address}, which another client already has",
        "1 earlier request; last: #1, closed ",
        "with A",
    ):
        assert part in card.text
    assert await count(crm, "outbox", "state = 'dead'") == 0


async def test_card_counts_earlier_contacts_and_names_the_last_operator(crm: RunningApp) -> None:
    await every_message_opens(crm)
    anna = await crm.operator("Anna")
    ivan = crm.client()
    for number in range(1, 4):
        await ivan.says(f"question {number}", to=crm.shop)
        card = await anna.sees(f"question {number}")
        if number == 1:
            assert "🕘" not in card.text
        if number == 3:
            assert re.search(r"🕘 2 earlier requests; last: #2, closed \d\d:\d\d, with Anna\n", card.text)
        await closes(anna, card)
        await ivan.sees(f"Request #{number} is closed")


@pytest.mark.fault("F51")
async def test_repeated_button_presses_take_effect_once(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    presses = [await anna.presses(card, "Take") for _ in range(3)]
    answers = [await press.answer() for press in presses]
    assert answers[0] == "#1 is yours. Reply to the card to write to the client."
    assert answers[1:] == ["#1 is already yours."] * 2
    await crm.settled()
    assert told(ivan, "Anna is now taking care") == 1

    card = now(anna, card)
    presses = [await anna.presses(card, "Close", stale=True) for _ in range(3)]
    answers = [await press.answer() for press in presses]
    assert answers == ["#1 is closed."] * 3
    await crm.settled()
    assert told(ivan, "is closed") == 1
    assert await value(crm, "SELECT current_leads FROM operators") == 0
    assert await count(crm, "events", "kind = 'contact_closed'") == 1


@pytest.mark.fault("F52")
async def test_outdated_button_does_nothing_and_refreshes_the_card(crm: RunningApp) -> None:
    """Boris had it in the meantime: what Anna's old button meant is not known."""
    anna, boris = await crm.operator("Anna"), await crm.operator("Boris", weight=0)
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    old = await anna.sees("Hello")
    await give(crm, 1, boris)
    await boris.replies(await boris.sees("Hello"), "We are open")
    await ivan.sees("We are open")
    await give(crm, 1, anna)
    await crm.settled()
    for button in ("Take", "Close"):
        press = await anna.presses(old, button, stale=True)
        assert await press.answer() == "The card of #1 was out of date. It has been refreshed, please press again."
        assert await value(crm, "SELECT status FROM contacts") == "new"
    await closes(anna, next(seen for seen in reversed(anna.chat()) if seen.labels))
    await ivan.sees("is closed")


async def test_card_of_former_operator_names_the_current_one_and_does_nothing(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("My secret number is 42", to=crm.shop)
    old = await anna.sees("My secret")
    await anna.presses(old, "Take")
    await ivan.sees("Anna is now taking care")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)

    card = await boris.sees("My secret")
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]
    await crm.settled()
    assert now(anna, old).text == "#1 · shop_bot\n↪️ Now with Boris"
    assert now(anna, old).labels == []
    for button in ("Take", "Close"):
        press = await anna.presses(old, button, stale=True)
        assert await press.answer() == "#1 is with Boris."
    refused = await anna.replies(old, "Hello from Anna")
    answer = await anna.sees("#1 is with Boris.")
    assert answer.reply_to == refused.id
    await crm.settled()
    assert ivan.looks("Hello from Anna") is None

    await boris.presses(card, "Take")
    await boris.sees("In progress")
    await crm.settled()
    await boris.presses(now(boris, card), "Close")
    await ivan.sees("is closed")
    await crm.settled()
    assert now(anna, old).text == "#1 · shop_bot\n↪️ Closed"


@pytest.mark.postgres_too
@pytest.mark.fault("F51")
async def test_concurrent_take_and_transfer_leave_the_contact_with_one_operator(crm: RunningApp) -> None:
    """Anna takes while the contact is given to Boris; whoever is first, one holds it and both cards say so."""
    anna, boris = await crm.operator("Anna", limit=20), await crm.operator("Boris", limit=20)
    await crm.weight(await operator_id(crm, boris), 0)
    for number in range(1, 9):
        ivan = crm.client(f"Ivan {number}")
        await ivan.says(f"question {number}", to=crm.shop)
        card = await anna.sees(f"question {number}")
        await crm.settled()
        press, _ = await asyncio.gather(anna.presses(card, "Take"), give(crm, number, boris))
        toast = await press.answer()
        assert toast in (
            f"#{number} is yours. Reply to the card to write to the client.",
            f"#{number} is with Boris.",
            f"The card of #{number} was out of date. It has been refreshed, please press again.",
        )
        await crm.settled()
        assert await value(crm, f"SELECT operator_id FROM contacts WHERE id = {number}") == 2  # noqa: S608
        assert now(anna, card).text == f"#{number} · shop_bot\n↪️ Now with Boris"
        assert boris.looks(f"question {number}", bot=crm.shop) is not None
    assert await value(crm, "SELECT current_leads FROM operators WHERE name = 'Anna'") == 0
    assert await value(crm, "SELECT current_leads FROM operators WHERE name = 'Boris'") == 8


FORGED = [
    "take:1:1", "take:2:1", "close:1:1", "take:999:1", "close:-1:1", "take:x:1", "take:99999999999999999999:1", "take",
    "take:1", "take:1:1:1", "send:1:1", "card:1", "", "🙂", "x" * 64, "give:1:1", "op_rm:1:1",
]  # fmt: skip


@pytest.mark.fault("F53")
async def test_forged_button_of_a_client_has_no_effect_and_reveals_nothing(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client("Ivan")
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    places = ((card.id, False), (1, False), (1, True), (None, False))
    for data in FORGED:
        charlie = crm.client("Charlie")  # another one each time: who presses without end has to wait
        await charlie.starts(crm.shop)
        await charlie.sees("Hello!")
        await crm.settled()
        for message, inaccessible in places:
            if message is not None and not inaccessible and message > len(charlie.chat()):
                message = None
            press = await charlie.presses_forged(crm.shop, data, message=message, inaccessible=inaccessible)
            assert (data, await press.answer()) == (data, UNKNOWN_PRESS)
        await charlie.sees_nothing_new()
    assert await value(crm, "SELECT status FROM contacts") == "new"
    assert (now(anna, card).text, now(anna, card).labels) == (card.text, card.labels)


@pytest.mark.fault("F53")
async def test_forged_button_of_an_operator_has_no_effect(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    boris = await crm.operator("Boris")
    await crm.settled()
    for data, message in product(FORGED, (1, None)):
        press = await boris.presses_forged(crm.shop, data, message=message)
        toast = await press.answer()
        assert toast is None or re.fullmatch(
            r"#1 is with Anna\.|There is no request #\d+\.|This question has ended.*|Too late.*", toast
        ), data
    await crm.settled()
    assert await value(crm, "SELECT status FROM contacts") == "new"
    assert now(anna, card).text == card.text
    assert boris.looks("Hello", bot=crm.shop) is None
    assert await count(crm, "inbox", "state <> 'done'") == 0


@pytest.mark.fault("F54")
async def test_removed_operator_cannot_use_old_cards(crm: RunningApp) -> None:
    boris = await crm.operator("Boris")
    ivan = crm.client()
    await ivan.says("My secret", to=crm.shop)
    old = await boris.sees("My secret")
    words = await boris.replies(old, "Hello from Boris")
    await ivan.sees("Hello from Boris")
    anna = await crm.operator("Anna")
    await remove(crm, boris)
    card = await anna.sees("My secret")
    await crm.settled()
    assert now(boris, old).text == "#1 · shop_bot\n↪️ Now with Anna"

    press = await boris.presses(old, "Close", stale=True)
    assert await press.answer() == UNKNOWN_PRESS
    await boris.edits(words, "Changed by Boris")
    await crm.settled()
    assert ivan.looks("Changed by Boris") is None
    # No operator any more: nothing of it goes to Ivan, and no request is opened by it.
    await boris.replies(old, "Let me in")
    await boris.sees("this went to nobody")
    await crm.settled()
    assert anna.looks("Let me in") is None
    assert ivan.looks("Let me in") is None
    await ivan.says("Anybody?")
    assert (await anna.sees("Anybody?")).reply_to == card.id
    assert boris.looks("Anybody?") is None


@pytest.mark.postgres_too
@pytest.mark.fault("F57")
async def test_closing_a_contact_assigns_the_longest_waiting_one(crm: RunningApp) -> None:
    anna = await crm.operator("Anna", limit=1)
    clients = [crm.client(name) for name in ("Ivan", "Maria", "Pavel")]
    for client in clients:
        await client.says(f"{client.first_name} asks", to=crm.shop)
        await crm.settled()
    for client in clients:
        card = await anna.sees(f"{client.first_name} asks")
        await closes(anna, card)
        await client.sees("is closed")
    await crm.settled()
    assigned = re.findall(r"(\w+) asks", "\n".join(seen.text for seen in anna.chat()))
    assert assigned == ["Ivan", "Maria", "Pavel"]
    # In the very transaction of the close: no moment at which the place was free while somebody waited.
    order = await value(crm, "SELECT max(id) FROM events WHERE kind = 'contact_closed' AND contact_id = 1")
    assert await count(crm, "events", f"kind = 'contact_assigned' AND contact_id = 2 AND id > {order}") == 1


async def test_operator_of_two_bots_has_each_contact_in_its_own_chat(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    ) as crm:
        shop, desk = crm.bots
        anna = await crm.operator("Anna", bots=[shop, desk])
        ivan, maria = crm.client("Ivan"), crm.client("Maria")
        await ivan.says("To the shop", to=shop)
        await crm.settled()
        await maria.says("To the desk", to=desk)
        in_shop, in_desk = await anna.sees("To the shop", bot=shop), await anna.sees("To the desk", bot=desk)
        await crm.settled()
        await anna.presses(in_shop, "Take")
        await anna.presses(in_desk, "Take")
        await ivan.sees("Anna is now taking care", bot=shop)
        await maria.sees("Anna is now taking care", bot=desk)
        # What is no reply goes to the one open contact of the bot that it is written to.
        await anna.says("for Ivan", to=shop)
        await ivan.sees("for Ivan")
        await anna.says("for Maria", to=desk)
        await maria.sees("for Maria")
        await anna.says("/my", to=shop)
        mine = await anna.sees("🟢 2 in progress", bot=shop)
        assert "🟢 #2 Maria · you answered: " in mine.text
        assert mine.text.endswith(" · To the desk · @help_bot")
        assert mine.labels == ["#1", "#2"]
        assert mine.raw["reply_markup"]["inline_keyboard"][0][1]["url"] == "https://t.me/help_bot?start=c_2"
        # A button that names a contact of the other bot copies nothing from there.
        press = await anna.presses_forged(shop, "card:2", message=mine)
        assert (
            await press.answer()
            == "That request came to @help_bot, so nothing was sent or changed here. Please do it there."
        )


@pytest.mark.fault("F36")
async def test_operator_gets_no_contacts_in_a_bot_not_started_yet(sandbox: Sandbox, database_url: str) -> None:
    async with await RunningApp.open(
        sandbox, database_url, tokens={TOKEN: "shop_bot", SECOND_TOKEN: "help_bot"}
    ) as crm:
        shop, desk = crm.bots
        anna = await crm.operator("Anna", bots=[shop])
        await crm.weight(await operator_id(crm, anna), 1, bot=desk)
        maria = crm.client("Maria")
        await maria.says("To the desk", to=desk)
        await maria.sees("Nobody is available right now")
        await anna.says("/start", to=shop)
        assert "@help_bot" in (await anna.sees("Please press Start")).text

        await anna.starts(desk)
        await anna.sees("To the desk", bot=desk)
        await anna.says("/start", to=shop)
        await crm.settled()
        assert "@help_bot" not in (anna.chat(shop)[-1]).text


@pytest.mark.fault("F168")
async def test_joined_emoji_at_the_cut_of_a_card_is_left_out_whole(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client("и\u0306" * 26)  # й as a Mac writes it
    text = "a" * (CARD_TEXT_LIMIT - 4) + "👨‍👩‍👧‍👦 and more"
    await ivan.says(text, to=crm.shop)
    card = await anna.sees("aaa")
    assert "a… in full below" in card.text
    await crm.settled()
    said = await anna.says("/my")
    assert "и\u0306… · " in (await anna.sees("1 waiting", after=said)).text


@pytest.mark.fault("F36")
async def test_operator_who_blocks_the_bot_loses_contacts_and_gets_new_on_return(crm: RunningApp) -> None:
    boris = await crm.operator("Boris")
    ivan, maria = crm.client("Ivan"), crm.client("Maria")
    await ivan.says("Ivan asks", to=crm.shop)
    await crm.settled()
    await maria.says("Maria asks", to=crm.shop)
    cards = [await boris.sees("Ivan asks"), await boris.sees("Maria asks")]
    await boris.presses(cards[0], "Take")
    await ivan.sees("Boris is now taking care")
    anna = await crm.operator("Anna", limit=1)
    await boris.blocks(crm.shop)
    await anna.sees("Ivan asks")  # the oldest; Maria waits, since Anna has one place
    alert = await crm.olga.sees("can't be reached", bot=crm.shop)
    assert alert.text == (
        "🚫 Boris can't be reached through @shop_bot: the bot is blocked or was never started there. "
        "2 requests went back to the queue."
    )
    await crm.settled()
    assert await value(crm, "SELECT current_leads FROM operators WHERE name = 'Boris'") == 0
    pavel = crm.client("Pavel")
    await pavel.says("Pavel asks", to=crm.shop)
    await pavel.sees("number 2 in the queue")

    await boris.unblocks(crm.shop)
    fresh = await boris.sees("Maria asks", after=cards[1])
    await boris.sees("Pavel asks")
    await crm.settled()
    assert fresh.labels == ["✋ Take", "✔️ Close", "⋯"]
    assert now(boris, cards[0]).text == "#1 · shop_bot\n↪️ Now with Anna"
    assert now(boris, cards[0]).labels == []


@pytest.mark.fault("F50")
async def test_button_on_an_inaccessible_card_works(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello")
    await crm.settled()
    press = await anna.presses_forged(crm.shop, "take:1:1", message=card, inaccessible=True)
    assert "#1 is yours" in (await press.answer() or "")
    await ivan.sees("Anna is now taking care")
    await anna.sees("In progress")


async def test_deleted_card_can_be_shown_again(crm: RunningApp) -> None:
    anna = await crm.operator("Anna")
    ivan = crm.client()
    await ivan.sends(content.photo(caption="this one"), to=crm.shop)
    card = await anna.sees("[photo]")
    await crm.settled()
    await anna.deletes(card)
    await anna.says("/my")
    mine = await anna.sees("1 waiting")
    await anna.presses(mine, "#1")
    again = await anna.sees("[photo]", after=mine)
    assert again.labels == ["✋ Take", "✔️ Close", "⋯"]
    await crm.settled()
    await anna.replies(again, "Got it")
    await ivan.sees("Got it")


@pytest.mark.fault("F112")
async def test_card_shows_where_a_clients_links_lead(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    await ivan.says("Look <a href='https://evil.example/x'>https://good.example</a>", to=crm.shop, parse_mode="HTML")
    card = await anna.sees("Look")
    assert "🔗 https://evil.example/x" in card.text
    assert "text_link" not in {one["type"] for one in card.entities}

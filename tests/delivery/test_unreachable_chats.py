"""What Telegram cannot do any more: people who left, cards that are gone or too old, messages without an id."""

import pytest

from bot.delivery.backoff import RetryDelays
from bot.sandbox import Sandbox
from bot.sandbox.world import content as kinds
from tests.stories.arranging import ask, count, give, now, one_taken, told, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


def calls(crm: RunningApp, method: str) -> int:
    counted: dict[str, int] = crm.sandbox.stats()["bots"][str(crm.shop.id)]["calls"]
    return counted.get(method, 0)


@pytest.mark.fault("F34", "F35")
@pytest.mark.parametrize("why", ["bot was blocked by the user", "user is deactivated"])
async def test_blocked_client_stops_delivery_and_notifies_operator_once(
    crm: RunningApp, clock: MovableClock, why: str
) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="flood", retry_after=60, method="copyMessage", chat=ivan)
    for number in range(4):  # they queue up behind each other
        await anna.replies(card, f"answer {number}")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client'", 4)
    # Otherwise the minute of the flood wait would begin after the clock moved.
    await until(crm, "SELECT count(*) > 0 FROM outbox WHERE outcome = 'flood_wait'", True)
    crm.sandbox.fail(kind="error", method="copyMessage", code=403, text=f"Forbidden: {why}", chat=ivan, times=9)
    clock.forward(seconds=61)
    await crm.app.supervisor.look_again()
    await anna.sees("the client has blocked the bot")
    await crm.settled()
    assert told(anna, "has blocked the bot") == 1
    assert calls(crm, "copyMessage") == 2  # the flood wait, and the refusal
    assert await count(crm, "outbox", "kind = 'to_client' AND state = 'dead'") == 4
    assert await count(crm, "chats", f"chat_id = {ivan.id} AND is_blocked") == 1


@pytest.mark.fault("F34")
async def test_operator_learns_at_once_that_a_client_has_blocked_the_bot_and_once(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    await ivan.blocks(crm.shop)
    await anna.sees(
        "🚫 #1: the client has blocked the bot or left Telegram. Nothing can be delivered unless they unblock it."
    )
    await anna.presses(now(anna, card), "Close")
    await crm.settled()
    assert told(anna, "has blocked the bot") == 1  # the notice about closing was refused, which is no news
    await ivan.unblocks(crm.shop)
    await ivan.blocks(crm.shop)
    await crm.settled()
    assert told(anna, "has blocked the bot") == 1  # nothing is open


@pytest.mark.fault("F174")
@pytest.mark.parametrize("first", ["the update", "a refusal"])
async def test_operator_with_messages_waiting_for_a_blocking_client_is_told_once(
    crm: RunningApp, clock: MovableClock, first: str
) -> None:
    """In reply to the first of them, whichever way Telegram says it first."""
    anna, ivan, card = await one_taken(crm)
    crm.sandbox.fail(kind="flood", retry_after=60, method="copyMessage", chat=ivan)
    words = [await anna.replies(card, f"answer {number}") for number in range(3)]
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client'", 3)
    await until(crm, "SELECT count(*) > 0 FROM outbox WHERE outcome = 'flood_wait'", True)
    if first == "the update":
        await ivan.blocks(crm.shop)
        notice = await anna.sees("the client has blocked the bot")
    else:
        refusal = "Forbidden: bot was blocked by the user"
        crm.sandbox.fail(kind="error", method="copyMessage", code=403, text=refusal, chat=ivan)
    clock.forward(seconds=61)
    await crm.app.supervisor.look_again()
    if first == "a refusal":
        notice = await anna.sees("the client has blocked the bot")
        await ivan.blocks(crm.shop)
    await crm.settled()
    assert notice.reply_to == words[0].id
    assert not notice.raw.get("disable_notification", False)
    assert told(anna, "has blocked the bot") == 1
    assert await count(crm, "outbox", "kind = 'to_client' AND state = 'dead'") == 3


@pytest.mark.fault("F174")
async def test_operator_with_a_message_under_way_to_a_blocking_client_is_told_once(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm)
    crm.sandbox.fail(kind="slow", delay=1.0, applied=False, method="copyMessage", chat=ivan)
    words = await anna.replies(card, "answer")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client' AND state = 'sending'", 1)
    await ivan.blocks(crm.shop)
    assert (await anna.sees("the client has blocked the bot")).reply_to == words.id
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'to_client' AND state = 'dead'", 1)
    await crm.settled()
    assert told(anna, "has blocked the bot") == 1


@pytest.mark.fault("F41")
@pytest.mark.parametrize("why", ["message to edit not found", "message can't be edited"])
async def test_missing_or_uneditable_card_is_replaced_once(crm: RunningApp, why: str) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    old = await ask(crm, ivan, anna)
    crm.sandbox.fail(kind="error", method="editMessageText", code=400, text=f"Bad Request: {why}", chat=anna, times=9)
    await ivan.says("/email ivan@example.com", to=crm.shop)
    card = await anna.sees("My question", after=old)
    assert card.labels == ["✋ Take", "✔️ Close", "⋯"]
    await crm.settled()
    crm.sandbox.clear_fault()
    edits = calls(crm, "editMessageText")
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")
    await crm.settled()
    assert calls(crm, "editMessageText") == edits + 1  # the new one; the old one is not edited any more
    assert told(anna, "My question") == 2
    await anna.presses(now(anna, card), "Close")
    await ivan.sees("is closed")


@pytest.mark.fault("F41")
async def test_message_not_modified_error_counts_as_success(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    card = await ask(crm, ivan, anna)
    text = "Bad Request: message is not modified: specified new message content and reply markup are exactly the same"
    crm.sandbox.fail(kind="error", method="editMessageText", code=400, text=text, chat=anna)
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")
    await crm.settled()
    assert told(anna, "My question") == 1
    assert await count(crm, "outbox", "state = 'dead'") == 0


@pytest.mark.fault("F42")
async def test_old_card_is_cleared_by_an_edit_and_never_deleted(database_url: str, clock: MovableClock) -> None:
    """A bot may delete its messages for 48 hours only, but may edit them at any time: so nothing is ever deleted."""
    async with (
        await Sandbox.start(clock=clock) as sandbox,
        await RunningApp.open(sandbox, database_url, clock=clock) as crm,
    ):
        anna, ivan = await crm.operator("Anna"), crm.client()
        card = await ask(crm, ivan, anna, "My secret")
        clock.forward(hours=60)
        boris = await crm.operator("Boris")
        await give(crm, 1, boris)
        await boris.sees("My secret")
        await crm.settled()
        assert (now(anna, card).text, now(anna, card).labels) == ("#1 · shop_bot\n↪️ Now with Boris", [])
        assert calls(crm, "deleteMessage") == calls(crm, "deleteMessages") == 0


@pytest.mark.fault("F49")
async def test_message_id_zero_is_never_stored_or_matched(crm: RunningApp) -> None:
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    crm.sandbox.fail(kind="id_zero", method="sendMessage", chat=anna)
    card = await ask(crm, ivan, anna, "Ivan asks")
    assert await count(crm, "posted", "is_card AND message_id = 0") == 0
    await ask(crm, petra, anna, "Petra asks")
    # Its buttons name the contact; a reply to it cannot be traced, so the operator is asked.
    await anna.presses(card, "Take")
    await ivan.sees("Anna is now taking care")
    await anna.replies(card, "For Ivan")
    await anna.presses(await anna.sees("Who is this for?"), "#1")
    await ivan.sees("For Ivan")
    await crm.settled()
    assert petra.looks("For Ivan") is None


@pytest.mark.fault("F49")
@pytest.mark.parametrize("kind", ["text", "photo"])
async def test_answer_edited_although_its_copy_has_no_number_comes_again(crm: RunningApp, kind: str) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="id_zero", chat=ivan, times=1)
    words = kinds.text("It is fifteen") if kind == "text" else kinds.photo(caption="It is fifteen")
    said = await anna.sends(words, reply_to=card)
    await ivan.sees("It is fifteen")
    await crm.settled()
    await anna.edits(said, "It is fifty")
    again = await ivan.sees("It is fifty")
    assert again.kind == kind
    await crm.settled()
    await anna.edits(said, "It is sixty")
    await crm.settled()
    assert now(ivan, again).text == "It is sixty"


@pytest.mark.fault("F49")
async def test_answer_whose_copy_has_no_number_is_not_said_to_be_taken_back(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="id_zero", chat=ivan, times=1)
    said = await anna.replies(card, "It is fifteen")
    await ivan.sees("It is fifteen")
    await crm.settled()
    await anna.replies(said, "/del")
    await anna.sees("#1: this message could not be taken back. The client may still see it.")


@pytest.mark.fault("F48")
@pytest.mark.parametrize("is_first", [True, False], ids=["on the card", "in a copy"])
@pytest.mark.parametrize("moment", ["before it is received", "while it waits", "after it has arrived", "twice"])
async def test_message_edited_at_any_moment_is_delivered_in_its_final_form(
    sandbox: Sandbox, database_url: str, clock: MovableClock, is_first: bool, moment: str
) -> None:
    hasty = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,))
    crm = await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=hasty)
    async with crm:
        anna, ivan = await crm.operator("Anna"), crm.client()
        if not is_first:
            await ask(crm, ivan, anna)
        if moment != "before it is received":
            method = "sendMessage" if is_first else "copyMessage"
            if moment != "after it has arrived":
                sandbox.fail(kind="flood", retry_after=30, method=method, chat=anna)
            said = await ivan.says("fifty", to=crm.shop)
            await until(crm, "SELECT count(*) > 0 FROM messages WHERE text = 'fifty'", True)
            if moment == "after it has arrived":
                await anna.sees("fifty", bot=crm.shop)
            if moment == "twice":
                await ivan.edits(said, "fourteen")
            await ivan.edits(said, "fifteen")
            await until(crm, "SELECT count(*) > 0 FROM messages WHERE text = 'fifteen'", True)
            clock.forward(seconds=31)
            await crm.app.supervisor.look_again()
            await anna.sees("fifteen", bot=crm.shop)
            await crm.settled()
    if moment == "before it is received":
        said = await ivan.says("fifty", to=crm.shop)
        await ivan.edits(said, "fifteen")
        async with await RunningApp.open(sandbox, database_url, clock=clock, admin=False) as again:
            await anna.sees("fifteen", bot=again.shop)
            await again.settled()
    assert [told(anna, words) for words in ("fifty", "fourteen", "fifteen")] == [0, 0, 1]

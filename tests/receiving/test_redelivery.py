"""Telegram hands things out twice, under other numbers, late or in another order: each has one effect."""

import itertools

import pytest

from bot.receiving import worker
from bot.receiving.polling import Poller
from bot.sandbox import Sandbox
from crm_core.messaging.inbox import IncomingUpdate
from tests.stories.arranging import count, told, value
from tests.support.people import RunningApp


@pytest.mark.slow
@pytest.mark.fault("F10")
async def test_batch_redelivered_after_failed_flush_is_applied_once(
    crm: RunningApp, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Stored, but not surely on disk when something fails: it is not confirmed, and comes again."""
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await crm.settled()
    flushed, failures = crm.db.wait_flushed, 0

    async def fails_twice() -> None:
        nonlocal failures
        if failures < 2:
            failures += 1
            raise OSError("the disk did not answer")
        await flushed()

    monkeypatch.setattr(crm.db, "wait_flushed", fails_twice)
    confirmed = len(crm.sandbox.confirmed_ids(crm.shop))
    await ivan.says("from Ivan", to=crm.shop)
    await petra.says("from Petra", to=crm.shop)
    await anna.sees("from Ivan", bot=crm.shop)
    await anna.sees("from Petra")
    assert len(crm.sandbox.confirmed_ids(crm.shop)) == confirmed or failures == 2
    await crm.settled()
    assert failures == 2
    assert len(crm.sandbox.confirmed_ids(crm.shop)) == confirmed + 2
    assert (told(anna, "from Ivan"), told(anna, "from Petra")) == (1, 1)
    assert await count(crm, "contacts") == 2


@pytest.mark.fault("F12")
async def test_reused_update_id_with_other_body_is_processed_and_admins_notified(crm: RunningApp) -> None:
    anna, ivan, petra = await crm.operator("Anna"), crm.client("Ivan"), crm.client("Petra")
    await crm.settled()
    number = crm.sandbox.jump(crm.shop, 4_000_000)
    await ivan.says("of the first run", to=crm.shop)
    await anna.sees("of the first run", bot=crm.shop)
    await crm.settled()
    crm.sandbox.jump(crm.shop, number)
    await petra.says("of the second run", to=crm.shop)
    await anna.sees("of the second run")
    await crm.olga.sees("Telegram has restarted the numbering of its updates. Nothing is lost.", bot=crm.shop)
    await crm.settled()
    assert await count(crm, "inbox", f"update_id = {number}") == 2
    assert await value(crm, f"SELECT max(epoch) FROM inbox WHERE update_id = {number}") == 1  # noqa: S608


@pytest.mark.fault("F13")
@pytest.mark.parametrize("offset", [1, 2**31, -7, 0], ids=["far past", "far future", "negative", "zero"])
async def test_unexpected_polling_offset_neither_loses_nor_duplicates_messages(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch, offset: int
) -> None:
    async with await RunningApp.open(sandbox, database_url) as before:
        anna = await before.operator("Anna")
    ivan, petra = sandbox.person("Ivan", language_code="en"), sandbox.person("Petra", language_code="en")
    await ivan.says("while nobody was there", to=before.shop)
    await petra.says("nor then", to=before.shop)
    receive = Poller._receive
    tampered = 0

    async def with_that_offset(poller: Poller) -> None:
        nonlocal tampered
        tampered += 1
        if tampered == 1:
            poller._offset = offset
        await receive(poller)

    monkeypatch.setattr(Poller, "_receive", with_that_offset)
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await anna.sees("while nobody was there", bot=crm.shop)
        await anna.sees("nor then")
        await ivan.says("And now?")
        await anna.sees("And now?")
        await crm.settled()
        assert told(anna, "while nobody was there") == told(anna, "nor then") == 1
        assert tampered > 1


@pytest.mark.fault("F15")
async def test_unknown_message_content_is_reported_to_operator(crm: RunningApp) -> None:
    anna, ivan = await crm.operator("Anna"), crm.client()
    said = await ivan.says("Hello", to=crm.shop)
    card = await anna.sees("Hello", bot=crm.shop)
    plain = {name: part for name, part in said.raw.items() if name not in ("text", "entities")}
    strange = {**plain, "message_id": said.id + 100, "hologram": {"file_id": "x", "depth": 3}}
    crm.sandbox.inject_raw(crm.shop, {"message": strange})
    notice = await anna.sees("#1", after=card)
    assert "(unknown kind)" in notice.text
    assert await count(crm, "messages", "contact_id = 1") == 2


@pytest.mark.fault("F18")
@pytest.mark.parametrize("order", list(itertools.permutations(["take", "reply", "close"])), ids="-".join)
async def test_reordered_updates_use_current_state(sandbox: Sandbox, database_url: str, order: tuple[str, ...]) -> None:
    """Anna takes, answers and closes; they reach us in another order than they were pressed."""
    async with await RunningApp.open(sandbox, database_url) as before:
        anna, ivan = await before.operator("Anna"), before.client()
        await ivan.says("My question", to=before.shop)
        card = await anna.sees("My question", bot=before.shop)
        await before.settled()
    for step in order:
        if step == "reply":
            await anna.replies(card, "My answer")
        else:
            await anna.presses(card, step.capitalize(), stale=True)
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await crm.settled()
        status = await value(crm, "SELECT status FROM contacts")
        load = await value(crm, "SELECT current_leads FROM operators")
        # Close on what nobody has taken only asks; after Take, or an answer that takes, it is meant.
        assert status == ("in_progress" if order[0] == "close" else "closed")
        if order == ("take", "close", "reply"):
            assert ivan.looks("My answer", bot=crm.shop) is None
            assert told(anna, "#1 is closed, so this was not sent.") == 1
        else:
            assert (await ivan.sees("My answer", bot=crm.shop)).text == "My answer"
        assert load == (0 if status == "closed" else 1)
        assert told(ivan, "Anna is now taking care") == int(order.index("take") < order.index("reply"))
        changes = await count(crm, "events", "kind IN ('contact_taken', 'contact_closed')")
        assert changes == (2 if status == "closed" else 1)
        assert await count(crm, "inbox", "state <> 'done'") == 0


@pytest.mark.fault("F50")
async def test_callback_answered_too_late_takes_effect_and_updates_card(sandbox: Sandbox, database_url: str) -> None:
    """Telegram forgets a press that it cannot hand over after 150 seconds; others we get, and answer too late."""
    sandbox.configure(callback_life=0.0)
    async with await RunningApp.open(sandbox, database_url) as before:
        anna, ivan = await before.operator("Anna"), before.client()
        await ivan.says("My question", to=before.shop)
        card = await anna.sees("My question", bot=before.shop)
        await before.settled()
    await anna.presses(card, "Take")
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        await ivan.sees("Anna is now taking care", bot=crm.shop)
        shown = await anna.sees("In progress", bot=crm.shop)
        assert shown.id == card.id
        await crm.settled()
        await anna.presses(shown, "Close")
        await ivan.sees("is closed")
        await crm.settled()
        assert await count(crm, "inbox", "state <> 'done'") == 0


@pytest.mark.fault("F4")
async def test_finished_updates_are_not_processed_again_after_restart(
    sandbox: Sandbox, database_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(worker, "AT_ONCE_WITHIN", 20)  # however busy the machine is
    async with await RunningApp.open(sandbox, database_url) as before:
        anna, ivan = await before.operator("Anna"), before.client()
        await ivan.says("My question", to=before.shop)
        await anna.sees("My question", bot=before.shop)
        await before.app.supervisor.idle()
    async with await RunningApp.open(sandbox, database_url, admin=False) as crm:
        seen = list[IncomingUpdate]()
        handle = crm.app.worker.handle

        async def watched(row: IncomingUpdate) -> None:
            await handle(row)  # raises for what Telegram delivers again, since the end came before it was confirmed
            seen.append(row)

        crm.app.worker.handle = watched
        await ivan.says("One more thing", to=crm.shop)
        await anna.sees("One more thing", bot=crm.shop)
        await crm.settled()
        assert [row.raw["message"]["text"] for row in seen] == ["One more thing"]
        assert told(anna, "My question") == 1

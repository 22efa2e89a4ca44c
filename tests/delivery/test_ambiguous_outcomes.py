"""When Telegram's answer is lost: messages, cards and edits are resent, notices are not, and doubt is reported."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from sqlalchemy import text
from structlog.testing import capture_logs

from bot.delivery import cards
from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox
from tests.simulation.plan import ODD
from tests.support.clock import MovableClock
from tests.support.people import RunningApp
from tests.support.waiting import until_committed

SHORT = RetryDelays(outage=(0.02, 0.05), unknown=(0.05,), recovered=0.05)

# What Telegram applied without a readable answer, and what it did not apply.
APPLIED: list[dict[str, Any]] = [
    {"kind": "silent"},
    {"kind": "http_500", "applied": True},
    {"kind": "html_502", "applied": True},
    {"kind": "garbage"},
]
LOST: list[dict[str, Any]] = [{"kind": "cut"}, {"kind": "http_500"}, {"kind": "html_502"}]


def name(fault: dict[str, Any]) -> str:
    return f"{fault['kind']}-{'applied' if fault in APPLIED else 'lost'}"


@pytest.fixture
async def hasty(sandbox: Sandbox, database_url: str, clock: MovableClock) -> AsyncIterator[RunningApp]:
    async with await RunningApp.open(sandbox, database_url, clock=clock, retry_delays=SHORT) as crm:
        yield crm
    assert sandbox.strictness_violations == []


def count(person: Person, crm: RunningApp, words: str) -> int:
    return sum(words in seen.text for seen in person.chat(crm.shop) if seen.sender != person.id)


@pytest.mark.fault("F28", "F29")
@pytest.mark.parametrize("fault", APPLIED + LOST, ids=name)
async def test_cards_and_messages_are_resent_after_an_ambiguous_outcome(
    hasty: RunningApp, fault: dict[str, Any]
) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    hasty.sandbox.fail(**fault, method="sendMessage", chat=anna)
    await ivan.says("My question", to=hasty.shop)
    await ivan.sees("#1")
    await hasty.settled()
    times = 2 if fault in APPLIED else 1
    assert count(anna, hasty, "My question") == times

    hasty.sandbox.fail(**fault, method="copyMessage", chat=anna)
    await ivan.says("One more thing", to=hasty.shop)
    await hasty.settled()
    assert count(anna, hasty, "One more thing") == times
    # The operator is told under the very message: a duplicate looks like a message that the client sent twice.
    note = await anna.sees("may have arrived twice", bot=hasty.shop)
    assert note.reply_to == [seen.id for seen in anna.chat(hasty.shop) if seen.text == "One more thing"][-1]


@pytest.mark.fault("F126")
@pytest.mark.parametrize("applied", [True, False], ids=["applied", "lost"])
async def test_message_is_resent_after_any_answer_that_no_document_describes(
    hasty: RunningApp, *, applied: bool
) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    await ivan.says("My question", to=hasty.shop)
    await anna.sees("My question", bot=hasty.shop)
    await hasty.settled()
    for number, (code, body) in enumerate(ODD):
        hasty.sandbox.fail(kind="reply", code=code, text=body, applied=applied, method="copyMessage", chat=anna)
        with capture_logs() as lines:
            await ivan.says(f"word {number}.", to=hasty.shop)
            await hasty.settled()
        assert count(anna, hasty, f"word {number}.") == 1 + applied, (code, body)
        # It is no refusal either, after which the same words would be sent another way.
        assert [line for line in lines if line["event"] == "not_deliverable"] == [], (code, body)


@pytest.mark.fault("F126")
async def test_poll_goes_on_after_any_answer_that_no_document_describes(hasty: RunningApp) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    for number, (code, body) in enumerate(ODD):
        hasty.sandbox.fail(kind="reply", code=code, text=body, method="getUpdates")
        await ivan.says(f"word {number}.", to=hasty.shop)
        await anna.sees(f"word {number}.", bot=hasty.shop)


@pytest.mark.fault("F28", "F29")
@pytest.mark.parametrize("fault", APPLIED + LOST, ids=name)
async def test_notices_are_sent_at_most_once(hasty: RunningApp, fault: dict[str, Any]) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    hasty.sandbox.fail(**fault, method="sendMessage", chat=ivan)
    await ivan.says("My question", to=hasty.shop)
    await anna.sees("My question", bot=hasty.shop)
    await hasty.settled()
    assert count(ivan, hasty, "#1") == (1 if fault in APPLIED else 0)


@pytest.mark.slow
@pytest.mark.fault("F28", "F29")
@pytest.mark.parametrize("fault", APPLIED + LOST, ids=name)
async def test_edits_are_retried_until_confirmed(hasty: RunningApp, fault: dict[str, Any]) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    await ivan.says("My question", to=hasty.shop)
    card = await anna.sees("My question", bot=hasty.shop)
    hasty.sandbox.fail(**fault, method="editMessageText", chat=anna, times=2)
    await anna.presses(card, "Take")
    await hasty.settled()
    assert "In progress" in (await anna.sees("My question")).text
    assert count(anna, hasty, "My question") == 1
    assert count(anna, hasty, "arrived") == 0


async def attempts_of(crm: RunningApp, kind: str) -> tuple[str, int]:
    """The state of the newest row of a kind, and how often it was sent; before there is one, it waits untried."""
    newest = text("SELECT state, attempts FROM outbox WHERE kind = :kind ORDER BY id DESC LIMIT 1")
    row = await crm.db.read(lambda s: s.execute(newest, {"kind": kind}).one_or_none())
    return ("pending", 0) if row is None else (row.state, row.attempts)


async def talk_until_given_up(crm: RunningApp, petra: Person, anna: Person, *, kind: str) -> None:
    """Others go on writing, and are passed on, while a row fails by itself."""
    for number in range(20):
        await petra.says(f"Meanwhile {number}", to=crm.shop)
        await anna.sees(f"Meanwhile {number}", bot=crm.shop)
        before = await attempts_of(crm, kind)

        async def is_tried_again(before: tuple[str, int] = before) -> bool:
            now = await attempts_of(crm, kind)
            return now[0] == "uncertain" or now[1] > before[1]

        await until_committed(crm.db, is_tried_again)
        if (await attempts_of(crm, kind))[0] == "uncertain":
            return
    raise AssertionError(f"a {kind} was not given up")


@pytest.mark.fault("F28", "F115")
@pytest.mark.parametrize("fault", LOST, ids=name)
async def test_message_that_fails_alone_is_given_up_and_its_author_notified(
    hasty: RunningApp, fault: dict[str, Any]
) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    await petra.says("Hello", to=hasty.shop)
    await ivan.says("My question", to=hasty.shop)
    card = await anna.sees("My question", bot=hasty.shop)
    spoilt = hasty.sandbox.fail(**fault, method="copyMessage", chat=ivan, probability=1.0)
    said = await anna.replies(card, "My answer")
    await talk_until_given_up(hasty, petra, anna, kind="to_client")
    note = await anna.sees("Telegram did not confirm whether this message arrived")
    assert note.reply_to == said.id
    hasty.sandbox.clear_fault(spoilt)
    await anna.replies(card, "And the rest of it")
    await ivan.sees("And the rest of it")
    assert count(ivan, hasty, "My answer") == 0


@pytest.mark.fault("F115")
async def test_card_edit_that_fails_alone_delays_nothing_and_becomes_a_new_card(hasty: RunningApp) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    await petra.says("Hello", to=hasty.shop)
    await ivan.says("My question", to=hasty.shop)
    card = await anna.sees("My question", bot=hasty.shop)
    hasty.sandbox.fail(kind="http_500", method="editMessageText", chat=anna, probability=1.0)
    await anna.presses(card, "Take")
    await talk_until_given_up(hasty, petra, anna, kind="card_edit")
    replacement = await anna.sees("In progress", bot=hasty.shop)
    assert "My question" in replacement.text
    assert replacement.id > card.id


@pytest.mark.fault("F115")
async def test_edited_message_that_fails_alone_is_reported_to_the_operator(hasty: RunningApp) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    await petra.says("Hello", to=hasty.shop)
    await ivan.says("My question", to=hasty.shop)
    await anna.sees("My question", bot=hasty.shop)
    said = await ivan.says("At nine", to=hasty.shop)
    copy = await anna.sees("At nine", bot=hasty.shop)
    hasty.sandbox.fail(kind="http_500", method="editMessageText", chat=anna, probability=1.0)
    await ivan.edits(said, "At ten")
    await talk_until_given_up(hasty, petra, anna, kind="copy_edit")
    note = await anna.sees("Telegram does not change its copy", bot=hasty.shop)
    assert note.reply_to == copy.id


async def test_message_surely_not_delivered_is_resent_without_a_warning(hasty: RunningApp) -> None:
    """No connection was made, so the outcome is not ambiguous and nobody needs to be warned."""
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    hasty.sandbox.fail(kind="error", code=409, text="Conflict: try later", method="sendMessage", chat=anna, times=4)
    await ivan.says("My question", to=hasty.shop)
    await hasty.settled()
    assert count(anna, hasty, "My question") == 1
    assert count(anna, hasty, "arrived") == 0


async def test_five_changes_of_a_waiting_card_become_one_edit(hasty: RunningApp) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    await ivan.says("My question", to=hasty.shop)
    await anna.presses(await anna.sees("My question", bot=hasty.shop), "Take")
    await hasty.settled()
    before = hasty.sandbox.stats()["bots"][str(hasty.shop.id)]["calls"]["editMessageText"]
    hasty.sandbox.fail(kind="flood", retry_after=1, method="copyMessage", chat=anna)
    await ivan.says("More", to=hasty.shop)  # shuts Anna's chat for a second
    for number in range(5):
        said = await ivan.says(f"/email ivan{number}@example.com", to=hasty.shop)
        await ivan.sees("saved your e-mail", after=said)
    await hasty.settled()
    assert hasty.sandbox.stats()["bots"][str(hasty.shop.id)]["calls"]["editMessageText"] == before + 1
    assert "ivan4@example.com" in (await anna.sees("My question")).text


async def test_row_that_fails_to_render_blocks_no_other_and_alerts_admins(
    hasty: RunningApp, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    anna, ivan, petra = await hasty.operator("Anna"), hasty.client("Ivan"), hasty.client("Petra")
    render = cards.card

    def fails_for_ivan(contact: Any, **rest: Any) -> Any:
        if contact.lead_name == "Ivan":
            raise LookupError(f"cannot show {contact.first_text}")
        return render(contact, **rest)

    monkeypatch.setattr(cards, "card", fails_for_ivan)
    await ivan.says("a secret of Ivan", to=hasty.shop)
    await ivan.sees("#1")
    await petra.says("My question", to=hasty.shop)
    await anna.sees("My question", bot=hasty.shop)
    await hasty.olga.sees("The card of #1 can't be delivered", bot=hasty.shop)
    shown = capsys.readouterr()
    assert "render_failed" in shown.out + shown.err
    assert "a secret of Ivan" not in shown.out + shown.err

"""When Telegram's answer is lost: messages, cards and edits are resent, notices are not, and doubt is reported."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from bot.delivery import cards
from bot.delivery.backoff import RetryDelays
from bot.sandbox import Person, Sandbox
from tests.support.clock import MovableClock
from tests.support.people import RunningApp

SHORT = RetryDelays(unknown=(0.05,), retry_first=0.05, retry_last=0.1, recovered=0.05)

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


@pytest.mark.fault("F28", "F29")
@pytest.mark.parametrize("fault", APPLIED + LOST, ids=name)
async def test_notices_are_sent_at_most_once(hasty: RunningApp, fault: dict[str, Any]) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    hasty.sandbox.fail(**fault, method="sendMessage", chat=ivan)
    await ivan.says("My question", to=hasty.shop)
    await anna.sees("My question", bot=hasty.shop)
    await hasty.settled()
    assert count(ivan, hasty, "#1") == (1 if fault in APPLIED else 0)


@pytest.mark.fault("F28", "F29")
@pytest.mark.parametrize("fault", APPLIED + LOST, ids=name)
async def test_edits_are_retried_until_confirmed(hasty: RunningApp, fault: dict[str, Any]) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    await ivan.says("My question", to=hasty.shop)
    card = await anna.sees("My question", bot=hasty.shop)
    hasty.sandbox.fail(**fault, method="editMessageText", chat=anna, times=6)
    await anna.presses(card, "Take")
    await hasty.settled()
    assert "In progress" in (await anna.sees("My question")).text
    assert count(anna, hasty, "My question") == 1
    assert count(anna, hasty, "arrived") == 0


@pytest.mark.fault("F28")
async def test_five_lost_answers_notify_the_author_and_the_chat_goes_on(hasty: RunningApp) -> None:
    anna, ivan = await hasty.operator("Anna"), hasty.client()
    await ivan.says("My question", to=hasty.shop)
    card = await anna.sees("My question", bot=hasty.shop)
    hasty.sandbox.fail(kind="cut", method="copyMessage", chat=ivan, times=5)
    said = await anna.replies(card, "My answer")
    await anna.replies(card, "And the rest of it")
    await ivan.sees("And the rest of it")
    assert count(ivan, hasty, "My answer") == 0
    note = await anna.sees("Telegram did not confirm whether this message arrived")
    assert note.reply_to == said.id


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

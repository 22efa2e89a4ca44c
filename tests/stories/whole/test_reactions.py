"""Reactions: what one side sets on a message shows at the other side, as far as Telegram lets a bot show it."""

import pytest

from bot.sandbox.people.seen import SeenMessage
from tests.stories.arranging import count, give, now, one_taken, until
from tests.support.clock import MovableClock
from tests.support.people import RunningApp


def shown(crm: RunningApp, who: object, seen: SeenMessage) -> list[str]:
    return now(who, seen).reactions  # type: ignore[arg-type]


@pytest.mark.postgres_too
@pytest.mark.fault("F208")
async def test_reaction_on_a_card_is_one_on_the_first_message(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    await anna.reacts(card, "👍")
    await crm.settled()
    asked = next(one for one in ivan.chat(crm.shop) if one.text == "Ivan asks")
    assert asked.reactions == ["👍"]
    await ivan.reacts(asked, "🔥")
    await crm.settled()
    assert "🔥" in shown(crm, anna, card)


@pytest.mark.postgres_too
@pytest.mark.fault("F208")
async def test_reaction_that_telegram_refuses_costs_nothing(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="error", method="setMessageReaction", text="Bad Request: REACTION_INVALID")
    await anna.reacts(card, "🪿")
    await anna.replies(card, "Yes")
    await ivan.sees("Yes")
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'reaction' AND state = 'sent'") == 1
    assert await count(crm, "outbox", "state = 'dead'") == 0


@pytest.mark.fault("F208")
async def test_reaction_of_a_former_operator_goes_nowhere(crm: RunningApp) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    boris = await crm.operator("Boris")
    await give(crm, 1, boris)
    await crm.settled()
    await anna.reacts(card, "👎")
    await crm.settled()
    asked = next(one for one in ivan.chat(crm.shop) if one.text == "Ivan asks")
    assert asked.reactions == []


@pytest.mark.postgres_too
@pytest.mark.fault("F271")
async def test_reaction_that_is_tried_again_does_not_come_after_a_newer_one(
    crm: RunningApp, clock: MovableClock
) -> None:
    anna, ivan, card = await one_taken(crm, "Ivan asks")
    crm.sandbox.fail(kind="error", code=409, text="Conflict: try later", method="setMessageReaction")
    await anna.reacts(card, "👍")
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'reaction' AND not_before IS NOT NULL", 1)
    await anna.reacts(card, None)
    await until(crm, "SELECT count(*) FROM outbox WHERE kind = 'reaction' AND state = 'sent'", 1)
    clock.forward(minutes=1)
    await crm.app.supervisor.look_again()
    await crm.settled()
    assert await count(crm, "outbox", "kind = 'reaction' AND state = 'sent'") == 2
    asked = next(one for one in ivan.chat(crm.shop) if one.text == "Ivan asks")
    assert asked.reactions == []

"""A contact is reassigned while a client's message is being sent to its former operator."""

import random

import pytest

from crm_core.access.actors import SYSTEM
from crm_core.contacts import transfer
from crm_core.conversation import client_messages
from crm_core.delivery import bots, claims
from crm_core.delivery import outcomes as deliveries
from crm_core.delivery.attempt_outcome import Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database
from tests.domain.arranging import BOT, NOW, open_office, saying


@pytest.mark.parametrize("ends", ["in a flood wait", "with the process"])
@pytest.mark.parametrize("is_given_away", [True, False])
async def test_unsettled_card_and_message_are_resent_to_the_current_operator(
    db: Database, ends: str, is_given_away: bool
) -> None:
    office = await db.write(open_office, weights=[1, 0], limit=5)
    first, second = office.operator_ids
    heard = await db.write(client_messages.receive, **saying(1))
    await db.write(client_messages.receive, **saying(1, 2))
    sending = [row for row in await db.read(outbox.waiting, bot_id=BOT) if row.kind in ("card", "to_operator")]
    assert [(row.kind, row.chat_id) for row in sending] == [
        (one, office.account(first)) for one in ("card", "to_operator")
    ]
    jobs = await db.write(claims.claim, ids=[row.id for row in sending], fencing_token=1)
    if is_given_away:
        await db.write(
            transfer.assign_by_hand,
            contact_id=heard.contact_id,
            operator_id=second,
            actor=SYSTEM,
            now=NOW,
            rng=random.random,
        )
    if ends == "with the process":
        fencing_token = await db.write(bots.start, bot_id=BOT, username="shop_bot", name="Shop", position=0, now=NOW)
        assert await db.write(deliveries.recover, bot_id=BOT, fencing_token=fencing_token, now=NOW) == 2
    else:
        outcomes = [Outcome(job, Settled(job.id, "pending", "flood_wait", not_before=NOW)) for job in jobs]
        await db.write(
            deliveries.record, bot_id=BOT, fencing_token=1, outcomes=outcomes, gates=[], now=NOW, rng=random.random
        )
    told = [(row.kind, row.chat_id) for row in await db.read(outbox.waiting, bot_id=BOT)]
    holder = office.account(second if is_given_away else first)
    assert [chat for kind, chat in told if kind in ("card", "to_operator")] == [holder, holder]


async def test_card_of_former_operator_is_edited_when_both_cards_arrive_at_once(db: Database) -> None:
    office = await db.write(open_office, weights=[1, 0], limit=5)
    first, second = office.operator_ids
    heard = await db.write(client_messages.receive, **saying(1))

    async def claimed(operator_id: int) -> ClaimedRow:
        (row,) = [
            one
            for one in await db.read(outbox.waiting, bot_id=BOT)
            if (one.kind, one.chat_id) == (outbox.CARD, office.account(operator_id))
        ]
        (job,) = await db.write(claims.claim, ids=[row.id], fencing_token=1)
        return job

    earlier = await claimed(first)
    await db.write(
        transfer.assign_by_hand,
        contact_id=heard.contact_id,
        operator_id=second,
        actor=SYSTEM,
        now=NOW,
        rng=random.random,
    )
    later = await claimed(second)
    outcomes = [Outcome(job, Settled(job.id, "sent", "ok", result_id=job.id)) for job in (earlier, later)]
    await db.write(
        deliveries.record, bot_id=BOT, fencing_token=1, outcomes=outcomes, gates=[], now=NOW, rng=random.random
    )
    edits = [row.chat_id for row in await db.read(outbox.waiting, bot_id=BOT) if row.kind == outbox.CARD_EDIT]
    assert office.account(first) in edits

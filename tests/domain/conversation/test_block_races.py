"""A client blocks the bot, or words are taken back, while a sender works: each is told once, and nothing is left there.

Every order of the statements of two transactions is tried, on PostgreSQL; on SQLite they follow one another.
"""

from typing import Any

import pytest
from sqlalchemy import select, text
from sqlalchemy.orm import Session

from crm_core.access.actors import Actor, telegram
from crm_core.conversation import blocked_clients, operator_messages, taking_back
from crm_core.delivery import outcomes
from crm_core.delivery.attempt_outcome import Outcome
from crm_core.errors import ClientUnreachable
from crm_core.messaging.messages import MessageContent
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database
from crm_core.storage.tables import OutboxRow
from tests.domain.arranging import BOT, NOW
from tests.domain.conversation.test_edit_races import TOKEN, WHEN, Scene, arrive, claim, every_order, writes


def anna(scene: Scene) -> Actor:
    return telegram(scene.office.account(scene.office.operator_ids[0]))


def answer(s: Session, scene: Scene, number: int = 1) -> operator_messages.Routed:
    """Anna writes by the number of the contact."""
    content = MessageContent(
        "text",
        f"#{scene.contact_id} an answer",
        bot_id=BOT,
        chat_id=scene.office.account(scene.office.operator_ids[0]),
        message_id=10 * scene.client + number,
    )
    return operator_messages.route(s, actor=anna(scene), content=content, now=NOW)


def contact_is_taken(s: Session, scene: Scene) -> None:
    writes(s, scene, 1, "first")
    answer(s, scene)
    arrive(s, scene, claim(s, scene))


def answer_is_being_sent(s: Session, scene: Scene) -> None:
    contact_is_taken(s, scene)
    answer(s, scene, 2)
    scene.claimed = tuple(row for row in claim(s, scene) if row.kind == "to_client")


def block(s: Session, scene: Scene) -> None:
    blocked_clients.block(s, bot_id=BOT, chat_id=scene.client, now=NOW)


def settle(s: Session, scene: Scene, state: str, outcome: str, **about: Any) -> None:
    settled = [Outcome(row, Settled(row.id, state, outcome, **about)) for row in scene.claimed]
    outcomes.record(s, bot_id=BOT, fencing_token=TOKEN, outcomes=settled, gates=[], **WHEN)


def refused(s: Session, scene: Scene) -> None:
    settle(s, scene, "dead", "blocked")


def reply(s: Session, scene: Scene) -> Any:
    try:
        return answer(s, scene, 3)
    except ClientUnreachable as error:
        return error.code


def queued(s: Session, scene: Scene, kind: str) -> list[dict[str, Any]]:
    """The payloads of the rows of a kind that are about the contact."""
    rows = select(OutboxRow.payload).where(OutboxRow.contact_id == scene.contact_id, OutboxRow.kind == kind)
    return list(s.execute(rows.order_by(OutboxRow.id)).scalars())


def notices(s: Session, scene: Scene) -> list[Any]:
    """What operators were told of the block: to which of their messages it replies."""
    return [one.get("reply_to") for one in queued(s, scene, "staff_notice") if one["code"] == "client_unreachable"]


def check_told_once(s: Session, scene: Scene, _: list[Any]) -> None:
    assert notices(s, scene) == [10 * scene.client + 2]


def check_told_of_the_reply_or_refused(s: Session, scene: Scene, results: list[Any]) -> None:
    is_refused = ClientUnreachable.code in results
    assert notices(s, scene) == [None if is_refused else 10 * scene.client + 3]


@pytest.mark.fault("F174")
@pytest.mark.parametrize("is_block_first", [True, False])
async def test_block_beside_a_refused_message_is_told_once(db: Database, is_block_first: bool) -> None:
    both = (block, refused) if is_block_first else (refused, block)
    await every_order(db, answer_is_being_sent, both, check_told_once)


@pytest.mark.fault("F174")
@pytest.mark.parametrize("is_block_first", [True, False])
async def test_message_beside_a_block_is_refused_or_told_of(db: Database, is_block_first: bool) -> None:
    both = (block, reply) if is_block_first else (reply, block)
    await every_order(db, contact_is_taken, both, check_told_of_the_reply_or_refused)


@pytest.mark.fault("F174")
@pytest.mark.parametrize("is_reply_first", [True, False])
async def test_message_beside_a_refused_one_is_told_of_once(db: Database, is_reply_first: bool) -> None:
    both = (reply, refused) if is_reply_first else (refused, reply)
    await every_order(db, answer_is_being_sent, both, check_told_once)


def take_back(s: Session, scene: Scene) -> None:
    newest = "SELECT max(id) FROM pending_replies WHERE contact_id = :id"
    pending_id = s.execute(text(newest), {"id": scene.contact_id}).scalar_one()
    chat = scene.office.account(scene.office.operator_ids[0])
    taking_back.take_back(s, pending_id=pending_id, bot_id=BOT, chat_id=chat, actor=anna(scene), now=NOW)


def arrived_in_parts(s: Session, scene: Scene) -> None:
    settle(s, scene, "sent", "ok", result_id=1_000 * scene.client, also=(1_000 * scene.client + 1,))


def check_all_is_deleted(s: Session, scene: Scene, _: list[Any]) -> None:
    copy, words = 1_000 * scene.client, 1_000 * scene.client + 1
    deleted = [one.get("message_id", copy) for one in queued(s, scene, "delete")]
    assert sorted(deleted) == [copy, words]


@pytest.mark.fault("F171")
@pytest.mark.parametrize("is_taken_back_first", [True, False])
async def test_taking_back_beside_the_arrival_of_parts_deletes_all(db: Database, is_taken_back_first: bool) -> None:
    both = (take_back, arrived_in_parts) if is_taken_back_first else (arrived_in_parts, take_back)
    await every_order(db, answer_is_being_sent, both, check_all_is_deleted)

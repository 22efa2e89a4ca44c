"""A message is edited, or its contact opened again, while a sender works on its copy: the last text comes, and once.

Every order of the statements of two transactions is tried, on PostgreSQL; on SQLite they follow one another.
"""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, reopening, transfer
from crm_core.conversation import client_messages, edits, sending_to_client
from crm_core.delivery import claims, outcomes
from crm_core.delivery.attempt_outcome import Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging.messages import MessageContent
from crm_core.messaging.outbox_attempts import Settled
from crm_core.storage.database import Database
from tests.domain.arranging import BOT, NOW, Office, open_office, saying
from tests.support.interleaving import DEADLOCK, interleave
from tests.support.restoring import restorable

WHEN: dict[str, Any] = {"now": NOW, "rng": lambda: 0.0}
TOKEN = 1  # of the bot's first session
OLD, NEW = "fifty", "fifteen"


@dataclass
class Scene:
    """A client: their second message is about to be edited."""

    office: Office
    client: int
    contact_id: int = 0
    claimed: tuple[ClaimedRow, ...] = ()

    @property
    def original(self) -> int:
        """Telegram's id of the message."""
        return 10 * self.client + 2


Act = Callable[..., Any]  # of a session and a scene


def writes(s: Session, scene: Scene, number: int, words: str) -> None:
    inputs = saying(scene.client, 10 * scene.client + number, rng=lambda: 0.0)
    content = MessageContent("text", words, bot_id=BOT, chat_id=scene.client, message_id=10 * scene.client + number)
    scene.contact_id = client_messages.receive(s, **{**inputs, "content": content}).contact_id


def copy_waits(s: Session, scene: Scene) -> None:
    writes(s, scene, 1, "first")
    arrive(s, scene, claim(s, scene))  # the card
    writes(s, scene, 2, OLD)


def copy_is_being_sent(s: Session, scene: Scene) -> None:
    copy_waits(s, scene)
    scene.claimed = tuple(claim(s, scene))


def talk_waits(s: Session, scene: Scene) -> None:
    """Who took over is about to read what both sides have said."""
    copy_waits(s, scene)
    arrive(s, scene, claim(s, scene))
    anna, boris = scene.office.operator_ids
    content = MessageContent("text", "an answer", bot_id=BOT, chat_id=BOT, message_id=scene.client)
    account = telegram(scene.office.account(anna))
    sending_to_client.send_to_client(s, contact_id=scene.contact_id, content=content, actor=account, now=NOW)
    transfer.assign_by_hand(s, contact_id=scene.contact_id, operator_id=boris, actor=SYSTEM, confirmed=True, **WHEN)


def late_words_wait(s: Session, scene: Scene) -> None:
    """A contact was closed before anything of it came to its operator; the client has thanked."""
    writes(s, scene, 1, "first")
    account = telegram(scene.office.account(scene.office.operator_ids[0]))
    lifecycle.close(s, contact_id=scene.contact_id, version=None, actor=account, **WHEN)
    writes(s, scene, 2, "thank you")


def edit(s: Session, scene: Scene, words: str = NEW) -> None:
    content = MessageContent("text", words, bot_id=BOT, chat_id=scene.client, message_id=scene.original)
    edits.client_edits(s, content=content, now=NOW)


def reopen(s: Session, scene: Scene) -> None:
    account = telegram(scene.office.account(scene.office.operator_ids[0]))
    reopening.reopen(s, contact_id=scene.contact_id, version=None, actor=account, now=NOW)


def claim(s: Session, scene: Scene) -> list[ClaimedRow]:
    """A sender claims what waits."""
    waiting = "SELECT id FROM outbox WHERE contact_id = :id AND state = 'pending' AND kind <> 'copy_edit' ORDER BY id"
    ids = list(s.execute(text(waiting), {"id": scene.contact_id}).scalars())
    return claims.claim(s, ids=ids, fencing_token=TOKEN) if ids else []


def claim_oldest(s: Session, scene: Scene) -> list[ClaimedRow]:
    """A sender claims the oldest row of the operator's chat."""
    waiting = (
        "SELECT id FROM outbox WHERE contact_id = :id AND state = 'pending' AND chat_id = :chat ORDER BY id LIMIT 1"
    )
    chat = scene.office.account(scene.office.operator_ids[0])
    ids = list(s.execute(text(waiting), {"id": scene.contact_id, "chat": chat}).scalars())
    return claims.claim(s, ids=ids, fencing_token=TOKEN) if ids else []


def claim_edits(s: Session, scene: Scene) -> list[ClaimedRow]:
    waiting = "SELECT id FROM outbox WHERE contact_id = :id AND state = 'pending' AND kind = 'copy_edit'"
    ids = list(s.execute(text(waiting), {"id": scene.contact_id}).scalars())
    return claims.claim(s, ids=ids, fencing_token=TOKEN)


def refuse(s: Session, rows: list[ClaimedRow]) -> None:
    """Telegram does not do what rows of the outbox want."""
    refused = [Outcome(row, Settled(row.id, "dead", "message_gone")) for row in rows]
    assert refused
    outcomes.record(s, bot_id=BOT, fencing_token=TOKEN, outcomes=refused, gates=[], **WHEN)


def arrive(s: Session, scene: Scene, rows: list[ClaimedRow] | None = None) -> None:
    """Rows that were claimed arrive."""
    sent = [
        Outcome(row, Settled(row.id, "sent", "ok", result_id=1_000 * scene.client + row.id))
        for row in rows or scene.claimed
    ]
    outcomes.record(s, bot_id=BOT, fencing_token=TOKEN, outcomes=sent, gates=[], **WHEN)


def must_wait(s: Session, scene: Scene) -> None:
    """Telegram says to wait: what was claimed waits again."""
    again = [Outcome(row, Settled(row.id, "pending", "flood_wait", not_before=NOW)) for row in scene.claimed]
    outcomes.record(s, bot_id=BOT, fencing_token=TOKEN, outcomes=again, gates=[], **WHEN)


async def every_order(
    db: Database, arrange: Act, acts: tuple[Act, Act], check: Callable[[Session, Scene, list[Any]], None]
) -> None:
    """Runs both in every order of statements, each in the same scene, and checks what came of it."""
    office = await db.write(open_office, weights=[1, 0], limit=1_000)
    scene = Scene(office, client=1)
    await db.write(arrange, scene)
    async with restorable(db) as restore:
        for boundary in itertools.count(1):
            outcome = await interleave(db, partial(acts[0], scene=scene), partial(acts[1], scene=scene), at=boundary)
            assert [one for one in outcome.results if isinstance(one, Exception)] == [], f"at statement {boundary}"
            assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
            await db.read(check, scene, outcome.results)
            if not outcome.paused:
                break
            await restore()


def rows_of(s: Session, scene: Scene, kind: str) -> list[str]:
    """The states of the rows of a kind that are about the edited message, or else about its contact."""
    query = (
        "SELECT o.state FROM outbox o JOIN messages m ON m.message_id = :original AND m.contact_id = o.contact_id "
        "WHERE o.kind = :kind AND (o.message_ref IS NULL OR o.message_ref = m.id) AND o.state <> 'dead' ORDER BY o.id"
    )
    return list(s.execute(text(query), {"original": scene.original, "kind": kind}).scalars())


def check_copied_once(s: Session, scene: Scene, _: list[Any]) -> None:
    assert rows_of(s, scene, "to_operator") == ["sent"]
    assert rows_of(s, scene, "copy_edit") == ["pending"]


def check_waits_once(s: Session, scene: Scene, _: list[Any]) -> None:
    assert rows_of(s, scene, "to_operator") == ["pending"]


def check_last_text_comes(s: Session, scene: Scene, results: list[Any]) -> None:
    (row,) = next(rows for rows in results if rows)
    assert rows_of(s, scene, "to_operator") == ["sending"]
    assert row.message.text == NEW or rows_of(s, scene, "copy_edit") == ["pending"]


def check_in_talk_or_copied(s: Session, scene: Scene, results: list[Any]) -> None:
    rows = next(rows for rows in results if rows)
    (told,) = [said.text for row in rows for said in row.talk if said.text in (OLD, NEW)]
    copies = [state for state in rows_of(s, scene, "to_operator") if state != "sent"]  # that of before was sent
    assert (told, copies) in [(NEW, []), (OLD, ["pending"])]


def check_late_words_come_once(s: Session, scene: Scene, _: list[Any]) -> None:
    assert len(rows_of(s, scene, "to_operator")) == 1
    assert len(rows_of(s, scene, "card")) == 1


@pytest.mark.fault("F48")
@pytest.mark.parametrize("is_edit_first", [True, False])
async def test_edit_beside_the_arrival_of_its_copy_sends_no_second_one(db: Database, is_edit_first: bool) -> None:
    both = (edit, arrive) if is_edit_first else (arrive, edit)
    await every_order(db, copy_is_being_sent, both, check_copied_once)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("is_edit_first", [True, False])
async def test_edit_beside_a_flood_wait_of_its_copy_sends_no_second_one(db: Database, is_edit_first: bool) -> None:
    both = (edit, must_wait) if is_edit_first else (must_wait, edit)
    await every_order(db, copy_is_being_sent, both, check_waits_once)


@pytest.mark.fault("F48")
@pytest.mark.parametrize("is_edit_first", [True, False])
async def test_edit_beside_the_claim_of_its_copy_is_never_lost(db: Database, is_edit_first: bool) -> None:
    both = (edit, claim) if is_edit_first else (claim, edit)
    await every_order(db, copy_waits, both, check_last_text_comes)


@pytest.mark.fault("F154")
@pytest.mark.parametrize("is_edit_first", [True, False])
async def test_edit_beside_the_claim_of_a_talk_comes_once(db: Database, is_edit_first: bool) -> None:
    both = (edit, claim) if is_edit_first else (claim, edit)
    await every_order(db, talk_waits, both, check_in_talk_or_copied)


@pytest.mark.fault("F137")
async def test_two_refused_edits_of_a_copy_send_it_afresh_once(db: Database) -> None:
    """The second one was queued while the first was under way; the fresh copy waits behind both."""

    def edit_twice_in_vain(s: Session) -> Scene:
        scene = Scene(open_office(s, weights=[1], limit=5), client=1)
        copy_waits(s, scene)
        arrive(s, scene, claim(s, scene))
        edit(s, scene)
        first = claim_edits(s, scene)
        edit(s, scene, words="fourteen")
        refuse(s, first)
        refuse(s, claim_edits(s, scene))
        return scene

    scene = await db.write(edit_twice_in_vain)
    assert await db.read(rows_of, scene, "to_operator") == ["sent", "pending"]


@pytest.mark.fault("F148")
@pytest.mark.parametrize("is_claim_first", [True, False])
async def test_reopening_beside_the_claim_of_a_late_card_sends_one(db: Database, is_claim_first: bool) -> None:
    both = (claim_oldest, reopen) if is_claim_first else (reopen, claim_oldest)
    await every_order(db, late_words_wait, both, check_late_words_come_once)

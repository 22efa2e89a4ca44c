"""Contacts whose client waits for an answer while their operator is away: handed over, held, or kept."""

import itertools
import json
import random
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.conversation import client_messages, handover, sending_to_client
from crm_core.errors import BadValue, ContactHeld
from crm_core.messaging.messages import MessageContent
from crm_core.routing import absence, offer_settings, source_settings, sources
from crm_core.storage.database import Database
from crm_core.team import missed_offers, operators, shifts
from tests.domain.arranging import BOT, Office, hire, open_office, saying
from tests.domain.invariants import check_all
from tests.domain.team.test_shifts import at, hours, register, set_hours
from tests.support.interleaving import DEADLOCK, interleave
from tests.support.restoring import restorable

MINUTE, SECOND = timedelta(minutes=1), timedelta(seconds=1)
Act = Callable[..., Any]


def set_handover(s: Session, office: Office, mode: str, minutes: int = 30) -> None:
    values = {"handover": mode, "away_minutes": minutes}
    absence.set_handover(s, source_id=office.source_id, values=values, actor=SYSTEM, now=at(8))


def go(s: Session, office: Office, operator_id: int, now: datetime, *, is_online: bool = False) -> None:
    """An operator goes offline, or comes back."""
    actor = telegram(office.account(operator_id))
    operators.set_online(s, is_online=is_online, actor=actor, now=now, rng=random.random)


def writes(s: Session, client: int, number: int, now: datetime) -> int:
    """A client writes; returns the contact."""
    return client_messages.receive(s, **saying(client, number, now=now)).contact_id or 0


def answers(s: Session, office: Office, operator_id: int, contact_id: int, now: datetime) -> None:
    """An operator answers a client."""
    chat = office.account(operator_id)
    said = MessageContent("text", text="answer", bot_id=BOT, chat_id=chat, message_id=next(NUMBERS))
    sending_to_client.send_to_client(s, contact_id=contact_id, content=said, actor=telegram(chat), now=now)


NUMBERS = itertools.count(1_000)


async def passes(db: Database, now: datetime) -> int:
    """What the jobs of every second do at a moment; returns with how many contacts something was done."""
    due = await db.read(shifts.due, now=now)
    if due:
        await db.write(shifts.turn, operator_ids=due, now=now, rng=random.random)
    found = await db.read(handover.due, now=now)
    done = await db.write(handover.look, found=found, now=now, rng=random.random) if found else 0
    assert await db.read(handover.due, now=now) == []
    await db.read(check_all)
    return done


def holder(s: Session, contact_id: int) -> int | None:
    found: int | None = s.execute(
        text("SELECT operator_id FROM contacts WHERE id = :id"), {"id": contact_id}
    ).scalar_one()
    return found


def told(s: Session, contact_id: int) -> list[dict[str, Any]]:
    """The notices of their operator's absence to a client."""
    rows = s.execute(
        text("SELECT payload FROM outbox WHERE kind = 'client_notice' AND contact_id = :id ORDER BY id"),
        {"id": contact_id},
    ).scalars()
    found = [json.loads(one) if isinstance(one, str) else one for one in rows]
    return [one for one in found if one["code"] == "operator_away"]


async def arrange(db: Database, mode: str, minutes: int = 30) -> tuple[Office, int, int]:
    """Anna, and Boris, who is full for now."""
    office = await db.write(open_office, weights=[1], limit=1_000)
    boris = await db.write(hire, office, "Boris", weight=1, limit=0)
    await db.write(set_handover, office, mode, minutes)
    return office, office.operator_ids[0], boris


async def make_room(db: Database, boris: int) -> None:
    await db.write(operators.set_limit, operator_id=boris, max_leads=1_000, actor=SYSTEM, now=at(9), rng=random.random)


@pytest.mark.fault("F198")
async def test_unanswered_contacts_are_handed_over_on_time_and_answered_ones_stay(db: Database) -> None:
    office, anna, boris = await arrange(db, "hand_over")
    waits, answered = await db.write(writes, 1, 1, at(9)), await db.write(writes, 2, 2, at(9))
    await db.write(answers, office, anna, answered, at(9, 5))
    await make_room(db, boris)
    await db.write(go, office, anna, at(10))
    assert await passes(db, at(10, 30) - SECOND) == 0
    assert await passes(db, at(10, 30)) == 1
    assert await db.read(holder, waits) == boris
    assert await db.read(holder, answered) == anna
    await db.write(writes, 2, 3, at(11))
    assert await passes(db, at(11)) == 1
    assert await db.read(holder, answered) == boris
    reasons = "SELECT reason FROM events WHERE kind = 'contact_queued' ORDER BY id"
    assert await db.read(lambda s: s.execute(text(reasons)).scalars().all()) == ["away", "away"]
    # They read that Boris will answer; nothing else is to be said.
    assert await db.read(told, waits) == []


@pytest.mark.fault("F198")
async def test_contact_that_comes_to_who_is_away_is_handed_over_so_long_after_that(db: Database) -> None:
    office, anna, boris = await arrange(db, "hand_over")
    await make_room(db, boris)
    await db.write(go, office, anna, at(9))
    contact_id = await db.write(writes, 1, 1, at(10))
    who: dict[str, Any] = {"operator_id": anna, "confirmed": True, "actor": SYSTEM, "rng": random.random}
    await db.write(transfer.assign_by_hand, contact_id=contact_id, now=at(10), **who)
    assert await passes(db, at(10, 30) - SECOND) == 0
    assert await passes(db, at(10, 30)) == 1
    assert await db.read(holder, contact_id) == boris


@pytest.mark.fault("F198")
async def test_end_of_a_shift_and_its_break_count_as_absence_but_not_its_margins(db: Database) -> None:
    office, anna, _ = await arrange(db, "hand_over")
    typed = "mon-fri 9-18 break 13-14, first request 15 min before the start, last request 20 min before the end"
    await db.write(set_hours, anna, hours(typed), at(8))
    await passes(db, at(8, 45))
    before = await db.write(register, office, 1, at(8, 50))
    assert before == anna
    assert await passes(db, at(12, 59)) == 0
    await passes(db, at(13))
    assert await passes(db, at(13, 30) - SECOND) == 0
    assert await passes(db, at(13, 30)) == 1
    assert await db.read(holder, 1) is None
    assert await passes(db, at(14)) == 0
    assert await db.read(holder, 1) == anna
    assert await passes(db, at(17, 40)) == 0
    assert await passes(db, at(18)) == 0
    assert await passes(db, at(18, 30) - SECOND) == 0
    assert await passes(db, at(18, 30)) == 1
    # Who still waits in the morning goes out when the shift begins.
    assert await passes(db, at(8, 45, day=1)) == 0
    assert await db.read(holder, 1) == anna


@pytest.mark.fault("F198")
@pytest.mark.parametrize("zone", ["Europe/Berlin", "America/New_York"])
async def test_process_that_starts_late_or_a_change_of_clocks_moves_nothing(db: Database, zone: str) -> None:
    office, anna, _ = await arrange(db, "hand_over", 60 * 12)
    await db.write(set_hours, anna, hours("daily 9-18", zone), at(8))
    ends = hours("daily 9-18", zone).next_change(at(16, day=117))  # around the change of clocks in March
    assert ends is not None
    await passes(db, ends - timedelta(hours=3))
    assert await db.write(register, office, 1, ends - timedelta(hours=2)) == anna
    await passes(db, ends)
    assert await passes(db, ends + timedelta(hours=12) - SECOND) == 0
    assert await passes(db, ends + timedelta(hours=12)) == 1
    # Nobody looks for a night: in the morning it is given out.
    await passes(db, ends + timedelta(hours=20))
    assert await db.read(holder, 1) == anna


@pytest.mark.fault("F198")
async def test_client_of_a_held_contact_is_told_once_until_somebody_answers(db: Database) -> None:
    office, anna, _ = await arrange(db, "hold")
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    await passes(db, at(9))
    contact_id = await db.write(writes, 1, 1, at(9))
    await passes(db, at(18))
    assert await passes(db, at(18, 30)) == 1
    await db.write(writes, 1, 2, at(19))
    assert await passes(db, at(19)) == 0
    (notice,) = await db.read(told, contact_id)
    assert (notice["is_held"], notice["opens"]) == (True, int(at(9, day=1).timestamp()))
    await db.write(answers, office, anna, contact_id, at(19, 5))
    assert await passes(db, at(20)) == 0
    await db.write(writes, 1, 3, at(20))
    assert await passes(db, at(20)) == 1
    assert len(await db.read(told, contact_id)) == 2
    assert await db.read(holder, contact_id) == anna


async def test_kept_contact_stays_and_nobody_is_told(db: Database) -> None:
    office, anna, _ = await arrange(db, "keep", 0)
    contact_id = await db.write(writes, 1, 1, at(9))
    await db.write(go, office, anna, at(9))
    assert await passes(db, at(9, day=2)) == 0
    assert await db.read(told, contact_id) == []
    await db.write(set_handover, office, "hand_over", 0)
    assert await passes(db, at(9, day=2)) == 1
    assert await db.read(holder, contact_id) is None
    (notice,) = await db.read(told, contact_id)
    assert notice == {"code": "operator_away", "is_held": False}  # Boris is there, and full


async def test_request_without_a_chat_counts_as_unanswered_until_it_is_taken(db: Database) -> None:
    office, anna, _ = await arrange(db, "hand_over", 0)
    for number in (1, 2):
        await db.write(register, office, number, at(9))
    await db.write(lifecycle.take, contact_id=2, version=None, actor=telegram(office.account(anna)), now=at(9, 1))
    await db.write(go, office, anna, at(10))
    assert await passes(db, at(10)) == 1
    assert [await db.read(holder, one) for one in (1, 2)] == [None, anna]


async def test_offer_of_who_is_off_shift_goes_back_and_costs_nothing(db: Database) -> None:
    office, anna, _ = await arrange(db, "hand_over")
    await db.write(source_settings.set_strategy, source_id=office.source_id, strategy="exact", actor=SYSTEM, now=at(8))
    values = {"offer_seconds": 3600}
    await db.write(offer_settings.set_offers, source_id=office.source_id, values=values, actor=SYSTEM, now=at(8))
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    await passes(db, at(17, 50))
    contact_id = await db.write(writes, 1, 1, at(17, 50))
    await passes(db, at(18))
    assert await passes(db, at(18, 30)) == 1
    assert await db.read(holder, contact_id) is None
    assert await db.read(missed_offers.due, now=at(18, 30)) == []
    assert await db.read(lambda s: s.execute(text("SELECT sum(abs(credit)) FROM credits")).scalar_one()) == 0


@pytest.mark.fault("F198")
async def test_offer_that_is_taken_from_home_is_handed_over_so_long_after_the_take(db: Database) -> None:
    office = await db.write(open_office, weights=[1], limit=1_000)
    (anna,) = office.operator_ids
    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(8))
    offers = {"offer_seconds": 3_600}
    await db.write(offer_settings.set_offers, source_id=office.source_id, values=offers, actor=SYSTEM, now=at(8))
    await passes(db, at(17, 30))
    offered = await db.write(writes, 1, 1, at(17, 30))
    assert await passes(db, at(18)) == 0
    await db.write(set_handover, office, "hand_over", 30)
    boris = await db.write(hire, office, "Boris", weight=1, limit=0)
    me: dict[str, Any] = {"actor": telegram(office.account(anna)), "now": at(18, 20)}
    await db.write(lifecycle.take, contact_id=offered, version=None, **me)
    await make_room(db, boris)
    assert await passes(db, at(18, 50) - SECOND) == 0
    assert await passes(db, at(18, 50)) == 1
    assert await db.read(holder, offered) == boris


async def test_operator_who_is_taken_for_present_or_absent_wrongly_is_put_right(db: Database) -> None:
    office, anna, boris = await arrange(db, "hand_over")

    def since(s: Session) -> dict[int, int | None]:
        return {row.id: row.away_since for row in s.execute(text("SELECT id, away_since FROM operators"))}

    await db.write(set_hours, anna, hours("mon-fri 9-18"), at(20))
    await db.write(go, office, boris, at(20))
    evening = int(at(20).timestamp() * 1000)
    assert await db.read(since) == {anna: evening, boris: evening}
    # The clock is set back to the morning.
    assert await db.read(shifts.wrong, now=at(10)) == [anna, boris]
    await db.write(shifts.turn, operator_ids=[anna, boris], now=at(10), rng=random.random)
    assert await db.read(since) == {anna: None, boris: int(at(10).timestamp() * 1000)}
    assert await db.read(shifts.wrong, now=at(10)) == []
    await db.write(go, office, boris, at(11), is_online=True)
    assert (await db.read(since))[boris] is None


async def test_impossible_settings_are_refused(db: Database) -> None:
    office, _, _ = await arrange(db, "keep")
    for minutes in (-1, absence.LONGEST + 1):
        with pytest.raises(BadValue):
            await db.write(set_handover, office, "hold", minutes)
    assert (await db.read(sources.one, source_id=office.source_id)).handover == "keep"


# --- two at once -----------------------------------------------------------------------------------------------------


class Scene:
    """A client waits for Anna, who has been away for long enough, beside Boris."""

    def __init__(self, office: Office, anna: int, client: int, contact_id: int) -> None:
        self.office, self.anna, self.client, self.contact_id = office, anna, client, contact_id


def hand_over(s: Session, scene: Scene) -> int:
    return handover.look(s, found=[(scene.contact_id, scene.anna)], now=at(11), rng=random.random)


def answer(s: Session, scene: Scene) -> None:
    answers(s, scene.office, scene.anna, scene.contact_id, at(11))


def write_again(s: Session, scene: Scene) -> None:
    writes(s, scene.client, 2 * scene.client, at(11))


def close(s: Session, scene: Scene) -> None:
    actor = telegram(scene.office.account(scene.anna))
    lifecycle.close(s, contact_id=scene.contact_id, version=None, actor=actor, now=at(11), rng=random.random)


def come_back(s: Session, scene: Scene) -> None:
    go(s, scene.office, scene.anna, at(11), is_online=True)


@pytest.mark.fault("F199")
@pytest.mark.parametrize("mode", ["hand_over", "hold"])
@pytest.mark.parametrize("other", [answer, write_again, close, come_back, hand_over], ids=lambda one: one.__name__)
@pytest.mark.parametrize("is_first", [True, False])
async def test_contact_handed_over_beside_anything_has_one_operator(
    db: Database, other: Act, is_first: bool, mode: str
) -> None:
    office, anna, boris = await arrange(db, mode)
    contact_id = await db.write(writes, 1, 1, at(9))
    scene = Scene(office, anna, 1, contact_id)
    await db.write(go, office, anna, at(10))
    await make_room(db, boris)
    pair = (partial(hand_over, scene=scene), partial(other, scene=scene))
    async with restorable(db) as restore:
        for boundary in itertools.count(1):
            outcome = await interleave(db, *(pair if is_first else pair[::-1]), at=boundary)
            broken = [one for one in outcome.results if isinstance(one, Exception) and not isinstance(one, ContactHeld)]
            assert broken == [], f"at statement {boundary}"
            assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
            await db.read(check_all)
            results = outcome.results if is_first else outcome.results[::-1]
            await check_outcome(db, scene, mode, other, handed=results[0], refused=isinstance(results[1], ContactHeld))
            if not outcome.paused:
                return
            await restore()
    raise AssertionError("unreachable")


async def check_outcome(db: Database, scene: Scene, mode: str, other: Act, *, handed: int, refused: bool) -> None:
    """Whoever answered or closed still has it; and a client is told once."""
    now_with = await db.read(holder, scene.contact_id)
    assert len(await db.read(told, scene.contact_id)) <= 1
    if mode == "hold" or not handed:
        assert now_with == scene.anna or other is hand_over
        assert not refused
    elif other in (answer, close):
        assert refused
    if mode == "hand_over" and handed:
        assert now_with != scene.anna or other is come_back

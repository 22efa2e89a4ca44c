"""An operator is lost while they are given a contact: whichever is first, the contact ends with somebody who can work.

Every order of the statements of two transactions is tried, on PostgreSQL; on SQLite they follow one another.
"""

import itertools
from collections.abc import Callable
from functools import partial
from random import random
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.conversation import client_messages
from crm_core.delivery import claims, outcomes
from crm_core.delivery.attempt_outcome import Outcome
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.errors import CrmError
from crm_core.messaging.outbox_attempts import Settled
from crm_core.routing import new_sources, sources, waiting_list, weight_settings
from crm_core.storage.database import Database
from crm_core.team import accounts, departure, invitations, operators
from crm_core.team.accounts import Account
from tests.domain.arranging import BOT, NOW, Office, open_office, saying
from tests.domain.invariants import check_all
from tests.support.interleaving import DEADLOCK, interleave
from tests.support.restoring import restorable

WHEN: dict[str, Any] = {"now": NOW, "rng": lambda: 0.0}  # the first of those who are eligible: Boris
TO_ANNA = 0.999  # the last of them: Anna
TOKEN = 1  # of the bot's first session
NEW, HELD = 2_000, 1_000  # clients

Act = Callable[..., Any]  # of a session and a scene


class Scene:
    """Anna, who is about to be lost, Boris beside her, and a contact that Anna holds."""

    def __init__(self, office: Office, number: int, anna: int, contact_id: int) -> None:
        self.office, self.number, self.anna, self.contact_id = office, number, anna, contact_id
        self.account = office.account(anna)
        self.claimed: list[ClaimedRow] = []


def set_up(s: Session, office: Office, number: int) -> Scene:
    anna = operators.add(s, name=f"Anna {number}", max_leads=5, actor=SYSTEM, now=NOW)
    scene = Scene(office, number, anna, 0)
    enter(s, scene, scene.account, f"first {number}")
    weigh(s, scene, 1)
    boris = office.operator_ids[0]
    operators.set_active(s, operator_id=boris, is_active=False, actor=SYSTEM, **WHEN)
    scene.contact_id = client_messages.receive(s, **saying(HELD + number)).contact_id
    operators.set_active(s, operator_id=boris, is_active=True, actor=SYSTEM, **WHEN)
    invitations.invite(s, code=f"second {number}", role="operator", operator_id=anna, actor=SYSTEM, now=NOW)
    return scene


def set_up_sending(s: Session, office: Office, number: int) -> Scene:
    """As above, and a sender is sending Anna the card of the contact."""
    scene = set_up(s, office, number)
    waiting = "SELECT id FROM outbox WHERE chat_id = :chat AND kind = 'card' AND state = 'pending'"
    card = s.execute(text(waiting), {"chat": scene.account}).scalar_one()
    scene.claimed = claims.claim(s, ids=[card], fencing_token=TOKEN)
    return scene


def enter(s: Session, scene: Scene, account: int, code: str) -> None:
    invitations.invite(s, code=code, role="operator", operator_id=scene.anna, actor=SYSTEM, now=NOW)
    invitations.join(s, code=code, account=Account(account, "Anna"), bot_id=BOT, **WHEN)


def weigh(s: Session, scene: Scene, weight: int) -> None:
    weight_settings.set_weight(
        s, source_id=scene.office.source_id, operator_id=scene.anna, weight=weight, actor=SYSTEM, **WHEN
    )


def write_first(s: Session, scene: Scene) -> Any:
    return client_messages.receive(s, **saying(NEW + scene.number, rng=lambda: TO_ANNA))


def register(s: Session, scene: Scene) -> Any:
    lead = LeadFacts(external_id=f"site:{scene.number}")
    return lifecycle.register(s, source_id=scene.office.source_id, lead=lead, now=NOW, rng=lambda: TO_ANNA)


def close(s: Session, scene: Scene) -> Any:
    return lifecycle.close(s, contact_id=scene.contact_id, version=None, actor=telegram(scene.account), **WHEN)


def assign(s: Session, scene: Scene) -> Any:
    waiting = waiting_list.waiting(s)[0] if waiting_list.waiting(s) else None
    contact_id = waiting.id if waiting else first_of(s, scene.office.operator_ids[0])
    return transfer.assign_by_hand(
        s, contact_id=contact_id, operator_id=scene.anna, actor=SYSTEM, confirmed=True, **WHEN
    )


def first_of(s: Session, operator_id: int) -> int:
    found: int = s.execute(
        text("SELECT min(id) FROM contacts WHERE operator_id = :id AND status <> 'closed'"), {"id": operator_id}
    ).scalar_one()
    return found


def lose_reach(s: Session, scene: Scene) -> Any:
    return departure.mark_unreachable(s, telegram_id=scene.account, bot_id=BOT, **WHEN)


def refuse(s: Session, scene: Scene) -> None:
    """Telegram refuses what was being sent: Anna has blocked the bot."""
    refused = [Outcome(row, Settled(row.id, "dead", "blocked")) for row in scene.claimed]
    outcomes.record(s, bot_id=BOT, fencing_token=TOKEN, outcomes=refused, gates=[], **WHEN)


def remove(s: Session, scene: Scene) -> Any:
    return departure.remove(s, operator_id=scene.anna, actor=SYSTEM, **WHEN)


def replace(s: Session, scene: Scene) -> Any:
    account = Account(scene.account + 500_000, "Another Anna")
    return invitations.join(s, code=f"second {scene.number}", account=account, bot_id=BOT, **WHEN)


def come_back(s: Session, scene: Scene) -> Any:
    return accounts.mark_reachable(s, telegram_id=scene.account, bot_id=BOT, **WHEN)


def check_holders(s: Session) -> None:
    """Whoever holds an open contact is not removed, and the contact's bot can write to them; no account is bound to
    somebody who was removed.
    """
    lost = s.execute(
        text(
            "SELECT c.id, o.name FROM contacts c JOIN operators o ON o.id = c.operator_id "
            "LEFT JOIN staff s ON s.operator_id = o.id "
            "LEFT JOIN staff_chats r ON r.telegram_id = s.telegram_id AND r.bot_id = c.bot_id "
            "WHERE c.status <> 'closed' AND (o.removed_at IS NOT NULL OR NOT coalesce(r.is_reachable, false))"
        )
    ).all()
    assert lost == [], f"held by who cannot work on it: {lost}"
    bound = s.execute(
        text(
            "SELECT s.telegram_id FROM staff s JOIN operators o ON o.id = s.operator_id WHERE o.removed_at IS NOT NULL"
        )
    ).all()
    assert bound == [], f"accounts of removed operators: {bound}"


async def check_every_order(
    db: Database, first: Act, second: Act, arrange: Act = set_up, *, refusal: type[Exception] | tuple[()] = CrmError
) -> int:
    """Runs both in every order of statements, each in the same scene. Returns how many orders there were.

    Args:
        refusal: what either may raise.
    """
    office = await db.write(open_office, weights=[1], limit=1_000)
    scene = await db.write(arrange, office, 1)
    async with restorable(db) as restore:
        for boundary in itertools.count(1):
            outcome = await interleave(db, partial(first, scene=scene), partial(second, scene=scene), at=boundary)
            broken = [one for one in outcome.results if isinstance(one, Exception) and not isinstance(one, refusal)]
            assert broken == [], f"at statement {boundary}"
            assert DEADLOCK not in outcome.errors, f"at statement {boundary}"
            await db.read(check_all)
            await db.read(check_holders)
            if not outcome.paused:
                return boundary
            await restore()
    raise AssertionError("unreachable")


LOSSES = [lose_reach, remove, replace]


@pytest.mark.fault("F97")
@pytest.mark.parametrize("loss", LOSSES, ids=lambda one: one.__name__)
@pytest.mark.parametrize("gain", [write_first, register, assign, close], ids=lambda one: one.__name__)
async def test_lost_operator_keeps_no_contact_given_in_that_moment(db: Database, gain: Act, loss: Act) -> None:
    await check_every_order(db, gain, loss)


@pytest.mark.fault("F97")
@pytest.mark.parametrize("loss", LOSSES, ids=lambda one: one.__name__)
async def test_contact_given_while_an_operator_is_being_lost_goes_to_another(db: Database, loss: Act) -> None:
    orders = await check_every_order(db, loss, write_first)
    assert orders > 5 or db.url.get_backend_name() == "sqlite"


@pytest.mark.fault("F97")
@pytest.mark.parametrize("other", [close, lose_reach, remove, write_first], ids=lambda one: one.__name__)
async def test_card_refused_beside_any_change_leaves_nothing_with_the_lost(db: Database, other: Act) -> None:
    await check_every_order(db, other, refuse, arrange=set_up_sending)


@pytest.mark.fault("F97")
@pytest.mark.parametrize("other", [close, write_first], ids=lambda one: one.__name__)
async def test_change_beside_a_card_that_is_refused_leaves_nothing_with_the_lost(db: Database, other: Act) -> None:
    await check_every_order(db, refuse, other, arrange=set_up_sending)


@pytest.mark.fault("F98")
@pytest.mark.parametrize("other", [lose_reach, replace, come_back], ids=lambda one: one.__name__)
async def test_removal_beside_any_change_of_the_account_leaves_nobody_bound(db: Database, other: Act) -> None:
    await check_every_order(db, remove, other)


@pytest.mark.fault("F97")
async def test_contact_held_by_an_unreachable_operator_is_returned_and_reported(db: Database) -> None:
    """Whatever led to it: the next failure to reach them gives the contact to somebody who is there."""
    office = await db.write(open_office, weights=[1, 1], limit=5)
    heard = await db.write(client_messages.receive, **saying(1))

    def lose_behind_the_back(s: Session) -> int:
        s.execute(text("UPDATE staff_chats SET is_reachable = (1 = 0) WHERE telegram_id = 10000 + :id"), {"id": holder})
        return len(departure.mark_unreachable(s, telegram_id=office.account(holder), bot_id=BOT, **WHEN))

    holder = await db.read(lambda s: s.execute(text("SELECT operator_id FROM contacts")).scalar_one())
    assert await db.write(lose_behind_the_back) == 1
    now_with = await db.read(lambda s: s.execute(text("SELECT operator_id FROM contacts")).scalar_one())
    assert now_with not in (holder, None)
    assert heard.contact_id == 1
    await db.read(check_all)
    await db.read(check_holders)


@pytest.mark.fault("F98")
async def test_account_of_a_removed_operator_can_join_again(db: Database) -> None:
    """An installation may hold such an account from before; a new invitation frees it."""

    def bind_to_removed(s: Session) -> int:
        office = open_office(s, weights=[1, 1], limit=5)
        gone, other = office.operator_ids
        departure.remove(s, operator_id=gone, actor=SYSTEM, **WHEN)
        accounts.give_role(s, Account(77, "Anna"), now=NOW, operator_id=gone)
        invitations.invite(s, code="again", role="operator", operator_id=other, actor=SYSTEM, now=NOW)
        invitations.join(s, code="again", account=Account(77, "Anna"), bot_id=BOT, **WHEN)
        return other

    other = await db.write(bind_to_removed)
    assert await db.read(lambda s: operators.one(s, operator_id=other).telegram_id) == 77
    await db.read(check_holders)


def fill(s: Session, scene: Scene) -> None:
    """Two clients wait at another source, where Anna has no weight yet; Anna is full."""
    source_id = new_sources.add(s, name=f"Site {scene.number}", description=None, actor=SYSTEM, now=NOW)
    operators.set_limit(s, operator_id=scene.anna, max_leads=1, actor=SYSTEM, **WHEN)
    lifecycle.register(s, source_id=source_id, lead=LeadFacts(external_id=f"w:{scene.number}"), now=NOW, rng=random)


@pytest.mark.fault("F99")
@pytest.mark.parametrize("is_close_first", [True, False])
async def test_weight_given_beside_a_close_leaves_nobody_waiting(db: Database, is_close_first: bool) -> None:
    """Both orders, at every statement: the close gives the place to whoever waits where the weight was given."""

    def weigh_there(s: Session, scene: Scene) -> Any:
        there = sources.find(s, name=f"Site {scene.number}").id
        weight_settings.set_weight(s, source_id=there, operator_id=scene.anna, weight=1, actor=SYSTEM, **WHEN)

    def arrange(s: Session, office: Office, number: int) -> Scene:
        scene = set_up(s, office, number)
        fill(s, scene)
        return scene

    first, second = (close, weigh_there) if is_close_first else (weigh_there, close)
    await check_every_order(db, first, second, arrange, refusal=())

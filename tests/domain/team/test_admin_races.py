"""Concurrent admins: the last one stays, and no operator exceeds their limit without a confirmation."""

import asyncio
import random

from sqlalchemy import delete, select
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.contacts import lifecycle, transfer
from crm_core.contacts.leads import LeadFacts
from crm_core.delivery import bots
from crm_core.errors import LastAdmin, NeedsConfirmation, NotAllowed
from crm_core.routing import sources
from crm_core.storage.database import Database
from crm_core.storage.tables import RemovedAdmin, Staff
from crm_core.team import accounts, invitations, operators
from crm_core.team.accounts import Account
from tests.support.clock import MovableClock


def make_admins(s: Session, clock: MovableClock) -> None:
    s.execute(delete(RemovedAdmin))
    accounts.ensure_admins(s, telegram_ids=[1, 2], now=clock())


async def test_two_admins_removing_each_other_concurrently_leave_one_admin(db: Database, clock: MovableClock) -> None:
    for _ in range(10):
        await db.write(make_admins, clock)
        outcomes = await asyncio.gather(
            db.write(accounts.remove_admin, telegram_id=2, actor=telegram(1), now=clock()),
            db.write(accounts.remove_admin, telegram_id=1, actor=telegram(2), now=clock()),
            return_exceptions=True,
        )
        refused = [one for one in outcomes if isinstance(one, BaseException)]
        assert len(refused) == 1
        assert isinstance(refused[0], NotAllowed | LastAdmin)
        assert len(await db.read(accounts.admins)) == 1


async def test_concurrent_manual_assignments_do_not_exceed_limit_unconfirmed(db: Database, clock: MovableClock) -> None:
    def arrange(s: Session) -> tuple[int, int]:
        bots.start(s, bot_id=7, username="shop_bot", name="Shop", position=0, now=clock())
        anna = operators.add(s, name="Anna", max_leads=1, actor=SYSTEM, now=clock())
        invitations.invite(s, code="code", role="operator", operator_id=anna, actor=SYSTEM, now=clock())
        invitations.join(s, code="code", account=Account(5, "Anna"), bot_id=7, now=clock(), rng=random.random)
        return sources.listing(s)[0].id, anna

    source_id, anna = await db.write(arrange)
    waiting = [
        await db.write(
            lifecycle.register,
            source_id=source_id,
            lead=LeadFacts(external_id=f"site:{number}"),
            now=clock(),
            rng=random.random,
        )
        for number in range(8)
    ]
    assert all(one.operator_id is None for one in waiting)
    outcomes = await asyncio.gather(
        *(
            db.write(
                transfer.assign_by_hand,
                contact_id=one.id,
                operator_id=anna,
                actor=SYSTEM,
                now=clock(),
                rng=random.random,
            )
            for one in waiting
        ),
        return_exceptions=True,
    )
    assert sorted(type(one).__name__ for one in outcomes) == ["NeedsConfirmation"] * 7 + ["str"]
    refused = next(one for one in outcomes if isinstance(one, NeedsConfirmation))
    assert refused.fields["why"] == "full"
    assert (await db.read(operators.one, operator_id=anna)).current_leads == 1


async def test_invitation_opened_concurrently_admits_exactly_one_admin(db: Database, clock: MovableClock) -> None:
    def arrange(s: Session) -> None:
        bots.start(s, bot_id=7, username="shop_bot", name="Shop", position=0, now=clock())
        invitations.invite(s, code="code", role="admin", actor=SYSTEM, now=clock())

    await db.write(arrange)
    outcomes = await asyncio.gather(
        *(
            db.write(
                invitations.join,
                code="code",
                account=Account(number, "Somebody"),
                bot_id=7,
                now=clock(),
                rng=random.random,
            )
            for number in range(1, 9)
        ),
        return_exceptions=True,
    )
    assert sum(isinstance(one, invitations.Joined) for one in outcomes) == 1
    assert await db.read(lambda s: len(s.execute(select(Staff.telegram_id)).all())) == 1

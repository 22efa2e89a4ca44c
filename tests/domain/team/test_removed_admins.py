"""A removed admin stays removed: neither their own links nor the setting let them in again."""

import random

import pytest
from sqlalchemy import text
from sqlalchemy.orm import Session

from crm_core.access.actors import SYSTEM, telegram
from crm_core.errors import InvitationInvalid
from crm_core.storage.database import Database
from crm_core.team import accounts, invitations
from crm_core.team.accounts import Account
from tests.domain.arranging import BOT, NOW, open_office

OLGA, PETER = 1, 2


def two_admins(s: Session) -> None:
    open_office(s, weights=[], limit=5)
    accounts.ensure_admins(s, telegram_ids=[OLGA, PETER], now=NOW)


def open_link(s: Session, code: str, person: int) -> invitations.Joined:
    return invitations.join(s, code=code, account=Account(person, "Peter"), bot_id=BOT, now=NOW, rng=random.random)


@pytest.mark.parametrize("person", [PETER, 3])
@pytest.mark.fault("F118")
async def test_links_of_a_removed_admin_let_nobody_in(db: Database, person: int) -> None:
    await db.write(two_admins)
    await db.write(invitations.invite, code="peters", role="admin", actor=telegram(PETER), now=NOW)
    await db.write(invitations.invite, code="olgas", role="admin", actor=telegram(OLGA), now=NOW)
    await db.write(accounts.remove_admin, telegram_id=PETER, actor=telegram(OLGA), now=NOW)
    with pytest.raises(InvitationInvalid):
        await db.write(open_link, "peters", person)
    assert (await db.write(open_link, "olgas", person)).role == "admin"


@pytest.mark.fault("F118")
async def test_link_made_while_its_author_is_removed_is_void(db: Database) -> None:
    await db.write(two_admins)
    await db.write(accounts.remove_admin, telegram_id=PETER, actor=telegram(OLGA), now=NOW)

    def made_meanwhile(s: Session) -> None:
        invitations.invite(s, code="late", role="admin", actor=SYSTEM, now=NOW)
        s.execute(text("UPDATE invitations SET invited_by = 2"))

    await db.write(made_meanwhile)
    with pytest.raises(InvitationInvalid):
        await db.write(open_link, "late", PETER)


@pytest.mark.fault("F118")
async def test_setting_does_not_restore_a_removed_admin_but_an_invitation_does(db: Database) -> None:
    await db.write(two_admins)
    await db.write(accounts.remove_admin, telegram_id=PETER, actor=telegram(OLGA), now=NOW)
    assert await db.write(accounts.ensure_admins, telegram_ids=[OLGA, PETER], now=NOW) == [PETER]
    assert [one.telegram_id for one in await db.read(accounts.admins)] == [OLGA]
    await db.write(invitations.invite, code="again", role="admin", actor=telegram(OLGA), now=NOW)
    await db.write(open_link, "again", PETER)
    assert await db.write(accounts.ensure_admins, telegram_ids=[OLGA, PETER], now=NOW) == []
    assert {one.telegram_id for one in await db.read(accounts.admins)} == {OLGA, PETER}
    made = text("SELECT count(*) FROM events WHERE reason = 'admin_by_setting'")
    assert await db.read(lambda s: s.execute(made).scalar_one()) == 2

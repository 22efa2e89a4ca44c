"""`mini-crm invite`: who has the shell has the authority, so it needs no admin."""

import sqlite3
from datetime import UTC, datetime

from sqlalchemy import make_url
from sqlalchemy.orm import Session

from bot.links import ADMIN_PAYLOAD, OPERATOR_PAYLOAD, link, new_code
from crm_core import operators, staff
from crm_core.access import SYSTEM
from crm_core.errors import OperatorNotFound
from crm_core.storage.database import open_database
from crm_core.storage.glance import SAFE_WITH_TWO_WRITERS, revisions
from crm_core.storage.ownership import AlreadyRunning, ownership

NO_BOTS = (
    "No bot has run here yet, so there is nothing to link to: start `mini-crm run` once, it prints the first link."
)

RUNNING = (
    "Mini-CRM is running on this database, and the SQLite library here ({version}) is safe with one writer only. "
    "Invite from Telegram (/admins add, /operators), or stop it for a moment."
)


async def new_link(url: str, *, operator: str | None, username: str | None) -> tuple[str, bool]:
    """A one-time link into the admins, or into an operator's place.

    Args:
        url: as in the setting `DATABASE_URL`.
        operator: name or number; None for an admin's link.
        username: of the bot to open; the first one if None.

    Returns the link and True, or a sentence that says why there is none and False.
    """
    current, newest = revisions(url)
    if current != newest:
        return NO_BOTS if current is None else "The database is of another version: `mini-crm migrate` first.", False
    owner = None
    if sqlite3.sqlite_version_info < SAFE_WITH_TWO_WRITERS:
        try:
            owner = ownership(make_url(url))
        except AlreadyRunning:
            return RUNNING.format(version=sqlite3.sqlite_version), False
    db = open_database(url)
    try:
        usernames = list((await db.read(staff.bot_usernames)).values())
        wanted = username.removeprefix("@") if username else None
        bot = next((one for one in usernames if wanted in (None, one)), None)
        if bot is None:
            known = ", ".join(f"@{one}" for one in usernames)
            return f"There is no bot @{wanted} here; there are {known}." if usernames else NO_BOTS, False
        code = new_code()
        payload = await db.write(_invite, code=code, operator=operator, now=datetime.now(UTC))
        return link(bot, payload), True
    except OperatorNotFound as error:
        close = ", ".join(error.fields["close"])
        text = f"There is no operator {operator}." + (f" Did you mean {close}?" if close else "")
        return f"{text} An admin adds operators in Telegram: /operators add Anna 10", False
    finally:
        await db.close()
        if owner is not None:
            await owner.release()


def _invite(s: Session, *, code: str, operator: str | None, now: datetime) -> str:
    if operator is not None:
        operator_id = operators.find(s, name=operator).id
        staff.invite(s, code=code, role="operator", operator_id=operator_id, actor=SYSTEM, now=now)
        return OPERATOR_PAYLOAD + code
    # Not `first_admin`: that link would stop working when the next start prints its own.
    staff.invite(s, code=code, role="admin", actor=SYSTEM, now=now)
    return ADMIN_PAYLOAD + code

"""`mini-crm invite`: prints an invitation link. Access to the shell is enough, no admin is asked."""

from datetime import UTC, datetime

from bot.commands.database import SecondWriterUnsafe, open_for_writing
from bot.random_codes import new_code
from bot.screens.links import ADMIN_PAYLOAD, OPERATOR_PAYLOAD, link
from crm_core.access.actors import SYSTEM
from crm_core.errors import OperatorNotFound
from crm_core.storage.database import Database
from crm_core.storage.probe import revisions
from crm_core.team import accounts, invitations

NO_BOTS = "No bot has run here yet, so no link can be made: start `mini-crm run` once, it prints the first link."

OTHER_VERSION = "The database is of another version: run `mini-crm migrate` first."
INSTEAD = "Invite from Telegram (/admins add, /operators), or stop it for a moment."


async def new_link(url: str, *, operator: str | None, username: str | None) -> tuple[str, bool]:
    """A one-time link that makes whoever opens it an admin, or an operator that exists already.

    Args:
        url: as in the setting `DATABASE_URL`.
        operator: their name or number; None for an admin's link.
        username: of the bot to open; the first one if None.

    Returns the link and True, or a sentence that says why there is none and False.
    """
    current, newest = revisions(url)
    if current != newest:
        return (NO_BOTS if current is None else OTHER_VERSION), False
    try:
        async with open_for_writing(url) as db:
            return await _link(db, operator, username)
    except SecondWriterUnsafe as error:
        return f"{error} {INSTEAD}", False
    except OperatorNotFound as error:
        close = ", ".join(error.fields["close"])
        text = f"There is no operator {operator}." + (f" Did you mean {close}?" if close else "")
        return f"{text} An admin adds operators in Telegram: /operators add Anna 10", False


async def _link(db: Database, operator: str | None, username: str | None) -> tuple[str, bool]:
    usernames = list((await db.read(accounts.bot_usernames)).values())
    wanted = username.removeprefix("@") if username else None
    bot = next((one for one in usernames if wanted in (None, one)), None)
    if bot is None:
        known = ", ".join(f"@{one}" for one in usernames)
        return f"There is no bot @{wanted} here; there are {known}." if usernames else NO_BOTS, False
    code = new_code()
    role = await db.write(invitations.invite_named, code=code, operator=operator, actor=SYSTEM, now=datetime.now(UTC))
    return link(bot, (ADMIN_PAYLOAD if role == "admin" else OPERATOR_PAYLOAD) + code), True

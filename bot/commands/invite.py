"""`mini-crm invite`: prints an invitation link. Access to the shell is enough, no admin is asked."""

from datetime import UTC, datetime

from sqlalchemy.orm import Session

from bot.commands.database import SecondWriterUnsafe, open_for_writing
from bot.random_codes import new_code
from bot.runtime import control
from bot.screens.links import ADMIN_PAYLOAD, OPERATOR_PAYLOAD, link
from crm_core.access.actors import SYSTEM
from crm_core.errors import OperatorNotFound
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions
from crm_core.team import accounts, invitations, operators

NO_BOTS = "No bot has run here yet, so no link can be made: start `mini-crm run` once, it prints the first link."

OTHER_VERSION = "The database is of another version: run `mini-crm migrate` first."
INSTEAD = "It does not answer on this machine either: invite from Telegram (/admins add, /operators), or stop it."


class NoLink(Exception):
    """There is no link; the text says why."""


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
        operator_id, bot = await _whom_and_where(url, operator, username)
        code = new_code()
        await _store(url, code, operator_id)
        return link(bot, (ADMIN_PAYLOAD if operator_id is None else OPERATOR_PAYLOAD) + code), True
    except NoLink as error:
        return str(error), False
    except OperatorNotFound as error:
        close = ", ".join(error.fields["close"])
        text = f"There is no operator {operator}." + (f" Did you mean {close}?" if close else "")
        return f"{text} An admin adds operators in Telegram: /operators add Anna 10", False


async def _whom_and_where(url: str, operator: str | None, username: str | None) -> tuple[int | None, str]:
    """The operator's number, None for an admin, and the bot's username. Raises NoLink, OperatorNotFound."""

    def read(s: Session) -> tuple[list[str], int | None]:
        usernames = list(accounts.bot_usernames(s).values())
        return usernames, None if operator is None else operators.find(s, name=operator).id

    db = open_database(url)
    try:
        usernames, operator_id = await db.read(read)
    finally:
        await db.close()
    wanted = username.removeprefix("@") if username else None
    bot = next((one for one in usernames if wanted in (None, one)), None)
    if bot is None:
        known = ", ".join(f"@{one}" for one in usernames)
        raise NoLink(f"There is no bot @{wanted} here; there are {known}." if usernames else NO_BOTS)
    return operator_id, bot


async def _store(url: str, code: str, operator_id: int | None) -> None:
    """Stores the code, or has it stored by the running process where that alone may write. Raises NoLink."""
    role = "admin" if operator_id is None else "operator"  # an admin's: a first admin's ends with the next start
    try:
        async with open_for_writing(url) as db:
            now = datetime.now(UTC)
            await db.write(invitations.invite, code=code, role=role, operator_id=operator_id, actor=SYSTEM, now=now)
    except SecondWriterUnsafe as error:
        try:
            control.call(url, "POST", "/api/v1/invitations/", {"code": code, "operator_id": operator_id})
        except control.NotReached:
            raise NoLink(f"{error} {INSTEAD}") from None
        except control.Refusal as refusal:
            raise NoLink(f"{refusal}.") from None

"""`mini-crm replay`: past days under other settings, for whoever has access to the shell. It only reads."""

import asyncio
from collections.abc import Sequence
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from bot.commands.export import NOTHING_YET, OTHER_VERSION
from bot.settings import Settings
from bot.texts import translator
from bot.texts.refusals import refusal
from bot.texts.replays import days_name, replay_blocks
from crm_core.access.actors import SYSTEM
from crm_core.errors import CrmError
from crm_core.replay.asking import Wish, ask
from crm_core.replay.days import check_days
from crm_core.replay.figures import Replay
from crm_core.storage.opening import open_database
from crm_core.storage.probe import revisions


class NotReplayed(Exception):
    """Nothing was played; the text says why."""


def replay(
    settings: Settings, *, first: datetime | None, last: datetime | None, changes: Sequence[str], language: str
) -> str:
    """Plays days again.

    Args:
        first, last: both included; yesterday without them, one day with one of them.
        changes: settings as they are typed.

    Returns what came of it, as text. Raises NotReplayed, and what an unavailable database raises.
    """
    current, newest = revisions(settings.database_url)
    if current != newest:
        raise NotReplayed(NOTHING_YET if current is None else OTHER_VERSION)
    _, now, zone = translator(language), datetime.now(UTC), ZoneInfo(settings.timezone)
    try:
        days = _days(first, last, today=now.astimezone(zone).date())
        found = asyncio.run(_ask(settings, Wish(days, typed=changes), now))
    except CrmError as error:
        raise NotReplayed(refusal(error, _)) from None
    lines = [_("🔁 Replay: {days}").format(days=days_name(*days, _)), *changes]
    for heading, items in replay_blocks(found, _, is_changed=bool(changes)):
        lines += ["", heading, *items]
    return "\n".join(lines)


def _days(first: datetime | None, last: datetime | None, *, today: date) -> tuple[date, date]:
    given = [one.date() for one in (first, last) if one is not None] or [today - timedelta(days=1)]
    return check_days(given[0], given[-1], today=today)


async def _ask(settings: Settings, wish: Wish, now: datetime) -> Replay:
    db = open_database(settings.database_url)
    try:
        return await ask(db, wish=wish, actor=SYSTEM, now=now, zone=settings.timezone)
    finally:
        await db.close()

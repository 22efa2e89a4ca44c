"""Health by progress: work that waits is no fault, work that waits while nothing is finished is one.

Looks at the database alone, with no network and no aiogram, so that it is cheap enough to run twice a minute.
"""

from datetime import UTC, datetime

from bot.settings import Settings
from bot.troubles import explain
from crm_core.storage.glance import Ask, glance

# A single update may rest 2 minutes between attempts, words whose arrival is unknown 5 minutes: silence of that
# length can be in order, so the limits are twice as long.
INBOX_SECONDS, OUTBOX_SECONDS = 240, 600

_OLDEST_UPDATE = """
    SELECT min(received_at) FROM inbox
    WHERE state = 'new' AND (not_before IS NULL OR not_before <= ?) AND bot_id IN ({bots})
"""
_LAST_UPDATE = "SELECT max(finished_at) FROM inbox"
# What Telegram has told us to hold back is not late, and nor is what waits for a bot that cannot run.
_OLDEST_SENDING = """
    SELECT min(CASE WHEN o.not_before > o.created_at THEN o.not_before ELSE o.created_at END)
    FROM outbox o JOIN bots b ON b.id = o.bot_id
    WHERE o.state IN ('pending', 'sending') AND (o.not_before IS NULL OR o.not_before <= ?)
      AND b.state = 'running' AND (b.not_before IS NULL OR b.not_before <= ?) AND b.id IN ({bots})
      AND NOT EXISTS (SELECT 1 FROM gates g WHERE g.bot_id = o.bot_id AND g.chat_id = o.chat_id AND g.not_before > ?)
"""
_LAST_SENT = "SELECT max(settled_at) FROM outbox"


def troubles(settings: Settings, *, now: datetime | None = None) -> list[str]:
    """What is wrong, a sentence each; nothing while all is well.

    Args:
        now: the present moment if not given.
    """
    moment = int((now or datetime.now(UTC)).timestamp() * 1000)
    bots = ", ".join(token.partition(":")[0] for token in settings.bot_tokens) or "NULL"  # digits, as settings check
    try:
        with glance(settings.database_url) as ask:
            stalled = _stalled(ask, moment, _OLDEST_UPDATE.format(bots=bots), (moment,), _LAST_UPDATE)
            unsent = _stalled(ask, moment, _OLDEST_SENDING.format(bots=bots), (moment,) * 3, _LAST_SENT)
    except Exception as error:
        explained = explain(error, settings.database_url)
        return [explained[0] if explained else f"The database cannot be read ({type(error).__name__})."]
    found = []
    if stalled >= INBOX_SECONDS:
        found.append(f"An update has waited for {stalled:.0f} s and none was finished meanwhile.")
    if unsent >= OUTBOX_SECONDS:
        found.append(f"A message has waited to be sent for {unsent:.0f} s and none was sent meanwhile.")
    return found


def _stalled(ask: Ask, now: int, oldest: str, values: tuple[int, ...], last: str) -> float:
    """For how many seconds something has been due while nothing was finished."""
    ((due,),) = ask(oldest, *values)
    if due is None:
        return 0.0
    ((finished,),) = ask(last)
    return float(now - max(due, finished or 0)) / 1000

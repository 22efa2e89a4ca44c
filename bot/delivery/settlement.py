"""What becomes of an outbox row after an attempt, by the verdict."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.delivery.backoff import RetryDelays
from bot.telegram.verdict import FloodWait, NotSent, OutcomeUnknown, Sent, TokenRefused, Undeliverable, Verdict
from crm_core.delivery import outcomes
from crm_core.delivery.claims import ClaimedRow
from crm_core.messaging.outbox import Settled


def settle(
    row: ClaimedRow, verdict: Verdict, *, now: datetime, delays: RetryDelays, rng: Callable[[], float]
) -> Settled:
    """The row's new state: sent, dead, or pending with the moment of the next attempt.

    Args:
        rng: rolls in [0, 1), which spread the retries of many rows over time.
    """
    match verdict:
        case Sent(message_id):
            return Settled(row.id, "sent", "ok", result_id=message_id)
        case FloodWait(after):
            return Settled(row.id, "pending", "flood_wait", not_before=now + timedelta(seconds=after))
        case NotSent(reason):
            delay = min(delays.retry_last, delays.retry_first * 2 ** min(row.attempts - 1, 10))
            due = now + timedelta(seconds=delay * (0.5 + rng() / 2))
            return Settled(row.id, "pending", reason, not_before=None if reason == "stopped" else due)
        case TokenRefused(reason):
            return Settled(row.id, "pending", reason, not_before=now + timedelta(seconds=delays.refused))
        case OutcomeUnknown(reason):
            return _ambiguous(row, reason, now=now, delays=delays)
        case Undeliverable(reason):
            return Settled(row.id, "dead", reason)


def _ambiguous(row: ClaimedRow, reason: str, *, now: datetime, delays: RetryDelays) -> Settled:
    state = outcomes.after_unknown(row.kind, row.ambiguous + 1)
    delay = delays.unknown[min(row.ambiguous, len(delays.unknown) - 1)]
    due = now + timedelta(seconds=delay) if state == "pending" else None
    return Settled(row.id, state, reason, not_before=due, ambiguous=True)

"""What becomes of an outbox row after an attempt, by the verdict."""

from collections.abc import Callable
from datetime import datetime, timedelta

from bot.delivery.albums import Apart
from bot.delivery.backoff import RetryDelays
from bot.telegram.verdict import FloodWait, NotSent, OutcomeUnknown, Sent, TokenRefused, Undeliverable, Verdict
from crm_core.delivery import repeating
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging.outbox import APART
from crm_core.messaging.outbox_attempts import Settled


def settle(
    row: ClaimedRow,
    verdict: Verdict | Apart,
    *,
    is_own: bool,
    now: datetime,
    delays: RetryDelays,
    rng: Callable[[], float],
) -> Settled:
    """The row's new state: sent, dead, uncertain, or pending with the moment of the next attempt.

    Args:
        is_own: whether a failure is the row's own, since others were sent meanwhile (`bot.delivery.circuit`). Only
            those are counted, and only they make its pauses longer.
        rng: rolls in [0, 1), which spread the retries of many rows over time.
    """
    match verdict:
        case Sent(message_id, also):
            return Settled(row.id, "sent", "ok", result_id=message_id, also=also)
        case FloodWait(after):
            return Settled(row.id, "pending", "flood_wait", not_before=now + timedelta(seconds=after))
        case NotSent("stopped"):
            return Settled(row.id, "pending", "stopped")
        case TokenRefused(reason):
            due = now + timedelta(seconds=delays.refused)
            return Settled(row.id, "pending", reason, not_before=due, waits_for_telegram=True)
        case NotSent("method_refused" as reason):
            return _retry(row, reason, is_ambiguous=False, is_own=is_own, now=now, delays=delays, rng=rng)
        case NotSent(reason):
            return _retry(row, reason, is_ambiguous=False, is_own=False, now=now, delays=delays, rng=rng)
        case OutcomeUnknown(reason):
            return _retry(row, reason, is_ambiguous=True, is_own=is_own, now=now, delays=delays, rng=rng)
        case Undeliverable(reason):
            return Settled(row.id, "dead", reason)
        case Apart(is_ambiguous):
            return Settled(row.id, "pending", APART, ambiguous=is_ambiguous)


def _retry(
    row: ClaimedRow,
    reason: str,
    *,
    is_ambiguous: bool,
    is_own: bool,
    now: datetime,
    delays: RetryDelays,
    rng: Callable[[], float],
) -> Settled:
    if is_ambiguous:
        state = repeating.after_unknown(row.kind, row.failures + is_own)
    else:
        state = "dead" if row.failures + is_own >= repeating.FAILURES_AT_MOST else "pending"
    delay = delays.unknown[min(row.failures, len(delays.unknown) - 1)] if is_own else delays.outage_pause(rng)
    return Settled(
        row.id,
        state,
        reason,
        not_before=now + timedelta(seconds=delay) if state == "pending" else None,
        ambiguous=is_ambiguous,
        is_own_failure=is_own,
        waits_for_telegram=state == "pending" and not is_own,
    )

"""Why a contact went back from its operator to the queue."""

from enum import StrEnum


class ReturnReason(StrEnum):
    """What took an open contact from its operator. Each has a cause in the statistics (`crm_core.statistics.causes`).

    Events keep these values for good, so a value is never renamed or reused.
    """

    OPERATOR_REMOVED = "operator_removed"
    OPERATOR_REPLACED = "operator_replaced"
    """Another Telegram account took the operator over, and has not started the bot."""
    OPERATOR_UNREACHABLE = "operator_unreachable"
    """A bot can no longer write to the operator."""
    DECLINED = "declined"
    """They declined its offer."""
    MISSED = "missed"
    """They did not answer its offer in time."""
    RETURNED = "returned"
    """They gave it back."""
    MOVED = "moved"
    """They, or an admin, moved it to another source."""
    AWAY = "away"
    """They were away for too long while its client waited for an answer (`crm_core.routing.absence`)."""
    OFFER_WITHDRAWN = "offer_withdrawn"
    """It was offered to them, and they went offline, were switched off, or somebody else came who was not asked yet."""
    WOKE_AWAY = "woke_away"
    """It woke while they were not there."""
    WOKE_ABOVE = "woke_above"
    """It woke while more was theirs than their ceiling lets be."""

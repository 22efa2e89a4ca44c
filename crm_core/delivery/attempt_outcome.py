"""What an attempt to send a row came to."""

from dataclasses import dataclass
from datetime import datetime

from crm_core.conversation.topics import ShownTopic
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.messaging import outbox
from crm_core.messaging.outbox_attempts import Settled

UNREACHABLE = frozenset({"blocked", "deactivated", "not_started", "chat_not_found"})
OVERVIEWS = (outbox.OVERVIEW, outbox.MY)


@dataclass(frozen=True, slots=True)
class Outcome:
    """An attempt and its outcome.

    Attributes:
        topic: what has become of the topic of its contact, if anything has.
    """

    job: ClaimedRow
    settled: Settled
    topic: ShownTopic | None = None


@dataclass(frozen=True, slots=True)
class Shut:
    """A gate that a flood wait has shut: a chat's, a method's, or (both None) the whole bot's."""

    chat_id: int | None
    until: datetime
    method: str | None = None

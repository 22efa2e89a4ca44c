"""What a row says of hours, so that nobody has to ask a calendar: whether they let contacts come, and until when."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from crm_core.hours.calendar import FAR, Calendar
from crm_core.hours.stored import readable


def state(hours: Calendar | None, now: datetime) -> tuple[bool, datetime | None]:
    """Whether new contacts come now, and when to look again.

    Always without hours, and where they cannot be read. A change that lies further ahead than a calendar is searched is
    looked for then.
    """
    if hours is None:
        return True, None
    return hours.takes(now), hours.next_change(now) or now + timedelta(days=FAR)


def is_right(stored: Mapping[str, Any], takes: bool, changes_at: datetime | None, now: datetime) -> bool:
    """Whether a row says what its hours say now: not so after the clock was set back, for example."""
    hours = readable(stored)
    if hours is None:
        return changes_at is None
    change = hours.next_change(now)
    looks_again = changes_at is not None and (change is None or changes_at == change)
    return takes is hours.takes(now) and looks_again

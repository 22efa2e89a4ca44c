"""Working hours as admins type them, of operators and of sources alike."""

from typing import Any
from zoneinfo import ZoneInfo

from bot.handling.act import Act
from crm_core.hours.calendar import Calendar
from crm_core.hours.reading import change_hours, is_always
from crm_core.hours.stored import readable


def read_hours(act: Act, text: str, *, before: dict[str, Any] | None, timezone: str) -> Calendar | None:
    """The hours that a text leads to; None for always.

    Args:
        before: the stored hours, to which single dates are added.
        timezone: of the installation.

    Raises BadHours with the part that was not understood.
    """
    if is_always(text):
        return None
    today = act.clock().astimezone(ZoneInfo(timezone)).date()
    return change_hours(text, zone=timezone, today=today, before=readable(before))

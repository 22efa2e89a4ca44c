"""Several calendars at once: when all of them let new contacts come, and when none of some does."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from crm_core.hours.calendar import FAR, Calendar


def all_open_after(calendars: Sequence[Calendar], moment: datetime) -> datetime | None:
    """The first moment, not before this one, at which all of these let new contacts come; None if not within FAR days.

    Args:
        calendars: at least one.
    """
    at, last = moment, moment + timedelta(days=FAR)
    while at <= last:
        opens = [one.opens_after(at) for one in calendars]
        latest = max((one for one in opens if one is not None), default=None)
        if latest is None or None in opens:
            return None
        if latest <= at:
            return latest
        at = latest
    return None


def uncovered(
    source: Calendar | None, operators: Sequence[Calendar], start: datetime, end: datetime
) -> list[tuple[datetime, datetime]]:
    """The stretches in which contacts of a source could be given out, and nobody works who could get them.

    Args:
        source: its hours, None for always.
        operators: the hours of everybody who works there; whoever has none works always, and there are no stretches.

    Returns from and until of each, in order.
    """
    known = [*([source] if source is not None else []), *operators]
    found: list[tuple[datetime, datetime]] = []
    at = start
    while at < end:
        changes = [change for one in known if (change := one.next_change(at)) is not None]
        until = min([end, *changes])
        is_wanted = source is None or source.takes(at)
        if is_wanted and not any(one.works(at) or one.takes(at) for one in operators):
            if found and found[-1][1] == at:
                found[-1] = found[-1][0], until
            else:
                found.append((at, until))
        at = until
    return found

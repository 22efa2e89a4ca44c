"""Clocks on the wall: how far each zone is from UTC, and from when to when. All in whole seconds since 1970."""

from datetime import UTC, datetime
from functools import cache, lru_cache
from zoneinfo import ZoneInfo, available_timezones

from crm_core.errors import BadHours
from crm_core.hours.days import Reason

DAY = 86_400


def check_zone(name: str) -> str:
    """The name of an IANA time zone as the database spells it, upper and lower case alike. Raises BadHours."""
    if name in ("UTC", "Etc/UTC"):  # the names of all others take a walk through a folder
        return name
    found = _zones().get(name.casefold())
    if found is None:
        raise BadHours(reason=Reason.NO_SUCH_ZONE, part=name)
    return found


@cache
def _zones() -> dict[str, str]:
    return {name.casefold(): name for name in sorted(available_timezones())}


@lru_cache(maxsize=4_096)
def offsets(zone: str, day: int) -> tuple[tuple[int, int, int], ...]:
    """The parts of a day in UTC with the seconds that clocks in a zone are ahead of UTC.

    Args:
        day: days since 1970.

    Returns from, until and the offset of each part: two parts on a day on which clocks change, otherwise one.
    """
    start, end = day * DAY, (day + 1) * DAY
    before, after = _offset(zone, start), _offset(zone, end - 1)
    if before == after:
        return ((start, end, before),)
    low, high = start, end - 1  # clocks change after the one, and not after the other
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _offset(zone, middle) == before else (low, middle)
    return (start, high, before), (high, end, after)


def _offset(zone: str, second: int) -> int:
    ahead = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone)).utcoffset()
    return 0 if ahead is None else int(ahead.total_seconds())

"""Working hours in bodies of calls: `hours` as people write them, and `timezone`; of operators and of sources."""

from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo

from pydantic import Field

from crm_core.errors import BadHours
from crm_core.hours.calendar import Calendar
from crm_core.hours.days import Reason
from crm_core.hours.reading import change_hours
from crm_core.hours.stored import readable
from crm_core.hours.zones import check_zone

HoursText = Annotated[str, Field(min_length=1, max_length=4000, json_schema_extra={"format": "hours"})]
ZoneName = Annotated[str, Field(min_length=1, max_length=64, json_schema_extra={"format": "time-zone"})]
AS_WRITTEN = (
    "as people write it: `mon-fri 9-18 break 13-14, sat 10-14`; null: always. A text with days of the week replaces "
    "all; another one is added: `31 dec 10-15; leave 1 jul - 14 jul`."
)
ZONE_MEANING = "Of the hours, an IANA name; by default that of the installation."
FIELDS = ("hours", "timezone")


def wanted_hours(
    before: Mapping[str, Any] | None, wanted: Mapping[str, Any], *, zone: str, now: datetime
) -> Calendar | None:
    """The hours that a call asks for, None for always.

    Args:
        before: those that are stored.
        wanted: what the call has of FIELDS.
        zone: of the installation.

    Raises BadHours.
    """
    zone = check_zone(wanted.get("timezone", zone))
    if wanted.get("hours", "") is None:
        return None
    base = readable(before)
    if base is not None and "timezone" in wanted:
        base = replace(base, zone=zone)
    if "hours" in wanted:
        return change_hours(wanted["hours"], zone=zone, today=now.astimezone(ZoneInfo(zone)).date(), before=base)
    if base is None:
        raise BadHours(reason=Reason.WITHOUT_WEEK, part="")  # a time zone alone says nothing
    return base

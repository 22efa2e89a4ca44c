"""Moments within a text as each telephone words them (https://core.telegram.org/bots/api#date-time-entity-formatting)."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from babel.dates import format_date, format_timedelta

Json = dict[str, Any]

_FORMAT = re.compile(r"r|(w?)([dD]?)([tT]?)")
_DATES = {"d": "dd.MM.yy", "D": "long"}
_TIMES = {"t": "%H:%M", "T": "%H:%M:%S"}
_LAST = 253_370_764_800  # Unix time after which Python has no dates; a bot may name any


@dataclass(frozen=True, slots=True)
class Dates:
    """How a telephone words a moment.

    Attributes:
        language: "en" or "ru".
        zone: of the telephone.
        now: Unix time.
    """

    language: str
    zone: ZoneInfo
    now: float

    def at(self, entity: Json) -> datetime:
        """The moment of a `date_time` entity, in the zone of the telephone."""
        return datetime.fromtimestamp(min(max(entity.get("unix_time", 0), 0), _LAST), self.zone)

    def words(self, entity: Json) -> str | None:
        """What is shown in place of the text of a `date_time` entity; None if that text itself is.

        Its format is "r" for a time relative to now, or "w" (day of the week), "d" or "D" (date), "t" or "T" (time)
        in this order. They are shown in that of https://core.telegram.org/constructor/messageEntityFormattedDate.
        """
        wanted = entity.get("date_time_format", "")
        found = _FORMAT.fullmatch(wanted)
        if not wanted or found is None:
            return None
        at = self.at(entity)
        if wanted == "r":
            distance = timedelta(seconds=round(at.timestamp() - self.now))
            return format_timedelta(distance, threshold=1, add_direction=True, locale=self.language)
        parts = [
            format_date(at, "EEEE", locale=self.language) if found[1] else "",
            f"{at:{_TIMES[found[3]]}}" if found[3] else "",
            format_date(at, _DATES[found[2]], locale=self.language) if found[2] else "",
        ]
        return ", ".join(filter(None, parts))

    def in_place(self, text: str, entities: Iterable[Json]) -> str:
        """A text in which each moment is worded, without any other formatting."""
        units = text.encode("utf-16-le", "surrogatepass")
        moments = [one for one in entities if one["type"] == "date_time"]
        for one in sorted(moments, key=lambda entity: -int(entity["offset"])):
            words, start = self.words(one), one["offset"] * 2
            if words is not None:
                end = start + one["length"] * 2
                units = units[:start] + words.encode("utf-16-le") + units[end:]
        return units.decode("utf-16-le", "replace")

"""Text with its formatting as Telegram expects it, and moments that a reader sees by their own clock."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, NamedTuple
from zoneinfo import ZoneInfo

from bot.telegram.limits import MESSAGE_LONGEST
from bot.texts import Translator
from bot.texts.phrases import clock_time
from crm_core.messaging.messages import utf16_units


class Styled(NamedTuple):
    """A piece of text and its formatting as Telegram expects it: offsets and lengths in UTF-16 units."""

    text: str
    entities: Sequence[dict[str, Any]] = ()


def styled(style: str, text: str) -> Styled:
    """A text that is all of one style."""
    return Styled(text, [{"type": style, "offset": 0, "length": utf16_units(text)}])


def joined(pieces: Iterable[Styled], between: str = "") -> Styled:
    """Joins pieces; aiogram's formatting nodes take seven times as long, for every card."""
    text, entities = "", []
    for place, piece in enumerate(pieces):
        if place:
            text += between
        if piece.entities:
            before = utf16_units(text)
            entities += [{**one, "offset": one["offset"] + before} for one in piece.entities]
        text += piece.text
    return Styled(text, entities)


def fitting(lines: Sequence[Styled], besides: Sequence[Styled]) -> Styled:
    """A card of these lines that Telegram takes: where all is as long as it can be, without some.

    Args:
        besides: lines that it can do without, the least needed first.
    """
    text = joined(lines, "\n")
    for one in besides:
        if utf16_units(text.text) <= MESSAGE_LONGEST:
            break
        lines = [line for line in lines if line is not one]
        text = joined(lines, "\n")
    return text


@dataclass(frozen=True, slots=True)
class Clock:
    """Shows moments by the clocks of a zone."""

    now: datetime
    zone: ZoneInfo
    translator: Translator

    def at(self, moment: datetime) -> str:
        """A time, with its day unless that is today."""
        return clock_time(moment, zone=self.zone, now=self.now, _=self.translator)


def timed(text: str, at: datetime, clock: Clock, *, form: str, plain: str = "{time}") -> Styled:
    """A text with a moment in it, by the reader's own clock; where Telegram cannot show that, by ours.

    Args:
        form: how Telegram shows it (`date_time_format`).
        plain: what stands there otherwise.
    """
    when = plain.format(time=clock.at(at))
    before, after = text.format(when="\0").split("\0")
    moment = {
        "type": "date_time",
        "offset": utf16_units(before),
        "length": utf16_units(when),
        "unix_time": int(at.timestamp()),
        "date_time_format": form,
    }
    return Styled(before + when + after, [moment])

"""Pictures for messages: made when they are sent, kept while figures stay the same, never a reason to say nothing.

Made off the event loop (`crm_core.pictures.drawing`), once for each version of the figures, period and language. Once
Telegram has a picture it is sent again by Telegram's own file id, which costs nothing. Where a picture cannot be had,
the row is sent as the text that it carries besides.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import Any, Generic, TypeVar

import structlog
from aiogram.types import BufferedInputFile, Message

from bot.logs import describe_error
from bot.telegram.verdict import NotSent, Undeliverable, Verdict
from bot.texts import Translator
from bot.texts.pictures import columns, statistics_words
from crm_core import statistics
from crm_core.delivery.claims import ClaimedRow
from crm_core.pictures.arrivals import figures
from crm_core.pictures.drawing import draw
from crm_core.pictures.statistics import statistics_picture
from crm_core.statistics import Period
from crm_core.storage.database import Database

log = structlog.get_logger("pictures")

K = TypeVar("K")
V = TypeVar("V")

DRAWN_KEPT = 8  # pictures, of some 150 KB
NOTED_KEPT = 256  # file ids and refusals
Key = tuple[object, ...]


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as it can be sent: Telegram's file id where it has it already, otherwise the file."""

    key: Key
    media: str | BufferedInputFile


class LruCache(Generic[K, V]):
    """The values used last."""

    def __init__(self, most: int) -> None:
        self._most, self._values = most, OrderedDict[K, V]()

    def get(self, key: K) -> V | None:
        """A value, which is kept longer for having been asked for."""
        if key in self._values:
            self._values.move_to_end(key)
        return self._values.get(key)

    def put(self, key: K, value: V) -> None:
        """Keeps a value, and lets go of the one that was not used for longest."""
        self._values[key] = value
        self._values.move_to_end(key)
        if len(self._values) > self._most:
            self._values.popitem(last=False)

    def drop(self, key: K) -> None:
        """Forgets a value, if it is there."""
        self._values.pop(key, None)


class Pictures:
    """The pictures of one installation, for all its bots."""

    def __init__(self, *, db: Database, clock: Callable[[], datetime], zone: tzinfo) -> None:
        self._db, self._clock, self._zone = db, clock, zone
        self._drawn = LruCache[Key, bytes](DRAWN_KEPT)
        self._file_ids = LruCache[tuple[int, Key], str](NOTED_KEPT)  # a file id belongs to one bot
        self._refused = LruCache[Key, bool](NOTED_KEPT)
        self._one_at_a_time = asyncio.Lock()

    async def photo(self, job: ClaimedRow, _: Translator) -> Photo | None:
        """The picture that a row asks for; None where it asks for none, or there is none to be had."""
        about = job.payload.get("picture")
        # Once it is not known whether a picture arrived, the text goes: it needs less of a connection.
        if about is None or job.ambiguous:
            return None
        try:
            return await self._statistics(job.bot_id, Period(about["period"]), _)
        except Exception as error:
            log.error("picture_failed", outbox_id=job.id, error=describe_error(error))
            return None

    async def _statistics(self, bot_id: int, period: Period, _: Translator) -> Photo | None:
        now = self._clock()
        async with self._one_at_a_time:  # whoever asks for the same finds it when his turn comes
            version = await self._db.read(statistics.version)
            key: Key = (version, period, now.astimezone(self._zone).date(), _.language)
            if self._refused.get(key):
                return None
            if file_id := self._file_ids.get((bot_id, key)):
                return Photo(key, file_id)
            png = self._drawn.get(key)
            if png is None:
                numbers, step, shown = await self._db.read(figures, period=period, now=now, zone=self._zone)
                words = statistics_words(period, step, shown, _)
                png = await draw(statistics_picture(numbers, columns(step, shown, _), words))
                if numbers.behind:  # not complete yet, though nothing new may happen: not to be found again
                    key = (*key, numbers.behind)
                self._drawn.put(key, png)
        return Photo(key, BufferedInputFile(png, "statistics.png"))

    def sent(self, bot_id: int, photo: Photo, result: Any) -> None:
        """Telegram has the picture: notes its file id, the largest of its sizes."""
        if isinstance(result, Message) and result.photo:
            self._file_ids.put((bot_id, photo.key), result.photo[-1].file_id)

    def judged(self, bot_id: int, photo: Photo, verdict: Verdict) -> Verdict:
        """What a failed attempt means for a row with a picture.

        Where Telegram did not want it, it is tried again at once with the next best thing: after a file id the file,
        after the file the text.
        """
        if not isinstance(verdict, Undeliverable) or verdict.reason not in ("bad_request", "too_large"):
            return verdict
        if isinstance(photo.media, str):
            self._file_ids.drop((bot_id, photo.key))
        else:
            self._refused.put(photo.key, True)
        return NotSent("picture_refused")

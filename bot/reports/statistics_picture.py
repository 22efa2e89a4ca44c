"""The picture of the statistics: made when its message is sent, cached while the figures stay the same.

It is drawn in a subprocess (`crm_core.pictures.drawing`), once for each version of the figures, period and language.
Once Telegram has a picture it is sent again by Telegram's own file id, which costs nothing. If no picture can be made,
its message is sent as text instead, which the row carries too.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime, tzinfo
from typing import Any

import structlog
from aiogram.types import BufferedInputFile, Message

from bot.delivery.pictures import Photo
from bot.logs import describe_error
from bot.reports.lru_cache import LruCache
from bot.telegram.verdict import NotSent, Undeliverable, Verdict
from bot.texts import Translator
from bot.texts.pictures import columns, statistics_words
from crm_core import statistics
from crm_core.delivery.claimed_rows import ClaimedRow
from crm_core.pictures.arrivals import figures
from crm_core.pictures.drawing import draw
from crm_core.pictures.statistics import statistics_picture
from crm_core.statistics import Period
from crm_core.storage.config import Pool, through
from crm_core.storage.database import Database

log = structlog.get_logger("pictures")

PICTURES_KEPT = 8  # of some 150 KB
KEYS_KEPT = 256  # of file ids and of refused pictures
Key = tuple[object, ...]


class StatisticsPictures:
    """The pictures of one installation, for all its bots; a `bot.delivery.pictures.Pictures`."""

    def __init__(self, *, db: Database, clock: Callable[[], datetime], zone: tzinfo) -> None:
        self._db, self._clock, self._zone = db, clock, zone
        self._drawn = LruCache[Key, bytes](PICTURES_KEPT)
        self._file_ids = LruCache[tuple[int, Key], str](KEYS_KEPT)  # a file id belongs to one bot
        self._refused = LruCache[Key, bool](KEYS_KEPT)
        self._one_at_a_time = asyncio.Lock()

    async def photo(self, row: ClaimedRow, _: Translator) -> Photo | None:
        """The picture that a row asks for; None if it asks for none or none can be made."""
        about = row.payload.get("picture")
        # After an ambiguous attempt the text is sent: it needs less of a connection.
        if about is None or row.ambiguous:
            return None
        try:
            with through(Pool.BACKGROUND):
                return await self._statistics(row.bot_id, Period(about["period"]), _)
        except Exception as error:
            log.error("picture_failed", outbox_id=row.id, error=describe_error(error))
            return None

    async def _statistics(self, bot_id: int, period: Period, _: Translator) -> Photo | None:
        now = self._clock()
        async with self._one_at_a_time:  # a second request for the same picture finds it in the cache
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
                if numbers.behind:  # incomplete, though perhaps no new event follows: not to be found in the cache
                    key = (*key, numbers.behind)
                self._drawn.put(key, png)
        return Photo(key, BufferedInputFile(png, "statistics.png"))

    def sent(self, bot_id: int, photo: Photo, result: Any) -> None:
        """Telegram has the picture: keeps its file id, that of the largest size."""
        if isinstance(result, Message) and result.photo:
            self._file_ids.put((bot_id, photo.key), result.photo[-1].file_id)

    def fallback_for(self, bot_id: int, photo: Photo, verdict: Verdict) -> Verdict:
        """What a failed attempt means for a row with a picture.

        If Telegram refused the picture, the row is retried at once with the next best thing: after a file id the file,
        after the file the text.
        """
        if not isinstance(verdict, Undeliverable) or verdict.reason not in ("bad_request", "too_large"):
            return verdict
        if isinstance(photo.media, str):
            self._file_ids.drop((bot_id, photo.key))
        else:
            self._refused.put(photo.key, True)
        return NotSent("picture_refused")

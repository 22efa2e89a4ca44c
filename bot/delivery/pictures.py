"""What delivery needs from whatever makes pictures. The maker is in `bot.reports`: delivery knows no statistics."""

from dataclasses import dataclass
from typing import Any, Protocol

from aiogram.types import BufferedInputFile

from bot.telegram.verdict import Verdict
from bot.texts import Translator
from crm_core.delivery.claimed_rows import ClaimedRow


@dataclass(frozen=True, slots=True)
class Photo:
    """A picture as it can be sent.

    Attributes:
        key: by which its maker knows it.
        media: Telegram's file id where Telegram has the picture already, otherwise the file.
    """

    key: tuple[object, ...]
    media: str | BufferedInputFile


class Pictures(Protocol):
    """A maker of pictures for outbox rows."""

    async def photo(self, row: ClaimedRow, _: Translator) -> Photo | None:
        """The picture that a row asks for; None if it asks for none or none can be made. Does not raise."""

    def sent(self, bot_id: int, photo: Photo, result: Any) -> None:
        """Telegram accepted a picture with this result."""

    def fallback_for(self, bot_id: int, photo: Photo, verdict: Verdict) -> Verdict:
        """What a failed attempt with a picture means: to be retried without it if the picture was what failed."""

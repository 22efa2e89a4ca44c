"""What the product in its process is told, and what it answers; importing this takes no time, unlike the product."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta


@dataclass(frozen=True, slots=True)
class Order:
    """What is started.

    Attributes:
        token: of the bot.
        database_url, telegram_url: where the database and Telegram are.
        language, zone: as in the settings DEFAULT_LANGUAGE and TIMEZONE.
        key: of the API, for reading; it is made if it is not there yet.
        ahead: seconds by which the clock is ahead.
    """

    token: str
    database_url: str
    telegram_url: str
    language: str
    zone: str
    key: str
    ahead: float

    def line(self) -> bytes:
        """As the first line of the standard input."""
        return json.dumps(asdict(self)).encode() + b"\n"


@dataclass(frozen=True, slots=True)
class Ready:
    """What it says once it works: the address of its API, and the first admin's link if there is no admin."""

    address: str
    link: str | None


class Clock:
    """The clock of the machine, moved ahead."""

    def __init__(self, ahead: float) -> None:
        self.ahead = ahead

    def __call__(self) -> datetime:
        return datetime.now(UTC) + timedelta(seconds=self.ahead)

"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """The real clock, moved ahead as far as a test wants."""

    def __init__(self) -> None:
        self.ahead = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **units: float) -> None:
        """Moves on: `clock.forward(minutes=10)`."""
        self.ahead += timedelta(**units)

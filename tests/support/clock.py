"""A clock that a test moves."""

from datetime import UTC, datetime, timedelta


class MovableClock:
    """The real clock, moved ahead as far as a test wants."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._second = 0

    def __call__(self) -> datetime:
        return datetime.now(UTC) + self.ahead

    def forward(self, **units: float) -> None:
        """Moves on: `clock.forward(minutes=10)`."""
        self.ahead += timedelta(**units)

    def goes_to(self, hour: int, minute: int, *, days: int = 1) -> None:
        """Moves to this time (UTC) of a day that is so many days after the real one: `clock.goes_to(14, 5)`.

        Each time some seconds further into the minute: on a busy machine what was to happen at once takes seconds, and
        ten minutes until the next move would be nine and a half.
        """
        real, self._second = datetime.now(UTC), min(self._second + 5, 55)
        wanted = real.replace(hour=hour, minute=minute, second=self._second) + timedelta(days=days)
        self.ahead = wanted - real

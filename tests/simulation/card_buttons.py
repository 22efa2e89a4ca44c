"""Which buttons are those of cards."""

from typing import Any

from bot.sandbox.world.transcript import button_data

OF_CARDS = frozenset({
    "take", "decline", "because", "close", "close_new", "keep", "more", "why", "return", "transfer", "snooze", "sleep",
    "sleep_ask", "wake", "reopen", "late_no",
})  # fmt: skip
"""What they do; those of lists and questions do something else."""


def pressable(message: dict[str, Any]) -> list[int]:
    """The contact of each button of a card under a message, or in a request that sends one."""
    pressed = [data.split(":") for data in button_data(message)]
    return [int(carried[0]) for action, *carried in pressed if action in OF_CARDS]

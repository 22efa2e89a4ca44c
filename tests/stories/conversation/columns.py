"""The columns of the matrix: who says it to whom, and when."""

from enum import StrEnum


class Direction(StrEnum):
    """Who says it to whom."""

    TO_OPERATOR = "to the operator"
    TO_CLIENT = "to the client"


class Moment(StrEnum):
    """When a row's act happens, or, of a row without one, when its message is read.

    BEFORE: it waits in the outbox, since Telegram wants a pause in its reader's chat; act and delivery follow.
    AFTER: it was delivered.
    TRANSFERRED: it was delivered, and then the request was handed on to a colleague.
    RESTARTED: it was delivered, and the process is down while the act happens; without an act the message still waits
        in the outbox when the process ends.
    """

    BEFORE = "before delivery"
    AFTER = "after delivery"
    TRANSFERRED = "after a transfer"
    RESTARTED = "after a restart"


Column = tuple[Direction, Moment]
COLUMNS: list[Column] = [(direction, moment) for direction in Direction for moment in Moment]

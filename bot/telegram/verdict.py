"""What a failed attempt to send means, as a pure function of what was raised; the sender obeys.

Beware: a proxy's HTML 502 and an unparsable 200 arrive as `ClientDecodeError`, which is no `TelegramAPIError`.
"""

from dataclasses import dataclass
from typing import Any

from aiogram.exceptions import (
    ClientDecodeError,
    TelegramAPIError,
    TelegramBadRequest,
    TelegramEntityTooLarge,
    TelegramForbiddenError,
    TelegramMigrateToChat,
    TelegramNetworkError,
    TelegramNotFound,
    TelegramRetryAfter,
    TelegramServerError,
    TelegramUnauthorizedError,
)
from aiohttp import ClientConnectorError, ConnectionTimeoutError

from bot.telegram.session import PROXY_ERRORS, Redirected
from crm_core.messaging.outbox import TOKEN_REFUSED

DEFAULT_FLOOD_WAIT = 5.0  # seconds, for a 429 that does not say how long (a bare header is lost in parsing)
METHOD_REFUSED = "method_refused"  # though the token is valid
LONGEST_FLOOD_WAIT = 86_400.0  # seconds; Telegram is asked again then, whatever it said


@dataclass(frozen=True, slots=True)
class Sent:
    """It is in the chat, now or already before; `also` are the ids of what was sent besides."""

    message_id: int | None = None
    also: tuple[int, ...] = ()


@dataclass(frozen=True, slots=True)
class FloodWait:
    """Not sent: Telegram says to wait, in seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class NotSent:
    """Surely not sent; it may be retried soon."""

    reason: str


@dataclass(frozen=True, slots=True)
class OutcomeUnknown:
    """It is unknown whether it was sent."""

    reason: str


@dataclass(frozen=True, slots=True)
class TokenRefused:
    """The bot itself is refused: its token is not valid (any more), unless only one method is answered like that."""

    reason: str = TOKEN_REFUSED


@dataclass(frozen=True, slots=True)
class Undeliverable:
    """Not sent, and a retry would not help."""

    reason: str


Verdict = Sent | FloodWait | NotSent | OutcomeUnknown | TokenRefused | Undeliverable

# Fragments of Telegram's descriptions, in lower case, and what they mean to us; the first match decides.
_DONE_ALREADY = ("message is not modified", "message to delete not found", "topic_not_modified")
# Of the group where something is to be sent, or where the original of a copy is: no client has blocked the bot.
_NOT_IN_GROUP = ("bot was kicked", "bot is not a member", "group chat was deleted")
_BAD_REQUESTS = (
    ("chat not found", "chat_not_found"),
    ("message can't be copied", "not_copyable"),
    ("message to copy not found", "original_gone"),
    ("message to edit not found", "message_gone"),
    ("message can't be edited", "message_gone"),
    ("message can't be deleted", "cannot_delete"),
    ("message is too long", "too_long"),
    ("failed to send message #", "partly_sent"),  # one of several: the others may be there
    ("can't parse entities", "bad_entities"),
    ("voice_messages_forbidden", "voice_forbidden"),
    ("not enough rights", "no_rights"),
    ("have no rights", "no_rights"),
    ("chat is not a forum", "not_forum"),
    ("thread", "topic_gone"),  # "message thread not found"
    ("topic_closed", "topic_closed"),  # only admins may write there
    ("topic", "topic_gone"),  # TOPIC_DELETED, TOPIC_ID_INVALID
)


def judge(error: BaseException) -> Verdict:
    """The meaning of a failed attempt.

    Args:
        error: what the request raised.
    """
    match error:
        case TelegramRetryAfter(retry_after=seconds):
            return FloodWait(bounded_wait(seconds))
        case TelegramMigrateToChat():
            return Undeliverable("migrated")
        case TelegramForbiddenError():
            return Undeliverable(_forbidden(str(error).lower()))
        case TelegramNotFound() if "method not found" in str(error).lower():  # an older server; the token is valid
            return Undeliverable("no_such_method")
        case TelegramUnauthorizedError() | TelegramNotFound():
            return TokenRefused()
        case TelegramEntityTooLarge():
            return Undeliverable("too_large")
        case TelegramBadRequest():
            return _bad_request(str(error).lower())
        case TelegramServerError():
            return OutcomeUnknown("server_error")
        case Redirected():
            return NotSent("redirected")
        case TelegramNetworkError():
            # Only if no connection was made is it certain that the request was not sent.
            return (
                NotSent("no_connection")
                if isinstance(error.__cause__, (ClientConnectorError, ConnectionTimeoutError, *PROXY_ERRORS))
                else OutcomeUnknown("no_answer")
            )
        case ClientDecodeError(data={"error_code": 429}):
            return FloodWait(_flood_wait(error.data))
        case ClientDecodeError():
            return OutcomeUnknown("unreadable_answer")
        case TelegramAPIError() if "too many requests" in str(error).lower():
            return FloodWait(DEFAULT_FLOOD_WAIT)
        case TelegramAPIError():
            return OutcomeUnknown("api_error")
        case _:
            return Undeliverable(f"internal_{type(error).__name__}")


def _flood_wait(answer: dict[str, Any]) -> float:
    """The seconds of a 429 whose parameters aiogram cannot read, such as a fraction."""
    parameters = answer.get("parameters")
    return bounded_wait(parameters.get("retry_after") if isinstance(parameters, dict) else None)


def bounded_wait(seconds: Any) -> float:
    """The seconds of a flood wait; what Telegram says is not always a moment that a calendar has."""
    if isinstance(seconds, int | float) and seconds > 0:
        return float(min(seconds, LONGEST_FLOOD_WAIT))
    return DEFAULT_FLOOD_WAIT


def _forbidden(text: str) -> str:
    if any(fragment in text for fragment in _NOT_IN_GROUP):
        return "not_in_group"
    if "deactivated" in text:
        return "deactivated"
    return "not_started" if "initiate conversation" in text else "blocked"


def _bad_request(text: str) -> Verdict:
    if any(fragment in text for fragment in _DONE_ALREADY):
        return Sent()
    for fragment, reason in _BAD_REQUESTS:
        if fragment in text:
            return Undeliverable(reason)
    return Undeliverable("bad_request")

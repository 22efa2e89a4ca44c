"""The two kinds of errors: those that a bot gets over the Bot API, and those that a test makes itself."""

from typing import Any


class ApiError(Exception):
    """A Bot API refusal: HTTP status, description and, for some, `parameters` (ResponseParameters of the Bot API)."""

    def __init__(self, code: int, description: str, **parameters: Any) -> None:
        super().__init__(description)
        self.code = code
        self.description = description
        self.parameters = parameters


class SandboxError(Exception):
    """An invalid request to the sandbox itself, such as pressing a button that does not exist."""


def bad_request(reason: str, **parameters: Any) -> ApiError:
    """A 400 in Telegram's wording: "Bad Request: " and `reason`."""
    return ApiError(400, f"Bad Request: {reason}", **parameters)


def forbidden(reason: str) -> ApiError:
    """A 403 in Telegram's wording: "Forbidden: " and `reason`."""
    return ApiError(403, f"Forbidden: {reason}")

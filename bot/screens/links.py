"""Links that start a bot with a payload: `op_<code>` for an operator, `admin_<code>` for an admin. Each opens once."""

import secrets

OPERATOR_PAYLOAD, ADMIN_PAYLOAD = "op_", "admin_"


def new_code() -> str:
    """A one-time code: 144 random bits, of characters that Telegram allows in a start link."""
    return secrets.token_urlsafe(18)


def link(username: str, payload: str) -> str:
    """The address that starts a bot with a payload."""
    return f"https://t.me/{username}?start={payload}"

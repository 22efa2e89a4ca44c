"""Links that start a bot with a payload: `op_<code>` for an operator, `admin_<code>` for an admin. Each opens once."""

OPERATOR_PAYLOAD, ADMIN_PAYLOAD = "op_", "admin_"


def link(username: str, payload: str) -> str:
    """The address that starts a bot with a payload."""
    return f"https://t.me/{username}?start={payload}"


def chat_link(username: str) -> str:
    """The address that opens the chat with a bot."""
    return f"https://t.me/{username}"

"""Links that start a bot with a payload.

`op_<code>` makes an operator, `admin_<code>` an admin: each once. `c_<number>` shows operators the card of a request of
theirs. `src_<slug>` brings clients to a source (`bot.clients.start`); none is the beginning of another.
"""

OPERATOR_PAYLOAD, ADMIN_PAYLOAD, CARD_PAYLOAD = "op_", "admin_", "c_"


def link(username: str, payload: str) -> str:
    """The address that starts a bot with a payload."""
    return f"https://t.me/{username}?start={payload}"


def card_link(username: str, contact_id: int) -> str:
    """The address at which a bot shows the card of a request to its operator."""
    return link(username, f"{CARD_PAYLOAD}{contact_id}")

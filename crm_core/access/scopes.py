"""Scopes of API keys: what a key may do."""

READ, WRITE, ADMIN, FORM = "read", "write", "admin", "form"
SCOPES = (READ, WRITE, ADMIN, FORM)
OWNER = "owner"
"""What commands on the same machine may do, with the running process's own key; no API key has this scope."""
_INCLUDES = {
    READ: (READ,),
    WRITE: (READ, WRITE),
    ADMIN: (READ, WRITE, ADMIN),
    FORM: (FORM,),
    OWNER: (READ, WRITE, ADMIN, OWNER),
}


def includes(held: str, wanted: str) -> bool:
    """Whether a key of one scope may do what needs another."""
    return wanted in _INCLUDES[held]

"""Random texts that nobody can guess: API keys and one-time codes."""

import secrets
import string

from crm_core.access.api_keys import MARK, RANDOM_LENGTH

ALPHABET = string.ascii_letters + string.digits


def new_key() -> str:
    """The text of an API key; what is stored of it is in `crm_core.access.api_keys`."""
    return MARK + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))


def new_code() -> str:
    """A one-time code: 144 random bits, of characters that Telegram allows in a start link."""
    return secrets.token_urlsafe(18)

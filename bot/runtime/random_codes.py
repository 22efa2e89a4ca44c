"""The texts of API keys: chance is of the edge, what is kept of them is `crm_core.access.api_keys`."""

import secrets
import string

from crm_core.access.api_keys import MARK, RANDOM_LENGTH

ALPHABET = string.ascii_letters + string.digits


def new_key() -> str:
    """A key that nobody can guess."""
    return MARK + "".join(secrets.choice(ALPHABET) for _ in range(RANDOM_LENGTH))

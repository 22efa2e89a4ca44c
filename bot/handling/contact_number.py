"""The number of a request in a typed command: `/history #15`, `/why 15`."""

import re

_NUMBER = re.compile(r"^/\S+\s+#?(\d{1,18})\s*$")


def contact_number(typed: str | None) -> int | None:
    """The number, or None where there is none, or more than a number."""
    found = _NUMBER.match(typed or "")
    return None if found is None else int(found[1])

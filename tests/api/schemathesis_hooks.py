"""What schemathesis cannot know of a run; see tests/api/test_schemathesis.py."""

import itertools
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

OWN_KEY = 77_777_777  # the id of the key that it calls with; the next one is the form's
_NUMBERS = itertools.count()


# Which phones can be read is a book of its own: those of the schema's format are taken, and some in other notations.
schemathesis.openapi.format("phone", st.from_regex(r"\A(\+7|8|tel:8)[ -]?9[0-9]{9}\Z"))
# So are working hours, whose language is tested elsewhere.
schemathesis.openapi.format("hours", st.sampled_from(["mon-fri 9-18", "daily 22-6, 31 dec off", "пн-пт 9-18"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["Europe/Berlin", "UTC", "Asia/Tokyo"]))


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """A name is printable: that is a table of Unicode's, which no pattern can say; and a time zone is one of hours."""
    if isinstance(body, dict) and "timezone" in body and "hours" not in body:
        return False
    name = body.get("name") if isinstance(body, dict) else None
    return not isinstance(name, str) or name.isprintable()


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """An idempotency key is for one call (tests/api/test_idempotency_keys.py has the rest); its own keys stay valid."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,255}", key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_NUMBERS)}"
    own = (str(OWN_KEY), str(OWN_KEY + 1))
    if case.method == "DELETE" and str((case.path_parameters or {}).get("key_id")) in own:
        case.path_parameters["key_id"] = 1

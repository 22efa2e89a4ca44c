"""What schemathesis cannot know of a run; see tests/api/test_schemathesis.py."""

import itertools
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

ON_ONE_LINE = re.compile(r"[^\x00-\x1f\x7f]*")
OWN_KEY = 77_777_777  # the id of the key that it calls with; the next one is the form's
_NUMBERS = itertools.count()


# Which phones can be read is a book of its own: those of the schema's format are taken, and some in other notations.
schemathesis.openapi.format("phone", st.from_regex(r"\A(\+7|8|tel:8)[ -]?9[0-9]{9}\Z"))
# So are working hours, whose language is tested elsewhere.
schemathesis.openapi.format("hours", st.sampled_from(["mon-fri 9-18", "daily 22-6, 31 dec off", "пн-пт 9-18"]))
schemathesis.openapi.format("skill", st.sampled_from(["german", "vip", "c++", "немецкий"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["Europe/Berlin", "UTC", "Asia/Tokyo"]))


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """A name is printable, a skill a word: tables of Unicode's, which no pattern can say. A time zone is of hours."""
    if isinstance(body, dict) and "timezone" in body and "hours" not in body:
        return False
    if isinstance(body, dict) and not _are_words(body.get("skills")):
        return False
    name = body.get("name") if isinstance(body, dict) else None
    return not isinstance(name, str) or name.isprintable()


def _are_words(skills: Any) -> bool:
    """Whether skills that have the shape of the schema are words, too; what has another shape is to be refused."""
    given = list(skills) if isinstance(skills, dict | list) else []
    tags = [one for one in given if isinstance(one, str) and ON_ONE_LINE.fullmatch(one) and len(one) <= 32]
    return len(tags) < len(given) or all(re.fullmatch(r"(?!\d+$)[\w+#.-]{1,32}", one.casefold()) for one in tags)


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """An idempotency key is for one call (tests/api/test_idempotency_keys.py has the rest); its own keys stay valid."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,255}", key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_NUMBERS)}"
    # Which values a preference allows depends on its name.
    if case.method == "PUT" and case.path.endswith("/preferences/{name}") and isinstance(case.body, dict):
        is_time = case.body.get("value") == "09:00"
        case.path_parameters["name"] = "morning_report" if is_time else "unknown"
    own = (str(OWN_KEY), str(OWN_KEY + 1))
    if case.method == "DELETE" and str((case.path_parameters or {}).get("key_id")) in own:
        case.path_parameters["key_id"] = 1

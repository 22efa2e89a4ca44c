"""What schemathesis cannot know of a run; see tests/api/test_schemathesis.py."""

import itertools
import re
from typing import Any

import schemathesis
from hypothesis import strategies as st

from crm_core.api.fields import ON_ONE_LINE
from crm_core.errors import BadKeywords, BadSkills
from crm_core.routing import keywords, skills
from tests.api.schemathesis_keys import OWN_KEY

_NUMBERS = itertools.count()


# Which phones can be read is a book of its own: those of the schema's format are taken, and some in other notations.
schemathesis.openapi.format("phone", st.from_regex(r"\A(\+7|8|tel:8)[ -]?9[0-9]{9}\Z"))
# So are working hours, whose language is tested elsewhere.
schemathesis.openapi.format("hours", st.sampled_from(["mon-fri 9-18", "daily 22-6, 31 dec off", "пн-пт 9-18"]))
schemathesis.openapi.format("skill", st.sampled_from(["german", "vip", "c++", "немецкий"]))
schemathesis.openapi.format("keyword", st.sampled_from(["refund*", "money back", "возврат"]))
schemathesis.openapi.format("time-zone", st.sampled_from(["Europe/Berlin", "UTC", "Asia/Tokyo"]))


@schemathesis.hook
def filter_body(context: Any, body: Any) -> bool:
    """A name is printable, a skill a word: tables of Unicode's, which no pattern can say. A time zone is of hours."""
    if isinstance(body, dict) and "timezone" in body and "hours" not in body:
        return False
    if isinstance(body, dict) and not _are_words(body.get("skills")):
        return False
    if isinstance(body, dict) and not _are_rules(body.get("keywords")):
        return False
    name = body.get("name") if isinstance(body, dict) else None
    return not isinstance(name, str) or name.isprintable()


def _are_words(given: Any) -> bool:
    """Whether skills that have the shape of the schema are words, too; what has another shape is to be refused."""
    tags = [one for one in given if isinstance(one, str)] if isinstance(given, dict | list) else []
    for one in tags:
        if 0 < len(one) <= 32 and re.fullmatch(ON_ONE_LINE, one):
            try:
                skills.check([one])
            except BadSkills:
                return False
    return True


def _are_rules(given: Any) -> bool:
    """Whether keyword rules that have the shape of the schema are rules, too: of words, and with some effect."""
    for one in given if isinstance(given, list) else []:
        if isinstance(one, dict) and _are_words(one.get("skills")):
            words = [word for word in one.get("words", ()) if isinstance(word, str)]
            required = {"any": None} if one.get("skills") else {}
            try:
                keywords.check(words or ["any"], required, bool(one.get("priority_minutes")))
            except BadKeywords:
                return False
        elif isinstance(one, dict):
            return False
    return True


@schemathesis.hook
def before_call(context: Any, case: Any, kwargs: Any) -> None:
    """An idempotency key is for one call (tests/api/test_idempotency_keys.py has the rest); its own keys stay valid."""
    key = (case.headers or {}).get("Idempotency-Key")
    if isinstance(key, str) and re.fullmatch(r"[!-~]{1,255}", key):
        case.headers["Idempotency-Key"] = f"{key[:200]}-{next(_NUMBERS)}"
    own = (str(OWN_KEY), str(OWN_KEY + 1))
    if case.method == "DELETE" and str((case.path_parameters or {}).get("key_id")) in own:
        case.path_parameters["key_id"] = 1

"""`ETag` and `If-Match`: who changes something says at which state he knows it, and is told if it has moved on.

A tag names what can be changed here: an operator's or a source's settings, what is known of a lead, the version of a
contact. It stays when other things move (a load, further messages), so that no change fails because of work under way.
"""

import hashlib
import json
import re
from typing import Annotated, Any

from fastapi import Depends, Header

from crm_core.errors import Outdated

_TAG = re.compile(r'(W/)?("[^"]*")')


def tag(*settings: Any) -> str:
    """The tag of some settings."""
    text = json.dumps(settings, ensure_ascii=False, default=str)
    return f'"{hashlib.sha256(text.encode("utf-8", "replace")).hexdigest()[:16]}"'


def tag_of_version(version: int) -> str:
    """The tag of something that counts its changes."""
    return f'"{version}"'


class IfMatch:
    """The tags of an `If-Match` (RFC 9110, section 13.1.1). Weak ones never match."""

    def __init__(self, header: str) -> None:
        self._any = header.strip() == "*"
        self._tags = {text for is_weak, text in _TAG.findall(header) if not is_weak}

    def check(self, current: str) -> None:
        """Raises Outdated unless the current tag is one of them."""
        if not self._any and current not in self._tags:
            raise Outdated()

    def check_version(self, version: int) -> int | None:
        """The version that a change must meet, None for any. Raises Outdated if it is another one already."""
        self.check(tag_of_version(version))
        return None if self._any else version


def _if_match(
    header: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=1_000,
            description="The `ETag` at which the caller knows it; if it has changed since, nothing is done (412).",
        ),
    ] = None,
) -> IfMatch | None:
    return None if header is None else IfMatch(header)


Matching = Annotated[IfMatch | None, Depends(_if_match)]
"""The `If-Match` of a request; None where there is none."""

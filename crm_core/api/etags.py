"""`ETag` and `If-Match`: a caller says which state it has read, and its change is refused if that is outdated.

A tag stands for what can be changed over the API: the settings of an operator or a source, what is known of a lead, the
version of a contact. It does not change with anything else (a load, further messages), so that work in progress makes
no change fail.
"""

import hashlib
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated, Any, Generic, TypeVar

from fastapi import Depends, Header
from sqlalchemy.orm import Session

from crm_core.errors import CrmError, Outdated

T = TypeVar("T")
State = TypeVar("State")

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
        """The version that a change has to find; None for any. Raises Outdated if the current one is another."""
        self.check(tag_of_version(version))
        return None if self._any else version


@dataclass(frozen=True, slots=True)
class Tagged(Generic[State]):
    """A kind of resource whose tag is made from its settings.

    Attributes:
        id_name: the keyword by which the functions below, and actions upon it, take its id.
        lock: keeps a resource unchanged until the transaction ends.
        read: the state of a resource.
        tag_of: the tag of such a state.
    """

    id_name: str
    lock: Callable[..., None]
    read: Callable[..., State]
    tag_of: Callable[[State], str]

    def headers(self, state: State) -> dict[str, str]:
        """The `ETag` header of a state."""
        return {"ETag": self.tag_of(state)}


def guarded(
    s: Session,
    kind: Tagged[Any],
    resource_id: int,
    if_match: IfMatch | None,
    action: Callable[..., T],
    /,
    **inputs: Any,
) -> T:
    """Runs an action upon a resource, unless the caller has read an outdated state of it.

    Args:
        if_match: None if the caller does not mind which state it is.
        action, inputs: what to run, and its keyword arguments besides the id.

    Raises Outdated, and what the action raises.
    """
    resource = {kind.id_name: resource_id}
    if if_match is not None:
        kind.lock(s, **resource)
        if_match.check(kind.tag_of(kind.read(s, **resource)))
    return action(s, **resource, **inputs)


def guarded_by_version(
    s: Session,
    if_match: IfMatch | None,
    version_of: Callable[[Session], int],
    action: Callable[..., T],
    /,
    **inputs: Any,
) -> T:
    """Runs an action upon something that counts its changes, unless the caller has read an outdated version of it.

    Nothing is locked here: the action takes its own locks, in their order, and compares the version then.

    Args:
        if_match: None if the caller does not mind which version it is.
        version_of: reads the current version.
        action, inputs: what to run, and its keyword arguments besides `version`.

    Raises Outdated, and what the action raises.
    """
    version = None if if_match is None else if_match.check_version(version_of(s))
    try:
        return action(s, version=version, **inputs)
    except CrmError:
        if version is not None and version_of(s) != version:  # it was changed between reading and locking
            raise Outdated() from None
        raise


def _if_match(
    header: Annotated[
        str | None,
        Header(
            alias="If-Match",
            max_length=1_000,
            description="The `ETag` of the state that you have read; if it has changed since, nothing is done (412).",
        ),
    ] = None,
) -> IfMatch | None:
    return None if header is None else IfMatch(header)


Matching = Annotated[IfMatch | None, Depends(_if_match)]
"""The `If-Match` of a request; None if it has none."""

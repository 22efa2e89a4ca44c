"""Calls without an API key: while there never was one, plain calls of this machine are answered, and nothing else.

The founding documents call `localhost` without a key. Such a call shows nothing but an address, and whatever forwards
calls from elsewhere connects from this machine, too: a web server with its defaults, a tunnel, a browser with a page of
another site. So a call counts as plain only if it differs in nothing from what a program on this machine sends, and the
first one that differs shows that something in front of us forwards calls. From then on nothing is answered without a
key, until the next start.

What cannot be told: a tunnel of our own account that passes bytes on unread (`ssh -R`), to a caller who names us as
`localhost`. Whoever opens such a tunnel needs a key first.
"""

import logging
import os
import re
from collections.abc import MutableMapping
from typing import Any

from starlette.datastructures import Headers
from starlette.types import Scope

from crm_core.api.loopback import is_loopback
from crm_core.api.peer_account import peer_account

ADVICE = "create a key with `mini-crm api-key create` and send it"
REFUSED_AT_START = "the API may be reached from outside (WEBHOOK_URL)"
_HOST = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(?::([0-9]{1,5}))?", re.IGNORECASE)
# What programs and browsers send by themselves. Any other header may be one that a proxy has added: there is no end of
# their names (X-Forwarded-For, Via, CF-Connecting-IP, X-Amzn-Trace-Id, …).
PLAIN = frozenset(
    (
        "accept", "accept-charset", "accept-encoding", "accept-language", "access-control-request-headers",
        "access-control-request-method", "authorization", "cache-control", "connection", "content-length",
        "content-type", "cookie", "dnt", "expect", "host", "idempotency-key", "if-match", "if-modified-since",
        "if-none-match", "origin", "pragma", "priority", "referer", "te", "transfer-encoding",
        "upgrade-insecure-requests", "user-agent", "x-api-key", "x-prometheus-scrape-timeout-seconds",
        "x-requested-with",
    )
)  # fmt: skip
OF_BROWSERS = "sec-"  # no page and no program but a browser sets these
SAME_SITE = ("same-origin", "none")

log = logging.getLogger("api")


class LocalCalls:
    """Whether calls without a key are answered: open at first, closed by the first call that is not plain.

    Attributes:
        is_open: whether plain calls are answered.
        why_closed: why not, as the end of a sentence.
    """

    def __init__(self, *, is_open: bool = True, why_closed: str = REFUSED_AT_START) -> None:
        self.is_open, self.why_closed = is_open, "" if is_open else why_closed

    def observe(self, scope: Scope, headers: Headers) -> None:
        """Closes if a request is not a plain call of this machine. To be called for every request, refused or not."""
        if self.is_open and (trace := trace_of(scope, headers)) is not None:
            self.is_open, self.why_closed = False, f"a call came {trace}"
            log.warning("calls without an API key are off until the next start: %s", self.why_closed)

    def refusal(self) -> str | None:
        """Why a call without a key is refused, for its caller; None if it is answered."""
        if self.is_open:
            return None
        return f"Without an API key, calls are not answered since {self.why_closed}; {ADVICE}"


def trace_of(scope: Scope, headers: Headers) -> str | None:
    """What tells that a request is no plain call of this machine, after "a call came …"; None if nothing does."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "from another machine"
    if scope.get("http_version", "1.1") != "1.1":
        return "by HTTP/1.0, as from a proxy"
    for name in headers:
        if name not in PLAIN and not name.startswith(OF_BROWSERS):
            return f"with the header {name[:40]!r}, as from a proxy"
    if headers.get("connection", "keep-alive").lower() != "keep-alive":
        return "with `Connection` other than keep-alive, as from a proxy"
    hosts = headers.getlist("host")
    if len(hosts) != 1 or not _is_ours(hosts[0], scope):
        return "for another host or port"
    if headers.get("origin", f"http://{hosts[0]}").lower() != f"http://{hosts[0]}".lower():
        return "from a page of another site"
    if headers.get("sec-fetch-site", "none").lower() not in SAME_SITE:
        return "from a page of another site"
    if not _is_of_our_account(scope):
        return "from a program of another account"
    return None


def _is_ours(host: str, scope: Scope) -> bool:
    """Whether a Host header names this machine and the port that the request came to."""
    found = _HOST.fullmatch(host)
    if found is None or not is_loopback(found[1].strip("[]")):
        return False
    server = scope.get("server")
    return int(found[2] or 80) == ((server[1] if server else None) or 80)


def _is_of_our_account(scope: Scope) -> bool:
    """Whether the program at the other end runs under our account, or nobody can tell. Asked once per connection."""
    memory: MutableMapping[str, Any] = scope.get("state", {}).get("connection", {})
    if "account" not in memory:
        memory["account"] = peer_account(scope["client"], scope.get("server"))
    account = memory["account"]
    return account is None or account == os.geteuid()

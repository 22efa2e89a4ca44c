"""Calls without an API key: while there never was one, plain calls of this machine are answered, and nothing else.

The founding documents call `localhost` without a key. Such a call shows nothing but an address, and whatever forwards
calls from elsewhere connects from this machine, too: a web server with its defaults, a tunnel, a browser with a page of
another site. So a call counts as plain only if it differs in nothing from what a program on this machine sends, and the
first one that differs shows that something in front of us forwards calls. From then on nothing is answered without a
key, until the next start.

nginx sends nothing that shows since version 1.29.7, nor does an older one that keeps connections to us. So on Linux it
also counts whose program calls: one of another account, or a web server for other machines, is no plain caller.

What cannot be told: what is passed on without a trace by a program of our own account that is no such server (`ssh -R`,
or one at port 8080), or whose processes we do not see, as in a container that shares only our network.
Elsewhere than on Linux, nor can a web server be told. Whoever opens such a way in needs a key first.
"""

import logging
import re
from collections.abc import MutableMapping
from functools import lru_cache
from typing import Any

from starlette.types import Scope

from crm_core.api.loopback import is_loopback
from crm_core.api.peers import Peer, find_peer

ADVICE = "create a key with `mini-crm api-key create` and send it"
REFUSED_AT_START = "the API may be reached from outside (WEBHOOK_URL)"
_HOST = re.compile(r"(localhost|127\.[0-9.]+|\[::1\])(?::([0-9]{1,5}))?", re.IGNORECASE)
# What programs and browsers send by themselves. Any other header may be one that a proxy has added: there is no end of
# their names (X-Forwarded-For, Via, CF-Connecting-IP, X-Amzn-Trace-Id, …).
PLAIN = frozenset(
    name.encode()
    for name in (
        "accept", "accept-charset", "accept-encoding", "accept-language", "access-control-request-headers",
        "access-control-request-method", "authorization", "cache-control", "connection", "content-length",
        "content-type", "cookie", "dnt", "expect", "host", "idempotency-key", "if-match", "if-modified-since",
        "if-none-match", "origin", "pragma", "priority", "referer", "te", "transfer-encoding",
        "upgrade-insecure-requests", "user-agent", "x-api-key", "x-prometheus-scrape-timeout-seconds",
        "x-requested-with",
    )
)  # fmt: skip
OF_BROWSERS = b"sec-"  # no page and no program but a browser sets these
SAME_SITE = (b"same-origin", b"none")
PEERS = {
    Peer.OF_ANOTHER_ACCOUNT: "from a program of another account",
    Peer.WEB_SERVER: "from a web server that other machines can reach",
}

log = logging.getLogger("api")


class LocalCalls:
    """Whether calls without a key are answered: open at first, closed by the first call that is not plain.

    Attributes:
        is_open: whether plain calls are answered.
        why_closed: why not, as the end of a sentence.
    """

    def __init__(self, *, is_open: bool = True, why_closed: str = REFUSED_AT_START) -> None:
        self.is_open, self.why_closed = is_open, "" if is_open else why_closed

    def observe(self, scope: Scope) -> None:
        """Closes if a request is not a plain call of this machine. To be called for every request, refused or not."""
        if self.is_open and (trace := trace_of(scope)) is not None:
            self.is_open, self.why_closed = False, f"a call came {trace}"
            log.warning("calls without an API key are off until the next start: %s", self.why_closed)

    def refusal(self) -> str | None:
        """Why a call without a key is refused, for its caller; None if it is answered."""
        if self.is_open:
            return None
        return f"Without an API key, calls are not answered since {self.why_closed}; {ADVICE}"


def trace_of(scope: Scope) -> str | None:
    """What tells that a request is no plain call of this machine, after "a call came …"; None if nothing does.

    It is asked for every request while there is no key, so it reads the headers once and as they are.
    """
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return "from another machine"
    if scope.get("http_version", "1.1") != "1.1":
        return "by HTTP/1.0, as from a proxy"
    hosts = 0
    host = origin = b""
    for name, value in scope["headers"]:
        if name == b"host":
            hosts, host = hosts + 1, value
        elif name == b"connection":
            if value.lower() != b"keep-alive":
                return "with `Connection` other than keep-alive, as from a proxy"
        elif name == b"origin":
            origin = value
        elif name == b"sec-fetch-site":
            if value not in SAME_SITE:
                return "from a page of another site"
        elif name not in PLAIN and not name.startswith(OF_BROWSERS):
            return f"with the header {name[:40].decode('latin-1')!r}, as from a proxy"
    server = scope.get("server")
    if hosts != 1 or not _is_ours(host, (server[1] if server else None) or 80):
        return "for another host or port"
    if origin and origin.lower() != b"http://" + host.lower():
        return "from a page of another site"
    return PEERS.get(_peer(scope))


@lru_cache(maxsize=16)
def _is_ours(host: bytes, port: int) -> bool:
    """Whether a Host header names this machine and our port."""
    found = _HOST.fullmatch(host.decode("latin-1"))
    return found is not None and is_loopback(found[1].strip("[]")) and int(found[2] or 80) == port


def _peer(scope: Scope) -> Peer:
    """Who is at the other end. Asked once per connection; a call inside this process has none."""
    memory: MutableMapping[str, Any] | None = scope.get("state", {}).get("connection")
    if memory is None:
        return Peer.PLAIN
    if "peer" not in memory:
        memory["peer"] = find_peer(scope["client"], scope["server"])
    found: Peer = memory["peer"]
    return found

"""Whether a call certainly comes from this machine: the only protection of the API until the first key is created.

A browser on this machine connects locally, but its pages may come from anywhere and can reach our port under their own
name (DNS rebinding) or with a form. A proxy on this machine forwards calls from outside. Both are visible in headers.
"""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
ADVICE = "create a key with `mini-crm api-key create` and send it"


def trouble(scope: Scope, headers: Headers) -> str | None:
    """Why a call does not count as local; None if it does."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return f"Without an API key, only calls from this machine are allowed; {ADVICE}"
    if not is_loopback(_name(headers.get("host", ""))):
        return f"Without an API key, only calls to localhost or 127.0.0.1 are allowed; {ADVICE}"
    if any(name in headers for name in FORWARDED):
        return f"Without an API key, calls through a proxy are not allowed; {ADVICE}"
    origin = headers.get("origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        return f"Without an API key, calls from pages of other sites are not allowed; {ADVICE}"
    return None


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@lru_cache(maxsize=128)  # the same few names repeat, and ipaddress is slower than everything else here
def is_loopback(host: str) -> bool:
    """Whether a host name or an address is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

"""Whether a call is surely of this machine: all that stands before the API while no key was ever made.

A browser on this machine is of this machine too, and pages that it shows are not: they may call our port under their
own name (DNS rebinding) or with a form. A proxy on this machine hands on calls of strangers. Both show themselves in
headers.
"""

from functools import lru_cache
from ipaddress import ip_address
from urllib.parse import urlsplit

from starlette.datastructures import Headers
from starlette.types import Scope

FORWARDED = ("forwarded", "x-forwarded-for", "x-forwarded-host", "x-real-ip", "via")
ADVICE = "make a key with `mini-crm api-key create` and send it"


def trouble(scope: Scope, headers: Headers) -> str | None:
    """Why a call cannot be taken for one of this machine; None if it can."""
    client = scope.get("client")
    if client is None or not is_loopback(client[0]):
        return f"Without an API key, only this machine is answered; {ADVICE}"
    if not is_loopback(_name(headers.get("host", ""))):
        return f"Without an API key, only calls to localhost or 127.0.0.1 are answered; {ADVICE}"
    if any(name in headers for name in FORWARDED):
        return f"Without an API key, nothing is answered through a proxy; {ADVICE}"
    origin = headers.get("origin")
    if origin is not None and not is_loopback(urlsplit(origin).hostname or ""):
        return f"Without an API key, pages of other sites are not answered; {ADVICE}"
    return None


def _name(host: str) -> str:
    """The name in a Host header, without its port."""
    if host.startswith("["):
        return host[1:].partition("]")[0]
    return host.partition(":")[0]


@lru_cache(maxsize=128)  # the same few names come all day, and ipaddress takes longer than all the rest of this
def is_loopback(host: str) -> bool:
    """Whether a name or an address means this machine."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

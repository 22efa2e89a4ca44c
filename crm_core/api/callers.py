"""From which address a request comes. Only proxies that are named as trusted are believed what they say about it.

The address serves limits and logs. It never makes a call one of this machine (`crm_core.api.local_calls`).
"""

from collections.abc import Sequence
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from starlette.datastructures import Headers
from starlette.types import Scope

Network = IPv4Network | IPv6Network

UNKNOWN = "?"
IPV6_PREFIX = 64  # bits: one caller usually has that much to choose from


def networks(names: Sequence[str]) -> list[Network]:
    """Addresses and networks as written: `127.0.0.1`, `10.0.0.0/8`. Raises ValueError."""
    return [ip_network(name) for name in names]


def caller_address(scope: Scope, headers: Headers, trusted: Sequence[Network]) -> str:
    """The address of a caller: of the connection or, if that is a trusted proxy's, the last one before it.

    `X-Forwarded-For` grows to the right with each proxy, so it is read from there as long as proxies are trusted; what
    stands further left may have been written by anybody.
    """
    client = scope.get("client")
    found = str(client[0]) if client else UNKNOWN
    if not trusted or not _is_in(found, trusted):
        return found
    for named in reversed(",".join(headers.getlist("x-forwarded-for")).split(",")):
        address = named.strip()
        try:
            ip_address(address)
        except ValueError:
            break
        found = address
        if not _is_in(found, trusted):
            break
    return found


def bucket_of(address: str) -> str:
    """What limits count an address as: itself, or for IPv6 its network."""
    if ":" not in address:
        return address
    try:
        return str(ip_network((address.partition("%")[0], IPV6_PREFIX), strict=False))
    except ValueError:
        return address


def _is_in(address: str, trusted: Sequence[Network]) -> bool:
    try:
        parsed = ip_address(address)
    except ValueError:
        return False
    return any(parsed in one for one in trusted)

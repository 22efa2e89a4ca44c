"""What the loopback of this machine is, as an address or a name."""

from functools import lru_cache
from ipaddress import ip_address


@lru_cache(maxsize=128)  # the same few names repeat, and ipaddress is slower than everything else here
def is_loopback(host: str) -> bool:
    """Whether a host name or an address is this machine's loopback."""
    if host.lower() == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False

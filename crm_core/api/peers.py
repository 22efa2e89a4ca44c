"""Whose program is at the other end of a loopback connection. Linux tells; elsewhere nobody knows."""

import contextlib
import os
import socket
import sys
import time
from collections.abc import Collection, Iterator
from enum import Enum, auto
from functools import lru_cache
from ipaddress import IPv4Address, IPv6Address, ip_address
from pathlib import Path

TABLES = ("/proc/net/tcp", "/proc/net/tcp6")
PROCESSES = Path("/proc")
LOCAL, ACCOUNT, SOCKET = 1, 7, 9  # columns
LISTENS = ":0000 0A "  # the port of nobody at the other end, and the state
WEB_PORTS = (80, 443)  # a shop under development listens at others, and may call us for itself
LOOKED_FOR_EVERY = 1.0  # seconds
NO_SOCKET = 0  # of a connection that its program has closed
MAPPED = bytes(10) + b"\xff\xff"  # begins the IPv6 form of an IPv4 address

Address = tuple[str, int | None]


class Peer(Enum):
    """The program at the other end."""

    PLAIN = auto()
    """One of our account; or nobody can tell: elsewhere than on Linux, or of one that has left already."""

    OF_ANOTHER_ACCOUNT = auto()

    WEB_SERVER = auto()
    """One of our account that other machines can reach at port 80 or 443."""


def find_peer(client: Address, server: Address) -> Peer:
    """Who made a connection.

    Args:
        client, server: the two ends, address and port, as the server sees them.
    """
    if sys.platform != "linux":
        return Peer.PLAIN
    # A program may use a socket of IPv6 for an IPv4 address; Java does.
    ends = zip(_as_in_tables(*client), _as_in_tables(*server), strict=False)
    wanted = [f" {theirs} {ours} " for theirs, ours in ends]
    found = next((line.split() for line in _connections() if any(one in line for one in wanted)), None)
    if found is None or int(found[SOCKET]) == NO_SOCKET:
        return Peer.PLAIN
    if int(found[ACCOUNT]) != os.geteuid():
        return Peer.OF_ANOTHER_ACCOUNT
    servers = _web_servers(int(time.monotonic() / LOOKED_FOR_EVERY))
    return Peer.WEB_SERVER if servers and _is_held_with(int(found[SOCKET]), servers) else Peer.PLAIN


@lru_cache(maxsize=1)
def _web_servers(moment: int) -> frozenset[int]:
    """The sockets of servers that other machines can reach.

    Args:
        moment: they are looked for once in each: reading both tables takes 7 ms, however few connections there are.
    """
    listening = (line.split() for line in _connections() if LISTENS in line)
    return frozenset(int(columns[SOCKET]) for columns in listening if _serves_others(columns[LOCAL]))


def _connections() -> Iterator[str]:
    for table in TABLES:
        with contextlib.suppress(OSError), Path(table).open(encoding="ascii") as lines:
            next(lines, None)  # names of the columns
            yield from lines


def _is_held_with(connection: int, others: Collection[int]) -> bool:
    """Whether the process that holds a connection holds one of the other sockets, too.

    The newest processes are looked at first: to look at all of them takes 10 ms where there are a hundred.
    """
    wanted, named = f"socket:[{connection}]", {f"socket:[{one}]" for one in others}
    for process in sorted((int(path.name) for path in PROCESSES.glob("[0-9]*")), reverse=True):
        held = _held_by(process)
        if wanted in held:
            return not named.isdisjoint(held)
    return False


def _held_by(process: int) -> set[str]:
    """What a process has open; nothing if it has ended, or is not ours to look at."""
    held = set()
    with contextlib.suppress(OSError), os.scandir(PROCESSES / str(process) / "fd") as files:
        for file in files:
            with contextlib.suppress(OSError):  # it was closed meanwhile
                held.add(os.readlink(file.path))
    return held


def _as_in_tables(host: str, port: int | None) -> list[str]:
    """An address as the kernel prints it: words of four bytes in the order of this machine, then the port.

    An IPv4 address comes in both forms, as itself and as one of IPv6.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        packed = socket.inet_pton(family, host)
    except OSError:
        return []
    if packed.startswith(MAPPED):
        packed = packed.removeprefix(MAPPED)
    forms = [packed] if len(packed) > 4 else [packed, MAPPED + packed]
    return [f"{''.join(f'{word:08X}' for word in _words(form))}:{port or 0:04X}" for form in forms]


def _words(packed: bytes) -> Iterator[int]:
    return (int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4))


def _serves_others(printed: str) -> bool:
    """Whether who listens at an address, as the kernel prints it, is a server that other machines can reach."""
    return int(printed.rpartition(":")[2], 16) in WEB_PORTS and not _is_loopback(printed)


def _is_loopback(printed: str) -> bool:
    """Whether an address as the kernel prints it is of this machine alone."""
    digits, _, _ = printed.partition(":")
    words = (int(digits[start : start + 8], 16) for start in range(0, len(digits), 8))
    found: IPv4Address | IPv6Address = ip_address(b"".join(word.to_bytes(4, sys.byteorder) for word in words))
    if isinstance(found, IPv6Address) and found.ipv4_mapped is not None:
        found = found.ipv4_mapped
    return found.is_loopback

"""Which account of this machine is at the other end of a loopback connection. Linux tells; elsewhere nobody knows."""

import socket
import sys
from pathlib import Path

TABLES = {socket.AF_INET: "/proc/net/tcp", socket.AF_INET6: "/proc/net/tcp6"}
LOCAL, REMOTE, ACCOUNT = 1, 2, 7  # columns


def peer_account(client: tuple[str, int], server: tuple[str, int | None] | None) -> int | None:
    """The numeric id of the account whose program made a connection; None if it cannot be told.

    Args:
        client, server: the two ends, address and port, as the server sees them.
    """
    if server is None or server[1] is None:
        return None
    family = socket.AF_INET6 if ":" in client[0] else socket.AF_INET
    try:
        theirs, ours = _as_in_table(family, *client), _as_in_table(family, server[0], server[1])
        with Path(TABLES[family]).open(encoding="ascii") as lines:
            for line in lines:
                columns = line.split()
                if columns[LOCAL] == theirs and columns[REMOTE] == ours:
                    return int(columns[ACCOUNT])
    except (OSError, ValueError, IndexError):  # no Linux, or no /proc
        return None
    return None


def _as_in_table(family: int, host: str, port: int) -> str:
    """An address as the kernel prints it: words of four bytes in the order of this machine, then the port."""
    packed = socket.inet_pton(family, host)
    words = (int.from_bytes(packed[start : start + 4], sys.byteorder) for start in range(0, len(packed), 4))
    return f"{''.join(f'{word:08X}' for word in words)}:{port:04X}"

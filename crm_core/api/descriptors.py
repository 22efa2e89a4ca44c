"""File descriptors: connections must leave some for the database, without which nothing can be confirmed."""

import contextlib
import sys

if sys.platform != "win32":  # where sockets are no descriptors
    import resource

WANTED = 8192
RESERVED = 256  # for the database, Telegram, exports, logs
CONNECTIONS_MOST = 1000
CONNECTIONS_LEAST = 16


def raise_limit() -> None:
    """Lets the process open as many files as it wants and may; the usual limit, 1024, is one of long ago."""
    if sys.platform == "win32":
        return
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = WANTED if hard == resource.RLIM_INFINITY else min(WANTED, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        with contextlib.suppress(OSError, ValueError):  # then it stays, and fewer connections are accepted
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def connections_most() -> int:
    """How many connections to the HTTP server leave enough descriptors for everything else."""
    if sys.platform == "win32":
        return CONNECTIONS_MOST
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return CONNECTIONS_MOST
    return max(CONNECTIONS_LEAST, min(CONNECTIONS_MOST, soft - RESERVED))

"""HTTP as bytes, for what no client library would send."""

import asyncio

PATIENCE = 20.0  # seconds


def request_bytes(method: str, path: str, headers: dict[str, str], *, version: str = "1.1", body: bytes = b"") -> bytes:
    """A request, with these headers and no others."""
    lines = [f"{method} {path} HTTP/{version}", *(f"{name}: {value}" for name, value in headers.items())]
    return "\r\n".join([*lines, "", ""]).encode() + body


async def exchange(port: int, sent: bytes) -> tuple[int, bytes]:
    """Sends bytes on a connection of their own, and says no more. Returns the status, and the answer.

    Status 0 means that the connection was closed without an answer.
    """
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        writer.write(sent)
        async with asyncio.timeout(PATIENCE):
            head = await reader.readuntil(b"\r\n\r\n")
            length = next(
                (int(line[15:]) for line in head.lower().split(b"\r\n") if line[:15] == b"content-length:"), 0
            )
            return int(head.split()[1]), head + await reader.readexactly(length)
    except (asyncio.IncompleteReadError, ConnectionError):
        return 0, b""
    finally:
        writer.close()

"""What a stranger can make the HTTP server hold: so many bytes and headers, connections and seconds, and no more."""

import asyncio
import contextlib
import resource
import socket
from collections.abc import AsyncIterator, Callable, Iterator

import pytest
from fastapi import FastAPI
from sqlalchemy import text
from starlette.types import Receive, Scope, Send

from crm_core.api import bounded_protocol, descriptors
from crm_core.api.bounded_protocol import HEAD_LARGEST, HEADERS_MOST
from crm_core.api.server import HttpServer
from crm_core.storage.database import Database
from tests.support.raw_http import exchange, request_bytes

CONNECTIONS = 8


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[HttpServer]:
    """The API with room for a few connections."""
    opened = HttpServer(app, host="127.0.0.1", port=0, connections=CONNECTIONS)
    await opened.start()
    yield opened
    await opened.stop()


async def health(server: HttpServer) -> int:
    """The status of a health check on a new connection; 0 if it was closed without an answer."""
    return (await exchange(server.port, request_bytes("GET", "/healthz", {"Host": "localhost"})))[0]


def endless_headers() -> Iterator[bytes]:
    """Many small ones."""
    yield b"GET /healthz HTTP/1.1\r\n"
    while True:
        yield b"a: 1\r\n" * 1000


def endless_header() -> Iterator[bytes]:
    """One that does not end."""
    yield b"GET /healthz HTTP/1.1\r\na: "
    while True:
        yield b"b" * 10_000


def endless_address() -> Iterator[bytes]:
    """A request line that does not end."""
    yield b"GET /"
    while True:
        yield b"a" * 10_000


@pytest.mark.fault("F84")
@pytest.mark.parametrize("parts", [endless_headers, endless_header, endless_address])
async def test_endless_head_is_refused(server: HttpServer, parts: Callable[[], Iterator[bytes]]) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    sent = 0
    with contextlib.suppress(ConnectionError):
        for part in parts():
            if reader.at_eof() or sent > 100 * HEAD_LARGEST:
                break
            writer.write(part)
            await writer.drain()
            sent += len(part)
            await asyncio.sleep(0)
    assert sent < 100 * HEAD_LARGEST
    with contextlib.suppress(ConnectionError):  # it may reset the connection, since not all was read
        answer = await reader.read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 431 ")
    writer.close()
    assert await health(server) == 200


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({f"a{number}": "1" for number in range(HEADERS_MOST - 1)}, 200),
        ({f"a{number}": "1" for number in range(HEADERS_MOST)}, 431),
        ({"a": "b" * (HEAD_LARGEST - 1000)}, 200),
        ({"a": "b" * HEAD_LARGEST}, 431),
        ({f"a{number}": "b" * 1000 for number in range(70)}, 431),
    ],
)
async def test_head_within_the_limits_is_answered(server: HttpServer, headers: dict[str, str], status: int) -> None:
    found, _ = await exchange(server.port, request_bytes("GET", "/healthz", {"Host": "localhost", **headers}))
    assert found == status


async def test_large_body_is_no_large_head(server: HttpServer) -> None:
    """What counts is the head of each request: bodies have limits of their own, and a connection has many requests."""
    sent = request_bytes("GET", "/healthz", {"Host": f"localhost:{server.port}", "Accept": "b" * (HEAD_LARGEST // 2)})
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    for _ in range(5):
        writer.write(sent)
        assert (await reader.readuntil(b"}")).startswith(b"HTTP/1.1 200")
    writer.close()
    body = b"[" + b"1," * 30_000 + b"1]"
    headers = {"Host": f"localhost:{server.port}", "Content-Type": "application/json", "Content-Length": str(len(body))}
    assert (await exchange(server.port, request_bytes("POST", "/operators/", headers, body=body)))[0] == 422


@pytest.mark.fault("F84")
@pytest.mark.parametrize(
    "begun", [b"", b"GET /hea", b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n", b"\r\n\r\n"], ids=repr
)
async def test_slow_head_ends_after_the_time_for_it(
    server: HttpServer, begun: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "HEAD_SECONDS", 0.05)
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(begun)
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert answer == b"" or answer.startswith(b"HTTP/1.1 408 ")
    writer.close()


async def test_slow_head_after_an_answer_ends_too(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A connection that is kept waits no longer for its second request than for its first."""
    monkeypatch.setattr(bounded_protocol, "HEAD_SECONDS", 0.05)
    for begun in (b"G", b"\r\n"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(request_bytes("GET", "/healthz", {"Host": "localhost"}))
        await reader.readuntil(b"}")
        writer.write(begun)
        async with asyncio.timeout(4):  # sooner than the time for which an idle connection is kept
            assert (await reader.read())[:13] in (b"", b"HTTP/1.1 408 ")
        writer.close()


@pytest.mark.postgres_too
@pytest.mark.fault("F84")
async def test_connections_beyond_the_limit_are_refused_and_the_database_goes_on(
    server: HttpServer, db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bounded_protocol, "HEAD_SECONDS", 0.2)
    held = [await asyncio.open_connection("127.0.0.1", server.port) for _ in range(CONNECTIONS)]
    refused = [await health(server) for _ in range(3)]
    assert set(refused) <= {503, 0}  # 0: reset, since the request was not read
    assert await db.read(lambda s: s.execute(text("SELECT 1")).scalar()) == 1
    async with asyncio.timeout(20):
        for reader, _ in held:
            assert await reader.read() == b""
    assert await health(server) == 200
    for _, writer in held:
        writer.close()


@pytest.mark.fault("F84")
async def test_unread_response_ends_the_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_protocol, "UNREAD_SECONDS", 0.05)
    ended = asyncio.Event()

    async def endless(scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        for _ in range(2000):  # more than any buffer holds: it waits for the caller, then goes on in vain
            await send({"type": "http.response.body", "body": b"a" * 65536, "more_body": True})
        ended.set()

    server = HttpServer(endless, host="127.0.0.1", port=0)
    await server.start()
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        caller.sendall(request_bytes("GET", "/", {"Host": "localhost"}))
        async with asyncio.timeout(20):
            await ended.wait()
    await server.stop()


def test_limit_of_connections_leaves_descriptors(monkeypatch: pytest.MonkeyPatch) -> None:
    limits = {"now": (1024, 4096)}
    monkeypatch.setattr(resource, "getrlimit", lambda _: limits["now"])
    monkeypatch.setattr(resource, "setrlimit", lambda _, wanted: limits.update(now=wanted))
    assert descriptors.connections_most() == 1024 - descriptors.RESERVED
    descriptors.raise_limit()
    assert limits["now"] == (4096, 4096)
    assert descriptors.connections_most() == descriptors.CONNECTIONS_MOST
    for hard in (resource.RLIM_INFINITY, 10**6):
        limits["now"] = (256, hard)
        descriptors.raise_limit()
        assert limits["now"] == (descriptors.WANTED, hard)
    limits["now"] = (200, 200)
    assert descriptors.connections_most() == descriptors.CONNECTIONS_LEAST
    limits["now"] = (10**6, 10**6)
    descriptors.raise_limit()
    assert limits["now"] == (10**6, 10**6)

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
from crm_core.api.bounded_protocol import HEAD_LARGEST, HEADERS_MOST, PIPELINED_MOST
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


PATHS = ["/healthz", "/api/v1/leads/", "/telegram/1"]


def chunked(path: str, body: bytes, *, method: str = "POST") -> bytes:
    """A request whose body is sent in chunks; `body` is how that is written."""
    fields = {"Host": "localhost", "Content-Type": "application/json", "Transfer-Encoding": "chunked"}
    return request_bytes(method, path, fields, body=body)


AFTER_A_HEAD = {
    "small trailers": (b"0\r\n", b"a:1\r\n" * 2000),
    "a trailer that does not end": (b"2\r\n{}\r\n0\r\na: ", b"b" * 10_000),
    "a trailer's name that does not end": (b"0\r\n", b"a" * 10_000),
    "a chunk's size that does not end": (b"", b"0" * 10_000),
    "an extension of a chunk": (b"2;a=", b"b" * 10_000),
    "an extension of the last chunk": (b"2\r\n{}\r\n0;", b"a" * 10_000),
}


@pytest.mark.fault("F275")
@pytest.mark.parametrize("name", AFTER_A_HEAD)
@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("before", [b"", request_bytes("GET", "/healthz", {"Host": "localhost"})], ids=["", "kept"])
async def test_what_follows_a_head_without_being_content_is_limited(
    server: HttpServer, path: str, name: str, before: bytes
) -> None:
    begun, endless = AFTER_A_HEAD[name]
    for method in ("GET", "POST"):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(before + chunked(path, begun, method=method))
        sent = 0
        with contextlib.suppress(ConnectionError):
            while not reader.at_eof() and sent < 100 * HEAD_LARGEST:
                writer.write(endless)
                await writer.drain()
                sent += len(endless)
                await asyncio.sleep(0)
        assert sent < 100 * HEAD_LARGEST
        writer.close()
    assert await health(server) == 200


IN_HEAD = b"host,content-type,transfer-encoding"  # what `chunked` sends


async def read_and_show_headers(scope: Scope, receive: Receive, send: Send) -> None:
    """An application that reads the body, then answers with the names of all headers of the request."""
    while (message := await receive()).get("more_body"):
        assert message["type"] == "http.request"
    shown = b",".join(name for name, _ in scope["headers"])
    await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"%d" % len(shown))]})
    await send({"type": "http.response.body", "body": shown})


@pytest.fixture
async def shown() -> AsyncIterator[HttpServer]:
    """A server that answers with the names of a request's headers, as they are after its body."""
    opened = HttpServer(read_and_show_headers, host="127.0.0.1", port=0, connections=CONNECTIONS)
    await opened.start()
    yield opened
    await opened.stop()


@pytest.mark.fault("F275")
async def test_trailers_are_no_headers(shown: HttpServer) -> None:
    """A key or a type that comes after the head, and so after the checks of it, is not seen by anybody."""
    first = chunked("/", b"0\r\nX-API-Key: mck_late\r\nIf-Match: *\r\nHost: other\r\n\r\n")
    second = chunked("/", b"2\r\n{}\r\n0\r\nIdempotency-Key: late\r\nExpect: 100-continue\r\n\r\n")
    reader, writer = await asyncio.open_connection("127.0.0.1", shown.port)
    for sent, answers in ((first, 1), (second, 1), (first + second + first, 3)):
        writer.write(sent)
        for _ in range(answers):
            async with asyncio.timeout(20):
                assert (await reader.readuntil(b"\r\n\r\n")).startswith(b"HTTP/1.1 200 ")
                assert await reader.readexactly(len(IN_HEAD)) == IN_HEAD
    writer.close()


@pytest.mark.fault("F275")
async def test_trailers_in_pieces_are_no_headers(shown: HttpServer) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", shown.port)
    for byte in chunked("/", b"1\r\n1\r\n0\r\nX-API-Key: mck_late\r\nA: 1\r\n\r\n"):
        writer.write(bytes([byte]))
        await writer.drain()
        await asyncio.sleep(0)
    async with asyncio.timeout(20):
        head = await reader.readuntil(b"\r\n\r\n")
        assert b"content-length: %d\r\n" % len(IN_HEAD) in head
        assert await reader.readexactly(len(IN_HEAD)) == IN_HEAD
    writer.close()


@pytest.mark.parametrize(("trailers", "status"), [(HEADERS_MOST - 3, 200), (HEADERS_MOST - 2, 431)])
async def test_trailers_count_as_headers(shown: HttpServer, trailers: int, status: int) -> None:
    """Three are in the head."""
    body = b"0\r\n" + b"a: 1\r\n" * trailers + b"\r\n"
    assert (await exchange(shown.port, chunked("/", body)))[0] == status


async def test_content_in_small_chunks_is_answered(shown: HttpServer) -> None:
    """What describes the chunks may be many times as long as what is in them, and have extensions."""
    body = b"1;name=value\r\na\r\n" * (HEAD_LARGEST // 4) + b"0\r\n\r\n"
    assert (await exchange(shown.port, chunked("/", body)))[0] == 200


class Gate:
    """An application whose requests each wait until they are let through."""

    def __init__(self) -> None:
        self.waiting, self.has_begun = asyncio.Semaphore(0), asyncio.Event()
        self.begun = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.begun += 1
        self.has_begun.set()
        await self.waiting.acquire()
        await send({"type": "http.response.start", "status": 200, "headers": [(b"content-length", b"1")]})
        await send({"type": "http.response.body", "body": b"1"})


@pytest.fixture
async def gate() -> AsyncIterator[tuple[Gate, HttpServer]]:
    """An application that waits, and its server."""
    made = Gate()
    opened = HttpServer(made, host="127.0.0.1", port=0, connections=CONNECTIONS)
    await opened.start()
    yield made, opened
    await opened.stop()


@pytest.mark.fault("F275")
@pytest.mark.parametrize("version", [b"1.1", b"1.1\r\nTransfer-Encoding: chunked\r\n\r\n0"], ids=["plain", "chunked"])
async def test_requests_that_wait_for_an_answer_are_limited(gate: tuple[Gate, HttpServer], version: bytes) -> None:
    """Those that are too many are not answered, and the last answer says that the connection ends."""
    app, server = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/%b\r\n\r\n" % version * 5000)
    for _ in range(6000):
        app.waiting.release()
    answers = b""
    with contextlib.suppress(ConnectionError):  # not all was read
        async with asyncio.timeout(20):
            while part := await reader.read(65536):
                answers += part
    assert app.begun == PIPELINED_MOST + 1
    if answers.count(b"200 OK") == app.begun:
        assert answers.count(b"connection: close") == 1
    writer.close()


@pytest.mark.fault("F275")
async def test_nothing_is_read_while_requests_wait_for_an_answer(gate: tuple[Gate, HttpServer]) -> None:
    """Each answer would otherwise make room for as much as one read takes, which nobody has asked for yet."""
    app, server = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    last = request_bytes("POST", "/", {"Host": "localhost", "Content-Length": str(10**8)})
    writer.write(b"GET / HTTP/1.1\r\n\r\n" * 40 + last + b"a" * 10**7)
    for _ in range(35):
        app.waiting.release()
        async with asyncio.timeout(20):
            await reader.readuntil(b"\r\n\r\n1")
    (protocol,) = server._server.server_state.connections
    assert isinstance(protocol, bounded_protocol.BoundedProtocol)
    assert len(protocol.cycle.body) <= 2 * 256 * 1024
    writer.transport.abort()


BAD = {
    "not HTTP": b"\0\r\n\r\n",
    "too many headers": b"GET / HTTP/1.1\r\n" + b"a: 1\r\n" * 1000,
    "no address": b"GET http://a:b/ HTTP/1.1\r\n\r\n",
}


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
async def test_bad_request_is_refused(gate: tuple[Gate, HttpServer], bad: bytes) -> None:
    app, server = gate
    app.waiting.release()
    good = request_bytes("GET", "/", {})
    for before, after in ((b"", 0), (good, 1)):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(before)
        async with asyncio.timeout(20):
            if before:
                await reader.readuntil(b"\r\n\r\n1")
            writer.write(bad)
            assert (await reader.readexactly(10))[:10] == b"HTTP/1.1 4"
        assert app.begun == after
        writer.close()


@pytest.mark.parametrize("bad", BAD.values(), ids=list(BAD))
async def test_answer_under_way_is_not_mixed_with_a_refusal_of_the_next_request(
    gate: tuple[Gate, HttpServer], bad: bytes
) -> None:
    app, server = gate
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"GET / HTTP/1.1\r\n\r\n" + bad)
    await app.has_begun.wait()
    app.waiting.release()
    async with asyncio.timeout(20):
        answer = await reader.read()
    assert answer.startswith(b"HTTP/1.1 200 OK\r\n")
    assert answer.endswith(b"\r\n\r\n1")
    assert answer.count(b"HTTP/") == 1
    writer.close()


async def test_upgrades_that_are_not_offered_write_no_log(server: HttpServer, caplog: pytest.LogCaptureFixture) -> None:
    """A stranger could fill a disk with them; the request itself is answered as any other."""
    fields = {"Host": "localhost", "Connection": "Upgrade", "Upgrade": "websocket"}
    assert (await exchange(server.port, request_bytes("GET", "/healthz", fields)))[0] == 200
    assert "pgrade" not in caplog.text


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

"""The HTTP server itself: how it starts, what it survives, how it ends."""

import asyncio
import time

import httpx2
import pytest
from fastapi import FastAPI
from starlette.types import Receive, Scope, Send

from crm_core.api.server import STOP_SECONDS, HttpServer, PortTaken


@pytest.mark.postgres_too
async def test_shutdown_ends_within_grace_despite_unfinished_request(app: FastAPI) -> None:
    """A request that never ends, and a connection that is kept, hold nobody up for longer than the grace."""
    server = HttpServer(app, host="127.0.0.1", port=0)
    await server.start()
    async with httpx2.AsyncClient(base_url=server.address) as kept:
        assert (await kept.get("/healthz")).status_code == 200
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(b"POST /operators/ HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n")
        writer.write(b"Content-Length: 50\r\n\r\n{")
        await writer.drain()
        assert (await kept.get("/healthz")).status_code == 200  # by now the other one has arrived too
        begun = time.monotonic()
        await server.stop()
        assert time.monotonic() - begun < STOP_SECONDS + 2  # and as much again for a busy machine
        await reader.read()
        writer.close()
    with pytest.raises(ConnectionRefusedError):
        await asyncio.open_connection("127.0.0.1", server.port)


async def test_shutdown_waits_for_a_request_whose_caller_has_gone() -> None:
    begun, may_end, ended = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        begun.set()
        await may_end.wait()
        ended.set()

    server = HttpServer(slow, host="127.0.0.1", port=0)
    await server.start()
    _, writer = await asyncio.open_connection("127.0.0.1", server.port)
    writer.write(b"POST / HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
    await begun.wait()
    writer.close()
    await writer.wait_closed()
    stopping = asyncio.create_task(server.stop())
    asyncio.get_running_loop().call_later(0.3, may_end.set)
    await stopping
    assert ended.is_set()


async def test_second_server_on_the_same_port_is_refused(app: FastAPI) -> None:
    first = HttpServer(app, host="127.0.0.1", port=0)
    await first.start()
    second = HttpServer(app, host="127.0.0.1", port=first.port)
    with pytest.raises(PortTaken) as taken:
        await second.start()
    assert (taken.value.port, str(taken.value)) == (first.port, "Address already in use")
    with pytest.raises(PortTaken):
        await HttpServer(app, host="203.0.113.7", port=0).start()  # an address of somebody else
    await first.stop()


async def test_non_http_input_is_refused_and_server_keeps_running(app: FastAPI) -> None:
    server = HttpServer(app, host="127.0.0.1", port=0)
    await server.start()
    for sent in (
        b"hello\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: many\r\n\r\n",
        b"\x16\x03\x01\x02\x00",
    ):
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        writer.write(sent)
        writer.write_eof()
        answer = await reader.read()
        assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
        writer.close()
    async with httpx2.AsyncClient(base_url=server.address) as caller:
        assert (await caller.get("/healthz")).status_code == 200
    await server.stop()


@pytest.mark.parametrize(
    ("host", "shown"),
    [("0.0.0.0", "http://127.0.0.1:"), ("127.0.0.1", "http://127.0.0.1:")],  # noqa: S104
)
async def test_server_address_can_be_opened_locally(app: FastAPI, host: str, shown: str) -> None:
    server = HttpServer(app, host=host, port=0)
    await server.start()
    assert server.address.startswith(shown)
    async with httpx2.AsyncClient(base_url=server.address) as caller:
        assert (await caller.get("/healthz")).status_code == 200
    await server.stop()

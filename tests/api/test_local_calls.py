"""Calls without a key: plain calls of this machine only, and none any more once something in front of us shows."""

import asyncio
import os
import re
import socket
import sys
from collections.abc import AsyncIterator

import httpx2
import pytest
from fastapi import FastAPI

from bot.runtime.installation import Installation
from bot.settings import load_settings
from crm_core.api import local_calls, peers
from crm_core.api.peers import Peer
from crm_core.api.server import HttpServer
from crm_core.storage.database import Database
from tests.api.conftest import Calling, make_key
from tests.api.test_problem_details import refused
from tests.support.clock import MovableClock
from tests.support.raw_http import exchange, request_bytes

CURL = {"User-Agent": "curl/8.5.0", "Accept": "*/*"}
LEADS = "/api/v1/leads/"
on_linux = pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells whose a connection is")


@pytest.fixture
async def server(app: FastAPI) -> AsyncIterator[HttpServer]:
    """The API of an installation without any key, on a port of its own."""
    opened = HttpServer(app, host="127.0.0.1", port=0)
    await opened.start()
    yield opened
    await opened.stop()


async def ask(
    server: HttpServer, headers: dict[str, str], *, path: str = LEADS, version: str = "1.1", host: str = ""
) -> int:
    """The status of a GET, on a connection of its own.

    Args:
        host: {} stands for the server's port.
    """
    given = {"Host": (host or "localhost:{}").format(server.port), **headers}
    status, _ = await exchange(server.port, request_bytes("GET", path, given, version=version))
    return status


# Whatever reaches us through these comes from elsewhere. {} is our port; the caller outside is curl, who may send any
# header they like. What the forwarders send by themselves is from their documentation and their source.
FORWARDERS = {
    "nginx with its defaults": {"version": "1.0", "host": "127.0.0.1:{}", "Connection": "close"},
    "nginx with its defaults, for a browser": {
        "version": "1.0",
        "host": "localhost:{}",
        "Connection": "close",
        "Origin": "https://crm.example.com",
    },
    "nginx with HTTP/1.1": {"host": "127.0.0.1:{}", "Connection": "close"},
    "nginx with HTTP/1.1 and X-Real-IP": {"host": "127.0.0.1:{}", "X-Real-IP": "203.0.113.7"},
    "nginx that passes the name on": {"version": "1.0", "host": "crm.example.com", "Connection": "close"},
    "nginx that tells the scheme alone": {"host": "127.0.0.1:{}", "X-Forwarded-Proto": "https"},
    "nginx with tracing": {"host": "127.0.0.1:{}", "traceparent": "00-0af7-b7ad-01"},
    "Apache": {"host": "localhost:{}", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Host": "crm.example.com"},
    "Caddy": {"host": "crm.example.com", "X-Forwarded-For": "203.0.113.7", "X-Forwarded-Proto": "https"},
    "HAProxy": {"host": "crm.example.com"},
    "Cloudflare's tunnel": {"host": "localhost:{}", "CF-Connecting-IP": "203.0.113.7", "Cdn-Loop": "cloudflare"},
    "a proxy of the standard": {"host": "localhost:{}", "Via": "1.1 proxy", "Forwarded": "for=203.0.113.7"},
    "another one": {"host": "localhost:{}", "X-Client-IP": "203.0.113.7"},
    "one that nobody knows": {"host": "localhost:{}", "X-Edge-Of-Somebody": "1"},
    "stunnel": {"host": "crm.example.com"},
    "socat, by address": {"host": "203.0.113.9:443"},
    "ssh -R 9000": {"host": "localhost:9000"},
    "ssh -R 80": {"host": "localhost"},
    "a name that was made to mean this machine": {"host": "rebound.example:{}"},
    "a name that begins as ours": {"host": "localhost.evil.example:{}"},
    "a page of another site": {"host": "localhost:{}", "Origin": "https://evil.example"},
    "a page without a name": {"host": "localhost:{}", "Origin": "null"},
    "a page of another port of this machine": {"host": "localhost:{}", "Origin": "http://localhost:5173"},
    "a link or picture of another site": {"host": "localhost:{}", "Sec-Fetch-Site": "cross-site"},
}


@pytest.mark.fault("F83")
@pytest.mark.parametrize("name", FORWARDERS)
async def test_forwarded_call_is_refused_and_ends_calls_without_key(
    server: HttpServer, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    given = dict(FORWARDERS[name])
    host, version = given.pop("host"), given.pop("version", "1.1")
    assert await ask(server, CURL) == 200
    assert await ask(server, {**CURL, **given}, host=host, version=version) == 403
    # From now on, not even a call that looks like one of this machine: the same thing may have forwarded it.
    assert await ask(server, CURL) == 403
    assert "off until the next start" in caplog.text


@pytest.mark.fault("F83")
async def test_forwarded_health_check_ends_calls_without_key(server: HttpServer) -> None:
    """A public route answers everybody, but shows that there is a proxy as well as any other."""
    assert await ask(server, CURL | {"X-Forwarded-For": "203.0.113.7"}, path="/healthz") == 200
    assert await ask(server, CURL) == 403
    assert await ask(server, CURL, path="/healthz") == 200


@pytest.mark.fault("F83")
async def test_two_host_headers_are_refused(server: HttpServer) -> None:
    host = f"localhost:{server.port}"
    sent = f"GET {LEADS} HTTP/1.1\r\nHost: {host}\r\nHost: crm.example.com\r\n\r\n".encode()
    assert (await exchange(server.port, sent))[0] == 403
    assert (await exchange(server.port, f"GET {LEADS} HTTP/1.1\r\n\r\n".encode()))[0] == 403


@pytest.mark.parametrize("host", ["localhost:{}", "LOCALHOST:{}", "127.0.0.1:{}", "127.9.9.9:{}"])
async def test_plain_call_of_this_machine_is_answered(server: HttpServer, host: str) -> None:
    browser = {
        "User-Agent": "Mozilla/5.0", "Accept": "*/*", "Accept-Language": "en", "Accept-Encoding": "gzip",
        "Connection": "keep-alive", "Origin": f"http://{host.format(server.port)}", "Sec-Fetch-Site": "same-origin",
        "Sec-Fetch-Mode": "cors", "sec-ch-ua": '"Chromium";v="140"', "Referer": "http://localhost/docs", "DNT": "1",
    }  # fmt: skip
    for headers in (CURL, browser, {}, {"X-Prometheus-Scrape-Timeout-Seconds": "10"}):
        assert await ask(server, headers, host=host) == 200, headers
    async with httpx2.AsyncClient(base_url=server.address) as client:
        assert (await client.post("/operators/", json={"name": "Anna"})).status_code == 201


@on_linux
@pytest.mark.fault("F83")
async def test_program_of_another_account_is_refused(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """A web server or a tunnel of another account may look like us in every byte; the system knows whose it is."""
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    assert await ask(server, CURL) == 403


# What nginx sends since version 1.29.7 by itself, and older ones that keep connections (`proxy_http_version 1.1;
# proxy_set_header Connection "";`). No byte of it differs from what a program of this machine sends.
WITHOUT_A_TRACE = {
    "nginx 1.29.7 with its defaults": {"host": "127.0.0.1:{}"},
    "nginx 1.29.7 with its defaults, for curl": {"host": "127.0.0.1:{}", **CURL},
    "nginx that keeps connections": {"host": "localhost:{}", **CURL},
}


@pytest.mark.parametrize("name", WITHOUT_A_TRACE)
async def test_forwarder_without_a_trace_that_listens_nowhere_is_a_known_limit(server: HttpServer, name: str) -> None:
    """Told in the API's page: from such a program of our own account, a call is as good as one of this machine."""
    given = dict(WITHOUT_A_TRACE[name])
    assert await ask(server, given, host=given.pop("host")) == 200
    assert await ask(server, CURL) == 200


FORWARDER = """
import socket, sys
outside = socket.create_server(("127.0.0.1", 0))
print(outside.getsockname()[1], flush=True)
while True:
    caller, _ = outside.accept()
    inside = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
    inside.sendall(caller.recv(65536))
    while part := inside.recv(65536):
        caller.sendall(part)
"""


@pytest.fixture
async def forwarder(server: HttpServer) -> AsyncIterator[int]:
    """The port of a program of our account that passes calls on to the API, and adds nothing."""
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-c", FORWARDER, str(server.port), stdout=asyncio.subprocess.PIPE
    )
    assert process.stdout is not None
    yield int(await process.stdout.readline())
    process.kill()
    await process.wait()


@on_linux
@pytest.mark.slow
@pytest.mark.fault("F83")
@pytest.mark.parametrize("name", WITHOUT_A_TRACE)
async def test_program_that_other_machines_can_reach_is_refused(
    server: HttpServer, forwarder: int, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    given = dict(WITHOUT_A_TRACE[name])
    sent = request_bytes("GET", LEADS, {"Host": given.pop("host").format(server.port), **given})
    assert (await exchange(forwarder, sent))[0] == 200  # it listens on the loopback alone
    # No test listens for other machines, nor at a web port: its port counts as one where it does.
    monkeypatch.setattr(peers, "_serves_others", lambda printed: printed.endswith(f":{forwarder:04X}"))
    peers._web_servers.cache_clear()
    assert await ask(server, CURL) == 200
    assert (await exchange(forwarder, sent))[0] == 403
    assert await ask(server, CURL) == 403


@pytest.mark.parametrize(
    ("address", "is_loopback"),
    [
        ("127.0.0.1", True), ("127.9.9.9", True), ("0.0.0.0", False), ("192.0.2.7", False), ("::1", True),  # noqa: S104
        ("::", False), ("::ffff:127.0.0.1", True), ("::ffff:192.0.2.7", False), ("2001:db8::1", False),
    ],
)  # fmt: skip
def test_addresses_of_the_kernel_are_read(address: str, is_loopback: bool) -> None:
    for printed in peers._as_in_tables(address, 8000):
        assert printed.endswith(":1F40")
        assert peers._is_loopback(printed) is is_loopback


@pytest.mark.parametrize(
    ("address", "port", "serves"),
    [("0.0.0.0", 80, True), ("::", 443, True), ("127.0.0.1", 80, False), ("0.0.0.0", 8080, False)],  # noqa: S104
)
def test_web_server_is_who_serves_others_at_port_80_or_443(address: str, port: int, serves: bool) -> None:
    assert {peers._serves_others(printed) for printed in peers._as_in_tables(address, port)} == {serves}


@on_linux
async def test_caller_who_is_not_in_the_table_of_the_system_is_answered(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In some containers nobody is."""
    monkeypatch.setattr(peers, "TABLES", ())
    assert await ask(server, CURL) == 200


@on_linux
async def test_caller_who_has_left_ends_nothing_for_others(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """The system tells of a connection that was closed as if it were of account 0."""
    found: list[Peer] = []

    def find(client: peers.Address, host: peers.Address) -> Peer:
        caller.close()
        found.append(peers.find_peer(client, host))
        return found[-1]

    monkeypatch.setattr(local_calls, "find_peer", find)
    with socket.create_connection(("127.0.0.1", server.port)) as caller:
        caller.sendall(request_bytes("GET", LEADS, {"Host": f"localhost:{server.port}"}))
        async with asyncio.timeout(20):
            while not found:  # noqa: ASYNC110 - in the middle of what the server does
                await asyncio.sleep(0.001)
    assert found == [Peer.PLAIN]
    monkeypatch.undo()
    assert await ask(server, CURL) == 200


@on_linux
async def test_ipv6_socket_with_an_ipv4_address_is_of_this_machine(server: HttpServer) -> None:
    """Programs in Java connect so."""
    caller = socket.socket(socket.AF_INET6)
    caller.setblocking(False)
    await asyncio.get_running_loop().sock_connect(caller, ("::ffff:127.0.0.1", server.port))
    reader, writer = await asyncio.open_connection(sock=caller)
    writer.write(request_bytes("GET", LEADS, {"Host": f"localhost:{server.port}"}))
    assert (await reader.readuntil(b"\r\n")).startswith(b"HTTP/1.1 200 ")
    writer.close()


async def test_elsewhere_than_on_linux_what_is_sent_alone_counts(
    server: HttpServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(peers, "TABLES", ())
    monkeypatch.setattr(sys, "platform", "darwin")
    assert await ask(server, CURL) == 200
    assert await ask(server, CURL | {"Via": "1.1 proxy"}) == 403


async def test_account_is_asked_once_per_connection(server: HttpServer, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    def find(client: peers.Address, _: peers.Address) -> Peer:
        asked.append(client)
        return Peer.PLAIN

    monkeypatch.setattr(local_calls, "find_peer", find)
    async with httpx2.AsyncClient(base_url=server.address) as client:
        for _ in range(3):
            assert (await client.get(LEADS)).status_code == 200
    assert len(asked) == 1


async def test_call_from_another_address_is_refused_with_advice(calling: Calling) -> None:
    assert (await calling().get("/operators/")).status_code == 200
    problem = refused(await calling(client=("203.0.113.7", 5)).get("/operators/"), 403)
    assert "mini-crm api-key create" in problem["detail"]
    assert problem["code"] == "not_local"


@pytest.mark.fault("F83")
async def test_nothing_is_answered_without_key_while_a_webhook_is_set(database_url: str) -> None:
    webhook = {"webhook_url": "https://crm.example.com", "webhook_secret": "a-secret-of-the-webhook"}
    settings = load_settings(database_url=database_url, http_port=0, **webhook)
    async with Installation(settings) as opened, httpx2.AsyncClient(base_url=opened.http.address) as caller:
        refused(await caller.get("/operators/"), 403)
        assert (await caller.get("/healthz")).status_code == 200
        assert not opened.local_calls.is_open


@pytest.mark.fault("F83")
async def test_keys_and_the_owners_key_are_accepted_through_a_proxy(
    server: HttpServer, db: Database, clock: MovableClock
) -> None:
    key = await make_key(db, clock, "read")
    for headers in ({"Via": "1.1 proxy"}, {}):
        assert await ask(server, CURL | headers | {"X-API-Key": key}, host="crm.example.com", version="1.0") == 200


def test_every_line_of_the_founding_documents_is_plain() -> None:
    """What their curl lines send is on the list of plain headers."""
    sent = [*CURL, "Content-Type", "Content-Length"]
    assert {name.lower().encode() for name in sent} <= local_calls.PLAIN
    assert all(re.fullmatch(rb"[a-z-]+", name) for name in local_calls.PLAIN)


async def test_calls_at_the_same_time_are_judged_each(server: HttpServer) -> None:
    found = await asyncio.gather(*(ask(server, CURL) for _ in range(20)))
    assert set(found) == {200}

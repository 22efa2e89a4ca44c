"""The tables of waits in docs/operations.md show what the code does."""

import re
from pathlib import Path

from bot.delivery.attempts import REQUEST_TIMEOUT, UPLOAD_TIMEOUT
from bot.delivery.backoff import DEFAULT_RETRY_DELAYS as DELAYS
from bot.telegram.session import CONNECTING
from crm_core.api.bounded_protocol import HEAD_SECONDS, UNREAD_SECONDS
from crm_core.api.limits import BODY_SECONDS
from crm_core.api.problems import RETRY_SECONDS
from crm_core.storage.config import CONNECT_SECONDS, PING_SECONDS, POOLS, SERVER_TCP, TCP
from crm_core.storage.sqlite import BUSY_TIMEOUT_MS

PAGE = Path(__file__).parents[2] / "docs/operations.md"
SECTION = re.compile(r"^### How long it waits for what\n(.+?)^## ", re.M | re.S)


def _rows() -> dict[str, list[str]]:
    section = SECTION.search(PAGE.read_text(encoding="utf-8"))
    assert section is not None
    rows = [line.strip("|").split("|") for line in section.group(1).splitlines() if line.startswith("|")]
    return {row[0].strip(): [cell.strip() for cell in row[1:]] for row in rows}


def test_pools_are_those_of_the_page() -> None:
    shown = {name: cells[:-1] for name, cells in _rows().items() if name.startswith("database:")}
    assert shown == {
        f"database: `{pool}`": [
            f"{limits.connections} (SQLite: {limits.readers} readers)",
            *(f"{seconds:g} s" for seconds in (limits.wait, limits.statement, limits.lock, limits.silence)),
        ]
        for pool, limits in POOLS.items()
    }


def test_times_are_those_of_the_page() -> None:
    rows = _rows()
    for name, seconds in {
        "a new connection to PostgreSQL": CONNECT_SECONDS,
        "a pooled connection, to show that it works": PING_SECONDS,
        "the kernel, until a silent connection to PostgreSQL is given up": TCP["tcp_user_timeout"] / 1000,
        "the server's kernel, until it asks whether an idle Mini-CRM is still there": SERVER_TCP["tcp_keepalives_idle"],
        "SQLite's write lock, held by another program": BUSY_TIMEOUT_MS / 1000,
        "a connection to Telegram": CONNECTING,
        "a request to Telegram": REQUEST_TIMEOUT,
        "a request with a picture or file": UPLOAD_TIMEOUT,
        "an API call's head": HEAD_SECONDS,
        "an API call's body": BODY_SECONDS,
        "a caller who does not read the response": UNREAD_SECONDS,
    }.items():
        assert rows[name][0] == f"{seconds:g} s", name


def test_times_of_the_servers_end_are_those_of_the_page() -> None:
    follows = _rows()["the server's kernel, until it asks whether an idle Mini-CRM is still there"][1]
    unanswered = SERVER_TCP["tcp_keepalives_interval"] * SERVER_TCP["tcp_keepalives_count"]
    assert f"unanswered for {unanswered} s, or a result for {SERVER_TCP['tcp_user_timeout'] // 1000} s" in follows


def test_retries_are_those_of_the_page() -> None:
    rows = _rows()
    *first, last = (f"{seconds:g}" for seconds in DELAYS.unknown)
    assert f"after {', '.join(first)} and {last} s" in rows["a request to Telegram"][1]
    assert rows["Telegram while it cannot be reached"][0] == "{:g} to {:g} s".format(*DELAYS.outage)
    assert f"after {DELAYS.database:g} s" in rows["database: `bot`"][-1]
    assert f"`Retry-After: {RETRY_SECONDS}`" in rows["database: `api`"][-1]

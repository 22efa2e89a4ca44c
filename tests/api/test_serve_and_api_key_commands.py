"""The API of a process of its own, and the commands that concern it."""

import json
import os
import re
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from bot.sandbox import Sandbox
from crm_core.access.actors import SYSTEM
from crm_core.routing.new_sources import add as add_source
from crm_core.storage.migrate import migrate
from crm_core.storage.opening import open_database
from tests.support.clock import MovableClock
from tests.support.people import TOKEN
from tests.support.processes import PATIENCE, Running, command, running
from tests.support.waiting import until_polled

pytestmark = pytest.mark.postgres_too


@asynccontextmanager
async def served(
    *words: str, folder: Path, key: str | None = None, **settings: str
) -> AsyncIterator[tuple[Running, httpx2.AsyncClient]]:
    """A process that serves the API, and a caller."""
    async with running(*words, folder=folder, **settings) as process:
        line = await process.says("/docs")
        address = re.search(r"http://[^/]+", line)
        assert address is not None
        headers = {"X-API-Key": key} if key else {}
        async with httpx2.AsyncClient(base_url=address[0], headers=headers, timeout=PATIENCE) as caller:
            yield process, caller


async def test_serve_without_bot_token_serves_the_api_alone(database_url: str, tmp_path: Path) -> None:
    async with served("serve", folder=tmp_path, DATABASE_URL=database_url) as (process, caller):
        assert "@BotFather" in process.out
        assert "/docs" in process.out
        await process.says("programs of this account on this machine may call the API without one")
        assert (await caller.get("/docs")).status_code == 200
        assert (await caller.post("/operators/", json={"name": "Anna"})).status_code == 201
        assert (await caller.get("/readyz")).json()["status"] == "ready"
        ended = await process.stop()
    assert ended.status == 0


@pytest.mark.fault("F83")
async def test_proxy_in_front_ends_calls_without_key_until_restart(database_url: str, tmp_path: Path) -> None:
    for _ in range(2):
        async with served("serve", folder=tmp_path, DATABASE_URL=database_url) as (process, caller):
            assert (await caller.get("/operators/")).status_code == 200
            assert (await caller.get("/operators/", headers={"Via": "1.1 proxy"})).status_code == 403
            assert (await caller.get("/operators/")).status_code == 403
            # The commands of the owner go on, and with a key everybody does.
            made = await command("api-key", "list", folder=tmp_path, DATABASE_URL=database_url)
            assert made.status == 0
            await process.stop()
    webhook = {"WEBHOOK_URL": "https://crm.example.com", "WEBHOOK_SECRET": "a-secret-of-the-webhook"}
    async with served("serve", folder=tmp_path, DATABASE_URL=database_url, **webhook) as (process, caller):
        await process.says("with WEBHOOK_URL the API answers nobody without one")
        assert (await caller.get("/operators/")).status_code == 403
        made = await command(
            "api-key", "create", "Shop", "--scope", "admin", folder=tmp_path, DATABASE_URL=database_url
        )
        with_key = {"X-API-Key": made.out.strip()}

        async def is_answered() -> bool:
            return (await caller.get("/operators/", headers=with_key)).status_code == 200

        await until_polled(is_answered)  # a key of another process is known within two seconds
        await process.stop()


async def test_run_and_serve_start_bots_and_api_in_one_process(
    sandbox: Sandbox, database_url: str, tmp_path: Path
) -> None:
    sandbox.add_bot(TOKEN, "shop_bot")
    settings = {"DATABASE_URL": database_url, "TELEGRAM_API_URL": sandbox.url, "BOT_TOKENS": TOKEN}
    for word in ("run", "serve"):
        async with served(word, folder=tmp_path, **settings) as (process, caller):
            await process.says("@shop_bot is running")
            assert [one["name"] for one in (await caller.get("/sources/")).json()] == ["shop_bot"]
            ended = await process.stop()
        assert ended.status == 0


async def test_occupied_port_is_reported_in_one_sentence(tmp_path: Path) -> None:
    async with served("serve", folder=tmp_path) as (_, caller):
        port = str(caller.base_url.port)
        ended = await command("serve", folder=tmp_path, HTTP_PORT=port, DATABASE_URL=f"sqlite:///{tmp_path}/other.db")
    assert ended.status == 2
    assert ended.err.splitlines()[-1] == (
        f"HTTP_PORT {port} cannot be listened on: Address already in use. Another program may use it; "
        "set another HTTP_PORT."
    )


async def test_serving_other_machines_requires_an_api_key(database_url: str, tmp_path: Path) -> None:
    settings = {"DATABASE_URL": database_url, "HTTP_HOST": "0.0.0.0"}  # noqa: S104 - which is what is refused
    for words in (["serve"], ["run"]):
        ended = await command(*words, folder=tmp_path, BOT_TOKENS=TOKEN, **settings)
        assert ended.status == 2
        (sentence,) = ended.err.splitlines()
        assert "mini-crm api-key create NAME --scope admin" in sentence
    made = await command("api-key", "create", "Shop", "--scope", "admin", folder=tmp_path, DATABASE_URL=database_url)
    async with served("serve", folder=tmp_path, key=made.out.strip(), **settings) as (_, caller):
        assert (await caller.get("/operators/")).status_code == 200
        async with httpx2.AsyncClient(base_url=caller.base_url) as stranger:
            assert (await stranger.get("/operators/")).status_code == 401


async def test_container_creates_first_api_key_once(database_url: str, tmp_path: Path) -> None:
    """`docker run -p 8000:8000` serves, and is open to nobody who cannot read the file."""
    file = tmp_path / "first-api-key"
    settings = {
        "DATABASE_URL": database_url,
        "HTTP_HOST": "0.0.0.0",  # noqa: S104
        "FIRST_API_KEY_TO": str(file),
    }
    async with served("serve", folder=tmp_path, **settings) as (process, caller):
        assert str(file) in await process.says("no API key yet")
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
        key = file.read_text().strip()
        assert key not in process.out
        assert (await caller.get("/docs")).status_code == 200
        assert (await caller.get("/operators/")).status_code == 401
        admin = {"Authorization": f"Bearer {key}"}
        assert (await caller.get("/operators/", headers=admin)).status_code == 200
        (first,) = (await caller.get("/api/v1/keys/", headers=admin)).json()
        await caller.delete(f"/api/v1/keys/{first['id']}", headers=admin)
        await process.stop()
    # Once there was a key, no other one is made in silence.
    ended = await command("serve", folder=tmp_path, **settings)
    assert ended.status == 2
    assert "api-key create" in ended.err


# --- api-key ----------------------------------------------------------------------------------------------------------


async def test_api_key_is_printed_once_listed_and_revoked(database_url: str, tmp_path: Path) -> None:
    assert "no key yet" in (await command("api-key", "list", folder=tmp_path, DATABASE_URL=database_url)).out
    made = await command(
        "api-key",
        "create",
        "My shop",
        "--scope",
        "write",
        "--expires",
        "30",
        folder=tmp_path,
        DATABASE_URL=database_url,
    )
    assert made.status == 0
    key = made.out.strip()
    assert re.fullmatch(r"mck_\w{40}", key)
    again = await command("api-key", "create", "My shop", "--scope", "read", folder=tmp_path, DATABASE_URL=database_url)
    assert (again.status, again.err) == (2, "The name “My shop” is taken.\n")
    listed = (await command("api-key", "list", folder=tmp_path, DATABASE_URL=database_url)).out
    assert key[:12] in listed
    assert key not in listed
    assert "write" in listed
    assert "valid until" in listed
    revoked = await command("api-key", "revoke", key[:12], folder=tmp_path, DATABASE_URL=database_url)
    assert "My shop" in revoked.out
    assert "revoked" in (await command("api-key", "list", folder=tmp_path, DATABASE_URL=database_url)).out
    unknown = await command("api-key", "revoke", "Nobody", folder=tmp_path, DATABASE_URL=database_url)
    assert (unknown.status, unknown.err) == (2, "Key not found.\n")


async def test_form_key_requires_an_existing_source(database_url: str, tmp_path: Path) -> None:
    form = ("api-key", "create", "Page", "--scope", "form")
    without = await command(*form, folder=tmp_path, DATABASE_URL=database_url)
    assert (without.status, "--source" in without.err) == (2, True)
    db = open_database(database_url)
    await db.write(add_source, name="Our site", description=None, actor=SYSTEM, now=MovableClock()())
    await db.close()
    wrong = await command(*form, "--source", "Our sit", folder=tmp_path, DATABASE_URL=database_url)
    assert wrong.err == "There is no source Our sit. Did you mean Our site?\n"
    assert (await command(*form, "--source", "our site", folder=tmp_path, DATABASE_URL=database_url)).status == 0
    assert "form (source 1)" in (await command("api-key", "list", folder=tmp_path, DATABASE_URL=database_url)).out


async def test_first_api_key_creates_the_database(tmp_path: Path) -> None:
    assert (await command("api-key", "create", "Shop", "--scope", "admin", folder=tmp_path)).status == 0
    assert (tmp_path / "data/mini_crm.db").exists()


async def test_api_keys_are_created_and_revoked_while_server_runs(database_url: str, tmp_path: Path) -> None:
    async with served("serve", folder=tmp_path, DATABASE_URL=database_url) as (process, caller):
        made = await command(
            "api-key", "create", "Shop", "--scope", "read", "--expires", "3", folder=tmp_path, DATABASE_URL=database_url
        )
        assert made.status == 0, made.err
        key = {"X-API-Key": made.out.strip()}
        assert (await caller.get("/operators/")).status_code == 401
        assert (await caller.get("/operators/", headers=key)).status_code == 200
        again = await command(
            "api-key", "create", "Shop", "--scope", "read", folder=tmp_path, DATABASE_URL=database_url
        )
        assert again.err == "The name “Shop” is taken.\n"
        assert (await command("api-key", "revoke", "Shop", folder=tmp_path, DATABASE_URL=database_url)).status == 0
        await process.stop()


async def test_control_file_is_for_owner_only_and_removed_at_stop(tmp_path: Path) -> None:
    path = tmp_path / "data/mini_crm.db.shell"
    async with served("serve", folder=tmp_path) as (process, caller):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        left = json.loads(path.read_text())
        assert left["address"] == str(caller.base_url).rstrip("/")
        assert (await caller.get("/api/v1/keys/", headers={"X-API-Key": left["key"]})).status_code == 200
        ended = await process.stop()
        assert left["key"] not in ended.out + ended.err
    assert not path.exists()


@pytest.mark.parametrize("words", [["api-key", "--help"], ["serve", "--help"], ["api-key", "create", "--help"]])
async def test_help_of_commands_shows_usage(words: list[str], tmp_path: Path) -> None:
    ended = await command(*words, folder=tmp_path)
    assert ended.status == 0
    assert "Usage" in ended.out


async def test_invalid_scope_is_refused_with_list_of_scopes(tmp_path: Path) -> None:
    ended = await command("api-key", "create", "Shop", "--scope", "root", folder=tmp_path)
    assert ended.status == 2
    assert all(scope in ended.err for scope in ("read", "write", "admin", "form"))


async def test_control_file_left_by_killed_process_is_replaced(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/data/mini_crm.db")
    path = tmp_path / "data/mini_crm.db.shell"
    path.write_text("{}")
    os.chmod(path, 0o644)
    async with served("serve", folder=tmp_path) as (process, _):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
        await process.stop()

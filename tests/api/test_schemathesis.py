"""schemathesis calls every operation with whatever its schema allows and forbids, and all of its checks must hold."""

import asyncio
import re
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import httpx2
import pytest
from sqlalchemy import update
from sqlalchemy.orm import Session

from bot.random_codes import new_key
from bot.runtime.installation import Installation
from bot.settings import load_settings
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.api import guard
from crm_core.api.limits import Rate
from crm_core.storage.tables import ApiKey
from tests.api.schemathesis_keys import OWN_KEY
from tests.api.test_contacts import bring, office
from tests.support.forks import ROOT

pytestmark = pytest.mark.postgres_too

HERE = Path(__file__).parent
EXAMPLES = 4  # of each operation, besides those that the schema's own limits and examples make
CONTACTS = 60
AT_ONCE = Rate(per_second=1e6, burst=10**6)  # a machine is quicker than a caller may be


def make_keys(s: Session, installation: Installation) -> tuple[str, str]:
    """An admin's key and a form's, with ids that are not hit by chance: keys are revoked, too."""
    found = []
    for number, (scope, source_id) in enumerate((("admin", None), ("form", 1))):
        found.append(new_key())
        api_keys.create(
            s, key=found[-1], name=scope, scope=scope, source_id=source_id, actor=SYSTEM, now=installation.clock()
        )
        s.execute(update(ApiKey).where(ApiKey.name == scope).values(id=OWN_KEY + number))
    return found[0], found[1]


@pytest.fixture
async def installation(database_url: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Installation]:
    """The API served alone, with a source, operators and contacts to call about."""
    monkeypatch.setattr(guard, "KEY_RATE", AT_ONCE)
    monkeypatch.setattr(guard, "FORM_RATE", AT_ONCE)
    monkeypatch.setattr(guard, "UNKNOWN_RATE", AT_ONCE)
    async with Installation(load_settings(database_url=database_url, http_port=0)) as opened:
        async with httpx2.AsyncClient(base_url=opened.http.address) as caller:
            await office(caller, "Anna", "Boris", limit=CONTACTS // 3)
            for number in range(CONTACTS):
                await bring(caller, f"client{number}@example.com", message="Hello", full_name="Ivan")
        yield opened


async def run(folder: Path, address: str, schema: Path, key: str, *options: str) -> tuple[int, str]:
    """Runs schemathesis in a folder. Returns its status and what it said.

    Args:
        schema: a copy of what `/openapi.json` shows to keys that read.
    """
    process = await asyncio.create_subprocess_exec(
        f"{Path(sys.executable).parent}/schemathesis",
        "--config-file",
        str(HERE / "schemathesis.toml"),
        "run",
        str(schema),
        "--url",
        address,
        "--header",
        f"Authorization: Bearer {key}",
        "--checks",
        "all",
        "--max-examples",
        str(EXAMPLES),
        "--continue-on-failure",
        "--no-color",
        *options,
        cwd=folder,
        env={"PYTHONPATH": str(ROOT), "SCHEMATHESIS_HOOKS": "tests.api.schemathesis_hooks", "PATH": ""},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    out, _ = await process.communicate()
    assert process.returncode is not None
    return process.returncode, out.decode()


@pytest.mark.slow
@pytest.mark.timeout(400)  # some thousand calls, beside whatever else this machine does
async def test_api_passes_every_schemathesis_check(
    installation: Installation, database_url: str, tmp_path: Path
) -> None:
    admin, form = await installation.db.write(make_keys, installation)
    address, schema = installation.http.address, tmp_path / "openapi.json"
    async with httpx2.AsyncClient(base_url=address, headers={"Authorization": f"Bearer {admin}"}) as caller:
        schema.write_bytes((await caller.get("/openapi.json")).content)
    # What a schema forbids is refused before a database is asked: once is enough. The limits of what it allows are not.
    on_sqlite = database_url.startswith("sqlite")
    options = ("--mode", "all") if on_sqlite else ("--mode", "positive", "--phases", "examples,coverage")
    status, said = await run(tmp_path, address, schema, admin, *options, "--exclude-path", "/api/v1/forms/")
    assert status == 0, said
    number = int((re.search(r"(\d+) generated, \1 passed", said) or ["", "0"])[1])
    assert number > 500, said
    status, said = await run(tmp_path, address, schema, form, *options, "--include-path", "/api/v1/forms/")
    assert status == 0, said

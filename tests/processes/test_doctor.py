"""`mini-crm doctor`: each line says what is so and, where it is not well, what to do."""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text, update

from bot.commands.doctor import BAD, _connections, look
from bot.random_codes import new_key
from bot.settings import Settings
from crm_core import statistics
from crm_core.access import api_keys
from crm_core.access.actors import SYSTEM
from crm_core.backups.copying import make_copy
from crm_core.backups.nightly import backup_path
from crm_core.delivery import bots
from crm_core.storage.execute import execute_count
from crm_core.storage.probe import sqlite_path
from crm_core.storage.tables import Operator
from crm_core.team import operators
from tests.domain.storage.test_storage_backup import damage
from tests.stories.steering import types
from tests.support.people import SECOND_TOKEN, TOKEN, RunningApp
from tests.support.processes import command


@dataclass(frozen=True, slots=True)
class Examined:
    """What the doctor says, and whether something keeps the product from working."""

    out: str
    is_bad: bool


async def examine(
    crm: RunningApp,
    *,
    remove_webhooks: bool = False,
    recount: bool = False,
    tokens: tuple[str, ...] = (TOKEN,),
    http_host: str = "127.0.0.1",
) -> Examined:
    settings = crm.settings.model_copy(update={"bot_tokens": list(tokens), "http_host": http_host})
    found = [one async for one in look(settings, remove_webhooks=remove_webhooks, recount=recount)]
    return Examined(
        "\n".join(f"{one.mark} {one.text}\n{one.advice}" for one in found), any(one.mark == BAD for one in found)
    )


async def test_doctor_reports_healthy_installation(crm: RunningApp) -> None:
    await crm.operator("Anna")
    ended = await examine(crm)
    assert not ended.is_bad, ended.out
    assert "✗" not in ended.out
    assert "✓ @shop_bot answers (bot 700001)" in ended.out
    assert "is up to date (revision" in ended.out
    assert TOKEN not in ended.out


async def test_doctor_warns_of_hours_that_nobody_covers(crm: RunningApp) -> None:
    await crm.operator("Anna")
    for typed in ("/operators hours Anna mon-sun 9-18", "/sources hours shop_bot mon-sun 9-20"):
        await types(crm, crm.olga, typed)
    ended = await examine(crm)
    assert not ended.is_bad, ended.out
    assert re.search(
        r"! Nobody works at shop_bot from \w+ \d\d:\d\d to \w+ 20:00 \(UTC\) and [67] more times", ended.out
    )
    await types(crm, crm.olga, "/sources hours shop_bot mon-sun 9-18")
    assert "Nobody works" not in (await examine(crm)).out


@pytest.mark.fault("F178")
@pytest.mark.parametrize(
    ("state", "said"),
    [
        (bots.CONFLICT, "another program reads its messages (409 Conflict)"),
        (bots.NO_WEBHOOK, "Telegram refuses its webhook"),
    ],
)
async def test_doctor_names_bots_that_do_not_receive(crm: RunningApp, state: str, said: str) -> None:
    await crm.db.write(bots.set_state, bot_id=crm.shop.id, state=state, now=crm.clock())
    ended = await examine(crm)
    assert ended.is_bad
    assert f"✗ @shop_bot: {said}" in ended.out


async def test_doctor_names_unreachable_operators_and_sources_without_weights(crm: RunningApp) -> None:
    """One who has not joined, one who has blocked the bot; and a source where nobody works."""
    await crm.db.write(operators.add, name="Boris", max_leads=3, actor=SYSTEM, now=crm.clock())
    first = await examine(crm)
    assert "! Boris has not joined" in first.out
    assert 'mini-crm invite "Boris"' in first.out
    assert "! Nobody has a weight at shop_bot" in first.out
    anna = await crm.operator("Anna")
    await anna.blocks(crm.shop)
    await crm.settled()
    second = await examine(crm)
    assert "! Anna cannot be reached by @shop_bot" in second.out
    assert "Nobody has a weight" not in second.out
    assert not second.is_bad  # worth knowing, but it works


async def test_doctor_reports_wrong_operator_load(crm: RunningApp) -> None:
    await crm.operator("Anna")
    assert await crm.db.write(execute_count, update(Operator.__table__).values(current_leads=3)) == 1
    ended = await examine(crm)
    assert ended.is_bad
    assert "✗ The stored load of Anna is 3, but 0 contacts are open" in ended.out


async def test_doctor_reports_and_repairs_wrong_statistics_sums(crm: RunningApp) -> None:
    await crm.operator("Anna")
    await crm.client("Ivan").says("Hello", to=crm.shop)
    await crm.settled()
    while await crm.db.write(statistics.fold):
        pass
    assert "✓ The sums of the statistics agree with a count of the contacts" in (await examine(crm)).out
    await crm.db.write(lambda s: s.execute(text("UPDATE tallies SET opened = opened + 4 WHERE operator_id = 0")))
    ended = await examine(crm)
    assert ended.is_bad
    assert "✗ Statistics, contacts of source 1: 5 in the sums, 1 in the data" in ended.out
    assert "doctor --recount" in ended.out
    repaired = await examine(crm, recount=True)
    if "is running" in repaired.out:  # and this SQLite is safe with one writer only
        await crm.db.write(statistics.start_again)
    assert not (await examine(crm)).is_bad


async def test_doctor_requires_an_api_key_for_a_public_host(crm: RunningApp) -> None:
    ended = await examine(crm, http_host="0.0.0.0")  # noqa: S104
    assert ended.is_bad
    assert "✗ HTTP_HOST=0.0.0.0 serves other machines" in ended.out
    assert "api-key create NAME --scope admin" in ended.out
    await crm.db.write(api_keys.create, key=new_key(), name="Shop", scope="admin", actor=SYSTEM, now=crm.clock())
    assert not (await examine(crm, http_host="0.0.0.0")).is_bad  # noqa: S104


async def test_doctor_reports_refused_tokens_and_removes_webhooks(crm: RunningApp) -> None:
    care = crm.sandbox.add_bot(SECOND_TOKEN, "care_bot")
    await set_webhook(crm, SECOND_TOKEN)
    both = (TOKEN, SECOND_TOKEN)
    ended = await examine(crm, tokens=both)
    assert ended.is_bad
    assert "✗ @care_bot has a webhook set" in ended.out
    assert "doctor --remove-webhooks" in ended.out
    assert (await examine(crm, remove_webhooks=True, tokens=both)).is_bad is False
    assert (await examine(crm, tokens=both)).is_bad is False
    crm.sandbox.revoke(care)
    ended = await examine(crm, tokens=both)
    assert ended.is_bad
    assert "✗ Telegram refuses the token of bot 700002" in ended.out
    assert "✓ @shop_bot answers" in ended.out


async def set_webhook(crm: RunningApp, token: str) -> None:
    from aiogram import Bot
    from aiogram.methods import SetWebhook

    from bot.telegram.session import Telegram

    session = Telegram(url=crm.sandbox.url)
    await Bot(token, session=session)(SetWebhook(url="http://127.0.0.1:9/elsewhere"))
    await session.close()


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"BOT_TOKENS": ""}, "✗ BOT_TOKENS is empty"),
        ({"LOG_LEVEL": "LOUD"}, "✗ LOG_LEVEL: one of"),
        ({"TELEGRAM_API_URL": "http://127.0.0.1:1"}, "✗ Bot 700001: http://127.0.0.1:1 cannot be reached"),
        (
            {"DATABASE_URL": "postgresql://me:hunter2@127.0.0.1:1/crm", "BOT_TOKENS": ""},
            "postgresql://me:***@127.0.0.1:1",
        ),
    ],
)
async def test_doctor_reports_bad_settings_and_unreachable_servers(
    settings: dict[str, Any], words: str, tmp_path: Path
) -> None:
    ended = await command("doctor", folder=tmp_path, **{"BOT_TOKENS": TOKEN, **settings})
    assert ended.status == 1
    assert words in ended.out
    assert "Traceback" not in ended.err
    assert "hunter2" not in ended.out


async def test_doctor_checks_age_and_integrity_of_last_backup(crm: RunningApp) -> None:
    """How old it is, and whether a restore would take it."""
    if not crm.settings.database_url.startswith("sqlite"):
        assert "backup" not in (await examine(crm)).out
        return
    database = sqlite_path(crm.settings.database_url)
    folder = database.parent / "backups"
    assert f"! There is no nightly backup in {folder} yet" in (await examine(crm)).out
    folder.mkdir()
    path = backup_path(folder, database, datetime.now(UTC).date())
    make_copy(database, path, clock=lambda: datetime.now(UTC) - timedelta(hours=9, minutes=5))
    ended = await examine(crm)
    assert f"✓ The last backup is 9 h old and valid ({path}; 1 are kept)" in ended.out
    assert not ended.is_bad
    make_copy(database, path, clock=lambda: datetime.now(UTC) - timedelta(days=3, minutes=5))
    assert "! The last backup is 3 days old and valid" in (await examine(crm)).out
    damage(path)
    ended = await examine(crm)
    assert ended.is_bad
    assert f"✗ The last backup, {path}, is unusable" in ended.out
    off = crm.settings.model_copy(update={"backup_keep": 0})
    assert "! Nightly backups are off" in "".join([f"{one.mark} {one.text}" async for one in look(off)])


@pytest.mark.parametrize(
    ("settings", "warned"),
    [
        ({"telegram_api_url": "http://telegram.example:8081"}, "TELEGRAM_API_URL"),
        ({"telegram_api_url": "https://telegram.example"}, ""),
        ({"telegram_api_url": "http://127.0.0.1:8081"}, ""),
        ({"database_url": "postgresql://me@db.example/crm"}, "sslmode=verify-full"),
        ({"database_url": "postgresql://me@db.example/crm?sslmode=require"}, "sslmode=verify-full"),
        ({"database_url": "postgresql://me@/crm?host=db.example"}, "sslmode=verify-full"),
        ({"database_url": "postgresql://me@db.example/crm?sslmode=verify-full"}, ""),
        ({"database_url": "postgresql://me@localhost/crm"}, ""),
        ({"database_url": "postgresql://me@/crm?host=/run/postgresql"}, ""),
    ],
)
def test_doctor_warns_of_connections_that_can_be_read_or_answered_by_others(
    settings: dict[str, str], warned: str
) -> None:
    said = [f"{one.text} {one.advice}" for one in _connections(Settings(**settings))]  # type: ignore[arg-type]
    assert len(said) == (1 if warned else 0)
    assert warned in "".join(said)


async def test_doctor_says_whom_the_api_answers_without_a_key(crm: RunningApp) -> None:
    assert "There is no API key: without one the API answers programs of its account" in (await examine(crm)).out
    crm.settings.webhook_url = "https://crm.example.com"
    assert "There is no API key: without one the API answers nobody, since WEBHOOK_URL" in (await examine(crm)).out
    await crm.db.write(api_keys.create, key=new_key(), name="Shop", scope="read", actor=SYSTEM, now=datetime.now(UTC))
    assert "There is no API key" not in (await examine(crm)).out
